"""Everything that ever became of the runs of a namespace, as `kubectl get --watch` is told of it.

Outside of the operator, so that nothing which it believes is taken for what happened.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import TYPE_CHECKING, Any

from dev.cluster import tools
from support.kinds import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Object = dict[str, Any]


class RunWatch:
    """What was seen so far, in its order."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def events(self) -> Iterator[tuple[str, Object]]:
        """The changes; what is being written is not there yet."""
        text, decoder, place = self._file.read_text(encoding="utf-8"), json.JSONDecoder(), 0
        while place < len(text):
            try:
                event, place = decoder.raw_decode(text, place)
            except json.JSONDecodeError:
                return
            place += len(text[place:]) - len(text[place:].lstrip())
            yield event["type"], event["object"]

    def catch_up(self, client: Any, path: str) -> None:
        """Until all has been seen that is there now."""
        listed = client.get(path)["items"]
        newest = max((int(one["metadata"]["resourceVersion"]) for one in listed), default=0)

        def seen() -> bool:
            versions = [int(one["metadata"]["resourceVersion"]) for _, one in self.events()]
            return max(versions, default=0) >= newest

        until(seen, pause=0.5)

    def moments(self) -> Iterator[dict[str, Object]]:
        """The runs that there were after each change, by their names."""
        there: dict[str, Object] = {}
        for type_, run in self.events():
            there.pop(run["metadata"]["name"], None)
            if type_ != "DELETED":
                there[run["metadata"]["name"]] = run
            yield there


@contextlib.contextmanager
def watching(
    kubeconfig: Path, namespace: str, file: Path, kind: str = "dagruns.kubedag.dev"
) -> Iterator[RunWatch]:
    """Watch from now on; there is nothing yet."""
    command = [
        tools.ensure("kubectl")["kubectl"],
        f"--kubeconfig={kubeconfig}",
        f"--namespace={namespace}",
        "get",
        kind,
        "--watch",
        "--output-watch-events",
        "--output=json",
    ]
    with file.open("wb") as out, subprocess.Popen(command, stdout=out) as running:
        try:
            yield RunWatch(file)
            assert running.poll() is None, "the watch has ended"
        finally:
            running.terminate()


def condition(thing: Object, type_: str) -> tuple[str, str]:
    """Its status and its reason."""
    for one in thing.get("status", {}).get("conditions", ()):
        if one["type"] == type_:
            return one["status"], one["reason"]
    return "", ""


def is_over(thing: Object) -> bool:
    """It has ended, and is not asked to run again."""
    wanted = thing["spec"].get("rerun", {}).get("id")
    done = thing.get("status", {}).get("rerun", {}).get("id")
    return condition(thing, "Finished")[0] == "True" and wanted in (None, done)


def has_started(run: Object) -> bool:
    """It has a start, and no end."""
    return bool(run.get("status", {}).get("startTime")) and condition(run, "Finished")[0] != "True"
