"""Which of several runs of an interval a Backfill goes by: that follows from what they are alone."""

from __future__ import annotations

from itertools import permutations

import pytest

from kubedag.core import actions
from support.backfills import ID, NOW, a_backfill, a_run_of, a_wish, day, decide, ours, states


def made(name, created, state="Succeeded", days=1, **fields):
    """A run of the first day, by the day on which it was created."""
    return a_run_of(0, state, days, name=name, order=(day(0), day(created), name), **fields)


def by_hand(name, created, state="Succeeded", **fields):
    return made(name, created, state, run_type="Manual", **fields)


EARLY, LATE = {"completion_time": day(20)}, {"completion_time": day(30)}
SCHEDULED, FAILED = made("scheduled", 1), made("scheduled", 1, "Failed")
TABLE = {
    "one by hand is newer": (
        [SCHEDULED, by_hand("hand", 5)], "scheduled", ("Planned", "RunsAgain"),
    ),
    "one by hand ended later": (
        [made("scheduled", 1, **EARLY), by_hand("hand", 1, **LATE)],
        "scheduled", ("Planned", "RunsAgain"),
    ),
    "one by hand has failed": (
        [SCHEDULED, by_hand("hand", 5, "Failed")], "scheduled", ("Planned", "RunsAgain"),
    ),
    "one by hand runs": (
        [SCHEDULED, by_hand("hand", 5, "Running")], "scheduled", ("Planned", "RunsAgain"),
    ),
    "one by hand waits": (
        [SCHEDULED, by_hand("hand", 5, "Queued")], "scheduled", ("Planned", "RunsAgain"),
    ),
    "one by hand is to run again": (
        [SCHEDULED, by_hand("hand", 5, rerun_wanted="1")], "scheduled", ("Planned", "RunsAgain"),
    ),
    "the one that is not by hand runs": (
        [made("scheduled", 1, "Running"), by_hand("hand", 5)], "scheduled", ("Active", "Existing"),
    ),
    "the one that is not by hand is to run again": (
        [made("scheduled", 1, rerun_wanted="1"), by_hand("hand", 5)],
        "scheduled", ("Queued", "Existing"),
    ),
    "two by hand": (
        [by_hand("new", 5, **EARLY), by_hand("old", 1, **LATE)], "new", ("Planned", "RunsAgain"),
    ),
    "two by hand of one second": (
        [by_hand("a", 1), by_hand("b", 1)], "b", ("Planned", "RunsAgain"),
    ),
    "two of schedules": (
        [made("new", 5, **EARLY), made("old", 1, days=2, **LATE)], "new",
        ("Planned", "RunsAgain"),
    ),
    "one of a Backfill, and one of the schedule": (
        [made("new", 5, run_type="Backfill"), SCHEDULED], "new", ("Planned", "RunsAgain"),
    ),
    "the newest of three": (
        [SCHEDULED, made("newest", 3, run_type="Catchup"), by_hand("hand", 5)],
        "newest", ("Planned", "RunsAgain"),
    ),
    "one goes": (
        [made("scheduled", 1, deleting=True), by_hand("hand", 5)], "hand",
        ("Planned", "RunsAgain"),
    ),
    "all go": (
        [made("scheduled", 1, deleting=True), by_hand("hand", 5, deleting=True)], "scheduled",
        ("Planned", "RunDeleted"),
    ),
    "its own": ([ours(0, name="mine"), made("new", 5)], "mine", ("Succeeded", "")),
    "one by hand that has run again for it": (
        [by_hand("hand", 1, rerun_id=ID), made("new", 5)], "hand", ("Succeeded", ""),
    ),
    "one by hand that is to run again for it": (
        [by_hand("hand", 1, rerun_wanted=ID), made("new", 5)], "hand", ("Queued", ""),
    ),
    "two have run again for it": (
        [by_hand("hand", 5, "Failed", rerun_id=ID), made("scheduled", 1, rerun_id=ID)],
        "scheduled", ("Succeeded", ""),
    ),
    "of two that have run again for it one runs again": (
        [by_hand("hand", 5, "Running", rerun_id=ID), made("scheduled", 1, rerun_id=ID)],
        "hand", ("Active", ""),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("runs", "covers", "stands"), TABLE.values(), ids=TABLE)
def test_of_several_runs_of_an_interval_one_counts_in_whatever_order_they_are_known(
    runs, covers, stands
):
    for known in permutations(runs):
        found = decide(a_backfill(a_wish(1, reprocess="Completed"), *known))
        (only,) = found.status.ranges
        assert (only.run_name, states(found.status)) == (covers, [(*stands, 1)])
        again = [covers] if stands[1] == "RunsAgain" else []
        assert [one.name for one in found.actions] == again


def test_a_run_that_is_being_created_is_the_newest():
    create = actions.CreateRun("coming", "Catchup", day(0), day(2))
    wish = a_wish(1, reprocess="Completed")
    found = decide(a_backfill(wish, SCHEDULED, creating=(create,)), NOW)
    assert (states(found.status), found.actions) == ([("Queued", "Existing", 1)], ())


@pytest.mark.parametrize(
    ("runs", "again"),
    [
        ([FAILED, by_hand("hand", 5)], ["scheduled"]),
        ([SCHEDULED, by_hand("hand", 5, "Failed")], []),
    ],
    ids=["it has failed", "the one by hand has failed"],
)
def test_whether_an_interval_has_failed_says_the_run_that_counts(runs, again):
    found = decide(a_backfill(a_wish(1, reprocess="Failed"), *runs))
    assert [one.name for one in found.actions] == again
