"""The names under which the API server knows our kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GROUP: Final = "kubedag.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"
CATEGORY: Final = "kubedag"


@dataclass(frozen=True, slots=True)
class Kind:
    """The names of one kind; short names are rare ones, because they are shared by all groups."""

    kind: str
    plural: str
    singular: str
    short_names: tuple[str, ...] = ()


DAG: Final = Kind("DAG", "dags", "dag")
DAG_RUN: Final = Kind("DAGRun", "dagruns", "dagrun")
DAG_RUN_SLICE: Final = Kind("DAGRunSlice", "dagrunslices", "dagrunslice")
BACKFILL: Final = Kind("Backfill", "backfills", "backfill", ("bf",))
TASK_POOL: Final = Kind("TaskPool", "taskpools", "taskpool", ("pool",))
