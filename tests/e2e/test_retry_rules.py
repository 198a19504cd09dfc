"""Failures that mean something else each: what a rule makes of them, and what more memory does."""

from __future__ import annotations

from e2e import kube

PYTHON = "python:3.13-slim"
TAKES_100_MIB = "print(len(b'x' * 100 * 2**20))"


def rule(action, **conditions):
    return {"action": action, **conditions}


def limits(namespace, run):
    """The memory limit of each attempt's Pod, by its number."""
    found = namespace.kubectl("get", "pods", "-l", f"kubedag.dev/run={run}", "-o", LIMITS)
    return dict(line.split() for line in found.splitlines())


LIMITS = (
    r"jsonpath={range .items[*]}{.metadata.labels.kubedag\.dev/attempt} "
    r"{.spec.containers[0].resources.limits.memory}{'\n'}{end}"
)


def test_a_task_that_ran_out_of_memory_succeeds_with_more(namespace):
    hungry = kube.task(
        "hungry",
        image=PYTHON,
        command=["python", "-c", TAKES_100_MIB],
        resources={"requests": {"memory": "64Mi"}, "limits": {"memory": "64Mi"}},
        retry={"limit": 2, "backoffSeconds": 4, "memoryFactor": "2", "avoidNodes": "Prefer"},
    )
    run = namespace.start(kube.dag("hungry", hungry, retention={"keepPods": "All"}))
    namespace.until(run, "hungry", "AwaitingRetry")
    waiting = kube.row(namespace.run(run), "hungry")

    ended = namespace.finish(run)

    row = kube.row(ended, "hungry")
    assert waiting["message"].endswith("; the next attempt has 128Mi of memory")
    assert (row["state"], row["attempt"], row["outOfMemory"]) == ("Succeeded", 2, 1)
    # A runtime on a busy node may miss whose SIGKILL it was (containerd issue 8180).
    assert row["attempts"][0]["reason"] in ("OOMKilled", "ExitCode")
    assert row["attempts"][0]["exitCode"] == 137
    assert limits(namespace, run) == {"1": "64Mi", "2": "128Mi"}


def test_a_rule_skips_what_ends_with_its_exit_code(namespace):
    nothing_new = kube.task(
        "nothing-new", "exit 42", retry={"limit": 5, "onFailure": [rule("Skip", exitCodes=[42])]}
    )
    tasks = (nothing_new, kube.task("load", after=["nothing-new"]))
    ended = namespace.finish(namespace.start(kube.dag("skips", *tasks)))

    row = kube.row(ended, "nothing-new")
    assert kube.states(ended) == {"nothing-new": "Skipped", "load": "Skipped"}
    assert (row["reason"], row["attempt"]) == ("RetryRule", 1)
    assert row["message"] == "exit code 42; skipped by rule 1 of retry.onFailure"
    assert kube.condition(ended, "Succeeded")["status"] == "True"


def test_a_rule_fails_a_task_for_good_whose_log_says_so(namespace):
    says = "echo 'ERROR: no such table'; exit 1"
    rules = [rule("Skip", exitCodes=[42]), rule("Fail", messagePattern="(?i)no such TABLE")]
    broken = kube.task("broken", says, retry={"limit": 5, "onFailure": rules})

    ended = namespace.finish(namespace.start(kube.dag("fails", broken)))

    row = kube.row(ended, "broken")
    assert (row["state"], row["reason"], row["attempt"]) == ("Failed", "RetryRule", 1)
    assert row["message"] == "exit code 1; failed by rule 2 of retry.onFailure"


def test_a_log_that_says_nothing_of_it_leaves_the_task_its_retries(namespace):
    rules = [rule("Fail", messagePattern="no such table")]
    retry = {"limit": 1, "backoffSeconds": 1, "onFailure": rules}
    flaky = kube.task("flaky", "echo 'try again'; test $KUBEDAG_ATTEMPT = 2", retry=retry)

    ended = namespace.finish(namespace.start(kube.dag("flaky-log", flaky)))

    assert kube.states(ended) == {"flaky": "Succeeded"}
    assert kube.row(ended, "flaky")["attempt"] == 2
