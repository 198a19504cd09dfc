"""The command line on an API server in memory."""

from __future__ import annotations

import asyncio
import io
import re
from typing import Any

import msgspec

from kubedag.cli import cluster, control, main
from support import builders
from support.answering_api import AnsweringApi
from support.objects import a_dag, a_run, a_task
from support.patching_server import PatchingServer

CHAIN = a_dag(
    a_task("a", image="x"),
    a_task("b", image="x", dependsOn=["a"]),
    a_task("c", image="x", dependsOn=["b"]),
)

STORED = {"metadata": {"name": builders.REVISION}, "data": CHAIN["spec"]}
"""The revision that runs go by which have begun."""


def row(name: str, state: str, **fields: Any) -> Any:
    return msgspec.to_builtins(builders.a_row(name, state, attempt=1, **fields))


ENDED = [row("a", "Succeeded"), row("b", "Failed"), row("c", "UpstreamFailed")]


def a_finished_run(name: str = "run", *, succeeded: bool = False, **spec: Any) -> dict[str, Any]:
    status = msgspec.to_builtins(builders.a_finished_status(succeeded=succeeded))
    return a_run(name, **spec) | {"status": status | {"tasks": ENDED}}


def an_active_run(name: str = "run", *rows: Any, **spec: Any) -> dict[str, Any]:
    return a_run(name, **spec) | {"status": {"tasks": list(rows) or [row("a", "Running")]}}


class Shell:
    """Where a command is typed in."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.server = PatchingServer(*objects)
        self.server.put(STORED, "controllerrevisions")
        self.api = AnsweringApi(self.server)
        self.said = self.complained = ""

    def __call__(self, *argv: object) -> int:
        arguments = main.parser().parse_args([str(word) for word in argv])
        control.check(arguments)
        out, err = io.StringIO(), io.StringIO()
        found = cluster.Cluster(self.api, "ns")
        code = asyncio.run(control.run(arguments, found, out, err))
        self.said, self.complained = out.getvalue(), err.getvalue()
        return code

    def spec(self, name: str = "run") -> Any:
        return self.server.run(name)["spec"]

    @property
    def verbs(self) -> list[str]:
        return [call.method for call in self.api.calls]


def without_id(wish: dict[str, Any]) -> dict[str, Any]:
    """The wish without its id, which must be one of ours."""
    assert re.fullmatch(r"cli-\d{8}t\d{6}z-[0-9a-f]{6}", wish["id"])
    return {key: value for key, value in wish.items() if key != "id"}
