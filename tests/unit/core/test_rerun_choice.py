"""Which tasks run again: what a scope chooses, what is included beside that, and what follows."""

import msgspec
import pytest

from kubedag.core import decide_run, rerun_choice, snapshot
from support.builders import RUN_UID, a_finished_status, a_plan, a_row, a_snapshot, at, run_facts
from support.objects import a_task

#  extract ── clean ── load ── report      other
#          └─ check ──┘
PLAN = a_plan(
    a_task("extract"),
    a_task("clean", dependsOn=["extract"]),
    a_task("check", dependsOn=["extract"]),
    a_task("load", dependsOn=["clean", "check"]),
    a_task("report", dependsOn=["load"]),
    a_task("other"),
)
NAMES = [task.name for task in PLAN.tasks]
NOW = at(1000)


def ended(**states):
    """A run whose tasks have succeeded, but for these."""
    rows_ = (a_row(name, states.get(name, "Succeeded"), attempt=1) for name in NAMES)
    return a_finished_status(*rows_, succeeded=not states)


DONE = ended()
FAILED = ended(clean="Failed", load="UpstreamFailed", report="UpstreamFailed")
TIMED_OUT = a_finished_status(
    *(
        a_row(name, "Skipped", reason="RunTimedOut")
        if name in ("load", "report", "other")
        else a_row(name, "Failed" if name == "clean" else "Succeeded")
        for name in NAMES
    ),
    succeeded=False,
    reason="TimedOut",
)
LOST = msgspec.structs.replace(
    DONE, tasks=tuple(a_row("check") if row.name == "check" else row for row in DONE.tasks)
)


def wish(include="Downstream", *tasks, scope="Tasks", **fields):
    return snapshot.RerunRequest(
        "1", scope if tasks else "Failed", tasks, include=include, **fields
    )


CASES = {
    "all downstream, unless something else is said": (
        DONE, wish("Downstream", "clean"), "clean load report",
    ),
    "all upstream": (DONE, wish("Upstream", "load"), "extract clean check load"),
    "both, and not what is below of what is above": (
        DONE, wish("Both", "clean"), "extract clean load report",
    ),
    "none": (DONE, wish("None", "clean"), "clean"),
    "none of two": (DONE, wish("None", "clean", "report"), "clean report"),
    "none, and what waited for it follows": (FAILED, wish("None", "clean"), "clean load report"),
    "none of another, and what waits for something else stays": (
        FAILED, wish("None", "extract"), "extract",
    ),
    "upstream, and what waited for it follows": (
        FAILED, wish("Upstream", "clean"), "extract clean load report",
    ),
    "none of what failed": (FAILED, wish("None"), "clean load report"),
    "all upstream of what failed": (FAILED, wish("Upstream"), "extract clean check load report"),
    "none, and what a stop kept from running below follows": (
        TIMED_OUT, wish("None", "clean"), "clean load report",
    ),
    "none, and what has not come to an end runs": (LOST, wish("None", "other"), "check other"),
    "upstream of what is chosen, and not of what has not come to an end": (
        LOST, wish("Upstream", "other"), "check other",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("status", "asked", "expected"), CASES.values(), ids=CASES)
def test_these_tasks_run_again(status, asked, expected):
    found = rerun_choice.chosen(PLAN, status, asked)
    assert [NAMES[index] for index in sorted(found)] == expected.split()


JUDGED = {
    "by a rule": ("TriggerRule", {}),
    "by a person": ("Marked", {}),
    "by the time for an answer": ("ApprovalTimedOut", {}),
}


@pytest.mark.parametrize(("reason", "fields"), JUDGED.values(), ids=JUDGED)
def test_what_was_skipped_on_purpose_has_not_failed(reason, fields):
    row = a_row("clean", "Skipped", reason=reason, **fields)
    assert not rerun_choice.could_not_run(row, TIMED_OUT)


# --- Dry run ---------------------------------------------------------------------------------


def decide(status, asked, **fields):
    run = run_facts(uid=RUN_UID, rerun=asked, **fields.pop("run", {}))
    return decide_run.decide(a_snapshot(PLAN, status=status, run=run, **fields), NOW)


def said(status):
    told = status.condition("RerunPending")
    return None if told is None else (told.status, told.reason, told.message)


DRY = {
    "some": (FAILED, wish(dry_run=True), "would run 3 tasks again: clean, load, report"),
    "one": (DONE, wish("None", "other", dry_run=True), "would run 1 task again: other"),
    "none": (DONE, wish(dry_run=True), "would run no task again"),
}


@pytest.mark.parametrize(("status", "asked", "message"), DRY.values(), ids=DRY)
def test_a_dry_run_says_what_would_run_again_and_does_nothing(status, asked, message):
    decision = decide(status, asked)
    assert said(decision.status) == ("True", "DryRun", message)
    assert (decision.actions, decision.status.tasks) == ((), status.tasks)
    assert decision.status.finished
    assert decision.status.rerun is None


def test_a_dry_run_waits_for_nobody():
    busy = snapshot.Peer("other", ("2026", "2026", "other"), started=True)
    decision = decide(FAILED, wish(dry_run=True), peers=[busy], run={"suspend": True})
    assert said(decision.status)[1] == "DryRun"


def test_a_dry_run_of_a_task_that_there_is_not_says_so():
    found = decide(FAILED, wish("Downstream", "nothing", dry_run=True)).status
    assert said(found)[1] == "TaskNotFound"


def test_a_dry_run_by_a_revision_that_is_gone_says_so():
    run = run_facts(uid=RUN_UID, rerun=wish(dry_run=True))
    gone = a_snapshot(None, status=FAILED, run=run, plan_revision="gone")
    assert said(decide_run.decide(gone, NOW).status)[1] == "RevisionNotFound"


def test_a_dry_run_of_many_tasks_does_not_name_them_all():
    plan = a_plan(*(a_task(f"t{number}") for number in range(30)))
    status = a_finished_status(*(a_row(task.name, "Succeeded") for task in plan.tasks))
    run = run_facts(uid=RUN_UID, rerun=snapshot.RerunRequest("1", "All", dry_run=True))
    message = said(decide_run.decide(a_snapshot(plan, status=status, run=run), NOW).status)[2]
    assert message.startswith("would run 30 tasks again: t0, t1, ")
    assert message.endswith(", t19 …")


def test_a_dry_run_is_told_again_as_it_was_without_the_rows():
    told = decide(FAILED, wish(dry_run=True)).status
    bare = msgspec.structs.replace(told, tasks=(), slices=1)
    assert said(decide(bare, wish(dry_run=True)).status) == said(told)


def test_a_wish_of_which_the_dry_run_is_taken_out_is_fulfilled():
    told = decide(FAILED, wish(dry_run=True)).status
    after = decide(told, wish()).status
    assert (after.finished, after.rerun.id, said(after)) == (False, "1", None)


def test_a_run_that_was_asked_for_a_dry_run_and_is_not_any_more_is_as_it_was():
    told = decide(FAILED, wish(dry_run=True)).status
    assert decide(told, None).status == decide(FAILED, None).status


# --- Shutdown --------------------------------------------------------------------------------


@pytest.mark.parametrize("shutdown", ["Stop", "Terminate"])
def test_a_run_that_is_to_be_shut_down_does_not_run_again(shutdown):
    decision = decide(FAILED, wish(), run={"shutdown": shutdown})
    message = f"spec.shutdown is {shutdown}: take it out to let the run go on"
    assert said(decision.status) == ("True", "ShutdownAsked", message)
    assert decision.status.tasks == FAILED.tasks
    assert not decide(decision.status, wish()).status.finished
