"""A manifest that somebody might apply, and who is to say what about it."""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, replace
from typing import Any

from support.objects import API_VERSION

JSON, YAML = "application/json", "application/yaml"


class Refuser(enum.Enum):
    """Who says no."""

    API = "the API server"
    OPERATOR = "the operator, at a look"
    TRIAL = "the operator, by a trial"
    RUN = "the run's condition"
    NOBODY = "nobody"


@dataclass(frozen=True)
class Manifest:
    """A text with the path that its refusal must name; `{name}` in the text becomes its name."""

    kind: str
    plural: str
    text: str
    path: str = ""
    refuser: Refuser | None = None
    """None for a mutant, of which it is not known beforehand."""
    content_type: str = JSON
    before: str = ""
    """What it is an update of; without one it is created."""
    cli_knows: bool = True
    where: str = "storm"
    """The namespace, by what it is for."""
    fixed_name: str = ""
    may_be_gone: bool = False

    def called(self, name: str) -> Manifest:
        """The same under a name of its own, unless its name is what is wrong with it."""
        name = self.fixed_name or name
        return replace(
            self,
            text=self.text.replace("{name}", name),
            before=self.before.replace("{name}", name),
            fixed_name=name,
        )


def dag(kind: str, path: str, refuser: Refuser, spec: dict[str, Any], **more: Any) -> Manifest:
    """A DAG that says nothing but this."""
    return of("dags", "DAG", kind, path, refuser, spec, **more)


def run(kind: str, path: str, refuser: Refuser, spec: dict[str, Any], **more: Any) -> Manifest:
    """A DAGRun that says nothing but this."""
    return of("dagruns", "DAGRun", kind, path, refuser, spec, **more)


def of(  # a table's row
    plural: str,
    kind_of_object: str,
    kind: str,
    path: str,
    refuser: Refuser,
    spec: dict[str, Any],
    *,
    metadata: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    **more: Any,
) -> Manifest:
    """A row of a table as JSON."""
    document: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": kind_of_object,
        "metadata": {"name": "{name}", **(metadata or {})},
        "spec": spec,
    }
    if status is not None:
        document["status"] = status
    return Manifest(kind, plural, json.dumps(document), path, refuser, **more)


def in_yaml(kind: str, path: str, refuser: Refuser, spec: str, **more: Any) -> Manifest:
    """A DAG whose spec is written in YAML, at two spaces."""
    text = f"apiVersion: {API_VERSION}\nkind: DAG\nmetadata: {{name: '{{name}}'}}\nspec:\n{spec}\n"
    return Manifest(kind, "dags", text, path, refuser, YAML, **more)
