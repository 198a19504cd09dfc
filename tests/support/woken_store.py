"""A store that notes whom it wakes, and what a watch may tell it."""

from __future__ import annotations

import msgspec
import orjson

from kubedag.core import pods
from kubedag.shell import definitions
from kubedag.shell.store import Store
from support.builders import a_finished_status, a_row, an_attempt, as_stored, stamp
from support.objects import a_dag, a_run, a_task

RUN, DAG = ("run", "ns", "run"), ("dag", "ns", "pipeline")
A_DAG = a_dag(a_task("a", image="i"))

ENDED = msgspec.structs.replace(
    a_finished_status(a_row("a", "Succeeded", attempts=(an_attempt(1, "Succeeded"),))),
    observed_generation=1,
)


class Woken:
    """A store that notes who was woken."""

    def __init__(self):
        self.keys = []
        self.store = Store(self.keys.append)

    def by(self, act, *arguments, **options):
        self.keys.clear()
        act(*arguments, **options)
        return set(self.keys)


def a_revision(spec=None, name="p-1", *, gone=False):
    data = msgspec.Raw(orjson.dumps(spec or A_DAG["spec"]))
    metadata = pods.Metadata(
        name, "ns", f"uid-{name}", "1", stamp(0), labels={pods.LABEL_DAG: "pipeline"}
    )
    return definitions.Revision(metadata, 1, data, gone)


def run(name="run", version=1, status=None, **options):
    spec = options.pop("spec", {})
    return as_stored(a_run(name, **spec), version, status=status, **options)


def dag(version=1, status=None, document=A_DAG, **options):
    return as_stored(document, version, status=status, **options)


def snapshot_of(store, name="run"):
    return store.run_snapshot(store.runs["ns", name])
