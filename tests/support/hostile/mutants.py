"""Good manifests, each with one thing changed by Hypothesis: always the same ones."""

from __future__ import annotations

import copy
import functools
import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from support.hostile.manifest import Manifest
from support.mistakes import EVERYTHING, EVERYTHING_OF_A_RUN

ROOT = Path(__file__).parents[3]
PLURALS = {"DAG": "dags", "DAGRun": "dagruns"}

WORDS = (
    "",
    "a",
    "A",
    "main",
    "kubedag",
    "KUBEDAG_X",
    "a b",
    "ä",
    "\u202e",
    "\0",
    "../..",
    "true",
    "1e3",
)
NUMBERS = (0, -1, 1, 2**31, 2**53, 2**63, -(2**63), 10**40, 0.5, 1e300)


@functools.cache
def good() -> list[dict[str, Any]]:
    """The examples, and all that can be said."""
    files = sorted([*ROOT.glob("examples/*/dag.yaml"), *ROOT.glob("examples/*/run.yaml")])
    # Times in YAML are strings to kubectl.
    found = [yaml.load(file.read_text(encoding="utf-8"), yaml.BaseLoader) for file in files]
    typed = [yaml.safe_load(file.read_text(encoding="utf-8")) for file in files]
    return [
        *(
            plain if "Z" in json.dumps(plain) else rich
            for plain, rich in zip(found, typed, strict=True)
        ),
        EVERYTHING,
        EVERYTHING_OF_A_RUN,
    ]


def junk() -> st.SearchStrategy[Any]:
    """What nobody means, in the types that JSON has."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from(NUMBERS),
        st.sampled_from(WORDS),
        st.text(max_size=5),
    )
    return st.one_of(
        scalars,
        st.lists(scalars, max_size=2),
        st.dictionaries(st.sampled_from(WORDS), scalars, max_size=2),
    )


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every container of a document with every key into it."""
    found, pending = [], [value]
    while pending:
        parent = pending.pop()
        pairs = list(parent.items() if isinstance(parent, dict) else enumerate(parent))
        for key, child in pairs:
            found.append((parent, key))
            if isinstance(child, dict | list):
                pending.append(child)
    return found


@st.composite
def mutants(draw: st.DrawFn) -> Manifest:
    """One change at one place of one good manifest."""
    document = copy.deepcopy(draw(st.sampled_from(good())))
    kind = document["kind"]
    document["metadata"] = {"name": "{name}"}
    before = json.dumps(document) if draw(st.booleans()) else ""
    parent, key = draw(st.sampled_from(places(document["spec"])))
    how = draw(st.sampled_from(sorted(CHANGES)))
    CHANGES[how](draw, parent, key)
    return Manifest(f"mutant: {how}", PLURALS[kind], json.dumps(document), before=before)


def _replaced(draw: st.DrawFn, parent: Any, key: Any) -> None:
    parent[key] = draw(junk())


def _removed(_draw: st.DrawFn, parent: Any, key: Any) -> None:
    del parent[key]


def _renamed(draw: st.DrawFn, parent: Any, key: Any) -> None:
    if isinstance(parent, dict):
        parent[draw(st.sampled_from((f"{key}s", key[1:] or "x", key.upper())))] = parent.pop(key)
    else:
        parent.append(draw(junk()))


def _doubled(_draw: st.DrawFn, parent: Any, key: Any) -> None:
    if isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    elif isinstance(parent[key], str):
        parent[key] *= 2
    else:
        parent[key] = [parent[key], parent[key]]


def _wrapped(draw: st.DrawFn, parent: Any, key: Any) -> None:
    parent[key] = {draw(st.sampled_from(("x", "name", "spec"))): parent[key]}


def _grown(_draw: st.DrawFn, parent: Any, key: Any) -> None:
    value = parent[key]
    if isinstance(value, str):
        parent[key] = value * 500
    elif isinstance(value, list):
        parent[key] = value * 50
    else:
        parent[key] = 10**12


CHANGES = {
    "replaced": _replaced,
    "removed": _removed,
    "renamed": _renamed,
    "doubled": _doubled,
    "wrapped": _wrapped,
    "grown": _grown,
}


def some(count: int) -> list[Manifest]:
    """As many different mutants as asked for."""
    found: dict[str, Manifest] = {}

    @settings(
        derandomize=True,
        database=None,
        max_examples=2 * count,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(mutants())
    def collect(mutant: Manifest) -> None:
        found.setdefault(mutant.text, mutant)

    collect()
    return list(found.values())[:count]
