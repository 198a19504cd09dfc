"""Engines that are put together, and fed by hand."""

from __future__ import annotations

import random
from typing import Any

from kubedag.shell.engine import Engine
from kubedag.shell.recorder import Recorder
from support.answering_api import LoopClock


def an_engine(api: Any, **options: Any) -> Engine:
    """One that is chance's no more than the clock's."""
    recorder = Recorder(api, wall_clock=LoopClock())
    return Engine(
        api, recorder, LoopClock(), chance=random.Random(1), cpu_seconds=lambda: 0.0, **options
    )
