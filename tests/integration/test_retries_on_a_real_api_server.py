"""Further attempts on a real API server: it takes their Pods, with all that they have of their own."""

from __future__ import annotations

import pytest

from integration.test_attempts_on_a_real_api_server import _now, only_pod, told, until
from integration.test_attempts_on_a_real_api_server import user as user  # noqa: PLC0414  # a fixture
from support.objects import a_dag, a_task

pytestmark = pytest.mark.integration

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
NOT_THERE = {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": ["node-1"]}
ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
NAME = {"key": "metadata.name", "operator": "In", "values": ["node-2"]}
WISH = {"weight": 1, "preference": {"matchExpressions": [ZONE]}}
OTHERS = {"weight": 100, "preference": {"matchExpressions": [NOT_THERE]}}


def terms(*said):
    return {REQUIRED: {"nodeSelectorTerms": list(said)}}


def a_hungry_dag(avoid, affinity):
    task = a_task(
        "a",
        retry={"limit": 1, "backoffSeconds": 1, "avoidNodes": avoid, "memoryFactor": "1.5"},
        resources={"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi"}},
        podTemplate={"spec": {"affinity": {"nodeAffinity": affinity}}} if affinity else None,
    )
    return a_dag({key: value for key, value in task.items() if value is not None},
                 taskDefaults={"image": "busybox"})  # fmt: skip


@pytest.mark.parametrize(
    ("avoid", "said", "expected"),
    [
        pytest.param("Require", {}, terms({"matchExpressions": [NOT_THERE]}), id="required"),
        pytest.param(
            "Require",
            terms({"matchExpressions": [ZONE]}, {"matchFields": [NAME]}) | {PREFERRED: [WISH]},
            terms(
                {"matchExpressions": [ZONE, NOT_THERE]},
                {"matchExpressions": [NOT_THERE], "matchFields": [NAME]},
            )
            | {PREFERRED: [WISH]},
            id="required beside what the user requires",
        ),
        pytest.param("Prefer", {}, {PREFERRED: [OTHERS]}, id="preferred"),
        pytest.param(
            "Prefer",
            terms({"matchExpressions": [ZONE]}) | {PREFERRED: [WISH]},
            terms({"matchExpressions": [ZONE]}) | {PREFERRED: [WISH, OTHERS]},
            id="preferred after what the user prefers",
        ),
    ],
)
def test_another_attempt_avoids_the_node_and_has_more_memory(user, avoid, said, expected):
    async def story():
        user.begin(a_hungry_dag(avoid, said))
        first = await only_pod(user)
        user.place(first)
        user.starts(first)
        await until(lambda: user.row().get("state") == "Running")
        killed = {"exitCode": 137, "reason": "OOMKilled", "startedAt": _now()}
        user.report(first, "Failed", terminated=killed | {"finishedAt": _now()})
        (second,) = await until(lambda: set(user.pods()) - {first})

        spec = user.pods()[second]["spec"]
        assert spec["affinity"] == {"nodeAffinity": expected}
        assert spec["containers"][0]["resources"] == {
            "requests": {"memory": "48Mi"}, "limits": {"memory": "96Mi"}
        }  # fmt: skip
        assert (await until(lambda: user.row().get("outOfMemory"))) == 1

    told(user, story)


@pytest.mark.parametrize(
    ("code", "state", "pods"),
    [(42, "Skipped", 1), (3, "Succeeded", 1), (9, "Failed", 1), (1, "Succeeded", 2)],
    ids=["skipped", "taken as succeeded", "failed", "tried again"],
)
def test_a_rule_decides_what_becomes_of_a_failed_task(user, code, state, pods):
    rules = [
        {"action": "Skip", "exitCodes": [42]},
        {"action": "Succeed", "exitCodes": [3]},
        {"action": "Fail", "messagePattern": "exit code 9"},
        {"action": "Retry", "messagePattern": "exit code 1", "delaySeconds": 0},
    ]
    dag = a_dag(
        a_task("a", retry={"limit": 5, "backoffSeconds": 600, "onFailure": rules}),
        taskDefaults={"image": "busybox"},
    )

    async def story():
        user.begin(dag)
        pod = await only_pod(user)
        user.place(pod)
        user.starts(pod)
        user.ends(pod, code)
        if pods == 2:
            (again,) = await until(lambda: set(user.pods()) - {pod})
            user.place(again)
            user.starts(again)
            user.ends(again, 0)
        row = await until(lambda: user.row().get("state") == state and user.row())
        assert (row["attempts"][0]["state"], row["attempts"][0]["exitCode"]) == ("Failed", code)
        assert (len(user.pods()), row.get("reason")) == (pods, "RetryRule" if pods == 1 else None)

    told(user, story)
