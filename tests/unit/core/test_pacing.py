"""A namespace that takes no Pods is asked for a few at a time, however many there are to be."""

from __future__ import annotations

import pytest

from kubedag.core import actions, advance, pacing, snapshot
from support.builders import a_plan, a_snapshot, at, stamp
from support.objects import a_task

MOST = pacing.ASKS_PER_SECOND_MAX
QUOTA = snapshot.Refusal(1, "WaitingForQuota", "used up", stamp(10), True, stamp(12))


def step(count, refused, *, now=20, creating=(), refusal=QUOTA, **priorities):
    """Of so many tasks, with those refused; what is asked for, and the rows."""
    tasks = [a_task(f"t{n}", priority=priorities.get(f"t{n}", 0)) for n in range(count)]
    plan = a_plan(*tasks)
    refusals = refused if isinstance(refused, dict) else dict.fromkeys(refused, refusal)
    facts = {
        "refusals": {f"t{n}": one for n, one in refusals.items()},
        "creating": {f"t{n}": f"run-t{n}-1" for n in creating},
    }
    found = advance.advance(a_snapshot(plan, **facts), plan, at(now), "")
    asked = [one.task_index for one in found.actions if isinstance(one, actions.CreatePod)]
    return asked, found


def test_of_many_that_are_refused_a_few_are_asked_for_in_each_second():
    asked, found = step(1000, range(1000))
    assert asked == list(range(MOST))
    assert advance.wake(found) == at(21)


def test_those_that_were_refused_longest_ago_are_asked_for_first():
    refusals = {
        n: snapshot.Refusal(1, "WaitingForQuota", "m", stamp(10 - n % 2), True, stamp(12))
        for n in range(100)
    }
    asked, _ = step(100, refusals)
    assert asked == list(range(1, 2 * MOST, 2))


def test_the_most_urgent_are_asked_for_first():
    asked, _ = step(100, range(100), t70=2, t80=1)
    assert asked[:2] == [70, 80]


def test_each_refusal_of_this_second_and_each_question_under_way_takes_one_away():
    just_now = snapshot.Refusal(1, "WaitingForQuota", "m", stamp(20), True, stamp(21))
    refusals = dict.fromkeys(range(50), QUOTA) | dict.fromkeys(range(50, 53), just_now)
    asked, _ = step(55, refusals, creating=(53, 54))
    assert len(asked) == MOST - 5


def test_what_was_never_asked_for_has_its_share_and_says_what_it_waits_for():
    asked, found = step(1000, range(500))
    assert asked == [*range(MOST // 2), *range(500, 500 + MOST // 2)]
    waits = found.tasks[999]
    assert (waits.state, waits.reason, waits.message) == (
        "Queued", "WaitingForQuota", pacing.MESSAGE,
    )  # fmt: skip


def test_a_pod_that_is_taken_costs_nothing():
    """Nothing of this second was refused, and nothing is under way: the pace is the full one."""
    asked, _ = step(1000, [0])
    assert len(asked) == MOST


@pytest.mark.parametrize(
    "refusal",
    [
        pytest.param(None, id="nothing is refused"),
        pytest.param(
            snapshot.Refusal(1, "Conflict", "m", stamp(10), True, stamp(12)),
            id="it is about one Pod",
        ),
        pytest.param(
            snapshot.Refusal(7, "WaitingForQuota", "m", stamp(10), True, stamp(12)),
            id="it is about another attempt",
        ),
    ],
)
def test_otherwise_all_are_asked_for_at_once(refusal):
    asked, _ = step(50, [] if refusal is None else range(20), refusal=refusal)
    assert sorted(asked) == list(range(50))


def test_who_is_not_asked_for_yet_is_looked_at_in_the_next_second():
    just_now = snapshot.Refusal(1, "APIOverloaded", "m", stamp(20), True, stamp(50))
    asked, found = step(2 * MOST + 1, dict.fromkeys(range(MOST), just_now), now=20.4)
    assert (asked, advance.wake(found)) == ([], at(21))
