"""The image builds with every builder, from locked packages, and runs without rights."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))


def _instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text()
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = code.replace("\\\n", " ")
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    return [(word, " ".join(rest.split())) for word, rest in pairs]


INSTRUCTIONS = _instructions()


def _all(word: str) -> list[str]:
    return [rest for name, rest in INSTRUCTIONS if name == word]


def _position(word: str, part: str) -> int:
    return next(i for i, (name, rest) in enumerate(INSTRUCTIONS) if name == word and part in rest)


def _pins(lock: str) -> dict[str, str]:
    found = re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return dict(found)


def test_every_stage_starts_from_the_short_name_of_the_same_python():
    assert {rest.split()[0] for rest in _all("FROM")} == {"python:3.13-slim"}


def test_nothing_asks_for_more_than_the_classic_builder():
    text = (ROOT / "Dockerfile").read_text()
    assert not re.search(r"^# *(syntax|escape|check) *=", text, re.MULTILINE)
    assert [rest for word, rest in INSTRUCTIONS if word == "RUN" and rest.startswith("--")] == []
    assert [rest for rest in _all("COPY") if "--link" in rest or "<<" in rest] == []


def test_it_runs_as_nobody_in_particular():
    assert _all("USER") == ["65532:65532"]
    assert _position("USER", "") > len(INSTRUCTIONS) - 5


def test_it_is_the_operator_unless_told_otherwise():
    assert (_all("ENTRYPOINT"), _all("CMD")) == (['["kubedag"]'], ['["operator"]'])
    assert "kubedag" in PROJECT["scripts"]


def test_only_the_environment_leaves_the_build():
    runtime = INSTRUCTIONS[max(i for i, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]
    assert [rest for word, rest in runtime if word in {"COPY", "ADD", "RUN"}] == [
        "--from=build /app/.venv /app/.venv"
    ]


def test_dependencies_are_installed_by_hash_and_before_the_source():
    installs = [rest for rest in _all("RUN") if "install" in rest and " -r " in rest]
    assert [rest for rest in installs if "--require-hashes" not in rest] == []
    assert _position("RUN", "-r requirements.lock") < _position("COPY", "operator/kubedag")


def test_the_source_is_installed_without_asking_an_index():
    install = INSTRUCTIONS[_position("RUN", "wheel")][1]
    assert {"--no-deps", "--no-build-isolation", "--no-index"} <= set(install.split())


def test_the_version_on_the_label_is_the_one_of_the_project():
    label = re.search(r'image\.version="([^"]+)"', " ".join(_all("LABEL")))
    assert label is not None
    assert label[1] == PROJECT["version"]


def test_what_the_builder_copies_is_let_through_to_it():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source.split("/")[0]
        for rest in _all("COPY")
        if not rest.startswith("--from")
        for source in rest.split()[:-1]
    }
    assert copied == allowed


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_file_names_no_place_to_get_packages_from(lock):
    text = (ROOT / lock).read_text()
    assert re.findall(r"^\s*-.*index.*|https?://\S+|@ \S+", text, re.MULTILINE) == []


@pytest.mark.parametrize("lock", LOCKS)
def test_everything_in_a_lock_file_has_hashes(lock):
    entries = re.split(r"^(?=[a-z])", (ROOT / lock).read_text(), flags=re.MULTILINE)
    named = [entry for entry in entries if entry.strip()]
    assert [entry.split()[0] for entry in named if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-build.lock"])
def test_what_is_tested_is_what_is_shipped(lock):
    tested = _pins("requirements-dev.lock")
    assert _pins(lock)
    assert {n: v for n, v in _pins(lock).items() if tested.get(n) != v} == {}


def test_every_direct_dependency_is_locked():
    named = {re.split(r"[<>=!~\[ ]", line)[0] for line in PROJECT["dependencies"]}
    assert named - set(_pins("requirements.lock")) == set()


def test_the_kubernetes_package_stays_out_of_the_image():
    assert "kubernetes" not in _pins("requirements.lock")
