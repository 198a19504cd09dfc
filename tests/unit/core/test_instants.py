"""Time as values."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from kubedag.core import instants

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (NOON, "2026-01-31T12:00:00Z"),
        (NOON + timedelta(microseconds=999_999), "2026-01-31T12:00:00Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-31T12:00:00Z"),
    ],
    ids=["whole seconds", "parts of a second are cut off", "always in UTC"],
)
def test_an_instant_is_written_in_utc_and_whole_seconds(instant, text):
    assert instants.text(instant) == text


@pytest.mark.parametrize(
    "text",
    ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00+01:00", "2026-01-31T12:00:00.000Z"],
    ids=["Z", "an offset", "with parts of a second"],
)
def test_all_spellings_of_an_instant_are_the_same_instant(text):
    assert instants.parse(text) == NOON
    assert instants.parse(text).tzinfo is UTC


@pytest.fixture
def in_new_york(monkeypatch):
    """A container whose clock shows the time of another zone."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-30", datetime(2026, 1, 30, tzinfo=UTC)),
        ("2026-01-31T12:00:00.0", NOON),
    ],
    ids=["a date", "a time"],
)
@pytest.mark.usefixtures("in_new_york")
def test_what_has_no_offset_is_in_utc_wherever_the_operator_runs(text, instant):
    assert instants.parse(text) == instant


def test_what_was_written_is_read_back():
    assert instants.parse(instants.text(NOON)) == NOON


@pytest.mark.parametrize(
    ("start", "end", "seconds"),
    [
        ("2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z", 90),
        ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:10Z", "2026-01-01T00:00:00Z", 0),
    ],
    ids=["later", "the same", "earlier, by a clock that was turned back"],
)
def test_the_seconds_between_two_instants_are_never_negative(start, end, seconds):
    assert instants.seconds_between(start, end) == seconds


def test_after_adds_seconds():
    assert instants.after("2026-01-31T11:59:00Z", 60) == NOON


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (59, "59s"),
        (60, "1m"),
        (187, "3m7s"),
        (3600, "1h"),
        (3600 + 59, "1h"),
        (7500, "2h5m"),
        (86_400, "1d"),
        (86_400 * 3 + 3600 * 4 + 61, "3d4h"),
        (86_400 * 400, "400d"),
    ],
)
def test_a_duration_is_written_as_kubectl_writes_ages(seconds, text):
    assert instants.duration(seconds) == text
