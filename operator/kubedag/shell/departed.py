"""Remembers which objects have gone, so that late news of their lives does not bring them back.

An answer of the API may tell of an object's end while watches still bring what happened before, and a
watch while an answer or a list is still on its way. A name does not keep them apart, because it may be
taken anew; a UID never comes back. But an answer may be wrong, as in front of a cluster that a proxy
hides: news that is not older is believed.
"""

from __future__ import annotations

from typing import Final

from kubedag.shell import wire

REMEMBERED_MAX: Final = 10_000


class Departed:
    """The UIDs of what has gone, with the last resourceVersion that was known; the oldest leave."""

    def __init__(self) -> None:
        self._versions: dict[str, str] = {}

    def note(self, uid: str, version: str) -> None:
        """It has gone, and was last seen with this version."""
        self._versions.pop(uid, None)
        self._versions[uid] = version
        if len(self._versions) > REMEMBERED_MAX:
            del self._versions[next(iter(self._versions))]

    def outlived(self, uid: str, version: str) -> bool:
        """Is this news of an object that has gone, from before that?"""
        last = self._versions.get(uid)
        return last is not None and wire.older(version, last)
