"""Limits between runs hold, and nobody waits for ever, whoever is looked at in whatever order."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import admission
from kubedag.core.snapshot import Peer
from support.builders import a_plan, run_facts, stamp

TYPES = ("Scheduled", "Catchup", "Manual", "Backfill")


@dataclass
class Run:
    """One run, as far as admission knows it."""

    facts: object
    started: bool = False
    finished: bool = False
    succeeded: bool = False
    ended_as: str = ""

    def peer(self):
        return Peer(
            self.facts.name,
            self.facts.order,
            started=self.started,
            finished=self.finished,
            succeeded=self.succeeded,
            suspended=self.facts.suspend,
            of_backfill=self.facts.of_backfill,
        )

    @property
    def active(self):
        return self.started and not self.finished

    @property
    def waits(self):
        return not (self.started or self.finished or self.facts.suspend)


class World:
    """The runs of a DAG and what becomes of them."""

    def __init__(self, plan, runs):
        self.plan, self.runs = plan, runs

    def peers(self, run):
        return [other.peer() for other in self.runs if other is not run]

    def look(self, run):
        """Decide about one run, as `decide_run` does; was there anything to do?"""
        if run.active and admission.replaced_by(run.facts, self.peers(run), self.plan):
            run.finished, run.ended_as = True, "Replaced"
            return True
        if not run.waits:
            return False
        verdict = admission.admit(run.facts, self.peers(run), self.plan)
        if verdict.final:
            run.finished, run.ended_as = True, verdict.reason
        run.started = run.started or verdict.admitted
        return verdict.final or verdict.admitted

    def settle(self):
        """Decide until there is nothing to do, one run after another ending well."""
        for _ in range(10 * len(self.runs) + 1):
            if sum(self.look(run) for run in self.runs):
                continue
            active = [run for run in self.runs if run.active]
            if not active:
                return
            active[0].finished = active[0].succeeded = True
        raise AssertionError("it never comes to rest")


plans = st.builds(
    lambda policy, most, past: a_plan(
        concurrencyPolicy=policy, maxActiveRuns=most, dependsOnPast=past
    ),
    st.sampled_from(["Allow", "Queue", "Forbid", "Replace"]),
    st.integers(1, 3),
    st.booleans(),
)
runs = st.lists(
    st.tuples(st.sampled_from(TYPES), st.integers(0, 99), st.integers(0, 5).map(lambda n: not n)),
    min_size=1,
    max_size=8,
).map(
    lambda drawn: [
        Run(run_facts(f"r{i}", run_type=kind, logical_time=stamp(order), suspend=held))
        for i, (kind, order, held) in enumerate(drawn)
    ]
)


@given(plans, runs, st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=40))
def test_the_limit_holds_at_every_moment_and_nobody_waits_for_ever(plan, drawn, story):
    world = World(plan, drawn)
    for index, ends in story:
        run = drawn[index % len(drawn)]
        if ends and run.active:
            run.finished = run.succeeded = True
        else:
            world.look(run)
        active = sum(run.active for run in drawn)
        assert active <= plan.max_active_runs or plan.concurrency_policy == "Allow"
    world.settle()
    held = [run.facts.order for run in drawn if run.facts.suspend]
    lost = [run.facts.order for run in drawn if run.finished and not run.succeeded]
    for run in drawn:
        if run.waits:  # only behind one that is held, or has not succeeded
            assert plan.depends_on_past
            assert min([*held, *lost]) < run.facts.order


@given(plans, runs)
def test_a_run_of_a_backfill_always_gets_its_turn_and_takes_none_away(plan, drawn):
    without = [Run(run.facts) for run in drawn if not run.facts.of_backfill]
    World(plan, drawn).settle()
    World(plan, without).settle()
    assert {run.ended_as for run in drawn if run.facts.of_backfill} <= {""}
    skipped = {run.facts.name for run in without if run.ended_as}
    assert {run.facts.name for run in drawn if run.ended_as} <= skipped or plan.depends_on_past
