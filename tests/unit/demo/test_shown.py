"""What the demo prints as a command is what it has run."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from dev.demo import epilogue, main
from dev.demo.kubectl import Kubectl
from dev.demo.steps import Steps


class Recorder(Kubectl):
    """A kubectl that runs nothing, and remembers what it was asked for."""

    asked: list[list[str]]

    def __call__(self, *args, **_):
        self.asked.append(self.words(*args))
        return "said\n"


@pytest.fixture
def kubectl():
    made = Recorder(Path("/bin/kubectl"), Path("/tmp/kubeconfig"), "demo")
    object.__setattr__(made, "asked", [])
    return made


def _as_typed(words):
    """A command line as one who has exported KUBECONFIG may shorten it."""
    program, _, _, _, namespace, *more = words
    return [Path(program).name, "-n", namespace, *more]


def _typed(lines):
    return [shlex.split(line[2:]) for line in lines if line.startswith("$ ")]


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(lambda kubectl: epilogue.objects(kubectl, "umbrellas-1"), id="objects"),
        pytest.param(lambda kubectl: epilogue.events(kubectl, "umbrellas-1"), id="events"),
    ],
)
def test_the_epilogue_shows_each_command_as_it_was_run(kubectl, part):
    lines = list(part(kubectl))
    assert _typed(lines) == [_as_typed(words) for words in kubectl.asked]
    assert lines[-1] == "  said"


def test_the_dag_is_shown_once_it_tells_of_the_run(kubectl):
    list(epilogue.objects(kubectl, "umbrellas-1"))
    assert [words[5] for words in kubectl.asked] == ["wait", "get"]
    assert "--for=jsonpath={.status.lastRun.name}=umbrellas-1" in kubectl.asked[0]


def test_a_step_shows_its_commands_below_each_other():
    told = []
    with Steps(total=1, say=told.append).step("Do it", "first", "second"):
        assert told == ["\n[1/1] Do it", "      $ first", "      $ second"]


@pytest.mark.parametrize("words", [*main.APPLY, main.RUN], ids=" ".join)
def test_the_files_that_are_applied_are_there_for_whoever_types_it(words):
    root = Path(__file__).parents[3]
    assert all((root / word).is_file() for word in words if word.endswith(".yaml"))
