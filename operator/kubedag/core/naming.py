"""The names of everything that the operator creates: a function of what the thing is for.

A name is the lock against doing something twice, so the same thing must always get the same name
and two things never one. Names are made for reading first: what they are about, shortened where it
does not fit, and then a hash of all that tells them apart, which alone makes them unique.

All of them are DNS-1123 labels, because a Pod's name becomes its hostname.
"""

from __future__ import annotations

from base64 import b32encode
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from kubedag.core import instants

if TYPE_CHECKING:
    from datetime import datetime

NAME_LENGTH_MAX: Final = 63
"""Of a DNS-1123 label (RFC 1123, section 2.1), and of the value of a Kubernetes label."""

_HASH_LENGTH: Final = 8
_REVISION_HASH_LENGTH: Final = 10


def pod_name(run_name: str, run_uid: str, task: str, map_index: int | None, attempt: int) -> str:
    """`<run>-<task>[-<index>]-<attempt>-<hash>`: one Pod for each attempt of a task of a run."""
    ending = f"-{attempt}" if map_index is None else f"-{map_index}-{attempt}"
    index = "" if map_index is None else map_index
    ending = f"{ending}-{_hash(f'{run_uid}/{task}/{index}/{attempt}', _HASH_LENGTH)}"
    return _join(run_name, task, NAME_LENGTH_MAX - len(ending)) + ending


def run_name(dag_name: str, start: datetime, end: datetime) -> str:
    """`<dag>-<start>-<length>`, such as `sales-20260101t0600-1d`: the run of an interval of a DAG.

    Whoever creates it, for whatever reason, so that no interval has two. The length tells two
    intervals of different schedules apart that start together. In UTC: no name twice a year.
    """
    when = instants.compact(start).lower().removesuffix("z")
    if not start.second:
        when = when.removesuffix("00")
    ending = f"-{when}-{_length(int((end - start).total_seconds()))}"
    if len(dag_name) + len(ending) > NAME_LENGTH_MAX:
        key = f"{dag_name}/{instants.text(start)}/{instants.text(end)}"
        ending = f"{ending}-{_hash(key, _HASH_LENGTH)}"
    return _cut(dag_name, NAME_LENGTH_MAX - len(ending)) + ending


def slice_name(run_name: str, run_uid: str, index: int, rerun: int = 0) -> str:
    """`<run>-slice-<index>-<hash>`: some of the rows of this very run.

    Each time that the run runs again they have other names: what it was before is not overwritten.
    """
    key = f"{run_uid}/{index}/{rerun}" if rerun else f"{run_uid}/{index}"
    ending = f"-slice-{index:02}-{_hash(key, _HASH_LENGTH)}"
    return _cut(run_name, NAME_LENGTH_MAX - len(ending)) + ending


def revision_name(dag_name: str, canonical_spec: bytes) -> str:
    """`<dag>-<hash>`: the ControllerRevision that holds this content for this DAG."""
    ending = "-" + _hash(f"{dag_name}/".encode() + canonical_spec, _REVISION_HASH_LENGTH)
    return _cut(dag_name, NAME_LENGTH_MAX - len(ending)) + ending


def dag_of_revision(name: str, labelled: str) -> str:
    """The DAG of a ControllerRevision with that label: anybody may edit this, and nobody a name."""
    stem, _, ending = name.rpartition("-")
    if len(ending) != _REVISION_HASH_LENGTH or _cut(labelled, NAME_LENGTH_MAX) == stem:
        return labelled
    return stem


def event_name(object_name: str, object_uid: str, reason: str, message: str) -> str:
    """`<object>-<hash>`: the Event that tells this about this object, so that none is told twice."""
    ending = "-" + _hash(f"{object_uid}/{reason}/{message}", _HASH_LENGTH)
    return _cut(object_name, NAME_LENGTH_MAX - len(ending)) + ending


def label_value(name: str) -> str:
    """The name itself where it fits into a label's value, otherwise its beginning and a hash."""
    if len(name) <= NAME_LENGTH_MAX:
        return name
    ending = "-" + _hash(name, _HASH_LENGTH)
    return _cut(name, NAME_LENGTH_MAX - len(ending)) + ending


_UNITS: Final = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))


def _length(seconds: int) -> str:
    """`1d`, `23h`, `1d1h`, `15m`: every unit that counts, and no other."""
    parts = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _hash(key: str | bytes, length: int) -> str:
    """Letters and digits of base 32 (RFC 4648): five bits each, so 40 for a Pod."""
    data = key.encode() if isinstance(key, str) else key
    return b32encode(blake2b(data, digest_size=10).digest())[:length].decode().lower()


def _join(first: str, second: str, length_max: int) -> str:
    """Both names in full if they fit; else the shorter one keeps up to half of the room."""
    room = length_max - 1
    if len(first) + len(second) > room:
        half = room // 2
        first_length = max(half, room - len(second))
        first = _cut(first, first_length)
        second = _cut(second, room - len(first))
    return f"{_cut(first, room)}-{second}"


def _cut(name: str, length_max: int) -> str:
    """The beginning of an object's name, as a DNS-1123 label."""
    return name[:length_max].replace(".", "-").rstrip("-")
