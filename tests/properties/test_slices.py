"""Whatever a run has to say, it is in its objects, and each of them can be stored."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import fit, rows, slices, states
from support import full_status
from support.builders import a_snapshot, a_status, stamp

MIB = 1024 * 1024
FRAME_BYTES = 4096
"""What else is in an object: its metadata, counts, conditions."""

ANY_STATE = sorted(states.TERMINAL | states.ACTIVE)
texts = st.text(max_size=30)
times = st.one_of(st.none(), st.integers(0, 10_000).map(stamp))
logs = st.one_of(
    st.none(), st.builds(rows.LogTail, st.just("PodLog"), texts, st.booleans())
)  # fmt: skip
attempts = st.builds(
    rows.Attempt, st.integers(1, 9), st.sampled_from(["Failed", "Running"]), texts, texts,
    finish_time=times, log=logs,
)  # fmt: skip
task_rows = st.builds(
    rows.TaskRow, st.sampled_from("abc"), st.sampled_from(ANY_STATE), texts, texts,
    st.integers(0, 9), st.integers(0, 9), attempts=st.lists(attempts, max_size=2).map(tuple),
)  # fmt: skip


@st.composite
def statuses(draw):
    """Statuses of up to 450 tasks, many of which are alike."""
    kinds = draw(st.lists(task_rows, min_size=1, max_size=4))
    count = draw(st.integers(0, 450))
    tasks = tuple(kinds[n % len(kinds)] for n in range(count))
    inside = draw(st.booleans())
    return a_status(*tasks, slices=0 if inside else slices.needed(count))


@given(statuses())
def test_what_was_split_is_joined_to_the_same(status):
    main, parts = slices.split(status)
    stored = [msgspec.json.decode(msgspec.json.encode(part), type=slices.Tasks) for part in parts]
    assert slices.join(main, dict(enumerate(stored))) == status


@given(statuses(), st.one_of(st.none(), st.integers(slices.BYTES_MIN, slices.BYTES_MAX)))
def test_to_fit_twice_is_to_fit_once(status, bytes_max):
    once = fit.fit(status, a_snapshot(status=status, slice_bytes_max=bytes_max), stamp(1))
    again = fit.fit(once, a_snapshot(status=once, slice_bytes_max=bytes_max), stamp(2))
    assert again == once


LETTERS = ["x", "ä", "語", "\x01", '"']


@pytest.mark.parametrize("count", [1, 99, 300])
@pytest.mark.parametrize("tries", [0, 3, 10])
@pytest.mark.parametrize("letter", LETTERS)
def test_every_object_of_the_most_talkative_run_can_be_stored(letter, tries, count):
    tail = rows.LogTail("PodLog", (letter * 2048).encode()[:2048].decode(errors="ignore"))
    assert_storable(letter, tail, tries, count)


def test_every_object_of_a_run_of_ten_thousand_tasks_with_ten_attempts_can_be_stored():
    assert_storable("x", rows.LogTail("PodLog", "", truncated=True), 10, 10_000)


def assert_storable(letter, tail, tries, count):
    said = {"state": states.FAILED, "reason": "R" * 128, "message": letter * 1024}
    attempt = full_status.full(
        rows.Attempt, **said, node_name="n" * 253, pod_name="p" * 63, log=tail
    )
    row = full_status.full(rows.TaskRow, name="n" * 63, **said, attempts=(attempt,) * tries)
    found = fit.fit(a_status(*[row] * count), a_snapshot(), stamp(1))
    main, parts = slices.split(found)
    assert len(msgspec.json.encode(main)) + FRAME_BYTES < MIB
    assert all(len(msgspec.json.encode(part)) + FRAME_BYTES < MIB for part in parts)
