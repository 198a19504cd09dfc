"""A Kubernetes API server in memory: what it holds, what it refuses, and everything that ever happened.

It knows the few kinds that kubedag uses and the rules that kubedag leans on: names are unique, a
status is written under the resourceVersion that it was read at, deletes have preconditions, watches
begin where a list ended. Nothing in here takes time or fails by chance; `network` does that.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import orjson

from kubedag.shell.errors import ApiError
from simulation.objects import Object, merged, selected

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
ENDED = ("Succeeded", "Failed")
KINDS = {
    "pods": "Pod",
    "events": "Event",
    "leases": "Lease",
    "controllerrevisions": "ControllerRevision",
    "dags": "DAG",
    "dagruns": "DAGRun",
    "dagrunslices": "DAGRunSlice",
    "backfills": "Backfill",
    "taskpools": "TaskPool",
}
HAVE_GENERATIONS = ("dags", "dagruns", "backfills", "taskpools")
HISTORY_KEPT = 400
NOTHING: Mapping[str, str] = MappingProxyType({})


class Place(NamedTuple):
    """What a path points at."""

    plural: str
    namespace: str | None
    name: str | None
    subresource: str | None


class Change(NamedTuple):
    """One thing that happened; `obj` is the object as it is then, or as it was last."""

    version: int
    type: str
    plural: str
    obj: Object
    body: bytes
    old: Object | None
    actor: str

    def line(self) -> bytes:
        """As a watch says it."""
        return b'{"type":"%s","object":%s}' % (self.type.encode(), self.body)

    def seen_through(self, params: Mapping[str, str]) -> Change | None:
        """As a watch with selectors says it: what no longer fits them has gone for it."""
        fits = selected(self.obj, params)
        if self.type != "MODIFIED" or self.old is None or not params.get("labelSelector"):
            return self if fits else None
        fitted = selected(self.old, params)
        if fits == fitted:
            return self if fits else None
        return self._replace(type="ADDED" if fits else "DELETED")


@lru_cache(maxsize=4096)
def place(path: str) -> Place:
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    namespace = None
    if parts[0] == "namespaces":
        namespace, parts = parts[1], parts[2:]
    parts += [None] * (3 - len(parts))  # type: ignore[list-item]
    return Place(parts[0], namespace, parts[1], parts[2])


def _key(obj: Object) -> tuple[str, str]:
    meta = obj["metadata"]
    return (meta["namespace"], meta["name"])


def stamp(seconds: float) -> str:
    """The virtual time as Kubernetes writes it: whole seconds."""
    return _stamp(int(seconds))


@lru_cache(maxsize=4096)
def _stamp(seconds: int) -> str:
    return (EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Cluster:
    """All objects, by plural and then by namespace and name."""

    time: Callable[[], float]
    objects: dict[str, dict[tuple[str, str], Object]] = field(
        default_factory=lambda: {plural: {} for plural in KINDS}
    )
    history: list[Change] = field(default_factory=list)
    version: int = 100
    compacted: int = 0
    logs: dict[str, bytes] = field(default_factory=dict)
    """By the Pod's UID, as far as it can be read."""
    admit: Callable[[Object, bool], None] = lambda _pod, _dry: None
    """Raises `ApiError` for a Pod that is refused; the flag says that it is a dry run."""
    taken: Callable[[Object, Object], None] = lambda _given, _there: None
    """Told of an object that was not created because of another one of its name."""
    late: bool = False
    """Is this request one that nobody waits for any more?"""
    observers: list[Callable[[Change], None]] = field(default_factory=list)
    _pages: dict[str, list[Object]] = field(default_factory=dict)
    _bodies: dict[tuple[str, tuple[str, str]], tuple[Object, bytes]] = field(default_factory=dict)
    """What is stored, and its JSON, which the change that made it was told as."""
    _uids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # --- Writes --------------------------------------------------------------------------------

    def _happened(self, kind: str, plural: str, obj: Object, old: Object | None, who: str) -> None:
        body = orjson.dumps(obj)
        change = Change(self.version, kind, plural, obj, body, old, who)
        self._bodies[(plural, _key(obj))] = (obj, body)
        self.history.append(change)
        for observer in self.observers:
            observer(change)

    def _json(self, plural: str, obj: Object) -> bytes:
        known, body = self._bodies.get((plural, _key(obj)), (None, b""))
        return body if known is obj else orjson.dumps(obj)

    def _copy(self, plural: str, obj: Object) -> Object:
        copy: Object = orjson.loads(self._json(plural, obj))
        return copy

    def _next_version(self) -> str:
        self.version += 1
        return str(self.version)

    def create(self, plural: str, given: Object, actor: str = "user") -> Object:
        obj: Object = orjson.loads(orjson.dumps(given))
        meta = obj["metadata"]
        key = (meta["namespace"], meta["name"])
        if key in self.objects[plural]:
            self.taken(given, self.objects[plural][key])
            raise ApiError(409, "AlreadyExists", f'{plural} "{key[1]}" already exists')
        number = next(self._uids)
        meta["uid"] = f"uid-{number}"
        if plural == "backfills":  # by its form it is known in the ids of its wishes
            meta["uid"] = f"{number:08x}-0000-4000-8000-{number:012x}"
        meta["resourceVersion"] = self._next_version()
        meta["creationTimestamp"] = stamp(self.time())
        obj.setdefault("kind", KINDS[plural])
        if plural in HAVE_GENERATIONS:
            meta["generation"] = 1
            obj.pop("status", None)
        if plural == "pods":
            meta["generation"] = 1
            obj["status"] = {"phase": "Pending"}
            if obj["spec"].get("schedulingGates"):
                gated = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}
                obj["status"]["conditions"] = [gated]
        self.objects[plural][key] = obj
        self._happened("ADDED", plural, obj, None, actor)
        return obj

    def update(self, plural: str, key: tuple[str, str], changed: Object, actor: str) -> Object:
        """Store a changed object; `changed` is the caller's no more."""
        old = self.objects[plural][key]
        meta = changed["metadata"]
        meta["resourceVersion"] = self._next_version()
        if plural in HAVE_GENERATIONS and changed["spec"] != old["spec"]:
            meta["generation"] = old["metadata"]["generation"] + 1
        self.objects[plural][key] = changed
        self._happened("MODIFIED", plural, changed, old, actor)
        return changed

    def edit(
        self, plural: str, namespace: str, name: str, change: Callable[[Object], None], actor: str
    ) -> bool:
        """Change an object in place, as a person or the kubelet does; False if it is gone."""
        old = self.objects[plural].get((namespace, name))
        if old is None:
            return False
        copy = self._copy(plural, old)
        change(copy)
        if copy != old:
            self.update(plural, (namespace, name), copy, actor)
        return True

    def remove(self, plural: str, namespace: str, name: str, actor: str) -> None:
        """Let an object go for good."""
        old = self.objects[plural].pop((namespace, name))
        last = self._copy(plural, old)
        last["metadata"]["resourceVersion"] = self._next_version()
        self._happened("DELETED", plural, last, old, actor)
        if plural == "pods":
            self.logs.pop(last["metadata"]["uid"], None)

    def delete(
        self,
        plural: str,
        namespace: str,
        name: str,
        actor: str,
        same: Mapping[str, str] = NOTHING,
        grace_seconds: int = 30,
    ) -> Object:
        """Delete as the API does: a Pod that runs gets a grace period, and finalizers hold all."""
        obj = self._existing(plural, namespace, name)
        meta = obj["metadata"]
        for part, value in same.items():
            if meta[part] != value:
                raise ApiError(409, "Conflict", f"{part} in the precondition is not {meta[part]}")
        status = obj.get("status") or {}
        alive = plural == "pods" and status["phase"] not in ENDED and obj["spec"].get("nodeName")
        graceful = alive and grace_seconds > 0
        if not graceful and not meta.get("finalizers"):
            self.remove(plural, namespace, name, actor)
        elif not meta.get("deletionTimestamp"):
            grace = grace_seconds if graceful else 0
            doom = {
                "deletionTimestamp": stamp(self.time() + grace),
                "deletionGracePeriodSeconds": grace,
            }
            if plural == "pods":
                doom["generation"] = meta["generation"] + 1
            self.edit(plural, namespace, name, lambda obj: obj["metadata"].update(doom), actor)
        return obj

    def let_go(self, plural: str, namespace: str, name: str, actor: str) -> None:
        """Nothing of it runs any more: it goes, unless a finalizer holds it."""
        meta = self.objects[plural][(namespace, name)]["metadata"]
        if meta.get("deletionGracePeriodSeconds"):
            # What a kubelet deletes with no grace loses the time at which that was asked for.
            last = {
                "deletionTimestamp": stamp(self.time()),
                "deletionGracePeriodSeconds": 0,
            }
            self.edit(plural, namespace, name, lambda obj: obj["metadata"].update(last), actor)
        if not meta.get("finalizers"):
            self.remove(plural, namespace, name, actor)
        elif not meta.get("deletionTimestamp"):
            self.delete(plural, namespace, name, actor, grace_seconds=0)

    def compact(self) -> None:
        """Forget history: older watches get 410."""
        self.compacted = self.version
        del self.history[:-HISTORY_KEPT]

    # --- The API -------------------------------------------------------------------------------

    def handle(
        self, method: str, path: str, params: Mapping[str, str], body: bytes | None, actor: str
    ) -> bytes:
        """Answer a request. Raises `ApiError`."""
        where = place(path)
        if where.subresource == "log":
            return self._log(where)
        if method == "GET":
            return self._get(where, params)
        answers: dict[str, Callable[..., Object]] = {
            "POST": self._post,
            "PUT": self._put,
            "PATCH": self._patch,
            "DELETE": self._delete,
        }
        said = answers[method](where, params, orjson.loads(body or b"{}"), actor)
        return self._json(where.plural, said) if "metadata" in said else orjson.dumps(said)

    def _existing(self, plural: str, namespace: str, name: str) -> Object:
        found = self.objects[plural].get((namespace, name))
        if found is None:
            raise ApiError(404, "NotFound", f'{plural} "{name}" not found')
        return found

    def _log(self, where: Place) -> bytes:
        assert where.namespace is not None
        assert where.name is not None
        pod = self._existing("pods", where.namespace, where.name)
        text = self.logs.get(pod["metadata"]["uid"])
        if text is None:
            raise ApiError(400, "BadRequest", "container is waiting to start")
        return text

    def _get(self, where: Place, params: Mapping[str, str]) -> bytes:
        if where.name is not None:
            assert where.namespace is not None
            found_one = self._existing(where.plural, where.namespace, where.name)
            return self._json(where.plural, found_one)
        token = params.get("continue", "")
        if token:
            version, found = token.split(".")[0], self._pages.pop(token, None)
            if found is None:
                raise ApiError(410, "Expired", "the continue token is too old")
        else:
            version = str(self.version)
            found = [
                obj
                for (namespace, _), obj in sorted(self.objects[where.plural].items())
                if where.namespace in (None, namespace) and selected(obj, params)
            ]
        limit = int(params.get("limit", "500"))
        meta: Object = {"resourceVersion": version}
        if len(found) > limit:
            meta["continue"] = f"{version}.{len(self._pages)}.{len(found)}.{next(self._uids)}"
            self._pages[meta["continue"]] = found[limit:]
        items = b",".join(self._json(where.plural, obj) for obj in found[:limit])
        return b'{"metadata":%s,"items":[%s]}' % (orjson.dumps(meta), items)

    def _post(self, where: Place, params: Mapping[str, str], body: Object, actor: str) -> Object:
        assert where.name is None
        body["metadata"].setdefault("namespace", where.namespace)
        dry = params.get("dryRun") == "All"
        if where.plural == "pods":
            self.admit(body, dry)
        return body if dry else self.create(where.plural, body, actor)

    def _put(self, where: Place, _params: Mapping[str, str], body: Object, actor: str) -> Object:
        assert where.namespace is not None
        assert where.name is not None
        old = self._existing(where.plural, where.namespace, where.name)
        for part in ("resourceVersion", "uid"):
            wanted = body["metadata"].get(part)
            if wanted is not None and wanted != old["metadata"][part]:
                raise ApiError(409, "Conflict", f"the object has been modified: {part}")
        if where.subresource == "status":
            new = old | {"metadata": {**old["metadata"]}, "status": body["status"]}
        else:
            new = body | {"metadata": old["metadata"] | body["metadata"]}
        if new == old:
            return old
        return self.update(where.plural, (where.namespace, where.name), new, actor)

    def _patch(self, where: Place, _params: Mapping[str, str], body: Object, actor: str) -> Object:
        assert where.namespace is not None
        assert where.name is not None
        old = self._existing(where.plural, where.namespace, where.name)
        for part in ("resourceVersion", "uid"):
            wanted = (body.get("metadata") or {}).pop(part, None)
            if wanted is not None and wanted != old["metadata"][part]:
                raise ApiError(409, "Conflict", f"the object has been modified: {part}")
        new = merged(self._copy(where.plural, old), body)
        if new == old:
            return old
        new = self.update(where.plural, (where.namespace, where.name), new, actor)
        meta, status = new["metadata"], new.get("status") or {}
        over = (
            where.plural != "pods" or status["phase"] in ENDED or not new["spec"].get("nodeName")
        )
        if meta.get("deletionTimestamp") and not meta.get("finalizers") and over:
            self.remove(where.plural, where.namespace, where.name, "api")
        return new

    def _delete(self, where: Place, params: Mapping[str, str], body: Object, actor: str) -> Object:
        assert where.namespace is not None
        if where.name is not None:
            same = body.get("preconditions") or NOTHING
            return self.delete(where.plural, where.namespace, where.name, actor, same)
        doomed = [
            name
            for (namespace, name), obj in sorted(self.objects[where.plural].items())
            if namespace == where.namespace and selected(obj, params)
        ]
        for name in doomed:
            self.delete(where.plural, where.namespace, name, actor)
        return {"kind": "Status"}

    # --- Watches -------------------------------------------------------------------------------

    def since(self, plural: str, version: int, params: Mapping[str, str]) -> list[Change]:
        """What happened to a kind after a version. Raises `ApiError` if that is forgotten."""
        if version < self.compacted:
            raise ApiError(410, "Expired", "too old resource version")
        found: list[Change] = []
        for change in reversed(self.history):
            if change.version <= version:
                break
            seen = change.seen_through(params) if change.plural == plural else None
            if seen is not None:
                found.append(seen)
        found.reverse()
        return found
