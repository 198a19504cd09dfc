from __future__ import annotations

import os

import pytest

from simulation import faults, simulation, world

WORLDS = int(os.environ.get("WORLDS", "1000"))
FIRST = int(os.environ.get("FIRST", "0"))
CHUNK = 25
LINES_TOLD_MAX = 200


def told(seed: str) -> list[str]:
    drawn = world.draw(seed)
    verdict = simulation.simulate(drawn, tell=True)
    return [*simulation.described(drawn), *verdict.story, *verdict.broken]


@pytest.mark.parametrize("first", range(FIRST, FIRST + WORLDS, CHUNK))
def test_every_law_holds_in_the_worlds_from(first: int) -> None:
    for seed in map(str, range(first, min(first + CHUNK, FIRST + WORLDS))):
        verdict = simulation.simulate(world.draw(seed))
        if verdict.broken:
            story = "\n".join(told(seed)[-LINES_TOLD_MAX:])
            again = f"SEED={seed} pytest -s tests/simulation -k one_world"
            pytest.fail(f"{story}\nthe whole story: {again}", pytrace=False)


def test_one_world(capsys: pytest.CaptureFixture[str]) -> None:
    seed = os.environ.get("SEED", "1")
    if "SEED" in os.environ:
        with capsys.disabled():
            print("", *told(seed), sep="\n")  # noqa: T201
    assert simulation.simulate(world.draw(seed)).broken == []


def test_the_same_seed_gives_the_same_world_to_the_last_request() -> None:
    assert told("7") == told("7")
    assert len(told("7")) > 10


@pytest.mark.parametrize("knob", faults.LEVELS)
def test_every_fault_can_be_alone_and_does_happen(knob: str) -> None:
    met = 0
    for seed in map(str, range(6)):
        alone = faults.alone(knob)
        verdict = simulation.simulate(world.draw(seed, alone))
        assert verdict.broken == []
        met += verdict.kills if knob == "kills" else verdict.met.get(knob, 0)
    assert met > 0
