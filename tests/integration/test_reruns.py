"""Reruns on a real API server, asked for as people do; the tests play the kubelet."""

import asyncio
import contextlib

import pytest

from dev.cluster.procs import ApiError
from integration.test_engine_on_a_real_api_server import Namespace, chain, eventually
from kubedag.shell import errors
from support import operators, real_loop
from support.kinds import install, until
from support.objects import a_dag, a_run, a_task

pytestmark = pytest.mark.integration


class User(Namespace):
    """Who asks for reruns."""

    def ask(self, run="run", **wish):
        """`kubectl patch dagrun --type merge`; without a wish it is withdrawn."""
        self.client.patch(self.path("dagruns", run), {"spec": {"rerun": wish or None}})

    def mark(self, task, state, **fields):
        """As people do; the whole list, since it is a merge patch."""
        marks = [{"task": task, "state": state, **fields}]
        self.client.patch(self.path("dagruns", "run"), {"spec": {"marks": marks}})

    def attempt(self, task, number):
        """The Pod of an attempt once it is there."""
        labels = f"kubedag.dev/task={task},kubedag.dev/attempt={number}"
        pods = self.path("pods")
        return until(lambda: self.client.get(pods, labelSelector=labels)["items"])[0]

    def made(self):
        """The attempts that have had Pods, by task and number."""
        labels = [one["metadata"]["labels"] for one in self.client.get(self.path("pods"))["items"]]
        return sorted((one["kubedag.dev/task"], one["kubedag.dev/attempt"]) for one in labels)

    def status(self):
        return self.get("dagruns", "run")["status"]

    def has_rerun(self, id_):
        return self.status().get("rerun", {}).get("id") == id_ and self.has_ended()

    def history(self, task):
        """How its attempts ended."""
        (row,) = (row for row in self.status()["tasks"] if row["name"] == task)
        return [(one["number"], one["state"]) for one in row["attempts"]]

    def told(self):
        """The reasons of the Events about the run."""
        events = self.client.get(f"/api/v1/namespaces/{self.name}/events")["items"]
        return {one["reason"] for one in events if one["involvedObject"]["name"] == "run"}


@pytest.fixture(scope="module")
def kinds(api_server):
    install(api_server.client)


@pytest.fixture
def user(kinds, api_server, namespace):
    del kinds
    return User(api_server.client, namespace)


@pytest.fixture
def operator(api_server, user, tmp_path):
    """Starts an operator of this namespace, as often as it is asked to."""
    env = {"NAMESPACE": user.name, "LEASE_NAME": "reruns", "WATCH_NAMESPACES": user.name}
    log = tmp_path / "log"
    yield lambda: operators.process(api_server.kubeconfig, log, **env)
    assert "Traceback" not in log.read_text()


def test_what_failed_runs_again_on_a_wish_however_often_the_operator_is_replaced(user, operator):
    with operator():
        user.create(chain())
        user.create(a_run())
        user.end(user.attempt("a", 1))
        user.end(user.attempt("b", 1), "Failed", 3)
        until(user.has_ended)
    before = user.status()
    user.ask(id="1", scope="Failed")
    with operator() as running:
        pod = user.attempt("b", 2)
        running.kill()
    assert user.condition("dagruns", "run", "Finished") == ("False", "Active")
    user.end(pod)
    with operator():
        until(lambda: user.has_rerun("1"))
        status = user.status()
        assert user.condition("dagruns", "run", "Succeeded") == ("True", "Succeeded")
        assert user.history("b") == [(1, "Failed"), (2, "Succeeded")]
        assert status["tasks"][0] == before["tasks"][0]
        assert status["tasks"][1]["earlierAttempts"] == 1
        assert (status["rerun"]["number"], status["rerun"]["tasks"]) == (1, 1)
        assert status["startTime"] >= before["completionTime"]
        until(lambda: {"RunFailed", "RunRerun", "RunSucceeded"} <= user.told())
        user.ask(id="1", scope="All")  # as a tool does that applies for ever
        until(lambda: user.status()["observedGeneration"] == 3)
    with operator():
        user.create(a_run("another"))  # whose Pod tells that the operator has seen all of that
        user.pod_of("a", "another")
        assert user.status()["rerun"] == status["rerun"]
    assert user.made() == [("a", "1"), ("a", "1"), ("b", "1"), ("b", "2")]


def test_all_of_a_run_runs_again_by_the_newest_revision(user, operator):
    with operator():
        user.create(chain())
        user.create(a_run())
        for task in "ab":
            user.end(user.attempt(task, 1))
        until(user.has_ended)
        old = user.status()["revision"]
        tasks = [a_task("c"), a_task("b", dependsOn=["c"])]
        user.client.patch(user.path("dags", "pipeline"), {"spec": {"tasks": tasks}})
        until(lambda: user.get("dags", "pipeline")["status"].get("revision") != old)
        user.ask(id="again", scope="All", revision="Newest")
        new = user.end(user.attempt("c", 1)) or user.attempt("b", 2)
        user.end(new)
        until(lambda: user.has_rerun("again"))
    status = user.status()
    assert status["revision"] == new["metadata"]["labels"]["kubedag.dev/revision"] != old
    assert [row["name"] for row in status["tasks"]] == ["c", "b"]
    assert user.history("b") == [(1, "Succeeded"), (2, "Succeeded")]
    assert status["progress"] == "2/2"


def test_a_wish_waits_for_its_turn_and_can_be_withdrawn(user, operator):
    with operator():
        user.create(chain())
        user.create(a_run())
        user.end(user.attempt("a", 1), "Failed", 1)
        until(user.has_ended)
        before = user.status()
        user.create(a_run("another"))
        user.pod_of("a", "another")
        user.ask(id="1")
        until(lambda: user.condition("dagruns", "run", "RerunPending") == ("True", "Queued"))
        assert user.get("dagruns", "run")["status"]["tasks"] == before["tasks"]
        user.ask()
        until(lambda: user.condition("dagruns", "run", "RerunPending") is None)
        assert user.status() == before | {"observedGeneration": 3}


def test_a_wish_that_the_api_server_cannot_take_is_refused(user):
    user.create(chain())
    user.create(a_run())
    for wish in ({"id": "1", "scope": "Tasks"}, {"id": "1", "tasks": ["a"]}, {"scope": "All"}):
        with pytest.raises(ApiError, match="rerun"):
            user.ask(**wish)


# --- Marks -----------------------------------------------------------------------------------

#  a1…a5 ── middle ── c1…c4 ── last      aside
FIRST = [f"a{number}" for number in range(1, 6)]
NEXT = [f"c{number}" for number in range(1, 5)]
TWELVE = [
    *map(a_task, FIRST),
    a_task("middle", dependsOn=FIRST),
    *(a_task(name, dependsOn=["middle"]) for name in NEXT),
    a_task("last", dependsOn=NEXT),
    a_task("aside"),
]


def test_a_run_goes_on_after_a_task_that_is_marked_and_runs_again_in_one_task_alone(
    user, operator
):
    with operator():
        user.create(a_dag(*TWELVE, taskDefaults={"image": "busybox"}))
        user.create(a_run())
        for task in (*FIRST, "aside"):
            user.end(user.attempt(task, 1))
        user.end(user.attempt("middle", 1), "Failed", 3)
        until(user.has_ended)
        before = user.status()
        assert before["progress"] == "6/12"

        user.mark("middle", "Succeeded", id="1", by="ann", comment="loaded by hand")
        for task in (*NEXT, "last"):
            user.end(user.attempt(task, 1))
        until(lambda: user.condition("dagruns", "run", "Succeeded") == ("True", "Succeeded"))
        status = user.status()
        rows = {row["name"]: row for row in status["tasks"]}
        assert [rows[name] for name in (*FIRST, "aside")] == [
            row for row in before["tasks"] if row["state"] == "Succeeded"
        ]
        said = (rows["middle"]["state"], rows["middle"]["reason"], rows["middle"]["message"])
        assert said == ("Succeeded", "Marked", "marked Succeeded by ann: loaded by hand")
        assert user.history("middle") == [(1, "Failed")]
        assert (status["rerun"]["id"], status["rerun"]["tasks"]) == ("mark:1", 5)

        user.ask(id="1", scope="Tasks", tasks=["c1"], include="None", dryRun=True)
        until(lambda: user.condition("dagruns", "run", "RerunPending") == ("True", "DryRun"))
        user.ask(dryRun=None)
        user.end(user.attempt("c1", 2))
        until(lambda: user.has_rerun("1"))
        assert (user.status()["rerun"]["number"], user.status()["rerun"]["tasks"]) == (2, 1)
        assert user.history("c1") == [(1, "Succeeded"), (2, "Succeeded")]
        until(lambda: {"TaskMarked", "RunRerun", "RunSucceeded"} <= user.told())
    assert user.made() == sorted([(task["name"], "1") for task in TWELVE] + [("c1", "2")])


def test_a_run_that_is_marked_ends_its_pods_and_is_what_somebody_said(user, operator):
    with operator():
        user.create(chain())
        user.create(a_run())
        user.attempt("a", 1)
        mark = {"id": "1", "state": "Succeeded", "by": "ann"}
        user.client.patch(user.path("dagruns", "run"), {"spec": {"mark": mark}})
        until(user.has_ended)
        assert user.condition("dagruns", "run", "Succeeded") == ("True", "MarkedSucceeded")
        assert [row["state"] for row in user.status()["tasks"]] == ["Failed", "Skipped"]
        mark = {"id": "2", "state": "Failed"}
        user.client.patch(user.path("dagruns", "run"), {"spec": {"mark": mark}})
        until(lambda: user.condition("dagruns", "run", "Succeeded") == ("False", "MarkedFailed"))
        until(lambda: {"RunMarked", "RunSucceeded"} <= user.told())


# --- Slices, and ends between two writes -----------------------------------------------------


def test_a_crash_before_a_rerun_of_many_rows_is_stored_leaves_them_as_they_were(api_server, user):
    """The rows are in other objects, which are stored before the run that counts on them."""
    refused, cut = [], []

    def meddle(method, path):
        if method != "PUT" or not path.endswith("dagruns/run/status"):
            return
        if not refused:
            refused.append(path)
            raise errors.ApiError(413, "RequestEntityTooLarge", "limit is 1")
        if cut == ["now"]:
            raise errors.Unreachable("cut", maybe_applied=False)

    async def story(acting):
        acting.api.before = meddle
        user.create(chain())
        user.create(a_run())
        user.end(await asyncio.to_thread(user.attempt, "a", 1), "Failed", 1)
        await eventually(user.has_ended)
        (name,) = user.names("dagrunslices")
        before = user.get("dagrunslices", name)
        cut.append("now")
        user.ask(id="1")
        await eventually(lambda: len(user.names("dagrunslices")) == 2)
        assert user.get("dagrunslices", name) == before
        acting.kill()

    async def goes_on(acting):
        user.end(await asyncio.to_thread(user.attempt, "a", 2))
        user.end(await asyncio.to_thread(user.attempt, "b", 1))
        await eventually(lambda: user.has_rerun("1"))
        assert acting.engine.tasks.bugs == 0

    run_on(api_server, user, story)
    assert user.condition("dagruns", "run", "Finished") == ("True", "Failed")
    run_on(api_server, user, goes_on)
    (name,) = until(lambda: names if len(names := user.names("dagrunslices")) == 1 else None)
    rows = {row["name"]: row for row in user.get("dagrunslices", name)["tasks"]}
    assert [one["state"] for one in rows["a"]["attempts"]] == ["Failed", "Succeeded"]
    assert rows["b"]["state"] == "Succeeded"


def run_on(api_server, user, story):
    async def scenario():
        async with operators.acting(api_server.kubeconfig, user.name) as acting:
            with contextlib.suppress(asyncio.CancelledError):
                await story(acting)

    real_loop.run(scenario(), seconds_max=120)
