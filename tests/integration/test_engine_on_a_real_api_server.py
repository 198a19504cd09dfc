"""The operator on a real API server; the tests play the kubelet."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from kubedag.core import naming
from kubedag.shell import errors
from support import full_status, operators, real_loop
from support.kinds import install, until
from support.objects import API_VERSION, a_dag, a_run, a_task

pytestmark = pytest.mark.integration

SECONDS_MAX = 60


async def eventually(what):
    """The same, while an engine works in this process."""
    return await asyncio.to_thread(until, what)


@pytest.fixture(scope="module")
def kinds(api_server):
    """Our kinds are known to the API server."""
    install(api_server.client)


class Namespace:
    """What a user does with kubectl, and what a kubelet does with Pods."""

    def __init__(self, client, name):
        self.client, self.name = client, name

    def path(self, kind, name=""):
        group = {"pods": "/api/v1", "controllerrevisions": "/apis/apps/v1"}
        base = f"{group.get(kind, f'/apis/{API_VERSION}')}/namespaces/{self.name}/{kind}"
        return f"{base}/{name}" if name else base

    def create(self, document):
        kind = {"DAG": "dags", "DAGRun": "dagruns", "Pod": "pods"}[document["kind"]]
        return self.client.create(self.path(kind), document)

    def get(self, kind, name):
        return self.client.get(self.path(kind, name))

    def names(self, kind):
        return sorted(one["metadata"]["name"] for one in self.client.get(self.path(kind))["items"])

    def condition(self, kind, name, type_):
        """Its status and its reason."""
        found = self.get(kind, name).get("status", {}).get("conditions", [])
        return next(
            ((one["status"], one["reason"]) for one in found if one["type"] == type_), None
        )

    def is_ready(self, name="pipeline"):
        return self.condition("dags", name, "Ready") == ("True", "Accepted")

    def has_ended(self, name="run"):
        finished = self.condition("dagruns", name, "Finished")
        return finished is not None and finished[0] == "True"

    def pod_of(self, task, run="run"):
        """The Pod of a task once it is there."""
        labels = f"kubedag.dev/task={task},kubedag.dev/run={run}"
        return until(lambda: self.client.get(self.path("pods"), labelSelector=labels)["items"])[0]

    def end(self, pod, phase="Succeeded", code=0):
        """Report how a Pod ended, as its kubelet would."""
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        ended = {"exitCode": code, "startedAt": now, "finishedAt": now, "containerID": "c://1"}
        main = {
            "name": "main", "state": {"terminated": ended}, "ready": False, "restartCount": 0,
            "image": "busybox", "imageID": "",
        }  # fmt: skip
        path = self.path("pods", pod["metadata"]["name"]) + "/status"
        self.client.patch(path, {"status": {"phase": phase, "containerStatuses": [main]}})

    def tasks(self, run="run"):
        rows = self.get("dagruns", run)["status"]["tasks"]
        return {row["name"]: (row["state"], row.get("reason")) for row in rows}


@pytest.fixture
def user(kinds, api_server, namespace):
    del kinds
    return Namespace(api_server.client, namespace)


def chain(**spec):
    tasks = [a_task("a"), a_task("b", dependsOn=["a"])]
    return a_dag(*tasks, taskDefaults={"image": "busybox"}, **spec)


# --- What is stored --------------------------------------------------------------------------


def test_the_api_server_keeps_a_status_in_which_every_field_is_said(kinds, api_server, user):
    del kinds, api_server
    user.create(chain())
    user.create(a_run())
    for kind, name, status in (
        ("dagruns", "run", full_status.of_a_run()),
        ("dags", "pipeline", full_status.of_a_dag()),
    ):
        said = full_status.stored(status)
        path = user.path(kind, name) + "/status"
        document = user.get(kind, name) | {"status": said}
        assert user.client.request("PUT", path, document)["status"] == said


# --- A process --------------------------------------------------------------------------------


@pytest.fixture(scope="class")
def operator(kinds, api_server, tmp_path_factory):
    del kinds
    log = tmp_path_factory.mktemp("operator") / "log"
    with operators.process(api_server.kubeconfig, log, LEASE_NAME="shared") as running:
        yield running
    assert "Traceback" not in log.read_text()


@pytest.mark.usefixtures("operator")
class TestAProcess:
    """One operator for all namespaces, and for these tests only."""

    def test_a_run_goes_through_and_nothing_of_what_git_owns_is_touched(self, user):
        before = [user.create(chain()), user.create(a_run())]
        user.end(user.pod_of("a"))
        user.end(user.pod_of("b"))
        until(user.has_ended)
        assert user.condition("dagruns", "run", "Succeeded") == ("True", "Succeeded")
        assert user.tasks() == {"a": ("Succeeded", None), "b": ("Succeeded", None)}
        for old, kind in zip(before, ("dags", "dagruns"), strict=True):
            new = user.get(kind, old["metadata"]["name"])
            assert new["spec"] == old["spec"]
            for owned in ("annotations", "finalizers", "labels", "ownerReferences", "generation"):
                assert new["metadata"].get(owned) == old["metadata"].get(owned)
            written = {
                (one["operation"], one.get("subresource"))
                for one in new["metadata"]["managedFields"]
            }
            assert written == {("Update", None), ("Update", "status")}

    def test_no_annotation_and_no_finalizer_appears_on_anything_that_is_edited_or_fails(
        self, user
    ):
        user.create(chain())
        user.create(a_run())
        until(user.is_ready)
        begun = user.pod_of("a")
        user.client.patch(user.path("dags", "pipeline"), {"spec": {"description": "new"}})
        user.client.patch(user.path("dagruns", "run"), {"spec": {"suspend": True}})
        user.end(begun, "Failed", 3)
        until(lambda: user.condition("dagruns", "run", "Finished") == ("True", "Failed"))
        for kind, name in (("dags", "pipeline"), ("dagruns", "run")):
            metadata = user.get(kind, name)["metadata"]
            assert (metadata.get("annotations"), metadata.get("finalizers")) == (None, None)
        user.client.delete(user.path("dags", "pipeline"))
        user.client.delete(user.path("dagruns", "run"))
        assert (user.names("dags"), user.names("dagruns")) == ([], [])

    def test_a_pod_that_the_api_server_refuses_makes_the_dag_not_ready_and_names_the_field(
        self, user
    ):
        template = {"spec": {"dnsPolicy": "Sometimes"}}
        user.create(a_dag(a_task("a"), a_task("b", image="x", podTemplate=template),
                          taskDefaults={"image": "busybox"}))  # fmt: skip
        until(
            lambda: user.condition("dags", "pipeline", "Ready") == ("False", "InvalidPodTemplate")
        )
        (condition,) = user.get("dags", "pipeline")["status"]["conditions"]
        assert condition["message"].startswith(
            "spec.tasks[1].podTemplate.spec.dnsPolicy: must make"
        )
        assert "spec.dnsPolicy" in condition["message"]

    def test_a_pod_of_somebody_else_is_left_alone(self, user):
        user.create(chain())
        run = user.create(a_run(suspend=True))
        name = naming.pod_name("run", run["metadata"]["uid"], "a", None, 1)
        containers = [{"name": "main", "image": "busybox"}]
        theirs = user.create(
            {"kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}}
        )
        user.client.patch(user.path("dagruns", "run"), {"spec": {"suspend": False}})
        until(user.has_ended)
        assert user.tasks() == {
            "a": ("Failed", "NameConflict"),
            "b": ("UpstreamFailed", "UpstreamFailed"),
        }
        assert user.get("pods", name)["metadata"]["uid"] == theirs["metadata"]["uid"]

    def test_a_run_that_is_deleted_in_the_middle_starts_nothing_more(self, user):
        user.create(chain(concurrencyPolicy="Allow"))
        user.create(a_run("first"))
        pod = user.pod_of("a", "first")
        user.client.delete(user.path("dagruns", "first"))
        user.create(a_run("second"))
        of_second = user.pod_of("a", "second")  # then the operator has heard of the deletion
        user.end(pod)
        user.end(of_second)
        user.end(user.pod_of("b", "second"))
        until(lambda: user.has_ended("second"))
        labels = "kubedag.dev/run=first,kubedag.dev/task=b"
        assert user.client.get(user.path("pods"), labelSelector=labels)["items"] == []


def test_of_two_replicas_one_acts_and_the_other_takes_over(kinds, api_server, user, tmp_path):
    del kinds
    lease = f"/apis/coordination.k8s.io/v1/namespaces/{user.name}/leases/pair"
    env = {"NAMESPACE": user.name, "LEASE_NAME": "pair", "WATCH_NAMESPACES": user.name}

    def holder():
        if not api_server.client.exists(lease):
            return ""
        return api_server.client.get(lease)["spec"].get("holderIdentity", "")

    with operators.process(api_server.kubeconfig, tmp_path / "a", POD_NAME="a", **env) as first:
        until(lambda: holder() == "a")
        with operators.process(api_server.kubeconfig, tmp_path / "b", POD_NAME="b", **env):
            user.create(chain())
            user.create(a_run())
            pod = user.pod_of("a")
            until(lambda: "starts" in (tmp_path / "b").read_text())
            assert "Acting on" not in (tmp_path / "b").read_text()
            first.kill()
            killed = time.monotonic()
            user.end(pod)
            until(lambda: holder() == "b")
            user.end(user.pod_of("b"))
            until(user.has_ended)
            assert time.monotonic() - killed < 30
    assert len(user.names("pods")) == 2


# --- An engine that can be held ---------------------------------------------------------------


def with_engine(api_server, user, story):
    async def scenario():
        async with operators.acting(api_server.kubeconfig, user.name) as acting:
            await story(acting)
        assert (acting.engine.reconciler.bugs, acting.engine.tasks.bugs) == (0, 0)

    real_loop.run(scenario(), seconds_max=120)


def test_a_status_that_lost_against_another_write_is_written_anew(api_server, user):
    disturbed = []

    def disturb(method, path):
        if method == "PUT" and path.endswith("dagruns/run/status") and len(disturbed) < 2:
            disturbed.append(path)
            labels = {"metadata": {"labels": {"touched": str(len(disturbed))}}}
            user.client.patch(user.path("dagruns", "run"), labels)

    async def story(acting):
        acting.api.before = disturb
        user.create(chain())
        user.create(a_run())
        for task in ("a", "b"):
            user.end(await asyncio.to_thread(user.pod_of, task))
        await eventually(user.has_ended)
        assert acting.engine.writer.conflicts >= 1

    with_engine(api_server, user, story)
    assert len(disturbed) == 2
    assert user.condition("dagruns", "run", "Succeeded") == ("True", "Succeeded")
    assert user.get("dagruns", "run")["metadata"]["labels"] == {"touched": "2"}


def test_a_status_that_is_refused_as_too_large_goes_into_slices(api_server, user):
    refused = []

    def refuse(method, path):
        if method == "PUT" and path.endswith("dagruns/run/status") and not refused:
            refused.append(path)
            raise errors.ApiError(413, "RequestEntityTooLarge", "limit is 1")

    async def story(acting):
        acting.api.before = refuse
        user.create(chain())
        user.create(a_run())
        for task in ("a", "b"):
            user.end(await asyncio.to_thread(user.pod_of, task))
        await eventually(user.has_ended)

    with_engine(api_server, user, story)
    assert "tasks" not in user.get("dagruns", "run")["status"]
    (name,) = user.names("dagrunslices")
    rows = [(row["name"], row["state"]) for row in user.get("dagrunslices", name)["tasks"]]
    assert rows == [("a", "Succeeded"), ("b", "Succeeded")]


def test_an_operator_that_is_killed_before_it_hears_of_its_pod_makes_no_second_one(
    api_server, user
):
    created = []

    async def first(acting):
        def kill(method, path):
            if method == "POST" and path.endswith("/pods") and user.names("pods"):
                created.append(path)
                acting.kill()
                raise asyncio.CancelledError

        acting.api.after = kill
        user.create(chain())
        user.create(a_run())
        await eventually(lambda: user.names("pods"))

    async def second(acting):
        user.end(await asyncio.to_thread(user.pod_of, "a"))
        user.end(await asyncio.to_thread(user.pod_of, "b"))
        await eventually(user.has_ended)
        del acting

    with_engine(api_server, user, first)
    assert (len(created), len(user.names("pods"))) == (1, 1)
    with_engine(api_server, user, second)
    assert len(user.names("pods")) == 2
    attempts = [row["attempt"] for row in user.get("dagruns", "run")["status"]["tasks"]]
    assert attempts == [1, 1]


def test_a_pod_of_ours_that_the_cache_does_not_know_is_adopted(api_server, user):
    async def story(acting):
        user.create(chain())
        run = user.create(a_run(suspend=True))
        name = naming.pod_name("run", run["metadata"]["uid"], "a", None, 1)
        owner = {
            "apiVersion": API_VERSION, "kind": "DAGRun", "name": "run", "controller": True,
            "uid": run["metadata"]["uid"],
        }  # fmt: skip
        labels = {"kubedag.dev/run-uid": run["metadata"]["uid"], "kubedag.dev/task": "a",
                  "kubedag.dev/attempt": "1"}  # fmt: skip
        metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
        containers = [{"name": "main", "image": "busybox"}]
        user.create({"kind": "Pod", "metadata": metadata, "spec": {"containers": containers}})
        user.client.patch(user.path("dagruns", "run"), {"spec": {"suspend": False}})
        await eventually(lambda: user.get("dagruns", "run").get("status", {}).get("tasks"))
        await eventually(lambda: user.tasks()["a"][0] == "Pending")
        assert user.names("pods") == [name]
        del acting

    with_engine(api_server, user, story)


def pinned(user, run):
    """The revision that a run keeps to, once it has started."""
    return user.get("dagruns", run).get("status", {}).get("revision")


def test_runs_share_a_revision_which_goes_after_the_last_of_them(api_server, user):
    async def story(acting):
        user.create(chain(concurrencyPolicy="Allow"))
        user.create(a_run("one"))
        user.create(a_run("two"))
        for run in ("one", "two"):
            await asyncio.to_thread(user.pod_of, "a", run)
        (revision,) = user.names("controllerrevisions")
        for run in ("one", "two"):
            assert await eventually(lambda run=run: pinned(user, run)) == revision
        user.client.patch(user.path("dags", "pipeline"), {"spec": {"maxActiveTasks": 7}})
        await eventually(lambda: len(user.names("controllerrevisions")) == 2)
        acting.clock.ahead = timedelta(minutes=5)
        user.client.delete(user.path("dagruns", "one"))
        await eventually(lambda: user.get("dags", "pipeline")["status"]["activeRuns"] == 1)
        assert revision in user.names("controllerrevisions")
        user.client.delete(user.path("dagruns", "two"))
        await eventually(lambda: len(user.names("controllerrevisions")) == 1)
        assert user.names("controllerrevisions") != [revision]

    with_engine(api_server, user, story)
