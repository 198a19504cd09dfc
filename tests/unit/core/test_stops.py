"""What else ends a run early, and by which words that is remembered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubedag.core import actions, asks, rows, snapshot, stops
from support.builders import a_plan, a_pod, a_row, a_status, a_summary, stamp
from support.objects import a_task
from support.shutdowns import asked, created, decide, of_kind, said, stored, word

# --- Time, and other runs --------------------------------------------------------------------


def test_a_run_that_took_too_long_tidies_up():
    of = a_plan(a_task("a"), timeoutSeconds=100, **{"finally": [a_task("tidy")]})
    running = a_pod("a", phase="Running")
    snap = asked("", running, of=of)
    first = decide(snap, 101)
    assert (said(first)["a"], word(first)[1]) == (("Terminating", "RunTimedOut"), "TimedOut")
    gone = a_pod("a", phase="Failed", exit_code=137, finished=103, deleted=102, gone=True)
    found = decide(stored(snap, first, gone), 104)
    assert [one.run_state for one in of_kind(found, actions.CreatePod)] == ["Failed"]


def test_time_that_is_up_ends_a_run_as_timed_out_also_while_it_tidies_up():
    of = a_plan(a_task("a"), timeoutSeconds=100, **{"finally": [a_task("tidy")]})
    pods = [a_pod("a", phase="Succeeded"), a_pod("tidy", phase="Running", started=50)]
    found = decide(asked("", *pods, of=of), 101)
    assert (said(found)["tidy"][0], word(found)[1]) == ("Running", "TimedOut")
    assert said(decide(asked("", *pods, of=of), 651))["tidy"] == ("Terminating", "TaskTimedOut")


def test_a_run_that_was_replaced_tidies_up_and_stays_replaced():
    of = a_plan(a_task("a"), concurrencyPolicy="Replace", **{"finally": [a_task("tidy")]})
    newer = snapshot.Peer("newer", (stamp(50), stamp(50), "newer"))
    running = a_pod("a", phase="Running")
    snap = replace(asked("", running, of=of), peers=(newer,))
    first = decide(snap)
    gone = a_pod("a", phase="Failed", exit_code=137, finished=23, deleted=22, gone=True)
    alone = replace(stored(snap, first, gone), peers=())
    found = decide(alone)
    assert (word(found)[1], created(found, of)) == ("Replaced", ["tidy"])


# --- What is recorded ------------------------------------------------------------------------


def a_told(reason, *tasks, **fields):
    condition = rows.Condition(rows.SUCCEEDED_CONDITION, rows.UNKNOWN, reason)
    return a_status(*tasks, conditions=(condition,), **fields)


STOPPED = a_row("a", "Skipped", reason="RunStopped")
KILLED = a_row("b", "Terminating", reason="RunTerminated")


@pytest.mark.parametrize(
    ("status", "stop"),
    [
        pytest.param(a_told("Running"), "", id="none"),
        pytest.param(a_told("Stopped"), "RunStopped", id="by the run"),
        pytest.param(a_told("Running", STOPPED), "", id="rows alone do not count"),
        pytest.param(a_told("Running", STOPPED, slices=1), "RunStopped", id="but in slices"),
        pytest.param(
            a_told("Stopped", STOPPED, KILLED, slices=1), "RunTerminated", id="the last word"
        ),
        pytest.param(
            a_told("Running", STOPPED, slices=1, rerun=rows.Rerun("1", 1, "t", 1)), "",
            id="of before a rerun",
        ),
    ],
)  # fmt: skip
def test_which_stop_is_recorded(status, stop):
    assert stops.recorded(status) == stop


def test_every_stop_is_known_to_whoever_reads_a_pod():
    assert len(set(stops.STOPS.values())) == len(stops.STOPS) - 1  # a mark says one of two things
    assert asks.ASKS.keys() >= set(stops.STOPS.values())


@pytest.mark.parametrize(
    ("state", "counts"),
    [
        ("Failed", True),
        ("TimedOut", True),
        ("MarkedFailed", True),
        ("Stopped", False),
        ("Terminated", False),
    ],
)
def test_a_run_that_a_person_ended_says_nothing_about_its_dag(state, counts):
    run = a_summary("r", 5)._replace(succeeded=False, state=state)
    assert run.counts is counts
