"""A task: a node of the graph, and everything that makes it a Pod.

No field here has a default in the schema. A default would be filled in by the API server before
`taskDefaults` could apply, and a default inside a list shows as a difference in GitOps tools for
ever. `core.plan` fills in what neither says, from `defaults`.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from pydantic import Field, StringConstraints

from kubedag.api import kube
from kubedag.api.approval import Approval
from kubedag.api.common import (
    TASKS_MAX,
    Argument,
    DNSLabel,
    Markdown,
    ObjectName,
    Path,
    Seconds,
    Spec,
    Switch,
    Word,
)
from kubedag.api.enums import ImagePullPolicy, TriggerRule
from kubedag.api.lists import atomic_list, map_list, set_list
from kubedag.api.pooluse import PoolUse
from kubedag.api.retry import RetrySpec
from kubedag.api.rules import Rule, Ruled

Arguments = Annotated[tuple[Argument, ...], *atomic_list(most=1024)]
# That these tasks exist, and that none is the task itself, is for `core` to find: with 10,000 tasks
# the API server estimates CEL for it at more than 100 and at 10 times what it allows.
Upstreams = Annotated[tuple[Word, ...], *set_list(most=TASKS_MAX)]

SCRIPT_LENGTH_MAX: Final = 128 * 1024
"""The script travels in an annotation of the Pod; all of these together have 256 KiB."""


class Script(Spec):
    """A program written in the DAG itself."""

    interpreter: Annotated[
        tuple[Annotated[Argument, Field(min_length=1)], ...],
        *atomic_list(least=1, most=64),
    ]
    """interpreter is the command that runs the script; the script's file is its last argument."""
    source: Annotated[str, StringConstraints(min_length=1, max_length=SCRIPT_LENGTH_MAX)]
    """source is the text of the program."""


class _Identity(Spec):
    """What a task says only of itself."""

    name: DNSLabel
    """name of the task, unique within its DAG."""
    description: Markdown | None = None
    """description says what the task is for; Markdown."""
    depends_on: Upstreams = ()
    """dependsOn names the tasks that must be done before this one is considered."""
    trigger_rule: TriggerRule = TriggerRule.ALL_SUCCEEDED
    """triggerRule says what must have become of the tasks in dependsOn for this one to run.
    Without one: AllSucceeded."""
    teardown_of: Upstreams = ()
    """teardownOf names the tasks, of those in dependsOn or before them, that set up what this one
    takes down. It runs once all in dependsOn are done, whatever became of them, if all that it
    names succeeded, also when the run is stopped; a failure of it does not fail the run. What runs
    again between the two runs again with both of them."""
    approval: Approval | None = None
    """approval makes the task a question to a person instead of a Pod."""


class TaskTemplate(Ruled, Spec):
    """What a task may say and a DAG may say for all of its tasks."""

    image: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    """image that the task's container runs. It may come from taskDefaults or from the container
    `main` of a podTemplate instead."""
    image_pull_policy: ImagePullPolicy | None = None
    """imagePullPolicy says when the image is pulled. Kubernetes chooses where this does not."""
    command: Arguments = ()
    """command is the program and its arguments; without one, the image's entrypoint."""
    args: Arguments = ()
    """args follow the command, or the image's entrypoint."""
    script: Script | None = None
    """script is a program to run instead of a command."""
    working_dir: Path | None = None
    """workingDir is the folder in which the program starts; without one, the image's."""
    env: Annotated[tuple[kube.EnvVar, ...], *map_list("name", most=200)] = ()
    """env lists the environment variables. A task's own are added to those of taskDefaults."""
    env_from: Annotated[tuple[kube.EnvFrom, ...], *atomic_list(most=50)] = ()
    """envFrom lists ConfigMaps and Secrets all of whose keys become environment variables."""
    resources: kube.Resources | None = None
    """resources are the CPU, memory and other amounts that the container asks for."""
    volume_mounts: Annotated[tuple[kube.VolumeMount, ...], *map_list("mountPath", most=100)] = ()
    """volumeMounts lists where the volumes that the podTemplate declares appear."""
    service_account_name: ObjectName | None = None
    """serviceAccountName is whom the Pod acts as. Without one, it gets no token."""
    retry: RetrySpec | None = None
    """retry says how often, and when, the task is tried again after a failure."""
    idempotent: Switch | None = None
    """idempotent says whether the task may safely run twice. With false, a failure of the cluster
    is not retried once the container has started, or may have; and each Pod carries a finalizer
    until it is stored how it ended. Without one: true."""
    timeout_seconds: Seconds | None = None
    """timeoutSeconds bounds each attempt from the start of its container; without one, only the
    run's own timeout does."""
    pending_timeout_seconds: Seconds | None = None
    """pendingTimeoutSeconds bounds the time from the creation of a Pod to the start of its
    container, for Pods that fit no node or do not get going. Time behind a scheduling gate does
    not count. What hardly ever heals ends sooner: an image that cannot be pulled after 300, a
    missing Secret, ConfigMap or ServiceAccount after 120 seconds. Without one: 900."""
    priority: Annotated[int, Field(strict=True, ge=-1_000_000, le=1_000_000)] | None = None
    """priority decides which tasks go first when a limit lets only some go. Without one: 0."""
    pool: PoolUse | None = None
    """pool is the TaskPool that the task takes slots of while its Pod exists."""
    max_active_across_runs: Annotated[int, Field(strict=True, ge=1, le=10_000)] | None = None
    """maxActiveAcrossRuns is in how many runs of the DAG the task may have a Pod at once; without
    one, nothing limits it."""
    pod_template: kube.PodTemplate | None = None
    """podTemplate is a PodTemplateSpec of Kubernetes that the other fields are laid over. Its
    container `main` is the task's own, and the others are its sidecars."""

    rules: ClassVar = (
        Rule(
            "not be set beside command or args: it is what runs instead of them",
            cel="!has(self.script) || !(has(self.command) || has(self.args))",
            holds=lambda task: task.script is None or not (task.command or task.args),
            field="script",
        ),
    )


class Task(TaskTemplate, _Identity):
    """One node of the graph, which becomes one Pod per attempt."""
