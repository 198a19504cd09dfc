"""Ways for a task to end, each as the task that ends so and what must be said of it.

One DAG of one task each, so that all of them run side by side. The reasons and classes are those of
the reference page ``reasons.md``; the words are what a person must be able to read in the message.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from e2e import kube

USER, INFRA, CONFIG = "User", "Infra", "Config"
# Seconds, instead of the minutes that are waited by default for what may come right. The node needs
# some of them to get as far with a Pod as to find that it cannot start it, while it starts dozens.
SOON = 8
PATIENTLY = 40
NOWHERE = "localhost:1/none:1"  # where nobody answers, and at once

PLAIN, LIMITED, RESTRICTED, POLICED, DENIED = "plain", "limited", "restricted", "policed", "denied"


@dataclass(frozen=True)
class Case:
    """A task, and how the last attempt of its only run must look."""

    name: str
    task: dict[str, Any]
    reason: str = ""
    failure_class: str = ""
    words: tuple[str, ...] = ()
    exit_code: int | None = None
    place: str = PLAIN
    spec: dict[str, Any] = field(default_factory=dict)

    @property
    def state(self) -> str:
        return "Failed" if self.reason else "Succeeded"


def only(script="true", **fields):
    """The one task; nothing of it is retried."""
    return kube.task("only", script, **{"retry": {"limit": 0, "infraLimit": 0}, **fields})


def template(**spec):
    return {"spec": spec}


def beside(name, script, **fields):
    return {"name": name, "image": kube.BUSYBOX, "command": ["sh", "-c", script], **fields}


def variable(kind, name, key):
    return [{"name": "VALUE", "valueFrom": {kind: {"name": name, "key": key}}}]


HALF_A_MINUTE = kube.sleep(30)
SCRATCH = {"name": "scratch", "emptyDir": {"sizeLimit": "1Mi"}}
FILL = f"dd if=/dev/zero of=/scratch/file bs=1M count=8; {kube.sleep(300)}"

OF_THE_PROGRAM = (
    Case("succeeds", only()),
    Case("exit-code", only("exit 7"), "ExitCode", USER, ("exit code 7",), 7),
    Case("exit-137", only("exit 137"), "ExitCode", USER, ("exit code 137", "SIGKILL"), 137),
    Case(
        "out-of-memory",
        # Not the first process: containerd may hear of that one's end before it hears why, on a
        # busy node by seconds.
        only("tail /dev/zero; sleep 10; exit 137", resources={"limits": {"memory": "32Mi"}}),
        *("OOMKilled", USER, ("killed", "32Mi"), 137),
    ),
    Case(
        "init-container",
        only(podTemplate=template(initContainers=[beside("prepare", "exit 4")])),
        *("InitContainerFailed", USER, ("prepare", "exit code 4"), 4),
    ),
    Case(
        "sidecar-fails",
        only("sleep 1", podTemplate=template(containers=[beside("proxy", "exit 3")])),
        *("SidecarFailed", USER, ("proxy", "exit code 3"), 3),
    ),
    Case(
        "native-sidecar-goes-on",
        only(
            podTemplate=template(
                terminationGracePeriodSeconds=1,
                initContainers=[beside("proxy", "sleep 3600", restartPolicy="Always")],
            )
        ),
    ),
    Case(
        "takes-too-long",
        only(HALF_A_MINUTE, timeoutSeconds=2),
        *("TaskTimedOut", USER, ("timeoutSeconds of 2",)),
    ),
    Case(
        "program-not-found",
        only(command=["/no/such/program"]),
        *("StartError", CONFIG, ("cannot be started", "/no/such/program")),
    ),
)

OF_THE_DISK = (
    Case(
        "volume-limit",
        only(
            FILL,
            volumeMounts=[{"name": "scratch", "mountPath": "/scratch"}],
            podTemplate=template(volumes=[SCRATCH]),
        ),
        *("EvictedByLimit", USER, ("evicted", '"scratch"', '"1Mi"')),
    ),
    Case(
        "ephemeral-storage-limit",
        only(
            f"mkdir /scratch; {FILL}",
            resources={"limits": {"ephemeral-storage": "2Mi"}},
        ),
        *("EvictedByLimit", USER, ("evicted", "2Mi")),
    ),
)

OF_WHAT_IS_MISSING = (
    Case(
        "image-name",
        only(image="Not/A:Valid:Name"),
        *("InvalidImageName", CONFIG, ("Not/A:Valid:Name",)),
    ),
    Case(
        "image-never-pulled",
        only(image="kubedag-e2e-none:1", imagePullPolicy="Never"),
        *("ErrImageNeverPull", CONFIG, ("kubedag-e2e-none:1",)),
    ),
    Case(
        "image-cannot-be-pulled",
        only(image=NOWHERE, pendingTimeoutSeconds=PATIENTLY),
        *("ImagePullBackOff", CONFIG, ("image cannot be pulled", NOWHERE, "attempt 1")),
    ),
    Case(
        "secret-missing",
        only(env=variable("secretKeyRef", "nowhere", "key"), pendingTimeoutSeconds=PATIENTLY),
        *("CreateContainerConfigError", CONFIG, ('Secret "nowhere" not found',)),
    ),
    Case(
        "key-missing",
        only(
            env=variable("configMapKeyRef", "settings", "absent"), pendingTimeoutSeconds=PATIENTLY
        ),
        *("CreateContainerConfigError", CONFIG, ('ConfigMap "settings" has no key "absent"',)),
    ),
    Case(
        "volume-missing",
        only(
            pendingTimeoutSeconds=80,  # its Events are read after 10 seconds, and again after 70
            volumeMounts=[{"name": "keys", "mountPath": "/keys"}],
            podTemplate=template(volumes=[{"name": "keys", "secret": {"secretName": "nowhere"}}]),
        ),
        *("VolumeNotMounted", CONFIG, ("volume cannot be mounted", 'Secret "nowhere" not found')),
    ),
    Case(
        "service-account-missing",
        only(serviceAccountName="nobody", pendingTimeoutSeconds=SOON),
        *("ServiceAccountNotFound", CONFIG, ('"nobody" not found', "since")),
    ),
)

OF_THE_NODE = (
    Case(
        "no-node-suits",
        only(pendingTimeoutSeconds=SOON, podTemplate=template(nodeSelector={"moon": "yes"})),
        *("PendingTimedOut", USER, ("no node suits", "node affinity/selector")),
    ),
    Case(
        "no-room",
        only(pendingTimeoutSeconds=SOON, resources={"requests": {"memory": "900Ti"}}),
        *("PendingTimedOut", USER, ("cluster has no room", "Insufficient memory")),
    ),
    Case(
        "node-refuses",
        only(podTemplate=template(nodeName="THE-NODE", nodeSelector={"moon": "yes"})),
        *("NodeRefused", INFRA, ("the node refused it", "affinity")),
    ),
)

OF_THE_NAMESPACE = (
    Case(
        "limit-range",
        only(resources={"limits": {"memory": "1Gi"}}),
        *("AdmissionDenied", CONFIG, ("LimitRange", "maximum memory usage", "64Mi")),
        place=LIMITED,
    ),
    Case(
        "pod-security",
        only(),
        *("AdmissionDenied", CONFIG, ('violates PodSecurity "restricted', "runAsNonRoot")),
        place=RESTRICTED,
    ),
    Case(
        "admission-policy",
        only(),
        *("AdmissionDenied", CONFIG, ("ValidatingAdmissionPolicy", "not on a Sunday")),
        place=POLICED,
    ),
    Case(
        "webhook-denies",
        only(),
        *("AdmissionDenied", CONFIG, ("admission webhook", "no Pods during the audit")),
        place=DENIED,
    ),
)

CASES = (
    *OF_THE_PROGRAM,
    *OF_THE_DISK,
    *OF_WHAT_IS_MISSING,
    *OF_THE_NODE,
    *OF_THE_NAMESPACE,
)
