"""The operator may die at any moment: nothing is lost, and nothing happens twice."""

from __future__ import annotations

import pytest

from e2e import kube

pytestmark = pytest.mark.alone

OPERATOR = "app.kubernetes.io/component=operator"
WIDE = 6


def test_an_operator_killed_in_mid_run_loses_nothing_and_doubles_nothing(
    namespace, system, recorder
):
    names = [f"part-{number}" for number in range(WIDE)]
    tasks = [kube.task(name, kube.sleep(3)) for name in names]
    tasks += [kube.task(f"after-{name}", after=[name]) for name in names]
    flaky = kube.task(
        "flaky", "test $KUBEDAG_ATTEMPT = 2", retry={"limit": 1, "backoffSeconds": 1}
    )
    every = [*names, *(f"after-{name}" for name in names), "flaky"]
    definition = kube.dag("killed", *tasks, flaky, kube.task("join", after=every))
    run = namespace.start(definition)
    namespace.until(run, names[0], "Running")

    system.kubectl("delete", "pod", "-l", OPERATOR, "--force", "--grace-period=0")
    ended = namespace.finish(run)

    assert set(kube.states(ended).values()) == {"Succeeded"}
    made = kube.pod_uids(recorder.of_run(namespace.kubectl.namespace, run))
    once = {(name, "1") for name in [*every, "join"]} | {("flaky", "2")}
    assert {key: len(uids) for key, uids in made.items()} == dict.fromkeys(once, 1)


def test_a_run_made_while_there_is_no_operator_is_run_later(namespace, system):
    namespace.apply(kube.dag("later", kube.task("only")))
    namespace.wait("dag/later", "Ready")
    system.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=0")
    system.kubectl("wait", "pod", "-l", OPERATOR, "--for=delete", "--timeout=60s")
    try:
        run = namespace.create(kube.run("later"))
    finally:
        system.kubectl("scale", "deployment", "-l", OPERATOR, "--replicas=1")

    assert kube.states(namespace.finish(run)) == {"only": "Succeeded"}
