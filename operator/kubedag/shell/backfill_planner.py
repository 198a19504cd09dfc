"""Makes the plans of Backfills beside the decisions, one at a time, and leaves most of the time to them.

To find ten thousand intervals of a schedule with ten expressions takes seconds. In one piece that
would make every run of every DAG late, and cost the lease.
"""

from __future__ import annotations

import asyncio
import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Final

from kubedag.core import backfill_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.shell.backfills import BackfillEntry
    from kubedag.shell.store import Key
    from kubedag.shell.tasks import Tasks

REST_PER_WORK: Final = 3.0
"""After a piece that took one unit of time, the loop belongs to others for this many."""


class Planner:
    """What it has found is kept with the Backfill as long as that asks for it."""

    def __init__(
        self, wake: Callable[[Key], None], tasks: Tasks, cpu_seconds: Callable[[], float]
    ) -> None:
        self._wake = wake
        self._tasks = tasks
        self._cpu_seconds = cpu_seconds
        self._turn = asyncio.Lock()

    def want(self, entry: BackfillEntry, sketch: backfill_plan.Sketch | None) -> None:
        """Have a plan made, unless it is made already or under way."""
        entry.sketch = sketch
        if sketch is not None and sketch.plan is None and not entry.planning:
            entry.planning = True
            self._tasks.start(self._plan(entry), partial(self._over, entry))

    def _over(self, entry: BackfillEntry) -> None:
        entry.planning = False
        self._wake(entry.key)

    async def _plan(self, entry: BackfillEntry) -> None:
        async with self._turn:
            while (span := _wanted(entry)) is not None:
                await self._draw(entry, span)

    async def _draw(self, entry: BackfillEntry, span: backfill_plan.Span) -> None:
        pieces = backfill_plan.draw(span)
        while _wanted(entry) == span:
            before = self._cpu_seconds()
            plan = next(pieces)
            spent = self._cpu_seconds() - before
            if plan is not None:
                assert entry.sketch is not None
                entry.sketch = dataclasses.replace(entry.sketch, plan=plan)
            await asyncio.sleep(spent * REST_PER_WORK)
            if plan is not None:
                return


def _wanted(entry: BackfillEntry) -> backfill_plan.Span | None:
    sketch = entry.sketch
    return sketch.span if sketch is not None and sketch.plan is None else None
