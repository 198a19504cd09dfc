"""Each verb of control once on a real API server, which holds it to the CRDs; the tests play the operator."""

from __future__ import annotations

import json

import msgspec
import pytest

from dev.cluster.procs import ApiError
from integration.test_engine_on_a_real_api_server import Namespace, chain
from kubedag.cli import main
from support import builders
from support.kinds import install
from support.objects import a_run

pytestmark = pytest.mark.integration


class Person(Namespace):
    """Who types commands in."""

    kubeconfig = ""
    said = staticmethod(lambda: None)

    def __call__(self, *argv, code=0, output="json"):
        """Run a command; what it printed, as JSON if it printed any."""
        where = ("--kubeconfig", self.kubeconfig, "-n", self.name, "-o", output)
        found = main.main([*map(str, argv), *where])
        out, err = self.said()
        assert found == code, err
        return json.loads(out) if output == "json" and code == 0 else out + err

    def has(self, status, name="run"):
        """What the operator would have stored."""
        version = self.get("dagruns", name)["metadata"]["resourceVersion"]
        told = {"revision": None} | msgspec.to_builtins(
            status
        )  # a merge patch leaves what is not in it
        body = {"metadata": {"resourceVersion": version}, "status": told}
        self.client.patch(self.path("dagruns", name) + "/status", body)

    def finish(self, name="run"):
        rows = (builders.a_row("a", "Succeeded"), builders.a_row("b", "Failed"))
        status = builders.a_finished_status(*rows, succeeded=False)
        # Of no revision, since none is stored here: such a run goes by the DAG.
        self.has(msgspec.structs.replace(status, revision=""), name)


@pytest.fixture
def person(api_server, namespace, capsys):
    install(api_server.client)
    made = Person(api_server.client, namespace)
    made.kubeconfig = str(api_server.kubeconfig)
    made.said = capsys.readouterr
    made.create(chain())
    return made


def test_a_finished_run_is_asked_to_run_again_and_marked(person):
    person("trigger", "pipeline", "--name", "run", "--param", "region=eu")
    person.finish()

    wish = person("rerun", "run", "--task", "b", "--include", "both", "--newest")["spec"]["rerun"]
    again = person("rerun", "--dag", "pipeline", "--from", "2026-01-01")["spec"]["rerun"]
    dry = person("rerun", "run", "--dry-run", "--newest")
    marked = person("mark", "run", "--task", "b", "succeeded", "--comment", "by hand")["spec"]
    ended = person("mark", "run", "failed")["spec"]
    copy = person("clone", "run", "--param", "region=us", "--param", "x=1")["spec"]

    assert wish == {
        "id": wish["id"],
        "scope": "Tasks",
        "tasks": ["b"],
        "include": "Both",
        "revision": "Newest",
        "dryRun": False,
    }
    assert again == {
        "id": again["id"],
        "scope": "Failed",
        "include": "Downstream",
        "revision": "Same",
        "dryRun": False,
    }
    assert wish["id"] != again["id"]
    assert dry == {"run": "run", "tasks": ["b"]}
    (mark,) = marked["marks"]
    assert (mark["task"], mark["state"], mark["comment"]) == ("b", "Succeeded", "by hand")
    assert mark["by"] == ended["mark"]["by"] != ""
    assert ended["marks"] == [mark]
    assert copy["params"] == [{"name": "region", "value": "us"}, {"name": "x", "value": "1"}]


def test_an_active_run_is_held_answered_and_ended(person):
    person.create(a_run())
    asking = builders.rows.ApprovalRow("Sure?", attempt=1)
    row = builders.a_row("a", "AwaitingApproval", attempt=1, approval=asking)
    other = builders.a_row("b", "AwaitingApproval", attempt=1, approval=asking)
    person.has(builders.a_status(row, other))

    held = [person(verb, "run")["spec"]["suspend"] for verb in ("suspend", "resume")]
    dag = [person(verb, "dag/pipeline")["spec"]["suspend"] for verb in ("suspend", "resume")]
    person("approve", "run", "a", "--comment", "seen")
    answers = person("reject", "run", "b")["spec"]["approvals"]
    ends = [person(verb, "run")["spec"]["shutdown"] for verb in ("stop", "terminate", "stop")]

    assert (held, dag) == ([True, False], [True, False])
    assert [(one["task"], one["decision"]) for one in answers] == [
        ("a", "Approved"),
        ("b", "Rejected"),
    ]
    assert ends == ["Stop", "Terminate", "Terminate"]
    assert "it has no task 'c'" in person("approve", "run", "c", code=1)

    person.finish()
    again = person("rerun", "run")["spec"]
    assert ("shutdown" in again, again["approvals"]) == (False, answers)


def test_what_the_api_server_does_not_know_or_take_is_told(person):
    assert "dagrun.kubedag.dev/none: there is none in namespace" in person("stop", "none", code=1)
    said = person("trigger", "pipeline", "--name", "a" * 64, code=1)
    assert 'DAGRun.kubedag.dev "aaa' in said
    person.create(a_run())
    refused = person("stop", "run", "--as", "somebody", code=1)
    assert 'User "somebody" cannot get resource "dagruns"' in refused
    with pytest.raises(ApiError, match="tasks"):
        person.client.patch(
            person.path("dagruns", "run"), {"spec": {"rerun": {"id": "1", "scope": "Tasks"}}}
        )
