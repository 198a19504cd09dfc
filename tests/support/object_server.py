"""An API server for the objects of one run: names are unique, writes are guarded, sizes have a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from kubedag.core import pods
from kubedag.shell.errors import ApiError
from support.builders import as_stored, stamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.answering_api import Call

RUN_PATH = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/"
SLICES_PATH = "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagrunslices"
REFUSED = ApiError(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")


class ObjectServer:
    """Give it to an `AnsweringApi` as its answer."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.version = 100
        self.objects: dict[str, dict[str, Any]] = {}
        self.bytes_max: dict[str, int] = {}
        """By the last part of a path's collection: more than that is refused."""
        self.before: Callable[[Call], Exception | None] = lambda _: None
        """May answer with an error of its own."""
        self.path = RUN_PATH + run["metadata"]["name"]
        self.objects[self.path] = as_stored(run)

    def __call__(self, call: Call) -> Any:
        if error := self.before(call):
            return error
        limit = self.bytes_max.get(call.path.split("/")[6])
        if call.body and limit is not None and len(msgspec.json.encode(call.body)) > limit:
            return REFUSED
        if call.path == SLICES_PATH:
            return self._create(call) if call.method == "POST" else self._list(call)
        path = call.path.removesuffix("/status")
        if path not in self.objects:
            return ApiError(404, "NotFound", f"{path} not found")
        if call.method == "DELETE":
            return self.objects.pop(path)
        return self._put(path, call) if call.method == "PUT" else self.objects[path]

    @property
    def slices(self) -> list[dict[str, Any]]:
        return sorted(
            (one for path, one in self.objects.items() if path.startswith(SLICES_PATH)),
            key=lambda one: one["firstTask"],
        )

    @property
    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = self.objects[self.path].get("status", {})
        return found

    def touch(self, path: str, **changes: Any) -> None:
        """What somebody else writes."""
        self._store(path, self.objects[path] | changes)

    def _store(self, path: str, obj: dict[str, Any]) -> dict[str, Any]:
        self.version += 1
        obj["metadata"] = obj["metadata"] | {"resourceVersion": str(self.version)}
        self.objects[path] = obj
        return obj

    def _create(self, call: Call) -> Any:
        path = f"{SLICES_PATH}/{call.body['metadata']['name']}"
        if path in self.objects:
            return ApiError(409, "AlreadyExists", f"{path} already exists")
        call.body["metadata"] |= {"uid": f"uid-{self.version}", "creationTimestamp": stamp(0)}
        return self._store(path, call.body)

    def _put(self, path: str, call: Call) -> Any:
        old = self.objects[path]
        if call.body["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
            return ApiError(409, "Conflict", "the object has been modified")
        if call.path.endswith("/status"):
            return self._store(path, old | {"status": call.body["status"]})
        kept = {word: old["metadata"][word] for word in ("uid", "creationTimestamp")}
        call.body["metadata"] |= kept
        return self._store(path, call.body)

    def _list(self, call: Call) -> Any:
        label, _, value = call.params["labelSelector"].partition("=")
        assert label == pods.LABEL_RUN_UID
        found = [one for one in self.slices if one["metadata"]["labels"][label] == value]
        start, limit = int(call.params.get("continue", 0)), int(call.params["limit"])
        meta = {"resourceVersion": str(self.version)}
        if start + limit < len(found):
            meta["continue"] = str(start + limit)
        return {"metadata": meta, "items": found[start : start + limit]}
