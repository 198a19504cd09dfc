"""Holding a run, letting it go, and ending it."""

from __future__ import annotations

import pytest

from e2e import kube


def test_a_run_created_suspended_starts_when_it_is_let_go(examples, recorder):
    namespace, run = examples["suspend"]
    suspended = 'jsonpath={.status.conditions[?(@.type=="Succeeded")].reason}=Suspended'
    namespace.wait(f"dagrun/{run}", suspended)
    before = recorder.of_run(namespace.kubectl.namespace, run)

    namespace.patch(f"dagrun/{run}", suspend=False)
    namespace.until(run, "first", "Running")
    namespace.patch(f"dagrun/{run}", suspend=True)
    namespace.until(run, "first", "Succeeded")
    namespace.wait(f"dagrun/{run}", suspended)
    held = kube.states(namespace.run(run))
    namespace.patch(f"dagrun/{run}", suspend=False)
    ended = namespace.finish(run)

    assert before == []
    assert held == {"first": "Succeeded", "second": "Queued"}
    assert kube.states(ended) == {"first": "Succeeded", "second": "Succeeded"}


def test_a_run_that_asks_goes_on_once_it_is_answered(examples, recorder):
    namespace, run = examples["approval"]
    asks = 'jsonpath={.status.conditions[?(@.type=="Succeeded")].reason}=AwaitingApproval'
    namespace.wait(f"dagrun/{run}", asks)
    before = kube.states(namespace.run(run))
    made = recorder.of_run(namespace.kubectl.namespace, run)

    me = namespace.kubectl("auth", "whoami", "-o", "jsonpath={.status.userInfo.username}")
    answer = {"task": "sign-off", "decision": "Approved", "by": me}
    namespace.patch(f"dagrun/{run}", approvals=[answer])
    ended = namespace.finish(run)

    assert before == {"build": "Succeeded", "sign-off": "AwaitingApproval", "send": "Waiting"}
    assert {kube.task_of(event) for event in made} == {"build"}
    assert kube.states(ended) == dict.fromkeys(["build", "sign-off", "send"], "Succeeded")
    assert kube.row(ended, "sign-off")["approval"]["by"] == me


def test_a_suspended_dag_still_runs_by_hand(namespace):
    ended = namespace.finish(namespace.start(kube.dag("held", kube.task("only"), suspend=True)))

    assert kube.states(ended) == {"only": "Succeeded"}


def test_deleting_a_run_ends_its_pods(namespace):
    run = namespace.start(kube.dag("deleted", kube.task("long", kube.sleep(300))))
    namespace.until(run, "long", "Running")

    namespace.kubectl("delete", "dagrun", run, "--timeout=60s")
    namespace.kubectl(
        "wait", "pod", "-l", f"kubedag.dev/run={run}", "--for=delete", "--timeout=60s"
    )

    assert namespace.pods(run) == []


@pytest.mark.parametrize("policy", ["Queue", "Allow"])
def test_the_concurrency_policy_decides_about_a_second_run(namespace, policy):
    slow = kube.dag("twice", kube.task("slow", kube.sleep(3)), concurrencyPolicy=policy)
    first = namespace.start(slow)
    namespace.until(first, "slow", "Running")
    second = namespace.create(kube.run("twice"))

    reason = {"Queue": "Queued", "Allow": "Running"}[policy]
    path = 'jsonpath={.status.conditions[?(@.type=="Succeeded")].reason}'
    namespace.wait(f"dagrun/{second}", f"{path}={reason}")
    ended = [namespace.finish(name) for name in (first, second)]

    one, two = (kube.row(each, "slow")["attempts"][0] for each in ended)
    assert (two["createTime"] < one["finishTime"]) is (policy == "Allow")
