"""The parts a cluster is made of: what is read, what is written, what a build is keyed by."""

import json
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from dev.cluster import (
    archive,
    baseimages,
    cli,
    daemon,
    engine,
    golang,
    kindcluster,
    packages,
    paths,
    rootfs,
    tools,
)
from dev.cluster.problem import Problem

ONE_LINE = """
# deb http://mirror.test/commented bookworm main
deb-src http://mirror.test/source bookworm main
deb http://mirror.test/security bookworm-security main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/debian bookworm main contrib
"""
STANZAS = """\
Types: deb
URIs: http://other.test/tool
Suites: tool-bookworm
Components: main

Types: deb
# snapshot of a day
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /k.gpg
"""


@pytest.mark.parametrize("sources", [ONE_LINE, STANZAS])
def test_the_mirror_is_apts_own(sources):
    assert rootfs.find_mirror(sources, "bookworm") == "http://mirror.test/debian"
    assert rootfs.find_mirror(sources, "trixie") is None


def test_pip_in_an_image_asks_the_same_index_but_keeps_no_path_of_this_machine():
    said = (
        ":env:.cert='/etc/ssl/mine.crt'\n"
        ":env:.timeout='180'\n"
        "global.find-links='/opt/wheels'\n"
        "global.index-url='https://index.test/simple'\n"
        "global.timeout='15'\n"
    )
    settings = baseimages.select_pip_settings(said)
    assert settings == "[global]\nindex-url = https://index.test/simple\ntimeout = 180\n\n"
    assert baseimages.select_pip_settings("") == ""


def _certificate(text: str) -> str:
    return f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----"


def test_only_certificates_that_the_distribution_lacks_are_the_machines_own(tmp_path):
    packaged, added, bundle = tmp_path / "packaged", tmp_path / "added", tmp_path / "bundle"
    (packaged / "mozilla").mkdir(parents=True)
    added.mkdir()
    (packaged / "mozilla" / "usual.crt").write_text(_certificate("usual"))
    (added / "mine.crt").write_text(_certificate("mine") + "\r\n")
    bundle.write_text("\n".join(map(_certificate, ["usual", "mine", "appended"])))
    own = baseimages.own_certificates(bundle, packaged, added)
    assert own == [_certificate("mine"), _certificate("appended")]


@pytest.mark.parametrize(
    ("said", "release"),
    [
        ("kind v0.33.0 go1.26.8 linux/amd64", (0, 33)),
        ("Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", (1, 32)),
        ('version.BuildInfo{Version:"v4.3.1", GitCommit:""}', (4, 3)),
        ("nothing to see", (0, 0)),
    ],
)
def test_versions_are_read_from_what_programs_say(said, release):
    assert tools.read_version(said) == release


def test_gos_version_is_read():
    assert golang.version("go version go1.19.8 linux/amd64") == (1, 19)
    assert golang.version("go version devel") == (0, 0)


def test_an_unknown_tool_is_named_with_those_there_are():
    with pytest.raises(Problem, match=r"no tool called foo.*kwok"):
        tools.ensure("foo")


def test_sys_resource_is_bit_24_of_the_bounding_set():
    assert daemon.may_hand_out_sys_resource("CapBnd:\t000001ffffffffff\n")
    assert not daemon.may_hand_out_sys_resource("CapBnd:\t000001fffeffffff\n")


def test_a_build_is_keyed_by_content_and_names(tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a").write_text("1")
    keys = {paths.digest("v1", folder)}
    (folder / "a").write_text("2")
    keys.add(paths.digest("v1", folder))
    (folder / "a").rename(folder / "b")
    keys.add(paths.digest("v1", folder))
    keys.add(paths.digest("v2", folder))
    assert len(keys) == 4
    assert paths.digest("ab", "c") != paths.digest("a", "bc")


def test_the_cache_is_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBEDAG_CACHE", str(tmp_path / "own"))
    assert paths.cache() == tmp_path / "own"
    monkeypatch.delenv("KUBEDAG_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert paths.cache() == tmp_path / "kubedag"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert paths.cache() == Path.home() / ".cache" / "kubedag"


def test_an_archive_is_what_docker_load_expects(tmp_path):
    writer = archive.LayerWriter(tmp_path / "layer.tar")
    writer.data("etc/motd", b"hello\n")
    writer.link("bin/sh", "busybox")
    layer = writer.done()
    images = [
        archive.Image(["a:1", "a:latest"], [layer], {"Cmd": ["sh"]}),
        archive.Image(["b:1"], [layer]),
    ]
    archive.write(images, tmp_path / "out.tar")

    with tarfile.open(tmp_path / "layer.tar") as tar:
        assert tar.getnames() == ["etc", "etc/motd", "bin", "bin/sh"]
    with tarfile.open(tmp_path / "out.tar") as tar:
        manifest = json.load(tar.extractfile("manifest.json"))
        config = json.load(tar.extractfile(manifest[0]["Config"]))
        assert tar.getnames().count(f"{layer.digest}.tar") == 1
    assert [m["RepoTags"] for m in manifest] == [["a:1", "a:latest"], ["b:1"]]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{layer.digest}"]
    assert config["config"]["Cmd"] == ["sh"]


def test_missing_packages_are_named_once(tmp_path):
    there = tmp_path / "there"
    there.touch()
    wanted = {str(there): "a", "/no/such/file": "b", "no-such-program": "b", "sh": "c"}
    assert packages.missing(wanted) == ["b"]


def test_without_root_the_command_that_installs_is_named(monkeypatch):
    monkeypatch.setattr(packages.shutil, "which", lambda name, **_: name == "apt-get" or None)
    monkeypatch.setattr(packages.os, "geteuid", lambda: 1000)
    with pytest.raises(Problem) as problem:
        packages.install({"no-such-program": "nosuch"})
    assert problem.value.mend == "sudo apt-get install --no-install-recommends nosuch"


def test_without_an_engine_and_root_a_person_is_told_what_to_do(monkeypatch):
    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(Problem, match="no Docker engine answers"):
        engine._can_run()


def test_claims_on_the_engine_are_counted(monkeypatch, tmp_path):
    monkeypatch.setenv("KUBEDAG_CACHE", str(tmp_path))
    (tmp_path / "docker" / "users").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "docker" / "users" / name).write_text(json.dumps({"clone": str(tmp_path)}))
    stopped = []
    monkeypatch.setattr(daemon, "recorded", lambda: True)
    monkeypatch.setattr(daemon, "stop", lambda: stopped.append(1))
    engine.release("a")
    assert (stopped, engine.users()) == ([], {"b": str(tmp_path)})
    engine.release("b")
    assert (stopped, engine.users()) == ([1], {})


def test_a_cluster_is_found_again(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "CLONE", tmp_path)
    assert kindcluster.find() is None
    made = kindcluster.Cluster("mine", "kind-mine", tmp_path / "kubeconfig", "unix:///s")
    kindcluster.remember(made, current=True)
    assert kindcluster.find() == made
    kindcluster.forget("mine")
    assert kindcluster.find() is None
    assert (tmp_path / ".kubedag-dev" / ".gitignore").read_text() == "*\n"


def test_two_clones_have_two_clusters(monkeypatch, tmp_path):
    names = set()
    for clone in ("one", "two"):
        monkeypatch.setattr(paths, "CLONE", tmp_path / clone)
        names.add(paths.cluster_name())
    assert len(names) == 2
    assert all(re.fullmatch(r"kubedag-[0-9a-f]{8}", name) for name in names)


def test_a_context_is_used_only_if_it_is_named(monkeypatch):
    monkeypatch.delenv("CONTEXT", raising=False)
    assert cli._parser().parse_args(["up"]).context == ""
    monkeypatch.setenv("CONTEXT", "mine")
    assert cli._parser().parse_args(["up"]).context == "mine"
    assert cli._parser().parse_args(["up", "--context", "other"]).context == "other"


def test_an_image_cannot_be_put_into_somebodys_own_cluster(tmp_path):
    from dev.cluster import images

    theirs = kindcluster.Cluster("existing", "prod", tmp_path / "kubeconfig", ours=False)
    with pytest.raises(Problem, match="your own cluster"):
        images.build_and_load(theirs, "a:1", None, tmp_path)


def test_no_file_here_names_a_registry():
    hosts = re.compile(r"(docker|k8s|gcr|ghcr|quay)\.io/(?!(k8s-|component|client|api))")
    found = []
    for file in sorted((paths.CLONE / "dev" / "cluster").rglob("*")):
        if file.is_file() and file.suffix not in {".mod", ".sum", ".go", ".pyc"}:
            lines = file.read_text(errors="replace").splitlines()
            found += [f"{file}: {x}" for x in lines if hosts.search(x) and "docker" in x]
    assert found == []


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ("image kubedag:dev", ("kubedag:dev", None, paths.CLONE)),
        ("image a:b folder", ("a:b", None, Path("folder"))),
        ("image a:b --file F folder", ("a:b", Path("F"), Path("folder"))),
        ("image a:b folder --file F", ("a:b", Path("F"), Path("folder"))),
        ("image --file F a:b folder", ("a:b", Path("F"), Path("folder"))),
        ("image a:b --file F", ("a:b", Path("F"), paths.CLONE)),
    ],
)
def test_an_image_is_named_as_the_readme_writes_it(argv, expected):
    found = cli._parser().parse_args(argv.split())
    assert (found.name, found.file, found.folder) == expected


@pytest.mark.parametrize("argv", ["image", "image a:b folder more", "image a:b --fil", "tools"])
def test_what_is_no_verb_of_the_readme_is_misuse(argv):
    with pytest.raises(SystemExit) as exit_:
        cli._parser().parse_args(argv.split())
    assert exit_.value.code == 2


def test_a_shell_that_means_the_cluster_finds_the_programs_of_all_pages(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(paths, "CLONE", tmp_path)
    for name in ("kind", "helm"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch(mode=0o755)
    monkeypatch.setattr(
        tools, "ensure", lambda *names: {name: tmp_path / name / name for name in names}
    )
    made = kindcluster.Cluster("mine", "kind-mine", tmp_path / "kubeconfig")
    kindcluster.remember(made, current=True)
    own = kindcluster.folder("mine") / "bin" / "kubectl"  # the one out of the node
    own.parent.mkdir()
    own.touch(mode=0o755)

    cli._parser().parse_args(["env"]).verb(None)

    exported = dict(re.findall(r"^export (\w+)=(.*)$", capsys.readouterr().out, re.MULTILINE))
    assert exported["KUBECONFIG"] == str(tmp_path / "kubeconfig")
    for name in ("kind", "helm"):
        assert shutil.which(name, path=exported["PATH"]) == str(tmp_path / name / name)
    assert shutil.which("kubectl", path=exported["PATH"]) == str(own)
