"""What can be wrong with one object on its own, and where the answer must point.

One table for both that judge an object, the API server and `kubedag validate`, so that neither
can be stricter, or laxer, without a test that says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from support.objects import a_dag, a_run, a_task, an_interval


@dataclass(frozen=True)
class Mistake:
    """An object, the path its refusal must name, and how both refuse it.

    `server` is None where the API server takes the object, and the operator must find out.
    """

    name: str
    object: dict[str, Any]
    path: str
    ours: str
    server: str | None = "same"

    @property
    def server_says(self) -> str | None:
        return self.ours if self.server == "same" else self.server


LABEL = "must be lowercase letters, digits and '-', and begin and end with a letter or a digit"
DAG_NAME = (
    "must be at most 52 lowercase letters, digits and '-',"
    " and begin and end with a letter or a digit"
)
SCRIPT = {"interpreter": ["python"], "source": "print()"}
RESERVED = "must not begin with KUBEDAG_: these variables are kubedag's own"
NOT_BESIDE = "must not be set beside command or args: it is what runs instead of them"


def in_task(
    label: str, path: str, ours: str, server: str | None = "same", **fields: Any
) -> Mistake:
    return Mistake(label, a_dag(a_task(**fields)), f"spec.tasks[0].{path}", ours, server)


def retry(**fields: Any) -> dict[str, Any]:
    return {"retry": fields}


MISTAKES = (
    # The DAG as a whole.
    Mistake(
        "a DAG whose name leaves no room for its runs'",
        a_dag(name="d" * 53),
        "metadata.name",
        DAG_NAME,
    ),
    Mistake("a DAG with a dot in its name", a_dag(name="a.b"), "metadata.name", DAG_NAME),
    Mistake(
        "a DAG without tasks",
        {**a_dag(), "spec": {"tasks": []}},
        "spec.tasks",
        "must not be empty",
        "should have at least 1 items",
    ),
    Mistake(
        "a DAG that does not say its tasks",
        {**a_dag(), "spec": {}},
        "spec.tasks",
        "must be set",
        "Required value",
    ),
    Mistake(
        "no active run at all",
        a_dag(maxActiveRuns=0),
        "spec.maxActiveRuns",
        "must be at least 1; it is 0",
        "should be greater than or equal to 1",
    ),
    Mistake(
        "more active runs than anyone has",
        a_dag(maxActiveRuns=1001),
        "spec.maxActiveRuns",
        "must be at most 1000; it is 1001",
        "should be less than or equal to 1000",
    ),
    Mistake(
        "a policy that there is not",
        a_dag(concurrencyPolicy="Wait"),
        "spec.concurrencyPolicy",
        "must be 'Queue', 'Allow', 'Forbid' or 'Replace'; it is \"Wait\"",
        'supported values: "Queue", "Allow", "Forbid", "Replace"',
    ),
    Mistake(
        "a switch that is a word",
        a_dag(suspend="yes"),
        "spec.suspend",
        'must be true or false; it is "yes"',
        'must be of type boolean: "string"',
    ),
    Mistake(
        "a number that is a word",
        a_dag(timeoutSeconds="60"),
        "spec.timeoutSeconds",
        'must be a whole number; it is "60"',
        'must be of type integer: "string"',
    ),
    Mistake(
        "a description that is a book",
        a_dag(description="x" * 16_385),
        "spec.description",
        "must have at most 16384 characters",
        "Too long",
    ),
    # A task.
    in_task("a task with the underscore of a Python name", "name", LABEL, name="extract_sales"),
    in_task("a task that begins with a hyphen", "name", LABEL, name="-a"),
    in_task(
        "a task whose name no label can hold",
        "name",
        "must have at most 63 characters",
        "Too long",
        name="a" * 64,
    ),
    in_task("a script beside a command", "script", NOT_BESIDE, script=SCRIPT, command=["ls"]),
    in_task("a script beside arguments", "script", NOT_BESIDE, script=SCRIPT, args=["-l"]),
    in_task(
        "a script without an interpreter",
        "script.interpreter",
        "must be set",
        "Required value",
        script={"source": "print()"},
    ),
    in_task(
        "a variable of kubedag's own",
        "env[0].name",
        RESERVED,
        env=[{"name": "KUBEDAG_TASK", "value": "other"}],
    ),
    in_task(
        "a variable without a name",
        "env[0].name",
        "must be set",
        "Required value",
        env=[{"value": "x"}],
    ),
    in_task(
        "a variable twice",
        "env",
        "must not have a name twice; 'A' is there more than once",
        'Duplicate value: {"name":"A"}',
        env=[{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
    ),
    in_task(
        "an upstream twice",
        "dependsOn",
        "must not have anything twice; 'b' is there more than once",
        'Duplicate value: "b"',
        dependsOn=["b", "b"],
    ),
    in_task(
        "a rule that there is not",
        "triggerRule",
        "must be 'AllSucceeded', 'AllFailed', 'AllDone', 'AllDoneMinOneSucceeded', 'AllSkipped',"
        " 'OneFailed', 'OneSucceeded', 'OneDone', 'NoneFailed', 'NoneFailedMinOneSucceeded',"
        " 'NoneSkipped' or 'Always'; it is \"all_success\" (did you mean 'AllSucceeded'?)",
        'supported values: "AllSucceeded"',
        triggerRule="all_success",
    ),
    in_task(
        "more retries than any program deserves",
        "retry.limit",
        "must be at most 100; it is 101",
        "should be less than or equal to 100",
        **retry(limit=101),
    ),
    in_task(
        "a longest pause shorter than the first",
        "retry.backoffSecondsMax",
        "must be at least backoffSeconds",
        **retry(backoffSeconds=60, backoffSecondsMax=30),
    ),
    in_task(
        "a service account that cannot be one",
        "serviceAccountName",
        "must be lowercase letters, digits, '-' and '.', and begin and end with a letter or a"
        " digit",
        "should match",
        serviceAccountName="My Account",
    ),
    in_task(
        "an amount that is none",
        "resources.limits.cpu",
        "must be a quantity such as 500m, 0.5 or 2Gi",
        None,
        resources={"limits": {"cpu": "half"}},
    ),
    # A run.
    Mistake(
        "a run whose name no label can hold",
        a_run("r" * 64),
        "metadata.name",
        DAG_NAME.replace("52", "63"),
    ),
    Mistake("a run of a DAG that cannot exist", a_run(dag="A"), "spec.dagName", LABEL),
    Mistake(
        "a run of no DAG",
        {**a_run(), "spec": {}},
        "spec.dagName",
        "must be set",
        "Required value",
    ),
    Mistake(
        "a scheduled run of no interval",
        a_run(runType="Scheduled"),
        "spec.dataInterval",
        "must be set, unless runType is Manual",
    ),
    Mistake(
        "an interval that ends before it starts",
        a_run(dataInterval=an_interval("2026-01-02T00:00:00Z", "2026-01-01T00:00:00Z")),
        "spec.dataInterval.endTime",
        "must be later than startTime",
    ),
    Mistake(
        "an interval of no length, told in two time zones",
        a_run(dataInterval=an_interval("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00")),
        "spec.dataInterval.endTime",
        "must be later than startTime",
    ),
    Mistake(
        "a rerun by an id like those of marks",
        a_run(rerun={"id": "mark:1"}),
        "spec.rerun.id",
        "must not begin with 'mark:', as do the ids of reruns that follow from a mark",
    ),
    Mistake(
        "a time without an offset",
        a_run(logicalTime="2026-01-01T00:00:00"),
        "spec.logicalTime",
        "must be a time with an offset, such as 2026-01-01T00:00:00Z",
        'must be of type date-time: "2026-01-01T00:00:00"',
    ),
)

A_SECRET = {"secretKeyRef": {"name": "receivers", "key": "chat"}}

EVERYTHING = a_dag(
    a_task("first", command=["true"]),
    a_task(
        "second",
        description="Everything that a task can say.",
        dependsOn=["first"],
        triggerRule="NoneFailedMinOneSucceeded",
        image="python:3.13-slim",
        imagePullPolicy="IfNotPresent",
        script=SCRIPT,
        workingDir="/work",
        env=[
            {"name": "A", "value": "1"},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        envFrom=[
            {"prefix": "S_", "secretRef": {"name": "s", "optional": True}},
            {"configMapRef": {"name": "c"}},
        ],
        resources={"requests": {"cpu": 0.5, "memory": "1Gi"}, "limits": {"example.com/gpu": 1}},
        volumeMounts=[{"name": "v", "mountPath": "/v", "subPath": "x", "readOnly": True}],
        serviceAccountName="a.person",
        retry={
            "limit": 2,
            "infraLimit": 5,
            "backoffSeconds": 10,
            "backoffFactor": 3,
            "backoffSecondsMax": 100,
            "avoidNodes": "Prefer",
            "memoryFactor": "1.5",
            "memoryMax": "4Gi",
            "onFailure": [
                {
                    "exitCodes": [42],
                    "reasons": ["ExitCode"],
                    "classes": ["User"],
                    "messagePattern": "no data",
                    "action": "Skip",
                },
                {"action": "Retry", "delaySeconds": 5},
            ],
        },
        idempotent=False,
        timeoutSeconds=60,
        pendingTimeoutSeconds=60,
        priority=-5,
        pool={"name": "warehouse", "namespace": "shared", "slots": 2},
        maxActiveAcrossRuns=3,
        podTemplate={
            "metadata": {"labels": {"team": "sales"}},
            "spec": {"volumes": [{"name": "v", "emptyDir": {}}], "anything": {"new": [1, "x"]}},
        },
    ),
    {
        "name": "third",
        "dependsOn": ["second"],
        "approval": {"message": "Go on?", "deadlineSeconds": 60, "onDeadline": "Skip"},
    },
    a_task("fourth", dependsOn=["third"], teardownOf=["first"]),
    name="d" * 52,
    description="Everything that a DAG can say.",
    suspend=True,
    concurrencyPolicy="Replace",
    maxActiveRuns=3,
    dependsOnPast=True,
    timeoutSeconds=3600,
    maxActiveTasks=10,
    maxActiveTasksAcrossRuns=20,
    failFast=True,
    lateAfterSeconds=3600,
    **{"finally": [a_task("last")]},
    notifications=[
        {"name": "chat", "events": ["RunFailed"], "slack": {"urlFrom": A_SECRET}},
        {
            "name": "hook",
            "events": ["RunLate"],
            "webhook": {
                "url": "https://example.com/hook",
                "headers": [{"name": "Authorization", "valueFrom": A_SECRET}],
            },
        },
    ],
    taskDefaults={"image": "busybox", "retry": {"limit": 1}},
    retention={
        "successfulRuns": 0,
        "failedRuns": 1,
        "ttlSecondsAfterFinished": 0,
        "keepPods": "All",
        "podTtlSecondsAfterFinished": 0,
        "keptPodTtlSecondsAfterFinished": 0,
    },
    failureLogs={"capture": "Never", "maskPatterns": ["password=[^ ]*"]},
)

EVERYTHING_OF_A_RUN = a_run(
    "r" * 63,
    runType="Catchup",
    suspend=True,
    dataInterval=an_interval("2026-01-01T00:00:00.5+02:00"),
    logicalTime="2026-01-01T00:00:00Z",
    tasks=["first"],
    params=[{"name": "region", "value": "eu"}],
    rerun={
        "id": "1", "scope": "Tasks", "tasks": ["a"], "include": "Both", "revision": "Newest",
        "dryRun": True,
    },
    shutdown="Stop",
    mark={"id": "1", "state": "Failed", "by": "ada", "comment": "no use"},
    marks=[{"task": "a", "id": "1", "state": "Skipped", "by": "ada", "comment": "no use"}],
    approvals=[
        {"task": "a", "attempt": 2, "decision": "Approved", "by": "ada", "comment": "fine"},
    ],
)  # fmt: skip
