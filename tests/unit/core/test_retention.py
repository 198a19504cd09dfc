"""Which finished runs may go."""

from __future__ import annotations

import pytest

from kubedag.api.dag import Retention
from kubedag.core import retention
from support.builders import a_history, a_summary, at

DAY = 86_400


def expired(*runs, now=DAY, **fields):
    keep = Retention(**({"ttl_seconds_after_finished": 100 * DAY} | fields))
    doomed, due = retention.expired(a_history(*runs), keep, at(now))
    return [run.name for run in doomed], due


def failed(name, completed):
    return a_summary(name, completed, succeeded=False)


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        pytest.param((), [], id="none"),
        pytest.param((a_summary("a", 1), a_summary("b", 2)), [], id="as many as are kept"),
        pytest.param(
            (a_summary("b", 2), a_summary("c", 3), a_summary("a", 1)), ["a"],
            id="the one that ended first goes",
        ),
        pytest.param(
            (a_summary("a", 1), a_summary("b", 2), failed("c", 3), failed("d", 4)), ["c"],
            id="failed runs have their own count",
        ),
        pytest.param(
            (failed("a", 1), failed("c", 3), a_summary("b", 2), a_summary("d", 4),
             a_summary("e", 5)), ["a", "b"],
            id="whether they succeeded or failed",
        ),
        pytest.param(
            (a_summary("a", 1), a_summary("b", 2), a_summary("c", 3, deleting=True)), [],
            id="one that goes already does not count",
        ),
        pytest.param(
            (a_summary("a"), a_summary("b", started=False), a_summary("c"), a_summary("d")), [],
            id="what has not ended stays",
        ),
        pytest.param(
            (a_summary("b", 1), a_summary("a", 1), a_summary("c", 1)), ["a"],
            id="of several that ended at once it is always the same one",
        ),
    ],
)  # fmt: skip
def test_the_runs_beyond_what_a_dag_keeps_go_oldest_first(runs, expected):
    assert expired(*runs, successful_runs=2, failed_runs=1)[0] == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [(1009, ([], at(1010))), (1010, (["a"], at(1500))), (9999, (["a", "b"], None))],
    ids=["none is old enough", "one is just old enough", "all are"],
)
def test_a_run_goes_when_it_is_old_enough(now, expected):
    runs = (a_summary("b", 500), a_summary("a", 10))
    assert expired(*runs, now=now, ttl_seconds_after_finished=1000) == expected


def test_a_run_that_never_started_is_as_old_as_its_creation():
    run = a_summary("a", 1, completion_time=None)
    assert expired(run, now=1000, ttl_seconds_after_finished=1000) == (["a"], None)


def test_a_dag_may_keep_nothing():
    assert expired(a_summary("a", 1), failed("b", 2), successful_runs=0, failed_runs=0) == (
        ["a", "b"],
        None,
    )


def test_a_run_that_is_to_run_again_stays_however_old_it_is():
    wanted = a_summary("wanted", 0, rerun_wanted="1")
    done = a_summary("done", 1, rerun_wanted="1", rerun_id="1")
    found, _ = expired(wanted, done, now=10 * DAY, ttl_seconds_after_finished=1)
    assert found == ["done"]
