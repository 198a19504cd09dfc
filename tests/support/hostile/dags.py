"""The kinds of mistakes that a DAG can have, from the careless to the malicious."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from support.hostile.manifest import Manifest, Refuser, dag, in_yaml
from support.mistakes import MISTAKES
from support.objects import a_task

API, OPERATOR, TRIAL, NOBODY = Refuser.API, Refuser.OPERATOR, Refuser.TRIAL, Refuser.NOBODY
TASK = "spec.tasks[0]"
TEMPLATE = f"{TASK}.podTemplate"


def one(**fields: Any) -> dict[str, Any]:
    """The spec of one task."""
    return {"tasks": [a_task(**({"image": "busybox"} | fields))]}


def many(*tasks: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"taskDefaults": {"image": "busybox"}, "tasks": list(tasks), **spec}


def pod(spec: dict[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    return one(podTemplate={"metadata": metadata, "spec": spec or {}})


def main(**fields: Any) -> dict[str, Any]:
    return pod({"containers": [{"name": "main", **fields}]})


def masked(*patterns: str) -> dict[str, Any]:
    return {**one(), "failureLogs": {"maskPatterns": list(patterns)}}


def ring(length: int) -> dict[str, Any]:
    names = [f"t{number}" for number in range(length)]
    before = [names[-1], *names[:-1]]
    return many(*(a_task(name, dependsOn=[up]) for name, up in zip(names, before, strict=True)))


def laughs(levels: int) -> str:
    """Anchors that each hold ten of the one before."""
    lines = ["  tasks:", "  - name: a", "    image: busybox", "    podTemplate:", "      spec:"]
    lines.append("        l0: &l0 [x]")
    for level in range(1, levels):
        tens = ", ".join([f"*l{level - 1}"] * 10)
        lines.append(f"        l{level}: &l{level} [{tens}]")
    return "\n".join(lines)


def deep(levels: int) -> Manifest:
    """Too deep for `json.dumps`, but not for a string."""
    refuser = TRIAL if levels < 200 else OPERATOR
    made = dag(f"{levels} levels of nesting", TEMPLATE, refuser, pod({"affinity": "@"}))
    nest = '{"x":' * levels + "1" + "}" * levels
    return replace(made, text=made.text.replace('"@"', nest))


NAMES = tuple(
    dag(kind, f"{TASK}.name", API, one(name=name))
    for kind, name in {
        "a capital letter": "Extract",
        "a dot in a name": "extract.sales",
        "a letter that is not ASCII": "größe",
        "a right-to-left mark": "a\u202eb",
        "a zero-width space": "a\u200bb",
        "a digit of another script": "a\u0663",
        "a new line in a name": "a\nb",
        "a name of spaces": "   ",
        "a name of nothing": "",
        "a name that injects a label": "a,kubedag.dev/run=other",
        "a name that is a path": "../../pods",
        "a name too long for a label": "a" * 64,
    }.items()
)

TYPES = tuple(
    dag(kind, path, API, spec)
    for kind, path, spec in (
        ("an object instead of a list", "spec.tasks", {"tasks": {"a": {"image": "x"}}}),
        ("a string instead of an object", TASK, {"tasks": ["a"]}),
        ("nothing instead of an object", TASK, {"tasks": [None]}),
        ("a number instead of a string", f"{TASK}.image", one(image=7)),
        ("a string instead of a list", f"{TASK}.command", one(command="echo hello")),
        ("a number in a list of strings", f"{TASK}.args[0]", one(args=[1])),
        ("a boolean as a string", "spec.suspend", {**one(), "suspend": "true"}),
        ("a number as a string", f"{TASK}.timeoutSeconds", one(timeoutSeconds="60")),
        ("a fraction of a second", f"{TASK}.timeoutSeconds", one(timeoutSeconds=1.5)),
        ("a list of upstreams as a string", f"{TASK}.dependsOn", one(dependsOn="b")),
        ("an env value that is a number", f"{TASK}.env[0].value",
         one(env=[{"name": "A", "value": 1}])),
        ("a podTemplate that is a string", TEMPLATE, one(podTemplate="v1")),
    )
)  # fmt: skip

FIELDS = tuple(
    dag(kind, path, API, spec)
    for kind, path, spec in (
        ("an unknown field of the DAG", "spec.suspnd", {**one(), "suspnd": True}),
        ("a field that belongs elsewhere", "spec.image", {**one(), "image": "x"}),
        ("a misspelt field of a task", f"{TASK}.dependOn", one(dependOn=["b"])),
        ("another tool's field", f"{TASK}.retries", one(retries=3)),
        ("a misspelt field of a retry", f"{TASK}.retry.limt", one(retry={"limt": 3})),
        ("a misspelt enum", f"{TASK}.triggerRule", one(triggerRule="AllSuccess")),
        ("an enum in lower case", "spec.concurrencyPolicy", {**one(), "concurrencyPolicy": "queue"}),
        ("no tasks at all", "spec.tasks", {"tasks": []}),
        ("a script without an interpreter", f"{TASK}.script.interpreter",
         one(script={"interpreter": [], "source": "x"})),
        ("an empty image", f"{TASK}.image", one(image="")),
        ("a negative time-out", f"{TASK}.timeoutSeconds", one(timeoutSeconds=-1)),
        ("a time-out of ages", f"{TASK}.timeoutSeconds", one(timeoutSeconds=2**62)),
        ("a number that no integer holds", "spec.maxActiveTasks", {**one(), "maxActiveTasks": 10**30}),
        ("retries without end", f"{TASK}.retry.limit", one(retry={"limit": 1_000_000})),
        ("a description that is a library", "spec.description", {**one(), "description": "x" * 200_000}),
        ("an argument that no kernel passes", f"{TASK}.args[0]", one(args=["x" * 140_000])),
        ("a script that is a program", f"{TASK}.script.source",
         one(script={"interpreter": ["sh"], "source": "x" * 140_000})),
        ("10,001 tasks", "spec.tasks", many(*({"name": f"t{n}"} for n in range(10_001)))),
        ("101 tasks at the end", "spec.finally",
         many(a_task("a"), **{"finally": [a_task(f"f{n}") for n in range(101)]})),
        ("a mount twice", f"{TASK}.volumeMounts",
         one(volumeMounts=[{"name": "a", "mountPath": "/a"}, {"name": "b", "mountPath": "/a"}])),
        ("101 properties", f"{TEMPLATE}.spec", pod({f"x{n}": n for n in range(101)})),
    )
)  # fmt: skip

GRAPHS = tuple(
    dag(kind, path, OPERATOR, spec)
    for kind, path, spec in (
        ("a cycle of 2", f"{TASK}.dependsOn[0]", ring(2)),
        ("a cycle of 500", f"{TASK}.dependsOn[0]", ring(500)),
        ("a task that waits for itself", f"{TASK}.dependsOn[0]", many(a_task("a", dependsOn=["a"]))),
        ("an upstream with a near miss", "spec.tasks[1].dependsOn[0]",
         many(a_task("extract"), a_task("load", dependsOn=["extrct"]))),
        ("an upstream that injects", "spec.tasks[1].dependsOn[0]",
         many(a_task("a"), a_task("b", dependsOn=["a'); DROP TABLE"]))),
        ("two tasks of one name", "spec.tasks[1].name", many(a_task("a"), a_task("a"))),
        ("a name that the end has, too", "spec.finally[0].name",
         many(a_task("a"), **{"finally": [a_task("a")]})),
        ("an end that depends on a task", "spec.finally[0].dependsOn[0]",
         many(a_task("a"), **{"finally": [a_task("f", dependsOn=["a"])]})),
        ("a task that depends on the end", "spec.tasks[0].dependsOn[0]",
         many(a_task("a", dependsOn=["f"]), **{"finally": [a_task("f")]})),
        ("a teardown of nothing above it", "spec.tasks[1].teardownOf[0]",
         many(a_task("a"), a_task("b", teardownOf=["a"]))),
        ("a teardown with a rule", "spec.tasks[1].triggerRule",
         many(a_task("a"), a_task("b", dependsOn=["a"], teardownOf=["a"], triggerRule="AllDone"))),
        ("ten thousand unknown upstreams", f"{TASK}.dependsOn[0]",
         many(a_task("a", dependsOn=[f"u{n}" for n in range(2000)]))),
        ("a longest pause below the first", f"{TASK}.retry.backoffSeconds",
         many(a_task("a", retry={"backoffSeconds": 900}))),
        ("a pattern that is none", "spec.failureLogs.maskPatterns[0]", masked("[a")),
        ("a pattern that looks back", "spec.failureLogs.maskPatterns[1]", masked("a", "(?<=a)b")),
        ("a pattern that explodes", "spec.failureLogs.maskPatterns[0]", masked("((a{99}){99}){99}")),
        ("no image anywhere", f"{TASK}.image", {"tasks": [a_task()]}),
    )
)  # fmt: skip

PODS = tuple(
    dag(kind, path, OPERATOR, spec)
    for kind, path, spec in (
        ("an image with a space", f"{TASK}.image", one(image="busy box")),
        ("an image with a new line", f"{TASK}.image", one(image="busybox\n")),
        ("a NUL in a command", f"{TASK}.command[0]", one(command=["a\0b"])),
        ("a NUL in an argument", f"{TASK}.args[1]", one(args=["a", "\0"])),
        ("a NUL in a variable", f"{TASK}.env[0].value", one(env=[{"name": "A", "value": "\0"}])),
        ("a NUL in a podTemplate", f"{TEMPLATE}.spec.containers[0].command[0]", main(command=["\0"])),
        ("a variable's name with =", f"{TASK}.env[0].name", one(env=[{"name": "A=B", "value": "x"}])),
        ("a variable's name that no program reads", f"{TASK}.env[0].name", one(env=[{"name": "é"}])),
        ("an amount that is none", f"{TASK}.resources.requests.cpu",
         one(resources={"requests": {"cpu": "lots"}})),
        ("a boolean as an amount", f"{TASK}.resources.limits.cpu",
         one(resources={"limits": {"cpu": True}})),
        ("a negative amount", f"{TASK}.resources.limits.memory",
         one(resources={"limits": {"memory": "-1Gi"}})),
        ("a misspelt resource", f"{TASK}.resources.limits.memroy",
         one(resources={"limits": {"memroy": "1Gi"}})),
        ("more than the limit", f"{TASK}.resources.requests",
         one(resources={"requests": {"cpu": 2}, "limits": {"cpu": 1}})),
        ("restartPolicy Always", f"{TEMPLATE}.spec.restartPolicy", pod({"restartPolicy": "Always"})),
        ("a main container that restarts", f"{TEMPLATE}.spec.containers[0].restartPolicy",
         main(restartPolicy="Always")),
        ("an init container named main", f"{TEMPLATE}.spec.initContainers[0].name",
         pod({"initContainers": [{"name": "main", "image": "x"}]})),
        ("two containers of one name", f"{TEMPLATE}.spec.containers[1].name",
         pod({"containers": [{"name": "c", "image": "x"}, {"name": "c", "image": "y"}]})),
        ("an init container named like a container", f"{TEMPLATE}.spec.initContainers[0].name",
         pod({"initContainers": [{"name": "c", "image": "x"}],
              "containers": [{"name": "c", "image": "y"}]})),
        ("a mount without its volume", f"{TASK}.volumeMounts[0].name",
         one(volumeMounts=[{"name": "data", "mountPath": "/data"}])),
        ("a mount over the script's", f"{TASK}.volumeMounts[0].mountPath",
         one(volumeMounts=[{"name": "v", "mountPath": "/kubedag/script"}])),
        ("a label of ours", f"{TEMPLATE}.metadata.labels", pod(labels={"kubedag.dev/run": "other"})),
        ("the label that says whose it is", f"{TEMPLATE}.metadata.labels",
         pod(labels={"app.kubernetes.io/managed-by": "me"})),
        ("an annotation of ours", f"{TEMPLATE}.metadata.annotations",
         pod(annotations={"kubedag.dev/script": "rm -rf /"})),
        ("a label's value with a space", f"{TEMPLATE}.metadata.labels", pod(labels={"a": "b c"})),
        ("a label's value that is a number", f"{TEMPLATE}.metadata.labels", pod(labels={"a": 1})),
        ("a label's key that injects", f"{TEMPLATE}.metadata.labels", pod(labels={"a=b,c": "d"})),
        ("a label's key that is a book", f"{TEMPLATE}.metadata.labels", pod(labels={"k" * 100_000: "v"})),
        ("a label's key that turns the text round", f"{TEMPLATE}.metadata.labels",
         pod(labels={"\u202e\n\x1b[31m": "v"})),
        ("a resource's name that is a book", f"{TASK}.resources.limits",
         one(resources={"limits": {"r" * 100_000: 1}})),
        ("finalizers of Pods", f"{TEMPLATE}.metadata.finalizers", pod(finalizers=["a/b"])),
        ("owners of Pods", f"{TEMPLATE}.metadata.ownerReferences", pod(ownerReferences=[])),
        ("a name for all Pods", f"{TEMPLATE}.metadata.name", pod(name="p")),
        ("another namespace for Pods", f"{TEMPLATE}.metadata.namespace", pod(namespace="kube-system")),
        ("a deadline of the Pod's", f"{TEMPLATE}.spec.activeDeadlineSeconds",
         pod({"activeDeadlineSeconds": 60})),
        ("volumes that are an object", f"{TEMPLATE}.spec.volumes", pod({"volumes": {"a": {}}})),
        ("an image in two places", f"{TEMPLATE}.spec.containers[0].image", main(image="other")),
        ("annotations and a script of 300 KiB", f"{TASK}.podTemplate.metadata.annotations",
         one(script={"interpreter": ["sh"], "source": "x" * 120_000},
             podTemplate={"metadata": {"annotations": {"a/a": "x" * 180_000}}})),
        ("1 MiB of arguments", "spec", many(*(a_task(f"t{n}", args=["x" * 100_000]) for n in range(11)))),
    )
)  # fmt: skip

TRIALS = (
    *(
        dag(kind, path, TRIAL, spec)
        for kind, path, spec in (
            ("a DNS policy that there is not", f"{TEMPLATE}.spec.dnsPolicy", pod({"dnsPolicy": "Sometimes"})),
            ("an unknown field of a Pod", f"{TEMPLATE}.spec.volumez", pod({"volumez": []})),
            ("a misspelt field of a container", f"{TEMPLATE}.spec.containers[0].imagePolicy",
             main(imagePolicy="Always")),
            ("hostNetwork and another port", f"{TEMPLATE}.spec.containers[0].ports[0]",
             pod({"hostNetwork": True,
                  "containers": [{"name": "main", "ports": [{"containerPort": 80, "hostPort": 81}]}]})),
            ("a port beyond all ports", f"{TEMPLATE}.spec.containers[0].ports[0]",
             main(ports=[{"containerPort": 70_000}])),
            ("a priority class that there is not", TASK, pod({"priorityClassName": "royal"})),
            ("a runtime that there is not", TASK, pod({"runtimeClassName": "none"})),
            ("a toleration of nothing", f"{TEMPLATE}.spec.tolerations[0]",
             pod({"tolerations": [{"operator": "Maybe"}]})),
            ("a selector that selects nothing", f"{TEMPLATE}.spec.nodeSelector", pod({"nodeSelector": {"a b": "c"}})),
            ("a grace period of ages", TEMPLATE, pod({"terminationGracePeriodSeconds": 10**30})),
            ("a negative grace period", TEMPLATE, pod({"terminationGracePeriodSeconds": "soon"})),
            ("a sidecar without an image", f"{TEMPLATE}.spec.containers[0]",
             pod({"containers": [{"name": "proxy"}]})),
            ("a volume of two kinds", f"{TEMPLATE}.spec.volumes[0]",
             pod({"volumes": [{"name": "v", "emptyDir": {}, "hostPath": {"path": "/"}}]})),
            ("a variable from nowhere", f"{TASK}.env[0].valueFrom",
             one(env=[{"name": "A", "valueFrom": {"nowhere": {}}}])),
            ("what it is to be inherited", "spec.taskDefaults.podTemplate.spec.dnsPolicy",
             many(a_task("a"), taskDefaults={"image": "x", "podTemplate": {"spec": {"dnsPolicy": "No"}}})),
        )
    ),
    dag("a privileged Pod where none may be", TASK, TRIAL, one(), where="strict"),
)  # fmt: skip

YAMLS = (
    *(
        in_yaml(f"{word} without quotes", path, API, text)
        for word, path, text in (
            ("on", f"{TASK}.name", "  tasks: [{name: on, image: x}]"),
            ("1e3", f"{TASK}.command[1]", "  tasks: [{name: a, image: x, command: [sleep, 1e3]}]"),
            ("0o7", f"{TASK}.env[0].value",
             "  tasks: [{name: a, image: x, env: [{name: MODE, value: 0o7}]}]"),
            ("y", f"{TASK}.env[0].value", "  tasks: [{name: a, image: x, env: [{name: A, value: y}]}]"),
            ("12:30", f"{TASK}.timeoutSeconds", "  tasks: [{name: a, image: x, timeoutSeconds: 12:30}]"),
            ("1.0", f"{TASK}.image", "  tasks: [{name: a, image: 1.0}]"),
            ("~", f"{TASK}.name", "  tasks: [{name: ~, image: x}]"),
        )
    ),
    in_yaml("on and off for switches", "", NOBODY, "  suspend: off\n  tasks: [{name: a, image: x}]"),
    in_yaml("octal and exponent for numbers", "", NOBODY,
            "  maxActiveRuns: 0o7\n  timeoutSeconds: 1e3\n  tasks: [{name: a, image: x}]"),
    in_yaml("a thousand laughs", TEMPLATE, TRIAL, laughs(4)),
    in_yaml("a key twice", "image", API, "  tasks:\n  - name: a\n    image: x\n    image: y"),
)  # fmt: skip

FINE = (
    dag("labels and annotations of ours by hand", "", NOBODY, one(),
        metadata={"labels": {"kubedag.dev/dag": "other", "app.kubernetes.io/managed-by": "kubedag"},
                  "annotations": {"kubedag.dev/script": "x"}}),
    dag("a finalizer by hand", "", NOBODY, one(), metadata={"finalizers": ["example.com/mine"]}),
    dag("an owner that there is not", "", NOBODY, one(), may_be_gone=True,
        metadata={"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "n",
                                       "uid": "0b0f7a52-4b4c-4c3a-9d7a-111111111111"}]}),
    dag("a status by hand", "", NOBODY, one(), status={"taskCount": 7, "conditions": [
        {"type": "Ready", "status": "False", "reason": "X", "message": "x",
         "lastTransitionTime": "2026-01-01T00:00:00Z"}]}),
    dag("a name like a revision's", "", NOBODY, one(), fixed_name="storm-abcdefghij"),
    dag("a name as long as can be", "", NOBODY, one(), fixed_name="d" * 52),
    dag("a name that differs in its last letter", "", NOBODY, one(), fixed_name="d" * 51 + "e"),
    dag("tasks that differ in their last letter", "", NOBODY,
        many(*(a_task("t" * 62 + end) for end in "abc"))),
    dag("markup in a description", "", NOBODY,
        {**one(), "description": "<script>alert(1)</script>\u202e\x1b[31m --> {{ x }}"}),
    dag("templates of other tools in a command", "", NOBODY,
        one(command=["{{ ds }}", "$(KUBEDAG_RUN)", "$(rm -rf /)", "${HOME}"])),
    dag("500 tasks in one layer", "", NOBODY, many(*(a_task(f"t{n}") for n in range(500)))),
    dag("nothing, many times", "", NOBODY,
        {**one(), "description": None, "retention": None, "timeoutSeconds": None}),
    dag("an account that may yet come", "", NOBODY, one(serviceAccountName="nobody")),
    dag("whole numbers with a point", "", NOBODY, {**one(), "timeoutSeconds": 60.0}),
)  # fmt: skip

DEEP = (deep(100), deep(230), deep(1100), deep(9000))
TOO_LARGE = (
    dag("3 MiB of scripts", "", API,
        many(*(a_task(f"t{n}", script={"interpreter": ["sh"], "source": "x" * 100_000})
               for n in range(32)))),
)  # fmt: skip


def known() -> tuple[Manifest, ...]:
    """The mistakes that the tests of the CRDs know already."""
    return tuple(
        Manifest(
            mistake.name,
            "dags" if mistake.object["kind"] == "DAG" else "dagruns",
            json.dumps({**mistake.object, "metadata": {"name": "{name}"}}),
            mistake.path,
            OPERATOR if mistake.server_says is None else API,
        )
        for mistake in MISTAKES
        if not mistake.path.startswith("metadata")
    )


KINDS = (*NAMES, *TYPES, *FIELDS, *GRAPHS, *PODS, *TRIALS, *YAMLS, *FINE, *DEEP, *TOO_LARGE)
