"""Which rule of `retry.onFailure` is about a failure, and what becomes of the task."""

from __future__ import annotations

import pytest

from kubedag.api import parse, retry
from kubedag.core import attempts, retry_rules, rows, snapshot
from support.builders import (
    a_condition,
    a_container,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    an_attempt,
    ended,
    stamp,
)
from support.objects import a_task

NOW = stamp(20)
LOG = rows.LogTail("PodLog", "reading\nconnection reset by peer\n")
NO_LOG = rows.LogTail("None")


def rules(*raw):
    found = parse.parse(retry.RetrySpec, {"onFailure": list(raw)})
    assert isinstance(found, retry.RetrySpec), found
    return found.on_failure


def failed(reason="ExitCode", cls="User", code=1, message="exit code 1", log=NO_LOG):
    return an_attempt(
        state="Failed", reason=reason, failure_class=cls, exit_code=code, message=message, log=log
    )


def rule(action="Fail", **conditions):
    return {"action": action, **conditions}


# --- Which rule -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("conditions", "attempt", "matches"),
    [
        pytest.param({}, failed(), True, id="no condition is met by all"),
        pytest.param({"exitCodes": [1, 2]}, failed(), True, id="one of the exit codes"),
        pytest.param({"exitCodes": [2]}, failed(), False, id="none of the exit codes"),
        pytest.param({"exitCodes": [0]}, failed(code=None), False, id="no exit code at all"),
        pytest.param(
            {"exitCodes": [1]}, failed("InitContainerFailed"), False,
            id="the exit code of an init container is not the task's",
        ),
        pytest.param(
            {"exitCodes": [1]}, failed("SidecarFailed"), False,
            id="nor is that of a sidecar",
        ),
        pytest.param({"reasons": ["OOMKilled"]}, failed("OOMKilled"), True, id="the reason"),
        pytest.param({"reasons": ["OOMKilled"]}, failed(), False, id="another reason"),
        pytest.param({"classes": ["Infra"]}, failed(cls="Infra"), True, id="the class"),
        pytest.param({"classes": ["Infra"]}, failed(cls="Config"), False, id="another class"),
        pytest.param({"messagePattern": "exit +code"}, failed(), True, id="the message"),
        pytest.param(
            {"messagePattern": "(?i)RESET by"}, failed(log=LOG), True, id="the end of the log",
        ),
        pytest.param(
            {"messagePattern": "^connection"}, failed(log=LOG), False,
            id="^ is where the text begins",
        ),
        pytest.param(
            {"messagePattern": "(?m)^connection"}, failed(log=LOG), True,
            id="but for one that is told to look at lines",
        ),
        pytest.param({"messagePattern": "timeout"}, failed(log=LOG), False, id="no such words"),
        pytest.param(
            {"exitCodes": [1], "classes": ["Infra"]}, failed(), False, id="all must be so",
        ),
    ],
)  # fmt: skip
def test_a_rule_matches_if_all_that_it_says_is_so(conditions, attempt, matches):
    found = retry_rules.ruling(rules(rule(**conditions)), attempt)
    assert found == (retry_rules.Ruling(1, "Fail") if matches else retry_rules.NO_RULE)


def test_the_first_rule_that_matches_decides():
    found = retry_rules.ruling(
        rules(rule("Skip", exitCodes=[9]), rule("Retry", delaySeconds=7), rule("Fail")), failed()
    )
    assert found == (2, "Retry", 7)


SAYS = rule("Skip", messagePattern="reset")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param([SAYS], None, id="only the log can tell"),
        pytest.param([rule(exitCodes=[1]), SAYS], (1, "Fail", None), id="an earlier one decides"),
        pytest.param([SAYS, rule()], None, id="an earlier one may decide"),
        pytest.param(
            [rule("Skip", messagePattern="code"), rule()], (1, "Skip", None),
            id="the message says it already",
        ),
        pytest.param(
            [rule("Skip", messagePattern="reset", exitCodes=[2]), rule()], (2, "Fail", None),
            id="it cannot match, whatever the log says",
        ),
        pytest.param([], retry_rules.NO_RULE, id="no rules"),
    ],
)  # fmt: skip
def test_a_log_is_waited_for_only_if_a_rule_hangs_on_it(raw, expected):
    assert retry_rules.ruling(rules(*raw), failed(log=None)) == expected


def test_an_attempt_that_never_had_a_pod_has_no_log_to_wait_for():
    refused = rows.Attempt(1, "Failed", "InvalidPodSpec", "no such field", "Config")
    assert retry_rules.ruling(rules(SAYS), refused) == retry_rules.NO_RULE


# --- What becomes of the task -----------------------------------------------------------------


def fold(pod, *raw, row=None, logs=(), now=NOW, task=None, plan_fields=None, **policy):
    retry = {"limit": 2, "infraLimit": 2, "backoffSeconds": 100, **policy}
    plan = a_plan(a_task("a", retry=retry | {"onFailure": list(raw)}, **(task or {})),
                  **(plan_fields or {}))  # fmt: skip
    seen = () if pod is None else (pod,)
    recorded = row.attempts if row else ()
    gone = {attempt.pod_name for attempt in recorded} | {one.metadata.uid for one in seen}
    snap = a_snapshot(plan, *seen, gone=gone, logs=dict(logs))
    return attempts.fold(row or a_row(), plan.tasks[0], seen, snap, now)


def a_failure(code=1, **fields):
    return a_pod(phase="Failed", exit_code=code, finished=10, **fields)


def read(pod, text=b"connection reset"):
    return {pod.metadata.uid: snapshot.CapturedLog(text)}


@pytest.mark.parametrize(
    ("action", "state", "message"),
    [
        ("Fail", "Failed", "exit code 42; failed by rule 2 of retry.onFailure"),
        ("Skip", "Skipped", "exit code 42; skipped by rule 2 of retry.onFailure"),
        ("Succeed", "Succeeded", "exit code 42; taken as succeeded by rule 2 of retry.onFailure"),
    ],
)
def test_a_rule_ends_the_task_at_once_and_the_attempt_stays_failed(action, state, message):
    row = fold(a_failure(42), rule(exitCodes=[1]), rule(action, exitCodes=[42]))
    assert (row.state, row.reason, row.message) == (state, "RetryRule", message)
    assert (row.attempts[0].state, row.attempts[0].reason) == ("Failed", "ExitCode")
    assert row.next_attempt_time is None


def test_a_retry_by_a_rule_comes_after_its_delay_to_the_second():
    row = fold(a_failure(), rule("Retry", delaySeconds=7), backoffFactor=10)
    assert (row.state, row.next_attempt_time) == ("AwaitingRetry", stamp(17))


def test_a_rule_without_a_delay_leaves_the_pause_as_it_is():
    assert fold(a_failure(), rule("Retry")) == fold(a_failure())


def test_a_rule_retries_no_more_often_than_the_limit_allows():
    row = fold(a_failure(), rule("Retry", delaySeconds=0), limit=0)
    assert (row.state, row.reason) == ("Failed", "ExitCode")


EVICTED = a_pod(
    phase="Failed", exit_code=137, node="n1",
    conditions=(a_condition("DisruptionTarget", reason="EvictionByEvictionAPI"),),
)  # fmt: skip
UNPULLABLE = a_pod(
    phase="Failed", main=ended(128, "StartError", 'exec: "nope": executable file not found')
)


@pytest.mark.parametrize(
    ("raw", "policy", "state"),
    [
        pytest.param([], {}, "Failed", id="by no rule"),
        pytest.param([rule("Retry", classes=["Config"])], {}, "AwaitingRetry", id="by a rule"),
        pytest.param([rule("Retry")], {"limit": 0}, "Failed", id="within limit"),
        pytest.param([rule("Retry")], {"infraLimit": 0}, "AwaitingRetry", id="not infraLimit"),
    ],
)
def test_what_no_retry_mends_is_retried_only_if_a_rule_says_so(raw, policy, state):
    row = fold(UNPULLABLE, *raw, **policy)
    assert (row.attempts[0].failure_class, row.state) == ("Config", state)


@pytest.mark.parametrize("raw", [[], [rule("Retry")]], ids=["by no rule", "though a rule says so"])
def test_what_may_not_run_twice_is_not_retried_after_a_failure_of_the_cluster(raw):
    row = fold(EVICTED, *raw, task={"idempotent": False})
    assert (row.state, row.attempts[0].failure_class) == ("Failed", "Infra")
    assert "idempotent: false" in row.message


def test_a_failure_of_the_cluster_counts_within_its_own_limit_also_by_a_rule():
    assert fold(EVICTED, rule("Retry"), limit=0).state == "AwaitingRetry"
    assert fold(EVICTED, rule("Retry"), infraLimit=0).state == "Failed"


def test_a_rule_about_a_failure_of_the_cluster_can_end_the_task():
    row = fold(EVICTED, rule("Skip", reasons=["EvictionByEvictionAPI"]))
    assert (row.state, row.reason) == ("Skipped", "RetryRule")


# --- While the log is read --------------------------------------------------------------------


def test_a_task_is_neither_failed_nor_to_be_retried_as_long_as_its_log_is_read():
    row = fold(a_failure(), SAYS)
    assert (row.state, row.reason) == ("Terminating", "ReadingLog")
    assert (row.attempts[0].state, row.attempts[0].log) == ("Failed", None)
    assert (row.user_failures, row.next_attempt_time) == (1, None)
    assert fold(a_failure(), SAYS, row=row) == row


@pytest.mark.parametrize(
    ("text", "state"), [(b"connection reset", "Skipped"), (b"no such table", "AwaitingRetry")]
)
def test_its_log_decides_and_the_failure_counts_once(text, state):
    pod = a_failure()
    waits = fold(pod, SAYS)
    row = fold(pod, SAYS, row=waits, logs=read(pod, text), now=stamp(25))
    assert (row.state, row.user_failures) == (state, 1)
    assert row == fold(pod, SAYS, logs=read(pod, text), now=stamp(30))


@pytest.mark.parametrize(
    ("pod", "logs"),
    [
        pytest.param(None, {}, id="the Pod is gone"),
        pytest.param(
            a_failure(),
            {a_failure().metadata.uid: snapshot.CapturedLog(None)},
            id="it was not read",
        ),
    ],
)
def test_without_a_log_the_rules_judge_by_the_message(pod, logs):
    waits = fold(a_failure(), SAYS, rule("Succeed"))
    row = fold(pod, SAYS, rule("Succeed"), row=waits, logs=logs)
    assert (row.state, row.message) == (
        "Succeeded", "exit code 1; taken as succeeded by rule 2 of retry.onFailure"
    )  # fmt: skip


def test_where_no_log_is_kept_none_is_waited_for():
    row = fold(a_failure(), SAYS, plan_fields={"failureLogs": {"capture": "Never"}})
    assert row.state == "AwaitingRetry"


def test_what_was_decided_stays_so_whatever_comes_later():
    pod = a_failure()
    decided = fold(pod, rule("Retry"))
    assert fold(pod, rule("Fail"), row=decided, logs=read(pod)).state == "AwaitingRetry"


# --- Memory -----------------------------------------------------------------------------------

LIMIT = {"resources": {"limits": {"memory": "64Mi"}}}
OUT = a_pod(phase="Failed", main=ended(137, "OOMKilled"))


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"memoryFactor": "2"}, "; the next attempt has 128Mi of memory"),
        (
            {"memoryFactor": "2", "memoryMax": "64Mi"},
            "; the next attempt has 64Mi again, which is the most that retry allows",
        ),
        ({}, ""),
    ],
    ids=["more", "no more than may be", "as much"],
)
def test_the_row_says_how_much_memory_the_next_attempt_has(policy, said):
    row = fold(OUT, task=LIMIT, **policy)
    assert row.state == "AwaitingRetry"
    assert row.message == f"{row.attempts[0].message}{said}"
    assert row.out_of_memory == 1


def test_an_init_container_that_ran_out_of_memory_does_not_count():
    killed = a_container("init", ended(137, "OOMKilled"))
    row = fold(a_pod(phase="Failed", init=(killed,)), task=LIMIT, memoryFactor="2")
    assert (row.reason, row.out_of_memory) == ("InitContainerFailed", 0)


@pytest.mark.parametrize(
    ("code", "policy", "counted"),
    [
        pytest.param(137, {"memoryFactor": "2"}, 1, id="SIGKILL may have been the kernel's"),
        pytest.param(137, {}, 0, id="but is not called that where nobody asks for more"),
        pytest.param(143, {"memoryFactor": "2"}, 0, id="SIGTERM never is"),
        pytest.param(1, {"memoryFactor": "2"}, 0, id="nor an end of its own"),
    ],
)
def test_a_runtime_may_miss_that_memory_ran_out(code, policy, counted):
    row = fold(a_pod(phase="Failed", main=ended(code, "Error")), task=LIMIT, **policy)
    assert (row.reason, row.out_of_memory) == ("ExitCode", counted)
    assert row.message.endswith("has 128Mi of memory") == bool(counted)
