"""The cluster that a command is about, found as kubectl finds it, and what verbs ask of it.

A verb reads an object, decides what to change, and sends that change with the version that it has
read: if somebody else was faster, it reads and decides again, a few times.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import msgspec
import orjson

from kubedag.cli import wishes
from kubedag.core import naming
from kubedag.shell import client, credentials, replies, wire
from kubedag.shell.errors import ApiError
from kubedag.shell.http_api import HttpApi

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from kubedag.cli.flags import Target
    from kubedag.shell.access import Access

    Object = dict[str, Any]
    Decided = Callable[[Object], Awaitable[wishes.Wish]]
    """What is to become of an object; it reads rows only where these decide: they may be many."""

TRIES_MAX: Final = 5
FORBIDDEN: Final = 403
PAGE_RUNS: Final = 50
PAGES_MAX: Final = 2000

REVIEWS: Final = client.Resource("authentication.k8s.io", "v1", "selfsubjectreviews")
_RESOURCES: Final = {one.plural: one for one in (client.DAGS, client.DAG_RUNS, client.BACKFILLS)}


class _User(msgspec.Struct, frozen=True):
    username: str


class _Known(msgspec.Struct, frozen=True):
    user_info: _User = msgspec.field(name="userInfo")


class _Review(msgspec.Struct, frozen=True):
    """A SelfSubjectReview, answered."""

    status: _Known


_review: Final = wire.decoder(_Review)


@contextlib.asynccontextmanager
async def connect(
    namespace: str | None, context: str, kubeconfig: str, as_user: str
) -> AsyncIterator[Cluster]:
    """The cluster of a context. Raises `CredentialsError`."""
    source = credentials.find(os.environ, kubeconfig_path=kubeconfig, context=context)
    known = credentials.Credentials(_As(source, as_user) if as_user else source)
    access = await known.access()
    async with HttpApi(known) as api:
        yield Cluster(api, namespace or access.namespace)


class _As:
    """The credentials of one who acts as another user."""

    def __init__(self, source: credentials.Source, user: str) -> None:
        self.name = source.name
        self._source = source
        self._user = user

    def load(self, *, force: bool) -> Access:
        """Those of the source, and whom they are used for."""
        return replace(self._source.load(force=force), impersonate=self._user)


@dataclass(frozen=True)
class Cluster:
    """One namespace of a cluster. Everything here raises `ClusterError`."""

    api: client.Api
    namespace: str

    async def get(self, target: Target) -> Object:
        """An object of ours."""
        return await self._get(_RESOURCES[target.plural].path(self.namespace, target.name))

    async def revision(self, name: str) -> Object:
        """A ControllerRevision: the spec of a DAG as it was."""
        if not client.is_name(name):  # by a status that somebody has written
            raise ApiError(404, "NotFound", f"there is no ControllerRevision {name!r}")
        return await self._get(client.CONTROLLER_REVISIONS.path(self.namespace, name))

    async def rows(self, run: Object) -> list[Object]:
        """The rows of a run, wherever they are stored."""
        status, meta = run.get("status") or {}, run["metadata"]
        if not status.get("slices"):
            return list(status.get("tasks") or ())
        rerun = (status.get("rerun") or {}).get("number", 0)
        found: list[Object] = []
        for nth in range(status["slices"]):
            name = naming.slice_name(meta["name"], meta["uid"], nth, rerun)
            try:
                part = await self._get(client.DAG_RUN_SLICES.path(self.namespace, name))
            except ApiError as error:
                if not error.not_found:
                    raise
                return []  # it has just begun anew, or somebody has deleted it: nobody can tell
            found += part.get("tasks") or ()
        return found

    async def runs_of(self, dag: str) -> AsyncIterator[Object]:
        """All runs of a DAG, some at a time."""
        params = {"fieldSelector": f"spec.dagName={dag}", "limit": str(PAGE_RUNS)}
        path = client.DAG_RUNS.path(self.namespace)
        for _ in range(PAGES_MAX):
            page = await replies.ask(self.api, replies.customs, "GET", path, params=params)
            for run in page.items:
                yield run
            if not page.continue_token:
                return
            params["continue"] = page.continue_token

    async def user_name(self) -> str:
        """Who we are to the cluster."""
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        body = orjson.dumps(review)
        found: _Review = await replies.ask(self.api, _review, "POST", REVIEWS.path(), body=body)
        return found.status.user_info.username

    async def change(self, target: Target, wanted: Decided) -> tuple[wishes.Wish, Object]:
        """Change an object as it is wanted; what was wanted, and the object as it is now."""
        path = _RESOURCES[target.plural].path(self.namespace, target.name)
        for _ in range(TRIES_MAX):
            found = await self._get(path)
            wish = await wanted(found)
            if not isinstance(wish, wishes.Change):
                return wish, found
            version = found["metadata"]["resourceVersion"]
            body = orjson.dumps({"metadata": {"resourceVersion": version}, "spec": wish.spec})
            try:
                changed = await replies.ask(
                    self.api, replies.custom, "PATCH", path, body=body,
                    content_type=client.MERGE_PATCH,
                )  # fmt: skip
            except ApiError as error:
                if not error.conflict:
                    raise
            else:
                return wish, changed
        return wishes.No("others keep changing it; try once more"), found

    async def create_run(self, manifest: Object) -> Object:
        """Create a run."""
        path = client.DAG_RUNS.path(self.namespace)
        body = orjson.dumps(manifest)
        return await replies.ask(self.api, replies.custom, "POST", path, body=body)

    async def _get(self, path: str) -> Object:
        return await replies.ask(self.api, replies.custom, "GET", path)


def told(error: ApiError, target: Target, namespace: str) -> str:
    """What the API server says to a request about an object, for who made it."""
    message = error.message or str(error)
    if error.not_found and f'"{target.name}"' in message:
        return f"there is none in namespace {namespace!r}"
    if error.not_found:
        return (
            f"this cluster has no {target.plural}.kubedag.dev; is kubedag installed? ({message})"
        )
    _, denied, why = message.partition("denied request: ")
    return f"refused: {why}" if denied else message
