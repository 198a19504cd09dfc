"""That no wish is fulfilled twice, however many came after it, and that another is told from it."""

import dataclasses

import msgspec
import pytest

from kubedag.core import decide_run, marks, rerun, rerun_memory, rows, snapshot
from support.builders import (
    RUN_UID,
    a_chain,
    a_finished_status,
    a_row,
    a_snapshot,
    an_attempt,
    at,
    run_facts,
    stamp,
)

NOW = at(1000)
PLAN = a_chain("extract", "load")
DONE = a_finished_status(
    *(
        a_row(name, "Succeeded", attempt=1, attempts=(an_attempt(1, "Succeeded", task=name),))
        for name in ("extract", "load")
    )
)


def wish(id_, scope="All", *tasks, **fields):
    return snapshot.RerunRequest(id_, scope, tasks, **fields)


def snap_of(status, asked, **fields):
    facts = run_facts(uid=RUN_UID, rerun=asked, generation=7, **fields)
    return a_snapshot(PLAN, status=status, run=facts)


def decided(status, asked, **fields):
    return decide_run.decide(snap_of(status, asked, **fields), NOW).status


def ended(status):
    """The same status as if it had ended again."""
    return msgspec.structs.replace(
        status, tasks=DONE.tasks, conditions=DONE.conditions, completion_time=stamp(2000)
    )


def after(*wishes):
    """A run for which these were fulfilled, one after the other."""
    status = DONE
    for one in wishes:
        status = ended(decided(status, one))
    return status


def ids(status):
    return [one.id for one in status.rerun.fulfilled]


def told(status):
    condition = status.condition("RerunPending")
    return condition and (condition.status, condition.reason, condition.message)


def test_a_wish_that_was_fulfilled_before_another_is_not_fulfilled_again():
    status = after(wish("p1"), wish("p2"))
    assert (ids(status), status.rerun.number) == (["p1", "p2"], 2)
    assert not rerun.is_wanted(snap_of(status, wish("p1")).run, status)
    found = decided(status, wish("p1"))
    assert (found.finished, found.rerun, told(found)) == (True, status.rerun, None)


def test_the_newest_are_remembered():
    many = [f"p{number}" for number in range(rerun_memory.KEPT_MAX + 3)]
    assert ids(after(*map(wish, many))) == many[3:]


def test_what_an_operator_stored_that_remembered_only_the_last_is_remembered():
    status = msgspec.structs.replace(DONE, rerun=rows.Rerun("p1", 1, stamp(60), 2))
    again = ended(decided(status, wish("p2")))
    assert ids(again) == ["p1", "p2"]
    for known in (status, again):
        assert (
            told(decided(known, wish("p1", "Tasks", "load"))) is None
        )  # nobody knows what it was
        assert decided(known, wish("p1")).rerun == known.rerun


def test_a_mark_is_no_wish_and_takes_none_from_memory():
    status = msgspec.structs.replace(
        DONE, rerun=rows.Rerun("mark:1", 1, stamp(60), 2, "Failed"), completion_time=stamp(61)
    )
    again = ended(decided(status, wish("1")))
    assert (again.rerun.number, ids(again)) == (2, ["1"])
    for before in (again, after(wish("0"), wish("1"))):
        effect = marks.Effect(before.tasks, 1, "7")
        gone_on = marks.begun_again(before, effect, NOW).rerun
        assert (gone_on.id, gone_on.fulfilled) == ("1", before.rerun.fulfilled)


# --- The same id for something else ----------------------------------------------------------

EARLY = wish("early", "Tasks", "load", "extract")
SAID = (
    f"rerun 'early' was done at {stamp(1000)}, and asked for something else then: what is to run "
    "again needs an id of its own"
)
ANOTHER = {
    "another scope": wish("early"),
    "other tasks": wish("early", "Tasks", "load"),
    "more than these": EARLY._replace(include="Both"),
    "another revision": EARLY._replace(revision="Newest"),
    "only a question": EARLY._replace(dry_run=True),
}


@pytest.mark.parametrize("asked", ANOTHER.values(), ids=ANOTHER)
@pytest.mark.parametrize("others", [[], [wish("p2")]], ids=["the last", "one before it"])
def test_an_id_that_was_fulfilled_for_something_else_is_told(asked, others):
    status = after(EARLY, *others)
    found = decided(status, asked)
    assert (told(found), found.rerun) == (("False", "AlreadyDone", SAID), status.rerun)
    assert found.condition("RerunPending").observed_generation == 7
    assert decided(found, asked) == found
    assert told(decided(found, EARLY)) is None
    assert told(decided(found, None)) is None


def test_the_same_wish_in_another_order_is_the_same():
    found = decided(after(EARLY), EARLY._replace(tasks=("extract", "load", "load")))
    assert told(found) is None


def test_what_was_asked_is_known_again_by_the_digest_that_earlier_versions_have_stored():
    assert rerun_memory.content(EARLY) == "b23c509461fe289b"


def test_a_run_that_goes_on_tells_of_it_too():
    begun = decided(DONE, EARLY)
    assert told(decided(begun, EARLY)) is None
    assert told(decided(begun, wish("early"))) == ("False", "AlreadyDone", SAID)


def test_that_nothing_runs_again_keeps_no_other_waiting():
    found = decided(after(EARLY), wish("early"))
    assert not rerun.is_stuck(found)
    marked = {"load": snapshot.MarkRequest("1", "Failed")}
    without_rows = msgspec.structs.replace(
        found, tasks=(), slices=1, observed_generation=7, mark=None
    )
    facts = dataclasses.replace(snap_of(found, wish("early")).run, marks=marked)
    assert not marks.awaits(facts, without_rows)
