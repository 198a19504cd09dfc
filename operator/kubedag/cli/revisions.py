"""The DAG that a run goes by, as a plan, read from the cluster once for each call of a verb."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kubedag.api import dag as api
from kubedag.api import parse
from kubedag.api.enums import RerunRevision
from kubedag.cli import wishes
from kubedag.cli.flags import Target
from kubedag.core import plan as plans
from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from kubedag.cli.cluster import Cluster, Object


class Plans:
    """Plans by the DAG and its revision; those of many runs are few."""

    def __init__(self, cluster: Cluster, if_gone: str = "") -> None:
        self._cluster = cluster
        self._if_gone = if_gone
        """What to do about a revision that is not there any more."""
        self._known: dict[tuple[str, str], plans.Plan | wishes.No] = {}

    async def of(
        self, run: Object, revision: RerunRevision = RerunRevision.SAME
    ) -> plans.Plan | wishes.No:
        """What a run goes by; before it has begun, the newest. Raises `ClusterError`."""
        name, started = run["spec"]["dagName"], (run.get("status") or {}).get("revision", "")
        wanted = "" if revision == RerunRevision.NEWEST else started
        if (name, wanted) not in self._known:
            found = await (self._stored(name, wanted) if wanted else self._newest(name))
            self._known[name, wanted] = found
        return self._known[name, wanted]

    async def _stored(self, name: str, wanted: str) -> plans.Plan | wishes.No:
        try:
            found = await self._cluster.revision(wanted)
        except ApiError as error:
            if not error.not_found:
                raise
            return wishes.No(
                f"the ControllerRevision {wanted!r} of the run is gone{self._if_gone}"
            )
        return _compiled(name, found.get("data") or {}, f"the ControllerRevision {wanted!r}")

    async def _newest(self, name: str) -> plans.Plan | wishes.No:
        try:
            found = await self._cluster.get(Target("dags", name))
        except ApiError as error:
            if not error.not_found:
                raise
            return wishes.No(f"there is no DAG {name!r} in namespace {self._cluster.namespace!r}")
        return _compiled(name, found["spec"], f"DAG {name!r}")


def _compiled(name: str, raw: dict[str, Any], what: str) -> plans.Plan | wishes.No:
    spec = parse.parse(api.DAGSpec, raw, "spec")
    problems = spec if isinstance(spec, tuple) else plans.validate(spec)
    if isinstance(spec, tuple) or problems:
        return wishes.No(f"{what} is not ready: {problems[0]}")
    return plans.compile_plan(name, spec)
