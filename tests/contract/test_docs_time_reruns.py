"""What the page on time claims of runs that run again, asked of the code that decides about them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import pytest

from kubedag.core import actions, decide_run, rows, snapshot
from support import builders, pages

PAGE = (Path(__file__).parents[2] / "docs" / "time.md").read_text(encoding="utf-8")
TABLE = pages.table(PAGE, "`scope`")
NAMES = ("extract", "load", "report")
PLAN = builders.a_chain(*NAMES)
NOW = builders.at(1000)
NOBODY = "\N{EN DASH}"


def a_row(name, state):
    if state == "UpstreamFailed":
        return builders.a_row(name, state)
    attempt = builders.an_attempt(1, state, task=name, finish_time=builders.stamp(50))
    failures = int(state == "Failed")
    return builders.a_row(name, state, attempt=1, attempts=(attempt,), user_failures=failures)


def an_end(*states):
    tasks = [a_row(name, state) for name, state in zip(NAMES, states, strict=True)]
    return builders.a_finished_status(*tasks, succeeded="Failed" not in states)


DONE = an_end("Succeeded", "Succeeded", "Succeeded")
FAILED = an_end("Succeeded", "Failed", "UpstreamFailed")


def a_wish(scope="All", tasks=(), id_="1", revision="Same"):
    return snapshot.RerunRequest(id_, scope, tasks, revision)


def a_snapshot(status, wish, **fields):
    run = builders.run_facts(builders.RUN, rerun=wish)
    return builders.a_snapshot(PLAN, status=status, run=run, **fields)


def decided(status, wish, **fields):
    return decide_run.decide(a_snapshot(status, wish, **fields), NOW).status


def begun(status):
    """The tasks of a run that begin anew."""
    return [row.name for row in status.tasks if row.state in {"Waiting", "Queued"}]


CELLS = [
    (row[0], head, cell)
    for row in TABLE.rows
    for head, cell in zip(TABLE.header[1:], row[1:], strict=True)
]


@pytest.mark.parametrize(("words", "head", "cell"), CELLS, ids=[" ".join(c[:2]) for c in CELLS])
def test_these_tasks_run_again(words, head, cell):
    scope, *_ = pages.code(words)
    status = FAILED if "failed" in head else DONE
    wish = a_wish(scope, ("load",) if scope == "Tasks" else ())

    found = begun(decided(status, wish))

    assert ", ".join(found) == ("" if cell == NOBODY else cell)


@pages.claim("What has succeeded and does not depend on what runs again stays as it is.")
def test_what_has_succeeded_before_keeps_its_row():
    after = decided(FAILED, a_wish("Failed"))

    assert (after.tasks[0], begun(after)) == (FAILED.tasks[0], ["load", "report"])


@pages.claim(
    "Attempts go on counting; budgets of retries begin anew, and so does `status.retries`."
)
def test_the_next_attempt_has_the_next_number_and_the_whole_budget():
    stored = decided(FAILED, a_wish("Failed"))

    decision = decide_run.decide(a_snapshot(stored, a_wish("Failed")), NOW)

    (create,) = decision.actions
    assert isinstance(create, actions.CreatePod)
    assert (PLAN.tasks[create.task_index].name, create.attempt) == ("load", 2)
    pod = builders.a_pod("load", 2, "Running")
    running = decided(stored, a_wish("Failed"), pods={"load": (pod,)})
    assert (running.tasks[1].attempt, running.retries) == (2, 0)
    load = stored.tasks[1]
    assert (load.user_failures, load.infra_failures, len(load.attempts)) == (0, 0, 1)


@pages.claim(
    "An `id` that was fulfilled is not fulfilled again, so the same manifest may be applied again."
)
def test_a_wish_is_fulfilled_once():
    over = msgspec.structs.replace(DONE, rerun=rows.Rerun("1", 1, builders.stamp(10), 3))

    assert begun(decided(over, a_wish(id_="1"))) == []
    assert begun(decided(over, a_wish(id_="2"))) == list(NAMES)


BUSY = snapshot.Peer("other", ("2026", "2026", "other"), started=True)


@pages.claim(
    "The run stays as it has ended until it may start; its condition `RerunPending` says what it "
    "waits for."
)
def test_a_run_that_waits_for_its_turn_stays_as_it_has_ended():
    after = decided(FAILED, a_wish(), peers=[BUSY])

    pending = after.condition(rows.RERUN_PENDING)
    assert (pending.status, pending.reason) == (rows.TRUE, "Queued")
    assert (after.finished, after.tasks, after.completion_time) == (
        True,
        FAILED.tasks,
        FAILED.completion_time,
    )


@pages.claim("A wish that is taken back before leaves the run as it was.")
def test_a_wish_that_is_taken_back_leaves_nothing():
    never = decided(FAILED, None)
    waiting = decided(FAILED, a_wish(), peers=[BUSY])

    assert decided(waiting, None) == never


@pages.claim(
    "With `revision: Newest` the run goes by the DAG as it is now; without, by the revision that it had."
)
def test_a_rerun_goes_by_the_revision_that_it_asks_for():
    plan = builders.a_chain(*NAMES, "publish")
    newest = snapshot.Source(plan, "pipeline-newest", 2)
    asked = {word: a_wish(revision=word) for word in ("Same", "Newest")}

    found = {
        word: decide_run.decide(
            dataclasses.replace(a_snapshot(DONE, wish), newest=newest), NOW
        ).status
        for word, wish in asked.items()
    }

    assert {word: status.revision for word, status in found.items()} == {
        "Same": builders.REVISION,
        "Newest": "pipeline-newest",
    }
    assert begun(found["Newest"]) == [*NAMES, "publish"]
