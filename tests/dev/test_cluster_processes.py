"""Exactly what was started is ended: by token, and never a process that only has the same id."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace

import pytest

from dev.cluster import kernel, locks, packages, paths, processes, progress, run, sweep
from dev.cluster.problem import Problem
from dev.cluster.processes import Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEDAG_CACHE", str(tmp_path))
    monkeypatch.setattr(processes, "_current", [])
    monkeypatch.setattr(processes, "_interrupted", [])
    monkeypatch.setattr(sweep, "ENGINE_SETTLES", 0)
    monkeypatch.setattr(packages, "POLICY", tmp_path / "policy")
    return tmp_path


@pytest.fixture
def start():
    children = []

    def start(token: str, code: list[str] = SLEEP) -> subprocess.Popen[str]:
        env = {**os.environ, processes.VARIABLE: token}
        child = subprocess.Popen(code, env=env, stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert child.stdout.readline() == "up\n"
        return child

    yield start
    for child in children:
        child.kill()
        child.wait()
        child.stdout.close()


def _dead_run(token: str) -> None:
    gone = Process(pid=2**22 - 1, started=1, boot=kernel.boot())
    processes.write_json(processes._records() / token, asdict(gone))


def test_a_process_is_known_by_its_start_as_well(start):
    child = start("a")
    process = Process.of(child.pid)
    recycled = replace(process, started=process.started + 1)
    assert process.alive()
    assert not recycled.alive()
    recycled.signal(signal.SIGKILL)
    assert child.poll() is None
    process.end()
    assert child.wait(5) == -signal.SIGTERM


def test_a_process_of_an_earlier_boot_is_nobody(start):
    process = replace(Process.of(start("a").pid), boot="earlier")
    assert not process.alive()


def test_what_ignores_the_request_is_made_to_end(start):
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"
    child = start("a", [sys.executable, "-c", stubborn + "time.sleep(60)"])
    Process.of(child.pid).end(grace=0.2)
    assert child.wait(5) == -signal.SIGKILL


def test_sweep_ends_what_a_dead_run_started_and_nothing_else(start, cache):
    orphan, other = start("dead"), start("alive")
    _dead_run("dead")
    half = cache / "build" / "dead" / "half"
    half.mkdir(parents=True)
    assert any("dead" in line for line in sweep.leftovers())

    sweep.sweep()

    assert orphan.wait(5) != 0
    assert other.poll() is None
    assert not half.exists()
    assert sweep.leftovers() == []


def test_sweep_waits_for_a_package_installation(start):
    brief = "import time; print('up', flush=True); time.sleep(0.7)"
    child = start(processes.patient("dead"), [sys.executable, "-c", brief])
    _dead_run("dead")
    sweep.sweep()
    assert child.wait(0) == 0


def test_sweep_lifts_only_our_own_rule_against_services():
    packages.POLICY.write_text("#!/bin/sh\nexit 101\n")
    packages.lift_policy()
    assert packages.POLICY.exists()
    packages.POLICY.write_text(f"#!/bin/sh\n{packages.POLICY_MARK}\nexit 101\n")
    packages.lift_policy()
    assert not packages.POLICY.exists()


def test_a_living_run_is_left_alone():
    token = processes.current()
    assert processes.dead_runs() == []
    sweep.sweep()
    assert (processes._records() / token).exists()
    processes.finished()
    assert not (processes._records() / token).exists()


def test_a_run_that_was_interrupted_is_looked_after_by_the_next():
    token = processes.current()
    processes.interrupted()
    processes.finished()
    assert (processes._records() / token).exists()


def test_children_carry_the_runs_token():
    code = f"import os; print(os.environ[{processes.VARIABLE!r}])"
    assert run.run(sys.executable, "-c", code).strip() == processes.current()


def test_a_failure_tells_the_command_and_its_last_words():
    with pytest.raises(run.Failed) as failure:
        run.run(sys.executable, "-c", "import sys; sys.exit('no such luck')")
    assert failure.value.code == 1
    assert "no such luck" in str(failure.value)


def test_a_program_that_takes_too_long_is_ended_with_all_it_started():
    code = (
        "import subprocess as s, sys; s.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    )
    with pytest.raises(run.Failed, match="no answer within"):
        run.run(sys.executable, "-c", code, timeout=1)
    assert processes.with_token(processes.current()) == []


def test_a_missing_program_is_named():
    with pytest.raises(Problem, match="no-such-program"):
        run.run("no-such-program")


def test_the_second_waits_for_the_first_and_says_so(capsys):
    holder = (
        "from dev.cluster import locks\nimport time\n"
        "with locks.lock('thing'):\n print('up', flush=True)\n time.sleep(0.7)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", holder], cwd=paths.CLONE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout.readline() == "up\n"
    began = time.monotonic()
    with locks.lock("thing"):
        waited = time.monotonic() - began
    child.wait()
    child.stdout.close()
    assert waited > 0.3
    assert f"wait for process {child.pid}" in capsys.readouterr().err


def test_a_lock_goes_with_the_process_that_held_it(start):
    holder = (
        "from dev.cluster import locks\nimport time\n"
        "with locks.lock('thing'):\n print('up', flush=True)\n time.sleep(60)\n"
    )
    child = start("a", [sys.executable, "-c", holder])
    child.kill()
    child.wait()
    with locks.lock("thing"):
        pass


class Beats:
    """What a step says of how far it is each time its heart beats."""

    def __init__(self, said):
        self.said = said
        self._told = threading.Semaphore(0)

    def __call__(self):
        self._told.release()
        return self.said

    def wait_for(self, times):
        for _ in range(times):
            assert self._told.acquire(timeout=30), "its heart has stopped"


def test_a_step_shows_its_start_its_life_and_its_end(capsys, monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT", 0.1)
    beats = Beats("half way")
    with progress.step("build it", beats):
        beats.wait_for(1)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "cluster: build it ..."
    assert lines[1].endswith("s, half way")
    assert lines[-1].startswith("cluster: build it: done in ")


def test_only_the_innermost_step_shows_its_life(capsys, monkeypatch):
    monkeypatch.setattr(progress, "HEARTBEAT", 0.1)
    outer, inner = Beats("how far the outer is"), Beats("how far the inner is")
    with progress.step("outer", outer), progress.step("inner", inner):
        inner.wait_for(2)  # of which the outer has had one in between
    told = capsys.readouterr().err
    assert inner.said in told
    assert outer.said not in told


@pytest.mark.parametrize(
    ("error", "word"), [(ValueError, "failed"), (KeyboardInterrupt, "stopped")]
)
def test_a_step_tells_how_it_ended(capsys, error, word):
    with pytest.raises(error), progress.step("build it"):
        raise error
    assert f"build it: {word} in" in capsys.readouterr().err


def test_a_record_is_whole_or_not_there(tmp_path):
    file = tmp_path / "deep" / "record.json"
    processes.write_json(file, {"a": 1})
    assert json.loads(file.read_text()) == {"a": 1}
    assert [f.name for f in file.parent.iterdir()] == ["record.json"]


def test_without_proc_the_same_is_asked_of_ps(start, monkeypatch, tmp_path):
    child = start("token")
    monkeypatch.setattr(kernel, "PROC", tmp_path / "none")
    assert child.pid in kernel.pids()
    assert os.getpid() not in kernel.pids()
    assert kernel.started(child.pid) == kernel.started(child.pid) is not None
    child.kill()
    child.wait()
    assert kernel.started(child.pid) is None
