"""The plans of runs that are limited to some tasks: the many runs of a Backfill share theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kubedag.core import restrict

if TYPE_CHECKING:
    from kubedag.core import plan as plans
    from kubedag.core import snapshot

KEPT_MAX: Final = 200


class Restrictions:
    """The last ones that were asked for."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, tuple[str, ...]], tuple[plans.Plan, plans.Plan]] = {}

    def of(self, run: snapshot.RunFacts, revision: str, whole: plans.Plan) -> plans.Plan:
        """What is left of the plan of a revision for this run."""
        if not run.tasks:
            return whole
        name = (run.namespace, revision, run.tasks)
        known = self._known.pop(name, None)
        if known is None or known[0] is not whole:
            known = (whole, restrict.restricted(whole, run.tasks))
        self._known[name] = known
        if len(self._known) > KEPT_MAX:
            del self._known[next(iter(self._known))]
        return known[1]
