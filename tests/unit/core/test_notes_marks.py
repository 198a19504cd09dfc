"""What a person is told of marks: who said what of which task or run, and what follows."""

import msgspec
import pytest

from kubedag.core import notes, rows
from support.builders import a_finished_status, a_row, a_status

replace = msgspec.structs.replace
MARK = rows.Mark("1", "Succeeded", "ann", "by hand")
OTHER = rows.Mark("2", "Failed", "bob")
SAID = "task a: marked Succeeded by ann: by hand"
RUNNING = a_status(a_row("a", "Running"), a_row("b", "Waiting"))
ENDING = a_status(a_row("a", "Terminating", reason="Marked", mark=MARK), a_row("b", "Waiting"))
DONE = a_status(a_row("a", "Succeeded", reason="Marked", mark=MARK), a_row("b", "Waiting"))
BY_HAND = a_status(a_row("a", "Failed", reason="Marked", mark=OTHER), a_row("b", "Waiting"))
FAILED = a_finished_status(a_row("a", "Failed"), a_row("b", "UpstreamFailed"), succeeded=False)
MARKED = replace(FAILED, mark=MARK)
GOES_ON = replace(DONE, rerun=rows.Rerun("mark:1", 1, "2026-01-01T00:00:00Z", 1))
AGAIN = replace(DONE, rerun=rows.Rerun("7", 2, "2026-01-01T00:00:00Z", 1))
BEFORE = replace(FAILED, rerun=rows.Rerun("7", 1, "2026-01-01T00:00:00Z", 1))
STOPPED = a_finished_status(a_row("a", "Skipped"), succeeded=False, reason="MarkedFailed")

TOLD = {
    "as soon as it counts": (RUNNING, ENDING, [("TaskMarked", SAID)]),
    "and not once more when the Pod has ended": (ENDING, DONE, []),
    "at once": (RUNNING, DONE, [("TaskMarked", SAID)]),
    "another": (DONE, BY_HAND, [("TaskMarked", "task a: marked Failed by bob")]),
    "the run": (FAILED, MARKED, [("RunMarked", "marked Succeeded by ann: by hand")]),
    "the run goes on": (
        FAILED, GOES_ON,
        [("TaskMarked", SAID), ("RunRerun", "it goes on after a mark: 1 of 2 tasks are to run")],
    ),
    "it goes on after it has run again": (
        BEFORE, AGAIN,
        [("TaskMarked", SAID), ("RunRerun", "it goes on after a mark: 1 of 2 tasks are to run")],
    ),
    "the end of a run that was marked": (
        replace(RUNNING, mark=OTHER), replace(STOPPED, mark=OTHER), [("RunFailed", "m")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), TOLD.values(), ids=TOLD)
def test_people_are_told(old, new, expected):
    assert [(note.reason, note.message) for note in notes.of_run(old, new)] == expected
