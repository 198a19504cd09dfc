"""From API objects to what the core works with; each spec is parsed once per generation."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from kubedag.api import dag as api
from kubedag.api import parse, problems
from kubedag.core import (
    backfill_facts,
    decide_dag,
    due,
    instants,
    naming,
    pods,
    snapshot,
    trials,
)
from kubedag.core import plan as plans
from kubedag.shell import wishes

if TYPE_CHECKING:
    from collections.abc import Mapping

log: Final = logging.getLogger(__name__)

PLANS_KEPT_MAX: Final = 2000
MESSAGE_CHARS_MAX: Final = 500


class Revision(msgspec.Struct, frozen=True, rename="camel"):
    """A ControllerRevision of ours: the spec of a DAG as it was."""

    metadata: pods.Metadata
    revision: int = 0
    data: msgspec.Raw = msgspec.Raw(b"null")
    gone: bool = False

    @property
    def dag_name(self) -> str:
        """The DAG that it is of."""
        labels = self.metadata.labels or {}
        return naming.dag_of_revision(self.metadata.name, labels.get(pods.LABEL_DAG, ""))


class Revisions:
    """The revisions of all DAGs, and their plans, compiled when a run first asks."""

    def __init__(self) -> None:
        self._by_dag: dict[tuple[str, str], dict[str, Revision]] = {}
        self._plans: dict[tuple[str, str], plans.Plan] = {}

    def put(self, revision: Revision) -> None:
        """Remember, or forget, a revision."""
        meta = revision.metadata
        known = self._by_dag.setdefault((meta.namespace, revision.dag_name), {})
        if revision.gone:
            known.pop(meta.name, None)
            self._plans.pop((meta.namespace, meta.name), None)
            if not known:
                del self._by_dag[(meta.namespace, revision.dag_name)]
        else:
            known[meta.name] = revision

    def of(self, namespace: str, dag: str) -> tuple[decide_dag.Revision, ...]:
        """What is stored of a DAG."""
        return tuple(
            decide_dag.Revision(
                one.metadata.name, one.metadata.uid, one.metadata.creation_timestamp or ""
            )
            for one in self._by_dag.get((namespace, dag), {}).values()
        )

    def generation(self, namespace: str, dag: str, name: str) -> int:
        """The generation of the DAG that a revision was made of; 0 if it is not there."""
        revision = self._by_dag.get((namespace, dag), {}).get(name)
        return revision.revision if revision is not None else 0

    def plan(self, namespace: str, dag: str, name: str) -> plans.Plan | None:
        """The plan of a stored revision; None if it is not there or cannot be read."""
        known = self._plans.get((namespace, name))
        if known is not None:
            return known
        revision = self._by_dag.get((namespace, dag), {}).get(name)
        if revision is None:
            return None
        spec = parse.parse(api.DAGSpec, orjson.loads(bytes(revision.data)), "spec")
        if isinstance(spec, tuple):
            return None
        if len(self._plans) >= PLANS_KEPT_MAX:
            self._plans.pop(next(iter(self._plans)))
        known = self._plans[(namespace, name)] = plans.compile_plan(dag, spec)
        return known


def run_facts(raw: Mapping[str, Any]) -> snapshot.RunFacts:
    """What a DAGRun says about itself."""
    meta, spec = raw["metadata"], raw.get("spec") or {}
    interval = spec.get("dataInterval") or {}
    labels = meta.get("labels") or {}
    return snapshot.RunFacts(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        dag_name=spec.get("dagName", ""),
        created=meta["creationTimestamp"],
        generation=meta.get("generation", 1),
        suspend=bool(spec.get("suspend", False)),
        deleting=bool(meta.get("deletionTimestamp")),
        run_type=spec.get("runType", "Manual"),
        logical_time=_in_utc(spec.get("logicalTime")),
        interval_start=_in_utc(interval.get("startTime")),
        interval_end=_in_utc(interval.get("endTime")),
        tasks=wishes.names(spec.get("tasks")),
        params=_params(spec.get("params")),
        rerun=wishes.rerun(spec.get("rerun")),
        shutdown=wishes.shutdown(spec.get("shutdown")),
        mark=wishes.mark(spec.get("mark")),
        marks=wishes.marks(spec.get("marks")),
        answers=wishes.answers(spec.get("approvals")),
        backfill_uid=labels.get(pods.LABEL_BACKFILL_UID, ""),
    )


def wish_of(raw: Mapping[str, Any]) -> backfill_facts.Wish:
    """What a Backfill says about itself."""
    meta, spec = raw["metadata"], raw.get("spec") or {}
    return backfill_facts.Wish(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta["uid"],
        dag_name=spec.get("dagName", ""),
        start_time=_in_utc(spec.get("startTime")) or "",
        end_time=_in_utc(spec.get("endTime")) or "",
        generation=meta.get("generation", 1),
        reprocess=spec.get("reprocess", "None"),
        revision=spec.get("revision", "Newest"),
        max_active_runs=spec.get("maxActiveRuns"),
        order=spec.get("order", backfill_facts.OLDEST_FIRST),
        intervals_per_run=spec.get("intervalsPerRun", 1),
        tasks=wishes.names(spec.get("tasks")),
        params=_params(spec.get("params")),
        dry_run=bool(spec.get("dryRun", False)),
        suspend=bool(spec.get("suspend", False)),
        cancel=bool(spec.get("cancel", False)),
    )


def status_of(raw: Mapping[str, Any], kind: type[Any]) -> Any:
    """The stored status; one that somebody has broken counts as none, and is written anew."""
    try:
        return msgspec.convert(raw.get("status") or {}, kind)
    except msgspec.ValidationError as error:
        meta = raw["metadata"]
        log.warning("%s/%s has a broken status: %s", meta["namespace"], meta["name"], error)
        return kind()


def _params(given: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, list):
        return ()
    found = ((one.get("name"), one.get("value", "")) for one in given if isinstance(one, dict))
    return tuple((str(name), str(value)) for name, value in found if name)


def _in_utc(stamp: str | None) -> str | None:
    """In the one form in which times compare as texts; what is no time stays as it is."""
    if stamp is None or (len(stamp) == _STAMP_LENGTH and stamp.endswith("Z")):
        return stamp
    try:
        return instants.text(instants.parse(stamp))
    except (ValueError, OverflowError):
        return stamp


_STAMP_LENGTH: Final = len("2026-01-01T00:00:00Z")


def of_dag(raw: Mapping[str, Any]) -> tuple[bytes, decide_dag.Definition]:
    """A DAG's spec in its canonical form if it is good, and what it defines or is wrong with it.

    A DAG that meets a bug of ours is a bad one and says so; it must not stop all the others.
    """
    try:
        return _of_dag(raw)
    except Exception as error:
        meta = raw["metadata"]
        log.exception("DAG %s/%s could not be judged", meta["namespace"], meta["name"])
        must = f"must be a spec that kubedag can judge; this one meets a bug of kubedag: {error!r}"
        return b"", decide_dag.Definition(
            uid=meta["uid"],
            generation=meta.get("generation", 1),
            suspend=False,
            retention=api.Retention(),
            task_count=0,
            problems=(problems.Problem("spec", "NotJudged", must[:MESSAGE_CHARS_MAX]),),
        )


def _of_dag(raw: Mapping[str, Any]) -> tuple[bytes, decide_dag.Definition]:
    meta, given = raw["metadata"], raw.get("spec") or {}
    spec = parse.parse(api.DAGSpec, given, "spec")
    # An API server that checks lets in nothing else.
    said = given if isinstance(given, dict) else {}
    lists = (said.get("tasks"), said.get("finally"))
    common = {
        "uid": meta["uid"],
        "generation": meta.get("generation", 1),
        "suspend": bool(said.get("suspend", False)),
        "task_count": sum(len(one) for one in lists if isinstance(one, list)),
        "created": meta["creationTimestamp"],
        "scheduled": bool(said.get("schedule")),
    }
    if isinstance(spec, tuple):
        return b"", decide_dag.Definition(retention=api.Retention(), problems=spec, **common)
    if found := plans.validate(spec):
        return b"", decide_dag.Definition(retention=spec.retention, problems=found, **common)
    # To suspend a DAG, or to describe it better, makes no other pipeline of it.
    kept = {key: value for key, value in given.items() if key not in ("suspend", "description")}
    canonical = orjson.dumps(kept, option=orjson.OPT_SORT_KEYS)
    plan = plans.compile_plan(meta["name"], spec)
    return canonical, decide_dag.Definition(
        retention=spec.retention,
        revision=naming.revision_name(meta["name"], canonical),
        plan=plan,
        trials=trials.trials(plan, meta["namespace"], meta["uid"], spec.task_defaults),
        policy=due.policy(spec.schedule) if spec.schedule else None,
        failures_max=spec.suspend_after_consecutive_failures,
        **common,
    )
