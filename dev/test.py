"""Run the project's tests in stages, cheapest first: ``python -m dev.test [STAGE ...]``.

A mistake in style is told within seconds, before a cluster is built for minutes. The run stops
at the first stage that fails and still says what it has seen: its last line is always
``N passed, N failed``, over all stages. Test cases count one each, as their JUnit reports have
them; so does every other step (a linter, starting the cluster), which is a check of its own.

Only the standard library is used: this must be able to say that the environment is broken.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple
from xml.etree import ElementTree as ET

ROOT = Path(__file__).resolve().parents[1]
REPORTS = ROOT / ".kubedag-dev" / "test"
LINE = "-" * 72
CLUSTER_STAYS = "The cluster stays for the next time; `make cluster-down` removes it."


class Count(NamedTuple):
    """What became of the checks of a step, a stage or a run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def plus(self, other: Count) -> Count:
        """Add up."""
        return Count(*(a + b for a, b in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Step:
    """One program that ends with 0 when all is well."""

    argv: tuple[str, ...]
    report: str = ""  # the JUnit report it writes, in REPORTS
    output: str = ""  # a copy of what it prints is kept here, in REPORTS


@dataclass(frozen=True)
class Stage:
    """Steps that belong together; with ``go_on``, a step that fails does not hide the next."""

    name: str
    steps: tuple[Step, ...]
    go_on: bool = False
    leaves: str = ""  # what is still there afterwards, so that the next time is quicker
    beside: str = ""  # the stage with which it may begin: both wait more than they work


@dataclass(frozen=True)
class Result:
    """What one stage came to."""

    name: str
    count: Count
    seconds: float


def _python(*words: str, output: str = "") -> Step:
    return Step((sys.executable, *words), output=output)


def _tool(name: str, *words: str) -> Step:
    return Step((str(Path(sys.executable).with_name(name)), *words))


def _pytest(stage: str, *words: str) -> Step:
    report = f"{stage}.xml"
    junit = f"--junitxml={REPORTS / report}"
    options = (junit, "-o", f"junit_suite_name={stage}")
    return Step((sys.executable, "-m", "pytest", *options, *words), report=report)


SLOWEST = ("--durations=12", "--durations-min=5")
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
"""So that what the tests of a file share is made once; the files are in order, longest first."""

STAGES = (
    Stage(
        "lint",
        (
            _tool("ruff", "check", "."),
            _tool("ruff", "format", "--check", "."),
            _tool("mypy", "operator", "dev"),
            _tool("lint-imports"),
            _tool("codespell"),
        ),
        go_on=True,
    ),
    Stage(
        "unit",
        (
            _python("-m", "dev.cluster", "tools", "helm"),  # the chart's tests render with it
            _pytest(
                "unit",
                "-n",
                "auto",
                "tests/unit",
                "tests/properties",
                "tests/contract",
                "tests/dev",
            ),
        ),
    ),
    Stage("simulation", (_pytest("simulation", "-n", "auto", "tests/simulation"),)),
    Stage(
        "integration",
        (
            # Here, where it may take ten minutes the first time; a test may not.
            _python("-m", "dev.cluster", "tools", "kube", "kwok"),
            _pytest(
                "integration",
                "-n",
                "auto",
                "--maxprocesses=4",
                *BY_FILE,
                *SLOWEST,
                "tests/integration",
            ),
        ),
    ),
    # By itself: what it builds the first time, the stages that run side by side both need.
    Stage("kind", (_python("-m", "dev.cluster", "up"),), leaves=CLUSTER_STAYS),
    Stage(
        "e2e",
        (
            _pytest(
                "e2e", "-m", "not alone", "-n", "2", *BY_FILE, "--maxfail=5", *SLOWEST, "tests/e2e"
            ),
            _pytest("e2e-alone", "-m", "alone", "--maxfail=5", *SLOWEST, "tests/e2e"),
        ),
        leaves=CLUSTER_STAYS,
    ),
    Stage(
        "demo",
        (_python("-m", "dev.demo", output="demo.txt"), _pytest("demo", "tests/demo")),
        leaves=CLUSTER_STAYS,
    ),
    Stage("cluster", (_pytest("cluster", "--maxfail=2", "tests/cluster"),), beside="e2e"),
)


def count_report(path: Path) -> Count:
    """Count the cases of a JUnit report; an error in a fixture is a failure like any other."""
    total = Count()
    if not path.is_file():
        return total
    for suite in ET.parse(path).iter("testsuite"):  # noqa: S314 - pytest wrote it a moment ago
        failed = int(suite.get("failures", "0")) + int(suite.get("errors", "0"))
        skipped = int(suite.get("skipped", "0"))
        cases = int(suite.get("tests", "0"))
        total = total.plus(Count(max(cases - failed - skipped, 0), failed, skipped))
    return total


def judge(step: Step, code: int) -> Count:
    """Say what a step came to: a program that failed without naming a case is one failure."""
    if not step.report:
        return Count(failed=1) if code else Count(passed=1)
    seen = count_report(REPORTS / step.report)
    if code and not seen.failed:
        return seen.plus(Count(failed=1))
    return seen


def run_step(step: Step, into: IO[str] | None = None) -> Count:
    """Run one program in the repository's root, with its output where people can see it."""
    shown = shlex.join(word.replace(f"{ROOT}/", "") for word in step.argv)
    print(f"$ {shown}", file=into, flush=True)
    if step.report:
        (REPORTS / step.report).unlink(missing_ok=True)
    try:
        if step.output:
            code = _keep(step)
        else:
            code = subprocess.call(step.argv, cwd=ROOT, stdout=into, stderr=into)
    except OSError as error:
        print(f"{step.argv[0]}: {error.strerror}", file=into, flush=True)
        code = 127
    return judge(step, code)


def _keep(step: Step) -> int:
    """Run a program without a terminal, show what it prints and keep a copy."""
    with (
        (REPORTS / step.output).open("wb") as copy,
        subprocess.Popen(
            step.argv,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as program,
    ):
        for line in program.stdout or ():
            copy.write(line)
            sys.stdout.buffer.write(line)
            sys.stdout.flush()
    return program.returncode


def run_stage(stage: Stage, place: str, into: IO[str] | None = None) -> Result:
    """Run the steps of a stage in their order."""
    print(f"\n{LINE}\n[{place}] {stage.name}\n{LINE}", file=into, flush=True)
    began = time.monotonic()
    count = Count()
    for step in stage.steps:
        count = count.plus(run_step(step, into))
        if count.failed and not stage.go_on:
            break
    return Result(stage.name, count, time.monotonic() - began)


class Beside:
    """A stage in the background: what it prints is shown when it is over, and in one piece."""

    def __init__(self, stage: Stage, place: str) -> None:
        self._output = REPORTS / f"{stage.name}.out"
        self._results: list[Result] = []
        self._thread = threading.Thread(target=self._run, args=(stage, place))
        print(f"[{place}] {stage.name} begins beside it, and is shown when it is over", flush=True)
        self._thread.start()

    def _run(self, stage: Stage, place: str) -> None:
        with self._output.open("w", encoding="utf-8") as into:
            self._results.append(run_stage(stage, place, into))

    def result(self) -> Result:
        """Wait for its end."""
        self._thread.join()
        print(self._output.read_text(encoding="utf-8", errors="replace"), flush=True)
        return self._results[0]


def tell(results: list[Result], left: tuple[Stage, ...]) -> bool:
    """Print the summary, last line last, and say whether all is well."""
    total = Count()
    print(f"\n{LINE}")
    for result in results:
        total = total.plus(result.count)
        passed, failed, skipped = result.count
        also = f", {skipped} skipped" if skipped else ""
        print(f"{result.name:<12} {result.seconds:7.1f} s  {passed} passed, {failed} failed{also}")
    for stage in left:
        print(f"{stage.name:<12} not run")
    ran = {result.name for result in results}
    for note in sorted({stage.leaves for stage in STAGES if stage.name in ran} - {""}):
        print(note)
    if total.skipped:
        print(f"{total.skipped} skipped: the reasons are above")
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return total.failed == 0


def run(stages: tuple[Stage, ...]) -> int:
    """Run stages until one fails; return the exit code."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    places = {stage.name: f"{n}/{len(stages)}" for n, stage in enumerate(stages, start=1)}
    beside: dict[str, Beside] = {}
    interrupted = False
    try:
        for stage in stages:
            for other in stages:
                if other.beside == stage.name:
                    beside[other.name] = Beside(other, places[other.name])
            known = beside.pop(stage.name, None)
            results.append(known.result() if known else run_stage(stage, places[stage.name]))
            if results[-1].count.failed:
                break
    except KeyboardInterrupt:
        interrupted = True
    results += [one.result() for one in beside.values()]
    ran = {result.name for result in results}
    fine = tell(results, tuple(stage for stage in stages if stage.name not in ran))
    return 130 if interrupted else int(not fine)


def main() -> int:
    """Run the stages that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m dev.test", description="Run tests in stages.")
    names = [stage.name for stage in STAGES]
    parser.add_argument("stage", nargs="*", help=f"any of {', '.join(names)}; all by default")
    asked = parser.parse_args().stage
    if unknown := [name for name in asked if name not in names]:
        parser.error(f"no such stage: {', '.join(unknown)}; there are {', '.join(names)}")
    return run(tuple(stage for stage in STAGES if not asked or stage.name in asked))


if __name__ == "__main__":
    sys.exit(main())
