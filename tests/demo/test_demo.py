"""What the demo wrote where nobody had a terminal: `make test-demo` runs it and keeps its output."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

OUTPUT = Path(__file__).parents[2] / ".kubedag-dev" / "test" / "demo.txt"

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def told():
    if not OUTPUT.exists():
        pytest.skip("the demo has not been run: make test-demo")
    return OUTPUT.read_text()


def test_every_promise_was_kept(told):
    promised = re.findall(
        r"^  ([✓✗]) (.+)$", told.rpartition("What was promised")[2], re.MULTILINE
    )

    assert len(promised) == 8
    assert [text for mark, text in promised if mark == "✗"] == []


def test_every_step_says_how_long_it_took(told):
    announced = re.findall(r"^\[(\d)/5\] ", told, re.MULTILINE)
    ended = re.findall(r"^      done in [\d.]+ (?:s|min)", told, re.MULTILINE)

    assert announced == ["1", "2", "3", "4", "5"]
    assert len(ended) == 5


def test_each_change_is_a_line_with_its_time_and_no_escape_sequences(told):
    changes = re.findall(r"^ +[\d.]+ s  ([a-z-]+) +(.*)$", told, re.MULTILINE)

    assert "\x1b" not in told
    assert ("join", "Succeeded") in changes
    assert any(
        task == "join" and "after clean-weather and fetch-sales" in text for task, text in changes
    )
    assert any(
        task == "fetch-sales" and text.startswith("AwaitingRetry") for task, text in changes
    )


def test_the_failed_task_is_explained_from_the_status(told):
    explained = told.partition("Why train failed")[2].partition("$ kubectl -n demo get events")[0]

    assert "exit code 1" in explained
    assert "| ValueError: -11 days are not enough to train on" in explained


def test_the_objects_and_the_events_are_shown(told):
    assert re.search(r"^  dag.kubedag.dev/umbrellas +True +0 +\d+s +Failed ", told, re.MULTILINE)
    assert re.search(
        r"^  dagrun.kubedag.dev/umbrellas-\w+ +umbrellas +Failed +5/8", told, re.MULTILINE
    )
    assert re.search(r"^  Warning +TaskFailed +task train failed", told, re.MULTILINE)


def test_it_ends_with_what_to_type_next_and_how_to_end_it(told):
    kubeconfig = re.search(r"^  export KUBECONFIG=(\S+)$", told, re.MULTILINE)

    assert kubeconfig
    assert Path(kubeconfig[1]).is_absolute()
    assert told.rstrip().endswith("make cluster-down")
