"""What kubedag asks of a Kubernetes API: one request, and one watch.

The narrowest interface that carries the operator, so that a simulation can implement all of it in
memory and put every fault into it; `http_api` has the one over the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"

NAME_CHARS_MAX: Final = 253
MUTATING_METHODS: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind as URLs name it; the core group is the empty string."""

    group: str
    version: str
    plural: str

    def path(
        self, namespace: str | None = None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """The path of a collection, an object or a subresource; no namespace means all of them."""
        parts = ["/apis", self.group, self.version] if self.group else ["/api", self.version]
        if namespace is not None:
            parts += ["namespaces", _segment(namespace)]
        parts.append(self.plural)
        if name is not None:
            parts.append(_segment(name))
        if subresource is not None:
            parts.append(subresource)
        return "/".join(parts)


def is_name(text: str) -> bool:
    """Can there be an object of that name? What a label says, or a status, need not be one."""
    letters = text.replace("-", "").replace(".", "")
    return len(text) <= NAME_CHARS_MAX and text.isascii() and letters.isalnum()


def _segment(text: str) -> str:
    """A name that cannot leave its place in the path; the API has no others."""
    if not is_name(text):
        raise ValueError(f"not the name of a Kubernetes object: {text!r}")
    return text


PODS: Final = Resource("", "v1", "pods")
SECRETS: Final = Resource("", "v1", "secrets")
EVENTS: Final = Resource("", "v1", "events")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases")
CONTROLLER_REVISIONS: Final = Resource("apps", "v1", "controllerrevisions")
DAGS: Final = Resource("kubedag.dev", "v1alpha1", "dags")
DAG_RUNS: Final = Resource("kubedag.dev", "v1alpha1", "dagruns")
BACKFILLS: Final = Resource("kubedag.dev", "v1alpha1", "backfills")
TASK_POOLS: Final = Resource("kubedag.dev", "v1alpha1", "taskpools")
DAG_RUN_SLICES: Final = Resource("kubedag.dev", "v1alpha1", "dagrunslices")


class Api(Protocol):
    """A Kubernetes API; everything it raises is a `shell.errors.ClusterError`."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = JSON,
        timeout_seconds: float = 30,
    ) -> bytes:
        """The body of a 2xx answer: by its looks a JSON object, or a log (see `replies.ask`)."""
        ...

    def watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Lines of JSON, one event each, until the server ends the stream (`watch=true` is added)."""
        ...
