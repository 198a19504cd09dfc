"""The page for whoever is called says what really is said: its commands are run, in their order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kubedag.api import crds
from kubedag.cli import control, main
from kubedag.core import decide_run, reasons, reasons_elsewhere, snapshot
from support import builders, jsonpath, pages
from support.control_shell import Shell, an_active_run, row
from support.objects import a_dag, a_run, a_task, an_interval

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "when-a-task-fails.md").read_text(encoding="utf-8")
RUN = "sales-20260105t0000-1d"
COMMANDS = [
    (match[1], match[2])
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for match in re.finditer(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]
TASKS = [
    a_task("extract", image="x"),
    a_task("load", image="x", dependsOn=["extract"], retry={"limit": 1}),
    a_task("report", image="x", dependsOn=["load"]),
]
LOG = b'ERROR: relation "orders" does not exist\n'


def the_failed_run():
    """A run as the operator would have stored it, after both attempts at `load` failed."""
    plan = builders.a_plan(*TASKS)
    first = builders.an_attempt(
        1, "Failed", task="load", failure_class="User", finish_time=builders.stamp(60)
    )
    done = builders.an_attempt(1, "Succeeded", task="extract", finish_time=builders.stamp(50))
    status = builders.a_status(
        builders.a_row("extract", "Succeeded", attempt=1, attempts=(done,)),
        builders.a_row("load", "Running", attempt=2, user_failures=1, attempts=(first,)),
        builders.a_row("report", "Waiting"),
    )  # fmt: skip
    pod = builders.a_pod("load", 2, "Failed", exit_code=1, created=61, started=62, finished=110)
    log = snapshot.CapturedLog(LOG)
    seen = builders.a_snapshot(plan, pod, status=status, logs={pod.metadata.uid: log})
    return builders.as_stored(
        a_run(RUN, "sales", logicalTime="2026-01-05T00:00:00Z", dataInterval=an_interval()),
        status=decide_run.decide(seen, builders.at(120)).status,
    )


@pytest.fixture(scope="module")
def shell():
    asking = row("publish", "AwaitingApproval")
    made = Shell(
        a_dag(*TASKS, name="sales"),
        the_failed_run(),
        an_active_run("sales-20260106t0000-1d", dagName="sales"),
        an_active_run("release-7", asking, dagName="release"),
    )
    revision = {"metadata": {"name": builders.REVISION}, "data": {"tasks": TASKS}}
    made.server.put(revision, "controllerrevisions")
    return made


def kubectl(shell, argv):
    """What kubectl would print of the failed run; None for what needs a file."""
    if argv[1] == "apply":
        return None
    if argv[1:] == ["get", "dagruns"]:
        return table_row(shell.server.run(RUN))
    assert argv[1:4] == ["get", "dagrun", RUN]
    flag, path = argv[4:]
    assert (flag, path[:10]) == ("-o", "jsonpath={")
    return jsonpath.printed(shell.server.run(RUN), path.removeprefix("jsonpath="))


def table_row(run):
    """What does not depend on what time it is."""
    (version,) = crds.all_manifests()["dagruns.kubedag.dev.yaml"]["spec"]["versions"]
    columns = [one for one in version["additionalPrinterColumns"] if one["type"] != "date"]
    cells = {
        column["name"].upper(): jsonpath.printed(run, f"{{{column['jsonPath']}}}")
        for column in columns
        if not column.get("priority")
    }
    return {"NAME": run["metadata"]["name"], **cells}


@pytest.mark.parametrize(("command", "said"), COMMANDS, ids=[command for command, _ in COMMANDS])
def test_each_command_says_what_the_page_shows(shell, command, said):
    program, *argv = shlex.split(command)
    if program == "kubedag":
        assert shell(*argv) == 0, shell.complained
        assert shell.said == said
        return
    found = kubectl(shell, [program, *argv])
    if isinstance(found, dict):
        head, cells = (re.split(r" {2,}", line) for line in said.splitlines())
        assert found.items() <= dict(zip(head, cells, strict=True)).items()
    elif found is not None:
        assert [line.rstrip() for line in found.splitlines()] == said.splitlines()


def test_every_verb_for_people_is_shown():
    shown = {command.split()[1] for command, _ in COMMANDS if command.startswith("kubedag ")}
    assert shown == {
        *("rerun", "mark", "stop", "terminate", "suspend", "resume", "approve", "clone"),
    }
    assert "`kubedag reject`" in PAGE


@pytest.mark.parametrize("cells", pages.table(PAGE, "it was").rows, ids=lambda cells: cells[0])
def test_the_reasons_are_of_the_class_that_the_page_says(cells):
    known = {one.name: one.failure_class for one in reasons_elsewhere.said_of(reasons.ENDED)}
    (wanted,) = pages.code(cells[0])
    assert {known[name] for name in pages.code(cells[1])} == {wanted}


def test_each_row_of_what_to_do_leads_to_a_section_of_the_page():
    rows = pages.table(PAGE, "what is so").rows
    linked = re.findall(r"\(#([a-z-]+)\)", " ".join(cells[1] for cells in rows))
    titles = re.findall(r"^### (.+)$", PAGE, re.MULTILINE)
    assert sorted(linked) == sorted(title.lower().replace(" ", "-") for title in titles)


SHOWN = [
    (page, line)
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for line in re.findall(r"^(?:\$ )?(?:kubectl )?kubedag (.*)$", block, re.MULTILINE)
]


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[f"{p.name}: {c}" for p, c in SHOWN])
def test_a_command_that_any_page_shows_can_be_given(page, line):
    assert page.is_file()
    arguments = main.parser().parse_args(shlex.split(line, comments=True))
    control.check(arguments)
