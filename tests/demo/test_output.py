"""What `make demo` says to somebody without a terminal; `python -m dev.test demo` has run it."""

import re
from pathlib import Path

import pytest

from dev import test as runner
from dev.demo import promises

OUTPUT = runner.REPORTS / "demo.txt"


@pytest.fixture(scope="module")
def lines() -> list[str]:
    return OUTPUT.read_text(encoding="utf-8").splitlines()


def _after(lines: list[str], heading: str) -> list[str]:
    """Return the indented lines below a heading."""
    start = lines.index(heading) + 1
    end = next((i for i in range(start, len(lines)) if not lines[i].startswith("  ")), len(lines))
    return [line.strip() for line in lines[start:end]]


def test_every_promise_is_listed_and_kept(lines):
    told = _after(lines, "What was promised")
    assert [line for line in told if not line.startswith("✓ ")] == []
    assert len(told) >= 8


def test_every_step_says_how_to_do_it_by_hand_and_how_long_it_took(lines):
    steps = [i for i, line in enumerate(lines) if re.match(r"\[\d/\d\] ", line)]
    assert [lines[i][:5] for i in steps] == [
        f"[{n}/{len(steps)}]" for n in range(1, len(steps) + 1)
    ]
    assert [lines[i] for i in steps if not lines[i + 1].startswith("      $ ")] == []
    assert sum("      done in " in line for line in lines) == len(steps)


def test_the_end_of_the_failed_tasks_log_is_shown(lines):
    assert any(line.startswith("  | ") and promises.SAYING in line for line in lines)


def test_kubectl_alone_shows_how_the_run_ended(lines):
    shown = "\n".join(_after(lines, "$ kubectl get dags,dagruns"))
    assert re.search(r"dag\.kubedag\.dev/umbrellas +True", shown)
    assert re.search(r"dagrun\.kubedag\.dev/umbrellas-\S+ +umbrellas +\S*Failed", shown)


def test_there_is_nothing_in_it_that_only_a_terminal_understands(lines):
    assert [line for line in lines if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line)] == []


def test_the_kubeconfig_is_never_the_users_own(lines):
    (path,) = {line.split("=", 1)[1] for line in lines if line.startswith("  export KUBECONFIG=")}
    assert Path(path).expanduser() != Path.home() / ".kube" / "config"
