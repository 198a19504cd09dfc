"""Say what is being done and how long it took, also where nobody has a terminal.

Every step is a line when it starts and a line when it ends; a step that takes long shows that
it is alive, with what it can tell about how far it is. All of it goes to standard error:
standard output belongs to answers.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEARTBEAT = 15.0
_write = threading.Lock()
_open: list[object] = []  # the steps that have begun and not ended; only the innermost one beats


def say(text: str) -> None:
    """Write one line, whole."""
    with _write:
        print(f"cluster: {text}", file=sys.stderr, flush=True)


def seconds(duration: float) -> str:
    """Write a duration as people say it."""
    if duration < 60:
        return f"{duration:.1f} s"
    return f"{int(duration) // 60} min {int(duration) % 60} s"


class Step:
    """What is being done; it may end with another word than "done"."""

    def __init__(self) -> None:
        """Start without an outcome."""
        self.outcome = ""


@contextlib.contextmanager
def step(what: str, how_far: Callable[[], str] | None = None) -> Iterator[Step]:
    """Show that something starts, goes on, and ends or fails, with its time."""
    began = time.monotonic()
    over = threading.Event()
    this = Step()

    def beat() -> None:
        while not over.wait(HEARTBEAT):
            if _open[-1] is this:
                far = how_far() if how_far else ""
                going = f"{what} ... {seconds(time.monotonic() - began)}"
                say(f"{going}, {far}" if far else going)

    say(f"{what} ...")
    _open.append(this)
    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    outcome = "failed"
    try:
        yield this
        outcome = this.outcome or "done"
    except (KeyboardInterrupt, SystemExit):
        outcome = "stopped"
        raise
    finally:
        _open.remove(this)
        over.set()
        heart.join()
        say(f"{what}: {outcome} in {seconds(time.monotonic() - began)}")
