"""The run on the screen: a table that stays in its place, or a line for each change without one."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from .picture import note

if TYPE_CHECKING:
    from .picture import Picture

GLYPHS = {
    "Waiting": ("·", "90"),
    "Queued": ("·", "90"),
    "Pending": ("◌", "36"),
    "Running": ("●", "36"),
    "Terminating": ("●", "33"),
    "AwaitingRetry": ("↻", "33"),
    "Succeeded": ("✓", "32"),
    "Failed": ("✗", "31"),
    "Skipped": ("-", "90"),
    "UpstreamFailed": ("✗", "35"),
}
REDRAW_SECONDS = 0.1


def lines(picture: Picture) -> list[tuple[str, str]]:
    """The table as (text, colour), one pair a line; what matters most is left of column 80."""
    width = max(len(name) for name in picture.upstreams)
    table = [(f"    {'TASK':<{width}}  {'STATE':<14}  POD", "1")]
    for name, upstreams in picture.upstreams.items():
        row = picture.rows.get(name, {"state": "Waiting"})
        glyph, colour = GLYPHS.get(row["state"], ("?", "0"))
        pod = picture.pod_of(name)
        remark = note(row)
        if row["state"] == "Waiting" and upstreams:
            remark = f"after {', '.join(upstreams)}"
        shown = f"{pod.name:<40}  {remark}" if pod else remark
        table.append((f"  {glyph} {name:<{width}}  {row['state']:<14}  {shown}", colour))
    return table


@dataclass
class Screen:
    """Where the picture is shown."""

    out: IO[str]
    drawn: int = 0
    last: float = 0.0

    @property
    def live(self) -> bool:
        """Whether there is a terminal that a table can be redrawn on."""
        return self.out.isatty() and os.environ.get("TERM", "dumb") != "dumb"

    def show(self, picture: Picture, told: list[str]) -> None:
        """Show the picture after a change, or after nothing but time has passed."""
        if self.live:
            self._redraw(picture)
            return
        elapsed = time.monotonic() - picture.began
        for line in told:
            print(f"  {elapsed:6.1f} s  {line}", file=self.out, flush=True)

    def finish(self, picture: Picture) -> None:
        """Show the last state, whatever was shown last."""
        self.last = 0.0
        self._redraw(picture)

    def _redraw(self, picture: Picture) -> None:
        now = time.monotonic()
        if now - self.last < REDRAW_SECONDS:
            return
        self.last = now
        columns = shutil.get_terminal_size((200, 50)).columns if self.live else 200
        elapsed = (f"  {now - picture.began:6.1f} s", "0")
        table = [elapsed, *lines(picture)]
        text = f"\x1b[{self.drawn}A" if self.drawn and self.live else ""
        text += "".join(self._paint(*line, columns) for line in table)
        print(text, end="", file=self.out, flush=True)
        self.drawn = len(table)

    def _paint(self, text: str, colour: str, columns: int) -> str:
        if not self.live:
            return f"{text.rstrip()}\n"
        cut = text[: columns - 1]
        if os.environ.get("NO_COLOR"):
            return f"{cut}\x1b[K\n"
        return f"\x1b[{colour}m{cut}\x1b[0m\x1b[K\n"
