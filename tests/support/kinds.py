"""Makes our kinds known to a real API server, and waits for what it takes a moment to do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from dev.cluster.procs import ApiError
from kubedag.api import crds
from support.objects import API_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SECONDS_MAX = 60.0


def until(what: Callable[[], Any], seconds: float = SECONDS_MAX, pause: float = 0.05) -> Any:
    """What is asked for, once there is something of it."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(pause)
    return found


def is_served(client: Any, plural: str) -> bool:
    """An established kind is first unknown and then "(re)initializing", for a moment each."""
    try:
        client.get(f"/apis/{API_VERSION}/{plural}")
    except ApiError as error:
        if error.status not in {404, 429}:
            raise
        return False
    return True


def install(client: Any) -> None:
    """Every kind of ours is served; another test may have seen to that before."""
    for manifest in crds.all_manifests().values():
        if not client.exists(f"{CRDS}/{manifest['metadata']['name']}"):
            client.create(CRDS, manifest)
    for manifest in crds.all_manifests().values():
        plural = manifest["spec"]["names"]["plural"]
        until(lambda plural=plural: is_served(client, plural))  # type: ignore[misc]
