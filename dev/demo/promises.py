"""What the demo promises, each held against what was seen from outside."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from .picture import Picture

RETRIED, DOOMED, LAST = "fetch-sales", "train", "tidy-up"
UNREACHED = ("publish", "announce")
SAYING = "days are not enough to train on"


class Promise(NamedTuple):
    """A sentence, and whether it came true."""

    text: str
    kept: bool


def check(picture: Picture) -> list[Promise]:
    """All promises, in the order of the story."""
    rows = picture.rows
    doomed = rows.get(DOOMED, {})
    return [
        Promise(
            "every Pod appeared only after its upstream Pods had succeeded", in_order(picture)
        ),
        Promise(
            f"{RETRIED} failed, was tried again and succeeded", retried(rows.get(RETRIED, {}))
        ),
        Promise("the retry kept to its nextAttemptTime", kept_its_time(picture)),
        Promise(f"{DOOMED} failed for good", doomed.get("state") == "Failed"),
        Promise("the end of its log is in the run's status", SAYING in log_tail(doomed)),
        Promise(
            f"{' and '.join(UNREACHED)} are UpstreamFailed, without a Pod",
            all(
                rows.get(name, {}).get("state") == "UpstreamFailed" and not picture.pod_of(name)
                for name in UNREACHED
            ),
        ),
        Promise(f"{LAST} ran all the same", rows.get(LAST, {}).get("state") == "Succeeded"),
        Promise(
            "the run is Finished, and did not succeed",
            picture.finished and picture.condition("Succeeded").get("status") == "False",
        ),
    ]


def in_order(picture: Picture) -> bool:
    """Whether each first Pod of a task came after its upstreams' success, as the watch told it."""
    unconditional = [pod for pod in picture.pods.values() if pod.task != LAST]
    for pod in unconditional:
        ends = [picture.succeeded_at(name) for name in picture.upstreams[pod.task]]
        if any(end is None or end > pod.appeared for end in ends):
            return False
    return bool(unconditional)


def retried(row: dict[str, Any]) -> bool:
    """Whether a task failed once and then succeeded."""
    states = [attempt["state"] for attempt in row.get("attempts", ())]
    return row.get("state") == "Succeeded" and states == ["Failed", "Succeeded"]


def kept_its_time(picture: Picture) -> bool:
    """Whether the second Pod was created when the status had said, and not much later."""
    pod, planned = picture.pod_of(RETRIED), picture.next_attempts.get(RETRIED)
    if pod is None or planned is None:
        return False
    late = dt.datetime.fromisoformat(pod.created) - dt.datetime.fromisoformat(planned)
    # a creationTimestamp is cut to whole seconds
    return dt.timedelta(seconds=-1) <= late <= dt.timedelta(seconds=5)


def log_tail(row: dict[str, Any]) -> str:
    """The end of the log of a task's last attempt, from the status."""
    attempts: list[dict[str, Any]] = row.get("attempts") or [{}]
    tail: str = attempts[-1].get("log", {}).get("tail", "")
    return tail
