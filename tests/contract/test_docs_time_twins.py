"""What the page on time claims of intervals with two runs, and of runs that cannot run again."""

from __future__ import annotations

import pytest

from kubedag.core import actions
from kubedag.shell.store import Store
from support import objects, pages
from support.backfills import ID, UID, a_backfill, a_run_of, a_wish, day, decide, starts, states
from support.builders import as_stored


def one(name, created, run_type="Scheduled"):
    return a_run_of(0, name=name, order=(day(0), day(created), name), run_type=run_type)


@pytest.mark.parametrize(
    "runs",
    [
        (one("taken", 1), one("other", 9, "Manual")),
        (one("taken", 9, "Manual"), one("other", 1, "Manual")),
    ],
    ids=["one is not by hand", "both are by hand"],
)
@pages.claim(
    "Where [somebody has created another run of an interval by hand](#names), the Backfill takes "
    "the one that is not `Manual`, and of several such the newest."
)
def test_of_two_runs_a_backfill_takes_the_one_that_is_not_manual_and_then_the_newest(runs):
    decision = decide(a_backfill(a_wish(1, reprocess="Completed"), *runs))
    assert starts(decision.actions) == [("again", "taken")]


def asked_in_vain():
    """A run that is refused what a Backfill asks of it, and what the Backfill says then."""
    run = a_run_of(0, rerun_wanted=ID, refused=True, held="TaskNotFound: it has no such task")
    return run, decide(a_backfill(a_wish(1, reprocess="Completed"), run)).status


@pages.claim(
    "An interval whose run cannot run again, because the DAG has not the tasks or the revision is "
    "gone, has `Failed` with the reason `RerunRefused`, and nothing waits for it."
)
def test_nothing_waits_for_a_run_that_cannot_run_again():
    _, status = asked_in_vain()
    assert (states(status), status.finished) == ([("Failed", "RerunRefused", 1)], True)


@pages.claim(
    "What was refused to a Backfill is not asked for any more once it is over, so no later change "
    "of the DAG has the run run again."
)
def test_what_was_refused_is_taken_back_when_the_backfill_is_over():
    run, over = asked_in_vain()
    store = Store(lambda _key: None)
    for version, status in ((1, None), (2, over)):
        assert store.backfills.abandoned("ns", run) is None
        store.backfills.put(as_stored(objects.a_backfill(), version, uid=UID, status=status))
        store.backfills.listed = True
    assert store.backfills.abandoned("ns", run) == actions.WithdrawRerun(run.name, run.uid, ID)
