"""An API server that takes what the command line asks: merge patches with a version, and new runs."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from kubedag.shell.errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.answering_api import Call

USER = "ann@example.org"
REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
GROUP = "/apis/kubedag.dev/v1alpha1"
PLURALS = {"DAG": "dags", "DAGRun": "dagruns", "Backfill": "backfills"}


def path_of(plural: str, name: str = "", namespace: str = "ns") -> str:
    group = "/apis/apps/v1" if plural == "controllerrevisions" else GROUP
    base = f"{group}/namespaces/{namespace}/{plural}"
    return f"{base}/{name}" if name else base


class PatchingServer:
    """Give it to an `AnsweringApi` as its answer."""

    def __init__(self, *objects: dict[str, Any]) -> None:
        self.version = 100
        self.page = 0
        """How many objects a page of a list has; 0 for all."""
        self.objects: dict[str, dict[str, Any]] = {}
        self.before: Callable[[Call], Exception | None] = lambda _: None
        """May answer with an error of its own, or do what somebody else does in between."""
        for one in objects:
            self.put(one)

    def put(self, one: dict[str, Any], plural: str = "") -> None:
        meta = {"namespace": "ns", "uid": f"uid-{one['metadata']['name']}", "generation": 1}
        meta |= {"creationTimestamp": "2026-01-01T00:00:00Z", **one["metadata"]}
        path = path_of(plural or PLURALS[one["kind"]], meta["name"])
        self._store(path, {**copy.deepcopy(one), "metadata": meta})

    def run(self, name: str = "run") -> dict[str, Any]:
        return self.objects[path_of("dagruns", name)]

    def __call__(self, call: Call) -> Any:
        if error := self.before(call):
            return error
        if call.path == REVIEWS:
            return {"status": {"userInfo": {"username": USER}}}
        if call.method == "POST":
            return self._create(call)
        if call.path.count("/") == 6:
            return self._list(call)
        if call.path not in self.objects:
            kind, name = call.path.split("/")[-2:]
            return ApiError(404, "NotFound", f'{kind}.kubedag.dev "{name}" not found')
        return self._patch(call) if call.method == "PATCH" else self.objects[call.path]

    def _store(self, path: str, one: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        one["metadata"] = one["metadata"] | {"resourceVersion": str(self.version)}
        self.objects[path] = one
        return one

    def _create(self, call: Call) -> Any:
        meta = call.body["metadata"]
        name = meta.get("name") or f"{meta['generateName']}x{self.version}"
        if path_of("dagruns", name) in self.objects:
            return ApiError(409, "AlreadyExists", f'dagruns.kubedag.dev "{name}" already exists')
        self.put({**call.body, "metadata": {**meta, "name": name}})
        return self.run(name)

    def _list(self, call: Call) -> Any:
        field, _, wanted = call.params["fieldSelector"].partition("=")
        assert field == "spec.dagName"
        runs = [
            one
            for path, one in sorted(self.objects.items())
            if path.startswith(call.path + "/") and one["spec"]["dagName"] == wanted
        ]
        first = int(call.params.get("continue", 0))
        end = first + (self.page or len(runs))
        more = {"continue": str(end)} if end < len(runs) else {}
        meta = {"resourceVersion": str(self.version), **more}
        return {"metadata": meta, "items": runs[first:end]}

    def _patch(self, call: Call) -> Any:
        found = self.objects[call.path]
        version = call.body["metadata"].get("resourceVersion")
        if version is not None and version != found["metadata"]["resourceVersion"]:
            return ApiError(409, "Conflict", "the object has been modified")
        return self._store(call.path, merged(found, call.body))


def merged(found: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    made = dict(found) if isinstance(found, dict) else {}
    for key, value in patch.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merged(made.get(key), value)
    return made
