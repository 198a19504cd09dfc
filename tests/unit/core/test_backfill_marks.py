"""What a Backfill sees of runs of which somebody says how they ended."""

import pytest

from kubedag.core import backfill_standing
from support.backfills import ID, UID, a_backfill, a_wish, decide, ours, states

BY_HAND = {"completion_time": "2026-03-05T00:00:00Z"}
OURS_AGAIN = {"backfill_uid": "", "rerun_id": ID, "rerun_wanted": ID}


@pytest.mark.parametrize(("succeeded", "state"), [(True, "Succeeded"), (False, "Failed")])
def test_an_interval_has_ended_as_its_run_was_marked(succeeded, state):
    run = ours(0, "Failed" if succeeded else "Succeeded", succeeded=succeeded)
    run = run._replace(state=f"Marked{state}", **BY_HAND)
    found = decide(a_backfill(a_wish(1), run)).status
    assert [one[0] for one in states(found)] == [state]


@pytest.mark.parametrize(("succeeded", "again"), [(True, 0), (False, 1)])
def test_what_runs_again_because_it_failed_is_what_was_not_marked_as_succeeded(succeeded, again):
    state = "MarkedSucceeded" if succeeded else "MarkedFailed"
    run = ours(0, "Failed", backfill_uid="", succeeded=succeeded)._replace(state=state, **BY_HAND)
    found = decide(a_backfill(a_wish(1, reprocess="Failed"), run))
    assert len(found.actions) == again


@pytest.mark.parametrize("cancel", [False, True])
def test_a_run_that_ran_again_for_it_and_is_to_go_on_after_a_mark_is_not_called_back(cancel):
    run = ours(0, "Failed", marks_wanted=True, **OURS_AGAIN)
    wish = a_wish(1, reprocess="Failed", cancel=cancel)
    assert run.is_to_rerun
    assert not wish.awaits(run)
    assert backfill_standing.standing(run, wish).state == "Failed"
    assert decide(a_backfill(wish, run)).actions == ()
    assert backfill_standing.abandoned(run, frozenset()) is None
    assert backfill_standing.abandoned(run, {UID}) is None
