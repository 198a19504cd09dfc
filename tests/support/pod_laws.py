"""What must hold of the Pods of a run, whatever the network does; judged by a witness alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from simulation import oracle

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from support.pod_witness import Life


@dataclass(frozen=True)
class Story:
    """What was seen of a run: its Pods by task, first created first, and which tasks had ended when."""

    tasks: Mapping[str, oracle.Node]
    lives: Mapping[str, Sequence[Life]]
    settled: Mapping[str, int]
    max_active_tasks: int | None = None


def broken(story: Story) -> list[str]:
    """Every law that is broken, in words."""
    return [wrong for law in LAWS for wrong in law(story)]


def each_attempt_once(story: Story) -> Iterator[str]:
    for task, lives in story.lives.items():
        seen = [life.attempt for life in lives]
        if seen != list(range(1, len(lives) + 1)):
            yield f"{task}: its attempts are {seen}"


def one_at_a_time(story: Story) -> Iterator[str]:
    for task, lives in story.lives.items():
        for number, life in enumerate(lives):
            if any(other.lives_at(life.created) for other in lives[:number]):
                yield f"{task}: {life.name} was created while the one before it was alive"


def none_after_the_end(story: Story) -> Iterator[str]:
    for task, lives in story.lives.items():
        for life in lives:
            if life.created > story.settled.get(task, life.created):
                yield f"{task}: {life.name} was created when it was stored that the task had ended"


def upstreams_first(story: Story) -> Iterator[str]:
    for task, lives in story.lives.items():
        states = oracle.may_be(story.tasks, partial(_state, story, lives[0].created))
        if not oracle.may_start(story.tasks, states, task):
            seen = {above: sorted(states[above]) for above in story.tasks[task].upstream}
            yield f"{task}: {lives[0].name} was created when its upstreams were {seen}"


def no_more_than_allowed(story: Story) -> Iterator[str]:
    if story.max_active_tasks is None:
        return
    every = [life for lives in story.lives.values() for life in lives]
    for life in every:
        count = sum(other.lives_at(life.created) for other in every)
        if count > story.max_active_tasks:
            yield f"{life.name} was created beside {count - 1}, of at most {story.max_active_tasks}"


LAWS = (
    each_attempt_once,
    one_at_a_time,
    none_after_the_end,
    upstreams_first,
    no_more_than_allowed,
)


def _state(story: Story, moment: int, task: str) -> set[str] | None:
    """What was true of a task at a moment, in the oracle's letters; None if it had no Pod by then."""
    lives = story.lives.get(task, ())
    if not lives or lives[0].created > moment:
        return None
    last = lives[-1]
    if story.settled.get(task, moment + 1) > moment and (
        last.created > moment or last.lives_at(moment)
    ):
        return {"-"}
    return {"S"} if last.phase == "Succeeded" else {"F"}
