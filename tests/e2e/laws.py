"""What must hold of a run whatever was done to it, judged by what a witness saw.

Each law takes the sights of the run's Pods, in order, and returns what breaks it, in words; nothing
means that it holds. The operator is asked in one law only: whether it remembers what happened.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from e2e.witness import GONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from e2e.witness import Sight

ENDED = ("Succeeded", "Failed")


def label(pod: Mapping[str, Any], name: str) -> str:
    return pod["metadata"]["labels"][f"kubedag.dev/{name}"]


def phase(pod: Mapping[str, Any]) -> str:
    return pod["status"].get("phase", "")


def succeeded(sights: Iterable[Sight]) -> dict[str, dict[str, Sight]]:
    """For each task the Pods that ended well, each as it was when that was first seen."""
    found: dict[str, dict[str, Sight]] = defaultdict(dict)
    for sight in sights:
        if phase(sight.object) == "Succeeded":
            found[label(sight.object, "task")].setdefault(sight.name, sight)
    return found


def succeeds_once(
    sights: Sequence[Sight], tasks: Iterable[str], recorded: Mapping[str, str]
) -> list[str]:
    """Every task has one Pod that ended well, and that is the one which the run's status names.

    Somebody may delete a Pod at the very moment at which it ends well. If nobody could see that in
    time, the task is run again, and rightly so: such a Pod is not counted, unless the status does.
    """
    broken = []
    seen = succeeded(sights)
    for task in tasks:
        counted = [
            name
            for name, sight in seen.get(task, {}).items()
            if not sight.object["metadata"].get("deletionTimestamp") or name == recorded.get(task)
        ]
        if counted != [recorded.get(task)]:
            broken.append(f"{task}: succeeded {counted}, recorded {recorded.get(task)}")
    return broken


def never_twice_at_once(sights: Iterable[Sight]) -> list[str]:
    """No task has two Pods at a time of which neither has ended."""
    broken = []
    live: dict[str, set[str]] = defaultdict(set)
    for sight in sights:
        mine = live[label(sight.object, "task")]
        if sight.type == GONE or phase(sight.object) in ENDED:
            mine.discard(sight.uid)
        elif sight.uid not in mine:
            mine.add(sight.uid)
            if len(mine) > 1:
                broken.append(f"{sight.name}: created beside another live Pod of its task")
    return broken


def in_order(sights: Sequence[Sight], upstream: Mapping[str, Sequence[str]]) -> list[str]:
    """No Pod of a task is created before each of its upstreams has a Pod that succeeded.

    Judged by the order of the watch, and by the node's and the API server's clock, which are one;
    within a list only by the clock, which counts in whole seconds.
    """
    broken = []
    done: dict[str, str] = {}  # when the first Pod of a task that succeeded was over
    for batch in _batches(sights):
        for sight in batch:
            if phase(sight.object) == "Succeeded":
                done.setdefault(label(sight.object, "task"), finished(sight.object))
        for sight in batch:
            if sight.type == "ADDED":
                created = sight.object["metadata"]["creationTimestamp"]
                broken += [
                    f"{sight.name}: created at {created}; {above} was over at {done.get(above)}"
                    for above in upstream.get(label(sight.object, "task"), ())
                    if above not in done or done[above] > created
                ]
    return broken


def _batches(sights: Iterable[Sight]) -> list[list[Sight]]:
    """What was seen at once: each event of the watch alone, and each list as a whole."""
    batches: list[list[Sight]] = []
    for sight in sights:
        if batches and sight.seam and sight.seam == batches[-1][0].seam:
            batches[-1].append(sight)
        else:
            batches.append([sight])
    return batches


def finished(pod: Mapping[str, Any]) -> str:
    """When the task's own program ended."""
    main = next(s for s in pod["status"]["containerStatuses"] if s["name"] == "main")
    return main["state"]["terminated"]["finishedAt"]


def remembers(sights: Iterable[Sight], run: Mapping[str, Any]) -> list[str]:
    """The status has each Pod that there was as an attempt, and no other; and counts them."""
    seen: dict[str, set[str]] = defaultdict(set)
    for sight in sights:
        seen[label(sight.object, "task")].add(sight.name)
    broken = []
    attempts = 0
    for row in run["status"]["tasks"]:
        told = [attempt["podName"] for attempt in row["attempts"]]
        attempts += len(told)
        if set(told) != seen[row["name"]] or len(told) != len(set(told)):
            broken.append(f"{row['name']}: recorded {told}, seen {sorted(seen[row['name']])}")
    retries = run["status"].get("retries", 0)
    if retries != attempts - len(run["status"]["tasks"]):
        broken.append(f"retries is {retries}, and there were {attempts} attempts")
    return broken


def stays_ended(sights: Iterable[Sight]) -> list[str]:
    """A task that has succeeded in the run's status stays so, in each later one."""
    broken = []
    over: set[str] = set()
    for sight in sights:
        for row in sight.object.get("status", {}).get("tasks", ()):
            if row["state"] == "Succeeded":
                over.add(row["name"])
            elif row["name"] in over:
                broken.append(f"{row['name']}: was Succeeded, and then {row['state']}")
    return broken


def recorded_successes(run: Mapping[str, Any]) -> dict[str, str]:
    """The Pod of the attempt that each task of a run succeeded with."""
    return {
        row["name"]: attempt["podName"]
        for row in run["status"]["tasks"]
        for attempt in row["attempts"]
        if attempt["state"] == "Succeeded"
    }


def seconds_between(first: str, last: str) -> float:
    return (dt.datetime.fromisoformat(last) - dt.datetime.fromisoformat(first)).total_seconds()
