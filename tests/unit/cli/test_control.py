"""The verbs of control on an API server in memory: what is sent, what is told, the exit code."""

from __future__ import annotations

import asyncio
import io
import json

import orjson
import pytest

from kubedag.cli import cluster, control, documents, main
from kubedag.core import naming
from kubedag.shell.errors import ApiError, Unreachable
from support import builders
from support.control_shell import CHAIN, Shell, a_finished_run, an_active_run, row, without_id
from support.objects import a_backfill, an_interval
from support.patching_server import USER, path_of

# --- Marks, ends, and what is held -----------------------------------------------------------


def test_a_mark_of_tasks_keeps_those_of_others_and_says_who_and_why():
    old = [
        {"task": "a", "id": "1", "state": "Failed"},
        {"task": "b", "id": "2", "state": "Failed"},
    ]
    shell = Shell(a_finished_run(marks=old))
    assert shell("mark", "run", "--task", "b", "succeeded", "--comment", "done by hand") == 0
    first, second = shell.spec()["marks"]
    assert first == old[0]
    assert without_id(second) == {
        "task": "b", "state": "Succeeded", "by": USER, "comment": "done by hand",
    }  # fmt: skip
    assert shell.said == "dagrun.kubedag.dev/run marked Succeeded: b\n"
    assert shell.verbs == ["POST", "GET", "PATCH"]


def test_a_mark_without_a_task_is_of_the_run():
    shell = Shell(an_active_run())
    assert shell("mark", "run", "Failed") == 0
    assert without_id(shell.spec()["mark"]) == {"state": "Failed", "by": USER}


@pytest.mark.parametrize(
    ("verb", "asked", "then", "said"),
    [
        ("stop", None, "Stop", "is being stopped"),
        ("stop", "Stop", "Stop", "is being stopped already"),
        ("stop", "Terminate", "Terminate", "is being terminated already"),
        ("terminate", None, "Terminate", "is being terminated"),
        ("terminate", "Stop", "Terminate", "is being terminated"),
        ("terminate", "Terminate", "Terminate", "is being terminated already"),
    ],
)
def test_what_is_terminated_is_never_only_stopped(verb, asked, then, said):
    shell = Shell(an_active_run(**({"shutdown": asked} if asked else {})))
    assert shell(verb, "run") == 0
    assert shell.spec()["shutdown"] == then
    assert shell.said == f"dagrun.kubedag.dev/run {said}\n"
    assert shell.verbs.count("PATCH") == (asked != then)


@pytest.mark.parametrize(
    ("target", "plural", "name"),
    [
        ("run", "dagruns", "run"),
        ("dag/pipeline", "dags", "pipeline"),
        ("bf/bf", "backfills", "bf"),
    ],
)
def test_runs_dags_and_backfills_are_suspended_and_resumed(target, plural, name):
    shell = Shell(an_active_run(), CHAIN, a_backfill())

    def suspended():
        return shell.server.objects[path_of(plural, name)]["spec"].get("suspend", False)

    told = []
    for verb in ("suspend", "suspend", "resume", "resume"):
        assert shell(verb, target) == 0
        told.append((suspended(), shell.said.split(" ", 1)[1].strip()))
    assert told == [
        (True, "suspended"),
        (True, "is suspended already"),
        (False, "resumed"),
        (False, "is not suspended"),
    ]
    assert shell.verbs.count("PATCH") == 2


# --- Approval --------------------------------------------------------------------------------

ASKING = row("ask", "AwaitingApproval", approval=builders.rows.ApprovalRow("Sure?", attempt=2))
EARLIER = {"task": "ask", "attempt": 1, "decision": "Rejected", "by": "bob"}


@pytest.mark.parametrize(("verb", "decision"), [("approve", "Approved"), ("reject", "Rejected")])
def test_an_answer_is_for_the_time_of_asking_and_leaves_others_as_they_are(verb, decision):
    shell = Shell(an_active_run("run", ASKING, approvals=[EARLIER]))
    assert shell(verb, "run", "ask", "--comment", "seen") == 0
    answer = {"task": "ask", "attempt": 2, "decision": decision, "by": USER, "comment": "seen"}
    assert shell.spec()["approvals"] == [EARLIER, answer]
    assert shell.said == f"dagrun.kubedag.dev/run {decision.lower()}: ask\n"
    assert shell(verb, "run", "ask") == 0
    assert shell.spec()["approvals"] == [EARLIER, answer]
    other = "reject" if verb == "approve" else "approve"
    assert shell(other, "run", "ask") == 1
    assert f"ask was {decision.lower()} by {USER}, which is final" in shell.complained


def test_rows_that_are_in_slices_are_read_where_they_are():
    run = an_active_run("run")
    run["status"] = {"slices": 1}
    shell = Shell(run)
    name = naming.slice_name("run", "uid-run", 0)
    shell.server.put({"metadata": {"name": name}, "tasks": [ASKING]}, "dagrunslices")
    assert shell("approve", "run", "ask") == 0
    assert shell.spec()["approvals"][0]["attempt"] == 2
    assert shell.verbs == ["POST", "GET", "GET", "PATCH"]
    assert shell("stop", "run") == 0
    assert shell.verbs[4:] == ["GET", "PATCH"]


@pytest.mark.parametrize(
    ("verb", "asked", "ended", "code"),
    [
        ("stop", "Stop", "Stopped", 0),
        ("stop", None, "Stopped", 0),
        ("stop", "Terminate", "Terminated", 0),
        ("terminate", "Terminate", "Terminated", 0),
        ("stop", "Stop", "Failed", 0),
        ("terminate", "Terminate", "Succeeded", 0),
        ("terminate", "Stop", "Stopped", 1),
        ("stop", None, "Failed", 1),
        ("terminate", None, "Succeeded", 1),
    ],
)
def test_a_run_that_has_ended_as_asked_or_before_it_could_has_nothing_against_it(
    verb, asked, ended, code
):
    spec = {"shutdown": asked} if asked else {}
    run = a_finished_run(**spec)
    for condition in run["status"]["conditions"]:
        condition["reason"] = ended
    shell = Shell(run)
    assert shell(verb, "run") == code
    said = f"dagrun.kubedag.dev/run has finished already: {ended}\n"
    told = f"kubedag {verb}: dagrun.kubedag.dev/run: it has finished already: {ended}\n"
    assert (shell.said, shell.complained) == (("", told) if code else (said, ""))
    assert shell.verbs == ["GET"]


@pytest.mark.parametrize("state", ["Succeeded", "Failed"])
def test_a_run_that_was_marked_is_told_with_what_it_was_marked_as(state):
    run = a_finished_run()
    told = {"status": "True" if state == "Succeeded" else "False", "reason": f"Marked{state}"}
    ended = [one | (told if one["type"] == "Succeeded" else {"reason": f"Marked{state}"})
             for one in run["status"]["conditions"]]  # fmt: skip
    shell = Shell(run | {"status": run["status"] | {"conditions": ended}})
    assert shell("stop", "run") == 1
    assert shell.complained.endswith(f"it has finished already: {state} (marked)\n")


# --- What cannot be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        ("rerun none", "none: there is none in namespace 'ns'"),
        ("rerun active", "active: it has not finished; wait for its end, or stop it"),
        ("rerun deleted", "deleted: it is being deleted"),
        ("rerun run --task bb", "run: it has no task 'bb' (did you mean 'b'?)"),
        ("mark run failed --task z", "run: it has no task 'z'"),
        ("stop run", "run: it has finished already: Failed"),
        ("terminate run", "run: it has finished already: Failed"),
        ("suspend run", "run: it has finished already"),
        ("approve active a", "active: a does not ask for approval now: it is Running"),
        ("approve active z", "active: it has no task 'z'"),
        ("approve run a", "run: a does not ask for approval now: it is Succeeded"),
        ("clone none", "none: there is none in namespace 'ns'"),
    ],
)
def test_what_cannot_be_is_told_with_the_code_1(argv, why):
    deleted = a_finished_run("deleted")
    deleted["metadata"]["deletionTimestamp"] = builders.stamp(0)
    shell = Shell(a_finished_run(), an_active_run("active"), deleted)
    before = json.dumps(shell.server.objects)
    assert shell(*argv.split()) == 1
    assert shell.complained == f"kubedag {argv.split()[0]}: dagrun.kubedag.dev/{why}\n"
    assert (shell.said, json.dumps(shell.server.objects)) == ("", before)


NO_KIND = "the server could not find the requested resource"
REFUSED = ApiError(
    422,
    "Invalid",
    "dagruns.kubedag.dev \"run\" is forbidden: ValidatingAdmissionPolicy 'kubedag-control' with"
    " binding 'kubedag-control' denied request: you may not approve for DAG pipeline",
)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (REFUSED, "refused: you may not approve for DAG pipeline"),
        (ApiError(403, "Forbidden", "User cannot patch"), "User cannot patch"),
        (ApiError(404, "NotFound", NO_KIND),
         f"this cluster has no dagruns.kubedag.dev; is kubedag installed? ({NO_KIND})"),
        (ApiError(502, "", ""), "502 : "),
    ],
    ids=["by the policy", "by RBAC", "not installed", "without a word"],
)  # fmt: skip
def test_what_the_api_server_refuses_is_told_in_its_words(error, told):
    shell = Shell(a_finished_run())
    shell.server.before = lambda call: error if call.method == "PATCH" else None
    assert shell("rerun", "run") == 1
    assert shell.complained == f"kubedag rerun: dagrun.kubedag.dev/run: {told}\n"


def test_one_that_cannot_be_keeps_nobody_from_the_others():
    shell = Shell(an_active_run("one"), a_finished_run("two"), an_active_run("three"))
    assert shell("stop", "one", "two", "three") == 1
    assert [shell.spec(name).get("shutdown") for name in ("one", "two", "three")] == [
        "Stop", None, "Stop",
    ]  # fmt: skip


# --- Others who write ------------------------------------------------------------------------


def test_a_change_is_decided_again_when_somebody_else_was_faster():
    shell = Shell(an_active_run())
    others = ["Terminate"]

    def meddle(call):
        if call.method == "PATCH" and others:
            run = shell.server.run()
            shell.server.put(run | {"spec": run["spec"] | {"shutdown": others.pop()}})

    shell.server.before = meddle
    assert shell("stop", "run") == 0
    assert shell.spec()["shutdown"] == "Terminate"
    assert shell.said == "dagrun.kubedag.dev/run is being terminated already\n"


def test_a_change_is_not_tried_for_ever():
    shell = Shell(an_active_run())
    conflict = ApiError(409, "Conflict", "modified")
    shell.server.before = lambda call: conflict if call.method == "PATCH" else None
    assert shell("stop", "run") == 1
    assert shell.verbs == ["GET", "PATCH"] * cluster.TRIES_MAX
    assert "others keep changing it; try once more" in shell.complained


# --- New runs --------------------------------------------------------------------------------

OLD = a_finished_run(
    runType="Scheduled",
    dataInterval=an_interval(),
    logicalTime="2026-01-01T00:00:00Z",
    params=[{"name": "region", "value": "eu"}, {"name": "day", "value": "1"}],
    rerun={"id": "1"},
    suspend=True,
)


def test_a_clone_is_like_the_other_but_by_hand():
    shell = Shell(OLD)
    assert shell("clone", "run", "--name", "copy", "--param", "day=2", "--param", "x=a=b") == 0
    assert shell.spec("copy") == {
        "dagName": "pipeline",
        "dataInterval": an_interval(),
        "logicalTime": "2026-01-01T00:00:00Z",
        "params": [
            {"name": "region", "value": "eu"},
            {"name": "day", "value": "2"},
            {"name": "x", "value": "a=b"},
        ],
    }
    assert shell.said == "dagrun.kubedag.dev/copy created\n"
    assert shell("clone", "run", "--name", "copy") == 1
    assert 'dagruns.kubedag.dev "copy" already exists' in shell.complained


def test_a_triggered_run_is_of_an_interval_and_of_some_tasks_if_it_says_so():
    shell = Shell(CHAIN)
    interval = ["--interval-start", "2026-01-01", "--interval-end", "2026-01-02"]
    assert shell("trigger", "pipeline", *interval, "--task", "b", "-o", "json") == 0
    made = json.loads(shell.said)
    assert made["metadata"]["name"].startswith("pipeline-x")
    assert made["metadata"]["labels"]["kubedag.dev/dag"] == "pipeline"
    assert made["spec"] == {
        "dagName": "pipeline",
        "dataInterval": an_interval(),
        "logicalTime": "2026-01-01T00:00:00Z",
        "tasks": ["b"],
    }
    assert shell("trigger", "dag/pipeline", "--name", "plain") == 0
    assert shell.spec("plain") == {"dagName": "pipeline"}
    assert shell("trigger", "none") == 1
    assert shell.complained == (
        "kubedag trigger: dag.kubedag.dev/none: there is none in namespace 'ns'\n"
    )


# --- Output ----------------------------------------------------------------------------------


def test_several_objects_are_a_list_and_one_is_itself():
    shell = Shell(an_active_run("one"), an_active_run("two"))
    assert shell("stop", "one", "-o", "json") == 0
    assert json.loads(shell.said)["spec"]["shutdown"] == "Stop"
    assert shell("stop", "one", "two", "-o", "json") == 0
    found = json.loads(shell.said)
    assert (found["kind"], [one["metadata"]["name"] for one in found["items"]]) == (
        "List",
        ["one", "two"],
    )


def test_objects_are_written_as_yaml_as_well():
    shell = Shell(an_active_run("one"), an_active_run("two"))
    assert shell("stop", "one", "-o", "yaml") == 0
    assert documents.read(shell.said) == [shell.server.run("one")]
    assert shell("stop", "one", "two", "-o", "yaml") == 0
    (found,) = documents.read(shell.said)
    assert [one["metadata"]["name"] for one in found["items"]] == ["one", "two"]


def test_names_can_be_given_to_the_next_command():
    shell = Shell(a_finished_run())
    assert shell("rerun", "run", "-o", "name") == 0
    assert shell("rerun", shell.said.strip()) == 0


# --- Misuse, and no cluster ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("argv", "hint"),
    [
        ("rerun", "name runs, or a --dag"),
        ("rerun a --dag b", "name runs, or a --dag; not both"),
        ("rerun a --from 2026-01-01", "choose runs of a --dag"),
        ("rerun a --failed", "choose runs of a --dag"),
        ("rerun a --scope tasks", "name each --task for scope tasks"),
        ("rerun a --scope all --task b", "name each --task for scope tasks"),
        ("rerun a --scope some", "must be one of all, failed, tasks; 'some' is none"),
        ("rerun a --include some", "must be one of downstream, upstream, both, none"),
        ("rerun --dag b --from soon", "must be a time such as 2026-01-31"),
        ("rerun dag/a", "must be a run; 'dag/a' is none"),
        ("rerun a/../b", "must be a run; 'a/../b' is none"),
        ("rerun A", "must be the name of an object; 'A' is none"),
        ("mark a skipped", "a run is marked succeeded or failed; skipped needs a --task"),
        ("mark a done", "must be one of succeeded, failed, skipped"),
        (f"mark a failed --comment {'x' * 1025}", "at most 1024 characters; it has 1025"),
        ("suspend pod/a", "must be a run, DAG or Backfill; 'pod/a' is none"),
        ("approve a", "the following arguments are required: TASK"),
        ("clone a --param b", "must be NAME=VALUE; 'b' is none"),
        ("trigger a --interval-start 2026-01-01", "--interval-start and --interval-end go together"),
        ("trigger dagrun/a", "must be a DAG; 'dagrun/a' is none"),
    ],
)  # fmt: skip
def test_misuse_is_told_before_anything_is_asked(argv, hint, capsys):
    with pytest.raises(SystemExit) as exit_:
        main.main(argv.split())
    assert exit_.value.code == main.MISUSED
    assert hint in " ".join(capsys.readouterr().err.split())


def test_a_cluster_out_of_reach_has_a_code_of_its_own(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    assert main.main(["stop", "run"]) == control.NO_CLUSTER
    assert capsys.readouterr().err.startswith("kubedag stop: ")
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "namespace": "ns"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1"}}],
    }
    (tmp_path / "config").write_bytes(orjson.dumps(config))
    assert main.main(["stop", "run", "--kubeconfig", str(tmp_path / "config")]) == 3
    assert "GET /apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/run" in capsys.readouterr().err


def test_what_was_done_before_the_cluster_went_away_is_told():
    shell = Shell(an_active_run("one"), an_active_run("two"))
    gone = Unreachable("gone", maybe_applied=False)
    shell.server.before = lambda call: gone if call.path.endswith("two") else None
    out = io.StringIO()
    arguments = main.parser().parse_args(["stop", "one", "two"])
    with pytest.raises(Unreachable):
        asyncio.run(control.run(arguments, cluster.Cluster(shell.api, "ns"), out, out))
    assert out.getvalue() == "dagrun.kubedag.dev/one is being stopped\n"
