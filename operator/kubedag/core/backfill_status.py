"""What a Backfill says about its intervals: figures that always sum to the total, and bounded lists."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from kubedag.api import backfill as api
from kubedag.api.enums import IntervalState
from kubedag.core import backfill_rows, instants, rows
from kubedag.core import backfill_standing as standings
from kubedag.core.backfill_standing import Standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from kubedag.core.backfill_standing import Picture
    from kubedag.core.history import RunSummary

FAILURE_CHARS_MAX: Final = 500
ESTIMATE_TOLERANCE: Final = 0.1
"""An estimate is written anew when it is off by so much of the time that is left."""
ESTIMATE_SECONDS_MIN: Final = 10.0
ESTIMATE_RUNS_MAX: Final = 10
"""It follows from the last so many runs that ended."""
ESTIMATE_DAYS_MAX: Final = 3650


def counts(made: Picture) -> backfill_rows.IntervalCounts:
    """How many intervals are in which state."""
    found: Counter[str] = Counter()
    for standing, number in Counter(made.standings).items():
        found[standing.state] += number
    return backfill_rows.IntervalCounts(
        total=made.plan.total, **{state.lower(): found[state] for state in _COUNTED}
    )


_COUNTED: Final = tuple(state.value for state in IntervalState if state is not IntervalState.MIXED)


def done(found: backfill_rows.IntervalCounts) -> int:
    """The intervals of which nothing more will become."""
    return found.succeeded + found.failed + found.skipped + found.cancelled


def percent(found: backfill_rows.IntervalCounts) -> int | None:
    """Rounded down: 100 means that it is over."""
    return done(found) * 100 // found.total if found.total else None


class _Range(NamedTuple):
    """The intervals from one number to just before another."""

    first: int
    stop: int
    standing: Standing
    run: RunSummary | None


_MIXED: Final = Standing(IntervalState.MIXED.value)


def ranges(made: Picture) -> tuple[backfill_rows.IntervalRange, ...]:
    """All intervals, those that follow each other and are alike as one; at most `RANGES_MAX`."""
    found = list(_alike(made))
    if len(found) > api.RANGES_MAX:
        step = -(-len(found) // api.RANGES_MAX)
        found = [_joined(found[begin : begin + step]) for begin in range(0, len(found), step)]
    bounds = made.plan.bounds
    return tuple(
        backfill_rows.IntervalRange(
            start_time=bounds[one.first],
            end_time=bounds[one.stop],
            intervals=one.stop - one.first,
            state=one.standing.state,
            reason=one.standing.reason,
            run_name=one.run.name if one.run is not None else "",
        )
        for one in found
    )


def _alike(made: Picture) -> Iterator[_Range]:
    if not made.standings:
        return
    first, standing, run = 0, made.standings[0], made.covers[0]
    for index, (next_standing, next_run) in enumerate(
        zip(made.standings, made.covers, strict=True)
    ):
        if next_standing is not standing:
            yield _Range(first, index, standing, run)
            first, standing, run = index, next_standing, next_run
        elif next_run is not run:
            run = None
    yield _Range(first, made.plan.total, standing, run)


def _joined(some: list[_Range]) -> _Range:
    if len(some) == 1:
        return some[0]
    return _Range(some[0].first, some[-1].stop, _MIXED, None)


def failures(made: Picture) -> tuple[backfill_rows.BackfillFailure, ...]:
    """The first runs that failed, oldest first."""
    found: dict[str, backfill_rows.BackfillFailure] = {}
    for standing, run in zip(made.standings, made.covers, strict=True):
        if standing.state == IntervalState.FAILED.value and run is not None:
            found.setdefault(
                run.name,
                backfill_rows.BackfillFailure(
                    run.name, run.interval_start, rows.clip(_why(standing, run), FAILURE_CHARS_MAX)
                ),
            )
            if len(found) == api.FAILURES_MAX:
                break
    return tuple(found.values())


def _why(standing: Standing, run: RunSummary) -> str:
    """What the end of a run says, but of one that may not run again what is in its way."""
    return run.held if standing is standings.REFUSED else run.message


def _measured(made: Picture, planned: str) -> tuple[datetime, int]:
    """Since when so many runs have ended.

    Time in which it was suspended counts no longer than it takes to end a few runs after that, and
    not at all before the first of its runs was created.
    """
    if len(made.ended) > ESTIMATE_RUNS_MAX:
        return instants.parse(made.ended[ESTIMATE_RUNS_MAX].ended), ESTIMATE_RUNS_MAX
    created = min(run.order[1] for run in made.ended)
    return max(instants.parse(planned), instants.parse(created)), len(made.ended)


def estimate(
    made: Picture,
    found: backfill_rows.IntervalCounts,
    told: backfill_rows.BackfillStatus,
    now: datetime,
) -> str | None:
    """When it will be over if its runs go on to end as the last few did; None while none has ended.

    It follows from the last run that ended, so that it stands still between two, and one that was
    told stays as long as it is not far off: each change costs a write. One that has passed is none.
    """
    over, left = found.succeeded + found.failed, found.planned + found.queued + found.active
    if not (over and left and made.ended and told.start_time):
        return None
    began, runs = _measured(made, told.start_time)
    last = max(instants.parse(made.ended[0].ended), began + timedelta(seconds=1))
    runs_left = left * len(made.ended) / over
    end = min(last + (last - began) * (runs_left / runs), last + timedelta(days=ESTIMATE_DAYS_MAX))
    end = end.replace(microsecond=0)  # as it is told
    if end <= now:
        return None
    before = told.estimated_completion_time
    if before is not None and (was := instants.parse(before)) > now:
        tolerance = max(ESTIMATE_SECONDS_MIN, (end - last).total_seconds() * ESTIMATE_TOLERANCE)
        if abs((end - was).total_seconds()) <= tolerance:
            return before
    return instants.text(end)
