"""A claim on the engine keeps it for a cluster, but not for one of which nothing is left."""

import json
import subprocess
import sys

import pytest

from dev.cluster import claims, cli, daemon, engine, kindcluster, locks, paths, sweep

NAME, OTHER = "kubedag-00000001", "kubedag-00000002"
asked_of_the_engine = daemon.runs_containers_of


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEDAG_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture(autouse=True)
def containers(monkeypatch):
    """The clusters that have a container that runs in our engine."""
    running: set[str] = set()
    monkeypatch.setattr(daemon, "running", lambda: True)
    monkeypatch.setattr(daemon, "recorded", lambda: True)
    monkeypatch.setattr(daemon, "runs_containers_of", running.__contains__)
    return running


@pytest.fixture
def stopped(monkeypatch):
    """How often the engine was stopped."""
    told: list[int] = []
    monkeypatch.setattr(daemon, "stop", lambda: told.append(1))
    return told


def _claim(name, clone):
    folder = paths.cache() / "docker" / "users"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"clone": str(clone)}))


def test_a_claim_stands_while_its_clone_does(cache):
    _claim(NAME, cache)
    assert (claims.living(), claims.lapsed()) == ({NAME: str(cache)}, {})


def test_a_claim_lapses_with_its_clone(cache):
    _claim(NAME, cache / "gone")
    assert (claims.living(), claims.lapsed()) == ({}, {NAME: str(cache / "gone")})


def test_a_clone_that_cannot_be_looked_at_is_not_gone(cache):
    _claim(NAME, cache / ("x" * 300))  # no such name can be, so the kernel does not say "none"
    assert claims.lapsed() == {}


def test_a_running_container_keeps_the_claim_of_a_clone_that_only_others_see(cache, containers):
    _claim(NAME, cache / "gone")
    containers.add(NAME)
    assert claims.lapsed() == {}


@pytest.mark.parametrize("kind", ["cluster", "e2e"])
def test_a_lock_that_is_held_keeps_it(cache, kind):
    _claim(NAME, cache / "gone")
    with locks.lock(f"{kind}-{NAME}"):
        assert claims.lapsed() == {}
    assert set(claims.lapsed()) == {NAME}


def test_a_lock_that_another_process_holds_keeps_it(cache):
    _claim(NAME, cache / "gone")
    holder = (
        f"from dev.cluster import locks\nwith locks.lock('cluster-{NAME}'):\n"
        " print('up', flush=True)\n input()\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", holder],
        cwd=paths.CLONE,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout.readline() == "up\n"
    assert claims.lapsed() == {}
    child.communicate("\n")
    assert set(claims.lapsed()) == {NAME}


def test_what_is_asked_of_a_lock_leaves_it_as_it_was():
    with locks.lock("cluster-a"):
        pass
    file = paths.cache() / "locks" / "cluster-a.lock"
    before = file.read_text()
    assert not locks.held("*-a")
    assert file.read_text() == before
    assert not locks.held("*-b")
    assert [one.name for one in file.parent.iterdir()] == [file.name]


def test_containers_of_an_engine_that_does_not_answer_are_in_doubt_and_keep_it(monkeypatch):
    monkeypatch.setattr(daemon, "running", lambda: False)
    monkeypatch.setattr(daemon, "in_containers", lambda: ["a process"])
    assert asked_of_the_engine(NAME)
    monkeypatch.setattr(daemon, "in_containers", list)
    assert not asked_of_the_engine(NAME)


def test_whoever_leaves_last_but_for_a_claim_that_lapsed_stops_the_engine(cache, stopped, capsys):
    _claim(NAME, cache)
    _claim(OTHER, cache / "gone")
    engine.release(NAME)
    assert stopped == [1]
    assert not list((paths.cache() / "docker" / "users").iterdir())
    assert f"the claim of {OTHER} has lapsed: {cache / 'gone'} is gone" in capsys.readouterr().err


def test_the_claim_of_a_cluster_that_runs_is_not_dropped(cache, stopped, containers):
    _claim(NAME, cache)
    _claim(OTHER, cache / "gone")
    containers.add(OTHER)
    engine.release(NAME)
    assert (stopped, engine.users()) == ([], {OTHER: str(cache / "gone")})


@pytest.fixture
def quiet(monkeypatch):
    """Nothing is left but what claims and the engine say."""
    monkeypatch.setattr(sweep, "leftovers", list)
    monkeypatch.setattr(kindcluster, "leftovers", list)
    monkeypatch.setattr(kindcluster, "down", lambda: None)
    monkeypatch.setattr(cli.existing, "forget", lambda: None)
    monkeypatch.setattr(daemon, "leftovers", lambda: ["process 1 of the Docker engine"])


@pytest.mark.usefixtures("quiet")
def test_while_the_engine_goes_on_it_is_said_for_whom(cache, capsys):
    _claim(OTHER, cache)
    assert cli._parser().parse_args(["down"]).verb(None) == 0
    said = capsys.readouterr().err
    assert said == f"cluster: the engine goes on: used by {OTHER} of {cache}\n"
    assert cli._parser().parse_args(["leftovers"]).verb(None) == 0
    assert capsys.readouterr() == ("", said)


@pytest.mark.usefixtures("quiet")
def test_an_engine_that_only_a_claim_that_lapsed_keeps_is_left_over(cache, capsys):
    _claim(OTHER, cache / "gone")
    assert cli._parser().parse_args(["leftovers"]).verb(None) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"claim of {OTHER} of {cache / 'gone'}, which is gone",
        "process 1 of the Docker engine",
    ]


@pytest.mark.usefixtures("quiet")
def test_without_an_engine_nothing_goes_on(cache, capsys, monkeypatch):
    _claim(OTHER, cache)
    monkeypatch.setattr(daemon, "recorded", lambda: False)
    assert cli._parser().parse_args(["down"]).verb(None) == 0
    assert capsys.readouterr().err == "cluster: nothing is left\n"
