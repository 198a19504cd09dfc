"""One call of a verb: one object after the other, and each tells what became of it.

One object that cannot be changed keeps nobody from the others; the exit code tells that there was one.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TextIO

import orjson

from kubedag.cli import cluster, documents, wishes
from kubedag.core import instants
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping

    from kubedag.cli.cluster import Decided
    from kubedag.cli.flags import Target

DONE: Final = 0
NOT_DONE: Final = 1


def _json(found: Any) -> str:
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


WHOLE: Final[Mapping[str, Callable[[Any], str]]] = {"json": _json, "yaml": documents.write}
"""The forms in which objects are written as they are, and all at once."""


@dataclass
class Report:
    """Tells what becomes of each object."""

    verb: str
    output: str
    out: TextIO
    err: TextIO
    objects: list[Mapping[str, Any]] = field(default_factory=list)
    failures: int = 0

    def done(self, target: Target, said: str, found: Mapping[str, Any]) -> None:
        """It is as it was wanted."""
        if self.output in WHOLE:
            self.objects.append(found)
        else:
            print(target if self.output == "name" else f"{target} {said}", file=self.out)

    def failed(self, target: Target, why: str) -> None:
        """It is not."""
        self.failures += 1
        print(f"kubedag {self.verb}: {target}: {why}", file=self.err)

    def warned(self, what: str) -> None:
        """It is as it was wanted, and may not be as it was meant."""
        print(f"kubedag {self.verb}: {what}", file=self.err)

    def finish(self) -> int:
        """Write what is to be written whole; the exit code."""
        if self.output in WHOLE:
            several = {"apiVersion": "v1", "kind": "List", "items": self.objects}
            whole = self.objects[0] if len(self.objects) == 1 else several
            print(WHOLE[self.output](whole).rstrip("\n"), file=self.out)
        return NOT_DONE if self.failures else DONE


@dataclass(frozen=True)
class Job:
    """One call of a verb."""

    arguments: argparse.Namespace
    cluster: cluster.Cluster
    report: Report

    async def change(self, targets: Iterable[Target], wanted: Decided) -> None:
        """Change each of the objects as it is wanted."""
        for target in targets:
            try:
                wish, found = await self.cluster.change(target, wanted)
            except ApiError as error:
                self.failed(target, error)
                continue
            if isinstance(wish, wishes.No):
                self.report.failed(target, wish.why)
            else:
                self.report.done(target, wish.said, found)

    def failed(self, target: Target, error: ApiError) -> None:
        """The API server has refused something about an object."""
        self.report.failed(target, cluster.told(error, target, self.cluster.namespace))

    async def signed(self, **said: str) -> dict[str, str]:
        """What somebody says, with their name, and why."""
        comment = self.arguments.comment
        by = await self.cluster.user_name()
        return {**said, "by": by, **({"comment": comment} if comment else {})}


def new_id() -> str:
    """An id that no other wish has; when it was made can be read from it."""
    now = instants.compact(datetime.now(UTC)).lower()
    return f"cli-{now}-{secrets.token_hex(3)}"
