"""The laws that a run on a bad day is judged by: each must see its own breach, and no other."""

from __future__ import annotations

import pytest

from e2e import laws
from e2e.witness import Sight

UPSTREAM = {"first": [], "second": ["first"]}


def sight(task, phase, type_="MODIFIED", seam=0, **pod):
    """A Pod `<task>-<attempt>`; times are seconds of one minute."""
    attempt, uid = pod.get("attempt", 1), pod.get("uid", "")
    meta = {
        "name": f"{task}-{attempt}",
        "uid": uid or f"{task}-{attempt}",
        "labels": {"kubedag.dev/task": task, "kubedag.dev/attempt": str(attempt)},
        "creationTimestamp": f"2026-01-01T00:00:{pod.get('created', 0):02}Z",
    }
    if pod.get("deleted"):
        meta["deletionTimestamp"] = "2026-01-01T00:00:30Z"
    ended = {"finishedAt": f"2026-01-01T00:00:{pod.get('finished', 5):02}Z", "exitCode": 0}
    status = {"phase": phase}
    if phase == "Succeeded":
        status["containerStatuses"] = [{"name": "main", "state": {"terminated": ended}}]
    return Sight(0.0, type_, {"metadata": meta, "status": status}, seam)


FIRST = [
    sight("first", "Pending", "ADDED"),
    sight("first", "Running"),
    sight("first", "Succeeded"),
]
SECOND = [
    sight("second", "Pending", "ADDED", created=5),
    sight("second", "Succeeded", created=5, finished=9),
]
GOOD = [*FIRST, *SECOND]
RECORDED = {"first": "first-1", "second": "second-1"}


def row(name, *pods):
    return {"name": name, "state": "Succeeded", "attempts": [{"podName": pod} for pod in pods]}


def a_run(*rows, retries=0):
    return {"status": {"tasks": list(rows), "retries": retries}}


def breaches(sights):
    """How often each law that goes by Pods alone is broken."""
    return (
        len(laws.in_order(sights, UPSTREAM)),
        len(laws.never_twice_at_once(sights)),
        len(laws.succeeds_once(sights, UPSTREAM, RECORDED)),
    )


@pytest.mark.parametrize(
    ("sights", "expected"),
    [
        pytest.param(GOOD, (0, 0, 0), id="as it should be"),
        pytest.param([*SECOND, *FIRST], (1, 0, 0), id="created before its upstream had ended"),
        pytest.param(FIRST, (0, 0, 1), id="a task without a success"),
        pytest.param(
            [*GOOD, sight("first", "Pending", "ADDED", attempt=2, created=9)],
            (0, 0, 0),
            id="a second Pod after the first has ended",
        ),
        pytest.param(
            [FIRST[0], sight("first", "Pending", "ADDED", attempt=2), *GOOD[1:]],
            (0, 1, 0),
            id="a second Pod beside the first",
        ),
        pytest.param(
            [FIRST[0], sight("first", "Pending", "ADDED", uid="other"), *GOOD[1:]],
            (0, 1, 0),
            id="a second Pod of the same name",
        ),
        pytest.param(
            [
                *FIRST[:2],
                sight("first", "Running", "DELETED"),
                sight("first", "Pending", "ADDED", uid="other"),
                *GOOD[2:],
            ],
            (0, 0, 0),
            id="a second Pod of the same name after the first is gone",
        ),
        pytest.param(
            [*GOOD, sight("first", "Succeeded", attempt=2)], (0, 0, 1), id="two successes"
        ),
        pytest.param(
            [sight("first", "Succeeded", attempt=2, deleted=True), *GOOD],
            (0, 0, 0),
            id="one that was deleted at the moment of its success, and run again",
        ),
        pytest.param(
            [
                sight("second", "Pending", "ADDED", seam=2, created=5),
                sight("first", "Succeeded", "ADDED", seam=2),
                SECOND[1],
            ],
            (0, 0, 0),
            id="both in one list, in the right order by the clock",
        ),
        pytest.param(
            [
                sight("first", "Succeeded", "ADDED", seam=2),
                sight("second", "Pending", "ADDED", seam=2, created=4),
                SECOND[1],
            ],
            (1, 0, 0),
            id="both in one list, in the wrong order by the clock",
        ),
    ],
)
def test_a_law_sees_its_own_breach_alone(sights, expected):
    assert breaches(sights) == expected


@pytest.mark.parametrize(
    ("run", "expected"),
    [
        pytest.param(a_run(row("first", "first-1"), row("second", "second-1")), 0, id="all"),
        pytest.param(a_run(row("first"), row("second", "second-1")), 2, id="one forgotten"),
        pytest.param(
            a_run(row("first", "first-1"), row("second", "second-1", "second-2"), retries=1),
            *(1,),
            id="one invented",
        ),
        pytest.param(
            a_run(row("first", "first-1"), row("second", "second-1"), retries=1),
            *(1,),
            id="miscounted",
        ),
    ],
)
def test_the_status_must_remember_each_pod(run, expected):
    assert len(laws.remembers(GOOD, run)) == expected


@pytest.mark.parametrize(("then", "expected"), [("Succeeded", 0), ("Running", 1)])
def test_a_task_that_has_ended_stays_so(then, expected):
    seen = [
        Sight(0.0, "MODIFIED", {"status": {"tasks": [{"name": "first", "state": state}]}})
        for state in ("Running", "Succeeded", then)
    ]

    assert len(laws.stays_ended(seen)) == expected
