"""A creation that was given up takes effect later: the times of an attempt are of one Pod even so."""

from __future__ import annotations

import pytest

from kubedag.core import attempts
from support.builders import (
    a_condition,
    a_plan,
    a_pod,
    a_row,
    a_snapshot,
    an_attempt,
    stamp,
)
from support.objects import a_task

TASK = a_plan(a_task("a")).tasks[0]
FIRST = {"create_time": stamp(0), "schedule_time": stamp(1), "node_name": "n1"}
BEGUN = FIRST | {"start_time": stamp(2)}
GATED = {"create_time": stamp(0), "ungate_time": stamp(1)}
BARE = {"schedule_time": None, "start_time": None, "ungate_time": None, "node_name": ""}


def second(phase="Pending", *, bound=False, created=20):
    conditions = (a_condition("PodScheduled", when=21),) if bound else ()
    node = "n2" if bound else ""
    return a_pod(
        "a", 1, phase, created=created, conditions=conditions, node=node, started=22, uid="second"
    )


BOUND = {"create_time": stamp(20), "schedule_time": stamp(21), "node_name": "n2"}


@pytest.mark.parametrize(
    ("old", "pod", "expected"),
    [
        pytest.param(FIRST, second(), {"create_time": stamp(20)}, id="none has started"),
        pytest.param(GATED, second(), {"create_time": stamp(20)}, id="the first had a gate"),
        pytest.param(FIRST, second(bound=True), BOUND, id="the second has a node"),
        pytest.param(BEGUN, second(), BEGUN, id="the first has started"),
        pytest.param(BEGUN, second(bound=True), BEGUN, id="the first has, the second waits"),
        pytest.param(
            BEGUN, second("Running", bound=True), BOUND | {"start_time": stamp(22)},
            id="both have started",
        ),
        pytest.param(BEGUN, second(created=0), BEGUN, id="the same, whose node has lost it"),
        pytest.param(
            {"deps_met_time": stamp(0)}, second(), {"create_time": stamp(20)}, id="no Pod before"
        ),
    ],
)  # fmt: skip
def test_the_times_of_an_attempt_are_of_one_pod(old, pod, expected):
    recorded = an_attempt(1, "Terminating", pod_name=pod.metadata.name, **(BARE | old))
    row = a_row("a", "Terminating", attempt=1, attempts=(recorded,))
    snap = a_snapshot(a_plan(a_task("a")), pod)
    for now in (30, 40):  # and it stays so
        row = attempts.fold(row, TASK, (pod,), snap, stamp(now))
        (found,) = row.attempts
        wanted = BARE | {"create_time": None} | expected
        assert {name: getattr(found, name) for name in wanted} == wanted
        assert found.deps_met_time == recorded.deps_met_time
        times = [found.create_time, found.schedule_time, found.start_time]
        assert sorted(filter(None, times)) == [one for one in times if one]
