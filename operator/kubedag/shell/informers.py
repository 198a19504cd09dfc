"""One cache for the whole cluster, or one for each watched namespace, behind one face."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic

from kubedag.core import pods
from kubedag.shell.informer import Informer
from kubedag.shell.wire import R

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping, Sequence

    from kubedag.shell import client

OURS: Final = {"labelSelector": f"{pods.LABEL_MANAGED_BY}={pods.MANAGED_BY}"}


class Informers(Generic[R]):
    """One cache for the whole cluster, or one for each watched namespace."""

    def __init__(
        self,
        api: client.Api,
        resource: client.Resource,
        kind: type[R],
        on_change: Callable[[R | None, R], None],
        namespaces: Sequence[str | None],
        chance: random.Random,
    ) -> None:
        self.all: Mapping[str | None, Informer[R]] = {
            namespace: Informer(
                api, resource.path(namespace), kind, on_change, selectors=OURS, chance=chance
            )
            for namespace in namespaces
        }

    def get(self, namespace: str, name: str) -> R | None:
        """An object as last seen."""
        informer = self.all.get(None) or self.all.get(namespace)
        return informer.get(namespace, name) if informer is not None else None

    def assume(self, record: R) -> None:
        """Know an object from the answer to its creation."""
        informer = self.all.get(None) or self.all.get(record.metadata.namespace)
        if informer is not None:
            informer.assume(record)
