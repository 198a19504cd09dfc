"""Limits that runs share hold, waste nothing, leave nobody waiting for ever, and need no lock."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from kubedag.core import limits
from kubedag.core.limits import Pool, Want
from support.builders import at, stamp

POOLS = ("p", "q")
DAGS = ("x", "y")
SIZES = {(limits.DAG, "ns", dag): 2 for dag in DAGS} | {(limits.OPERATOR,): 5}
SLOTS = 3


def key_of(pool):
    return (limits.POOL, "ns", pool)


@st.composite
def wants(draw):
    """A pool or none, the DAG's limit or none, the operator's or none; at least one of them."""
    found = []
    if pool := draw(st.sampled_from((*POOLS, None))):
        found.append(Want(key_of(pool), draw(st.integers(1, SLOTS))))
    if dag := draw(st.sampled_from((*DAGS, None))):
        found.append(Want((limits.DAG, "ns", dag), 1, 2))
    if draw(st.booleans()) or not found:
        found.append(Want((limits.OPERATOR,), 1, 5))
    return tuple(found)


def a_waiter(name, wanted, since=0, priority=0):
    rank = int(at(since).timestamp()) // limits.SECONDS_PER_PRIORITY - priority
    order = (rank, (stamp(0), stamp(0), name), 0, 0, "ns", name)
    return limits.Waiter(order, name, name, "ns", "a", stamp(since), wanted)


@dataclass
class World:
    """Runs of one task each: those that wait, and those that have started."""

    now: int = 0
    waiting: dict[str, limits.Waiter] = field(default_factory=dict)
    holding: dict[str, limits.Waiter] = field(default_factory=dict)

    def used(self, key):
        return sum(
            want.slots for one in self.holding.values() for want in one.wants if want.key == key
        )

    def lines(self):
        found = {}
        for one in sorted(self.waiting.values()):
            found.setdefault(one.kind, []).append(one)
        return tuple(found.values())

    def view(self):
        pools = {("ns", pool): Pool(SLOTS) for pool in POOLS}
        return limits.View(rules=None, used=self.used, pools=pools, lines=self.lines())

    def decide(self, name):
        """As the run itself is decided; does it start?"""
        one = self.waiting[name]
        starts = limits.Gate(self.view(), name, at(self.now)).ask(one) is None
        if starts:
            self.holding[name] = self.waiting.pop(name)
        return starts

    def due(self):
        """Those who would be woken."""
        view = self.view()
        line = limits.Line(limits.Book(view.used, view.pools, at(self.now)), view.lines)
        return [one.run for one in line.pass_before()]

    def is_over(self):
        pools = any(self.used(key_of(pool)) > SLOTS for pool in POOLS)
        return pools or any(self.used(key) > size for key, size in SIZES.items())

    def fits(self, one):
        sizes = SIZES | {key_of(pool): SLOTS for pool in POOLS}
        return all(self.used(want.key) + want.slots <= sizes[want.key] for want in one.wants)


people = st.lists(
    st.tuples(wants(), st.integers(0, 4000), st.integers(-2, 2)), min_size=1, max_size=12
)


def a_world(given, now=4000):
    found = World(now)
    for number, (wanted, since, priority) in enumerate(given):
        found.waiting[f"r{number:02}"] = a_waiter(f"r{number:02}", wanted, since, priority)
    return found


def decided(world, chance):
    """Decide about everybody once, in any order; returns who has started."""
    names = list(world.waiting)
    chance.shuffle(names)
    return {name for name in names if world.decide(name)}


@given(people, st.randoms(use_true_random=False))
def test_nobody_goes_over_a_limit_in_whatever_order_they_are_decided(given, chance):
    world = a_world(given)
    decided(world, chance)
    assert not world.is_over()


@given(people, st.randoms(use_true_random=False))
def test_where_each_waits_for_one_limit_the_same_start_in_whatever_order(given, chance):
    ones = [(wanted[:1], since, priority) for wanted, since, priority in given]
    expected = set(a_world(ones).due())
    world = a_world(ones)
    assert decided(world, chance) == expected
    assert world.due() == []


@given(people)
def test_what_is_free_is_used_or_kept_for_somebody_before(given):
    world = a_world(given, now=1000)
    while due := world.due():
        assert all(world.decide(name) for name in due)
    idle = [one for one in world.waiting.values() if world.fits(one)]
    for one in idle:
        before = [other for other in world.waiting.values() if other.order < one.order]
        shared = {want.key for want in one.wants}
        assert any(shared & {want.key for want in other.wants} for other in before)
        assert any(not world.fits(other) for other in before)


@given(people)
def test_where_everybody_wants_one_of_each_nothing_is_left_that_somebody_could_have(given):
    ones = [
        (tuple(want._replace(slots=1) for want in wanted), since, priority)
        for wanted, since, priority in given
    ]
    world = a_world(ones, now=1000)
    while due := world.due():
        assert all(world.decide(name) for name in due)
    assert [one for one in world.waiting.values() if world.fits(one)] == []


@settings(max_examples=60)
@given(people, wants(), st.lists(st.tuples(wants(), st.integers(-2, 2)), min_size=1, max_size=4),
       st.randoms(use_true_random=False))  # fmt: skip
def test_nobody_waits_for_ever_whoever_comes_later(given, wanted, later, chance):
    """Each minute one Pod ends, and others come, as urgent as they like and again and again."""
    world, names = a_world(given, now=4000), count()
    world.waiting["victim"] = a_waiter("victim", wanted, since=4000, priority=-2)
    for _ in range(300):
        for name in world.due():
            world.decide(name)
        if "victim" in world.holding:
            break
        world.now += 60
        world.holding.pop(chance.choice(sorted(world.holding)))
        if len(world.waiting) < 30:
            for one, priority in later:
                name = f"later-{next(names):04}"
                world.waiting[name] = a_waiter(name, one, world.now, priority)
    assert "victim" in world.holding
