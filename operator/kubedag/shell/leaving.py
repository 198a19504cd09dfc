"""The runs that are still being created for DAGs and Backfills which are gone.

Whoever comes next, be it a namesake, is to know of them: they may be there in a moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kubedag.core import actions

Name = tuple[str, str]


class Leaving:
    """What is under way for those that have gone, by their DAG, until it is over."""

    def __init__(self) -> None:
        self._left: list[tuple[Name, Mapping[str, actions.CreateRun]]] = []

    def note(self, dag: Name, creating: Mapping[str, actions.CreateRun]) -> None:
        """One of them has gone; `creating` is what changes when a creation is over."""
        self._left = [one for one in (*self._left, (dag, creating)) if one[1]]

    def of(self, dag: Name) -> Iterator[actions.CreateRun]:
        """The runs of a DAG."""
        for its_dag, creating in self._left:
            if its_dag == dag:
                yield from creating.values()
