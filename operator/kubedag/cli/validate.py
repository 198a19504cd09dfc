"""`kubedag validate`: what the operator would say about a DAG, before it is in a cluster.

Made for a pre-commit hook and a CI job: one line per problem, and the exit code is the answer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TextIO

from kubedag.api import backfill, dag, dagrun, group, parse, taskpool
from kubedag.api.problems import Problem
from kubedag.cli import documents, stored
from kubedag.core import validation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel

STDIN: Final = "-"
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_JUDGED_BY_THEMSELVES: Final[dict[str, type[BaseModel]]] = {
    group.DAG_RUN.kind: dagrun.DAGRun,
    group.BACKFILL.kind: backfill.Backfill,
    group.TASK_POOL.kind: taskpool.TaskPool,
}


_EMPTY: Final = f"must have an object of {group.GROUP}, such as a DAG; it is empty"
_NO_FILE: Final = (
    "must have a file whose name ends with .json, .yaml or .yml, in it or below; it has none"
)


class _Unreadable(NamedTuple):
    """What is not there to be judged."""

    must: str


def run(names: Sequence[str], stdin: TextIO, out: TextIO) -> int:
    """Print the problems of all objects of ours: 0 none, 1 some, 2 where there is nothing to read."""
    objects = bad = unreadable = 0
    for name, text in _texts(names, stdin):
        if isinstance(text, _Unreadable):
            unreadable += 1
            print(f"{name}: {text.must}", file=out)
            continue
        for label, problems in _judged(text):
            objects += 1
            bad += bool(problems)
            for problem in problems:
                print(f"{name}: {label}{problem}", file=out)
    print(f"{objects} object{'' if objects == 1 else 's'}, {bad} with problems", file=out)
    return 2 if unreadable else 1 if bad else 0


def problems_of(document: object) -> tuple[Problem, ...] | None:
    """What is wrong with one object; None if it is of a kind that is not ours."""
    if not isinstance(document, dict):
        return (
            Problem("document", "WrongType", "must be an object with an apiVersion and a kind"),
        )
    if not str(document.get("apiVersion", "")).startswith(f"{group.GROUP}/"):
        return None
    # Only the operator writes the status, and no file can.
    document = {key: value for key, value in document.items() if key != "status"}
    whole = _JUDGED_BY_THEMSELVES.get(str(document.get("kind")))
    if whole is not None:
        made = parse.parse(whole, stored.as_stored(whole, document))
        return made if isinstance(made, tuple) else ()
    found = parse.parse(dag.DAG, stored.as_stored(dag.DAG, document))
    return found if isinstance(found, tuple) else validation.validate(found.spec)


def _judged(text: str) -> Iterator[tuple[str, tuple[Problem, ...]]]:
    found = documents.read(text)
    if isinstance(found, Problem):
        yield "", (found,)
        return
    for document in found:
        problems = None if document is None else problems_of(document)
        if problems is not None:
            yield _label(document), problems


def _label(document: Any) -> str:
    if not isinstance(document, dict):
        return ""
    metadata = document.get("metadata")
    named = metadata if isinstance(metadata, dict) else {}
    name = named.get("name") or named.get("generateName") or ""
    return f"{document.get('kind', '')}/{name}: "


def _texts(names: Sequence[str], stdin: TextIO) -> Iterator[tuple[str, str | _Unreadable]]:
    for name in names:
        path = Path(name)
        if name == STDIN:
            yield "stdin", _with_content(stdin.read())
        elif not path.is_dir():
            found = _text(path)
            yield name, found if isinstance(found, _Unreadable) else _with_content(found)
        else:
            files = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES)
            yield from ((str(file), _text(file)) for file in files)
            if not files:
                yield name, _Unreadable(_NO_FILE)


def _text(path: Path) -> str | _Unreadable:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        return _Unreadable(f"must be readable: {error.strerror}")
    except UnicodeDecodeError:
        return _Unreadable("must be text in UTF-8")


def _with_content(text: str) -> str | _Unreadable:
    """What was named must have something: a pipe that broke before us would look like success."""
    is_empty = all(
        line.startswith("#") or line in ("", "---") for line in map(str.strip, text.splitlines())
    )
    return _Unreadable(_EMPTY) if is_empty else text
