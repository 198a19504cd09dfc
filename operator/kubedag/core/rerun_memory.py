"""Which wishes to run again were fulfilled: so none is a second time, whatever was wished in between.

A manifest in Git keeps its wish, while people ask for others: what it says is still there when it is
applied again. So an id counts as fulfilled as long as it is remembered, and with it what was asked,
as a digest: who uses an id again for something else is told, and who applies the same is not.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

import msgspec

from kubedag.api import control
from kubedag.core import rows

if TYPE_CHECKING:
    from kubedag.core import snapshot

KEPT_MAX: Final = control.FULFILLED_RERUNS_MAX
CONTENT_BYTES: Final = 8
"""Two wishes with one id are compared, and no others."""


def found(status: rows.RunStatus, id_: str) -> rows.FulfilledRerun | None:
    """What is remembered of the wish with this id; None if none such was fulfilled."""
    done = remembered(status.rerun)
    return next((one for one in reversed(done) if one.id == id_), None)


def remembered(last: rows.Rerun | None) -> tuple[rows.FulfilledRerun, ...]:
    """The wishes that were fulfilled, oldest first."""
    if last is None:
        return ()
    is_mark = last.id.startswith(control.MARK_ID_PREFIX)
    if is_mark or any(one.id == last.id for one in last.fulfilled):
        return last.fulfilled
    # Stored by an operator that remembered nothing but the id of the last one.
    return (*last.fulfilled, rows.FulfilledRerun(last.id, last.start_time))


def with_one_more(
    last: rows.Rerun | None, wish: snapshot.RerunRequest, stamp: str
) -> tuple[rows.FulfilledRerun, ...]:
    """The newest of what is remembered once this one is fulfilled."""
    new = rows.FulfilledRerun(wish.id, stamp, content(wish))
    return (*remembered(last), new)[-KEPT_MAX:]


def content(wish: snapshot.RerunRequest) -> str:
    """A digest of what is asked, apart from the id."""
    asked = (wish.scope, sorted({*wish.tasks}), wish.include, wish.revision, wish.dry_run)
    return blake2b(msgspec.json.encode(asked), digest_size=CONTENT_BYTES).hexdigest()


def mistaken(
    status: rows.RunStatus, wish: snapshot.RerunRequest | None
) -> rows.FulfilledRerun | None:
    """The wish that was fulfilled by the id of this one, which asks for something else."""
    done = found(status, wish.id) if wish is not None else None
    if wish is None or done is None or done.content in ("", content(wish)):
        return None
    return done
