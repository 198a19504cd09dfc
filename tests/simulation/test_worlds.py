from __future__ import annotations

import os

import pytest
from simulation import faults, simulation, world

WORLDS = int(os.environ.get("WORLDS", "1000"))


def told(seed: str, knobs: faults.Faults | None = None) -> str:
    drawn = world.draw(seed, knobs)
    verdict = simulation.simulate(drawn, tell=True)
    lines = [*simulation.described(drawn), *verdict.story, *verdict.broken]
    return "\n".join([*lines, f"repeat with: SEED={seed} pytest tests/simulation -k one_world -s"])


def test_one_world(capsys) -> None:
    seed = os.environ.get("SEED", "1")
    with capsys.disabled():
        if "SEED" in os.environ:
            print("\n" + told(seed))
    assert simulation.simulate(world.draw(seed)).broken == []
