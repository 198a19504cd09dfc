"""What somebody on call needs to know about a failure, from kubectl alone."""

from __future__ import annotations

import datetime as dt

import pytest

from e2e import kube


def instant(text):
    return dt.datetime.fromisoformat(text)


def test_a_failure_says_why_where_and_with_which_exit_code(namespace):
    failing = kube.task("load", "exec 2>&1; echo reading; echo 'disk full'; exit 7")
    ended = namespace.finish(namespace.start(kube.dag("failure", failing)))

    attempt = kube.row(ended, "load")["attempts"][-1]
    nodes = [node["metadata"]["name"] for node in namespace.kubectl.get("nodes")["items"]]

    assert (attempt["exitCode"], attempt["class"]) == (7, "User")
    assert attempt["nodeName"] in nodes
    assert attempt["log"]["tail"].splitlines() == ["reading", "disk full"]


def test_a_sidecar_that_is_killed_at_the_end_is_not_blamed_for_the_task(namespace):
    stubborn = {
        "name": "sidecar",
        "image": kube.BUSYBOX,
        "restartPolicy": "Always",
        "command": ["sleep", "3600"],  # the first process of a container ignores SIGTERM
    }
    template = {"spec": {"initContainers": [stubborn], "terminationGracePeriodSeconds": 1}}
    failing = kube.task("load", "exit 3", podTemplate=template)

    ended = namespace.finish(namespace.start(kube.dag("sidecar", failing)))

    attempt = kube.row(ended, "load")["attempts"][-1]
    assert (attempt["reason"], attempt["exitCode"]) == ("ExitCode", 3)


def test_describe_tells_the_story_in_events(namespace):
    tasks = (
        kube.task("flaky", "test $KUBEDAG_ATTEMPT = 2", retry={"limit": 1, "backoffSeconds": 1}),
        kube.task("broken", "echo 'no such table'; exit 1", ["flaky"]),
    )
    run = namespace.start(kube.dag("story", *tasks))
    namespace.finish(run)
    last = f"involvedObject.name={run},reason=RunFailed"
    namespace.kubectl(
        *("wait", "events", "--field-selector", last),
        *("--for=jsonpath={.reason}=RunFailed", "--timeout=30s"),
    )

    told = namespace.kubectl("describe", "dagrun", run).partition("Events:")[2]

    positions = [
        told.find(word) for word in ("RunStarted", "TaskRetryScheduled", "TaskFailed", "RunFailed")
    ]
    assert -1 not in positions, told
    assert "no such table" in told


@pytest.mark.alone
def test_a_retry_waits_until_its_next_attempt_time_and_not_much_longer(namespace, recorder):
    flaky = kube.task(
        "flaky", "test $KUBEDAG_ATTEMPT = 2", retry={"limit": 1, "backoffSeconds": 4}
    )
    run = namespace.start(kube.dag("pause", flaky))
    namespace.until(run, "flaky", "AwaitingRetry")
    planned = instant(kube.row(namespace.run(run), "flaky")["nextAttemptTime"])

    ended = namespace.finish(run)

    first, second = kube.row(ended, "flaky")["attempts"]
    pause = (planned - instant(first["finishTime"])).total_seconds()
    late = (instant(second["createTime"]) - planned).total_seconds()
    assert 3 <= pause <= 6  # 4 s, a tenth of jitter, and times are whole seconds
    assert -1 <= late <= 2
    assert kube.condition(ended, "Succeeded")["status"] == "True"
    assert len(kube.pod_uids(recorder.of_run(namespace.kubectl.namespace, run))) == 2


def test_wait_ends_for_both_conditions(namespace):
    namespace.apply(kube.dag("waited", kube.task("only")))
    run = namespace.create(kube.run("waited"))

    namespace.wait(f"dagrun/{run}", "condition=Succeeded")
    namespace.wait(f"dagrun/{run}", "condition=Finished", seconds=1)

    assert namespace.run(run)["status"]["progress"] == "1/1"


def test_a_task_that_takes_too_long_is_ended(namespace):
    slow = kube.task("slow", kube.sleep(300), timeoutSeconds=2)

    ended = namespace.finish(namespace.start(kube.dag("slow", slow)))

    assert kube.row(ended, "slow")["reason"] == "TaskTimedOut"


def test_programs_that_obey_when_their_pods_are_deleted_have_not_done_their_work(namespace):
    """However long each takes to say that all is well, and whatever of its last is seen of it."""
    never = {"limit": 0, "infraLimit": 0}
    names = [f"obeys-{number}" for number in range(1, 9)]
    tasks = [
        kube.task(name, f"trap 'sleep {number}.3; exit 0' TERM; sleep 900 & wait", retry=never)
        for number, name in enumerate(names)
    ]
    run = namespace.start(kube.dag("obedient", *tasks))
    for name in names:
        namespace.until(run, name, "Running")

    namespace.kubectl("delete", "pods", "-l", f"kubedag.dev/run={run}", "--wait=false")

    ended = namespace.finish(run)
    assert {kube.row(ended, name)["reason"] for name in names} == {"PodDeleted"}
