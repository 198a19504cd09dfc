"""Schedules on a real API server: a clock that is moved, an operator that is cut off, a name that is taken."""

from __future__ import annotations

import asyncio
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from dev.cluster import tools
from support import operators, real_loop
from support.kinds import install, until
from support.objects import API_VERSION, a_dag, a_run, a_task, an_interval

pytestmark = pytest.mark.integration

MINUTELY = {"cron": "* * * * *", "catchup": "All"}
MINUTE = timedelta(minutes=1)


class Place:
    """What a user does in a namespace."""

    def __init__(self, api_server, name):
        self.client, self.kubeconfig, self.name = api_server.client, api_server.kubeconfig, name

    def path(self, kind, name=""):
        return f"/apis/{API_VERSION}/namespaces/{self.name}/{kind}/{name}".rstrip("/")

    def create(self, document):
        kind = {"DAG": "dags", "DAGRun": "dagruns"}[document["kind"]]
        return self.client.create(self.path(kind), document)

    def runs(self):
        """The intervals of the runs, oldest first, as their names have them."""
        found = self.client.get(self.path("dagruns"))["items"]
        return sorted(
            (run["spec"]["dataInterval"]["startTime"], run["spec"]["dataInterval"]["endTime"])
            for run in found
            if run["spec"]["dagName"] == "pipeline"
        )

    def status(self):
        return self.client.get(self.path("dags", "pipeline")).get("status", {})

    def scheduled(self):
        found = self.status().get("conditions", [])
        return next((one["reason"] for one in found if one["type"] == "Scheduled"), None)

    def events(self):
        found = self.client.get(f"/apis/events.k8s.io/v1/namespaces/{self.name}/events")["items"]
        return {one["reason"]: one["note"] for one in found}


@pytest.fixture
def place(api_server, namespace):
    install(api_server.client)
    return Place(api_server, namespace)


async def eventually(what):
    """The same, while an engine works in this process."""
    return await asyncio.to_thread(until, what)


def scheduled_dag(**spec):
    spec = {
        "schedule": MINUTELY,
        "taskDefaults": {"image": "busybox"},
        "maxActiveRuns": 100,
    } | spec
    return a_dag(a_task("a"), **spec)


def with_engine(place, story, ahead=timedelta()):
    """An operator from its start to its end, whose clock is ahead of the true one."""

    async def scenario():
        async with operators.acting(place.kubeconfig, place.name) as acting:
            acting.clock.ahead = ahead
            await story(acting)
        assert (acting.engine.reconciler.bugs, acting.engine.tasks.bugs) == (0, 0)

    real_loop.run(scenario(), seconds_max=120)


def pass_by(acting, minutes):
    """Time passes, and a minute after at most the DAG is looked at, which takes no minute here."""
    acting.clock.ahead += minutes * MINUTE
    acting.engine.store.wake_all()


def test_every_minute_gets_its_run_although_operators_are_cut_off(place):
    ahead = timedelta()

    async def three_minutes(acting):
        place.create(scheduled_dag())
        await eventually(lambda: place.scheduled() == "Scheduled")
        for count in (1, 2, 3):
            pass_by(acting, 1)
            await eventually(lambda count=count: len(place.runs()) >= count)

    async def cut_off(acting):
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def cut(method, path):
            if (method, path) == ("POST", place.path("dagruns")) and not done.is_set():
                done.set()
                loop.call_soon(acting.kill)

        acting.api.after = cut
        pass_by(acting, 1)
        await done.wait()
        await asyncio.sleep(0.2)

    async def goes_on(acting):
        now = acting.clock.now()
        await eventually(lambda: place.runs()[-1][1] > text(now - MINUTE))
        await eventually(lambda: place.status()["lastInterval"]["endTime"] == place.runs()[-1][1])

    with_engine(place, three_minutes)
    for _ in range(3):
        ahead += 4 * MINUTE
        with_engine(place, cut_off, ahead)
    with_engine(place, goes_on, ahead + 7 * MINUTE)
    found = place.runs()
    assert all(before[1] == after[0] for before, after in pairwise(found))
    first = place.client.get(place.path("dags", "pipeline"))["metadata"]["creationTimestamp"]
    assert found[0][0] <= first < found[0][1]


def text(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_was_missed_is_skipped_and_told_and_the_newest_one_runs(place):
    async def story(acting):
        place.create(scheduled_dag(schedule={"cron": "* * * * *"}))
        await eventually(lambda: place.scheduled() == "Scheduled")
        pass_by(acting, 30)
        await eventually(lambda: len(place.runs()) == 1)
        await eventually(lambda: "IntervalsSkipped" in place.events())

    with_engine(place, story)
    skipped = place.status()["lastSkipped"]
    assert (skipped["reason"], skipped["endTime"]) == ("CatchupLatest", place.runs()[0][0])
    assert skipped["intervals"] in (29, 30)


def test_a_name_that_another_run_has_is_skipped_and_told(place):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    name = f"pipeline-{now + 2 * MINUTE:%Y%m%dt%H%M}-1m"
    place.create(a_run(name, "other", dataInterval=an_interval(), suspend=True))

    async def story(acting):
        place.create(scheduled_dag())
        await eventually(lambda: place.scheduled() == "Scheduled")
        pass_by(acting, 4)
        await eventually(lambda: "IntervalsSkipped" in place.events())

    with_engine(place, story)
    skipped = place.status()["lastSkipped"]
    assert (skipped["startTime"], skipped["reason"]) == (text(now + 2 * MINUTE), "NameTaken")
    assert text(now + 2 * MINUTE) not in [start for start, _ in place.runs()]
    assert len(place.runs()) >= 2


def test_a_run_says_in_its_labels_what_it_is_of_and_kubectl_shows_when_the_dag_runs(place):
    async def story(acting):
        place.create(scheduled_dag(suspend=False))
        await eventually(lambda: place.scheduled() == "Scheduled")
        pass_by(acting, 1)
        await eventually(lambda: len(place.runs()) >= 1)
        await eventually(lambda: "lastInterval" in place.status())

    with_engine(place, story)
    (run, *_) = place.client.get(place.path("dagruns"))["items"]
    start = run["spec"]["dataInterval"]["startTime"]
    assert run["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "kubedag",
        "kubedag.dev/dag": "pipeline",
        "kubedag.dev/run-type": run["spec"]["runType"],
        "kubedag.dev/logical-time": start.replace("-", "").replace(":", ""),
    }
    assert run["metadata"].get("ownerReferences") is None
    columns, row = shown(place)
    assert columns.split()[:4] == ["NAME", "READY", "SCHEDULED", "SCHEDULE"]
    assert "* * * * * Etc/UTC" in row


def shown(place):
    """`kubectl get dags`."""
    command = [
        tools.ensure("kubectl")["kubectl"],
        f"--kubeconfig={place.kubeconfig}",
        f"--namespace={place.name}",
        "get",
        "dags",
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip().splitlines()


def test_a_suspended_dag_says_so_and_runs_the_newest_interval_when_it_goes_on(place):
    async def story(acting):
        place.create(scheduled_dag(schedule={"cron": "* * * * *"}, suspend=True))
        await eventually(lambda: place.scheduled() == "Suspended")
        pass_by(acting, 5)
        await asyncio.sleep(1)
        assert place.runs() == []
        place.client.patch(place.path("dags", "pipeline"), {"spec": {"suspend": False}})
        await eventually(lambda: len(place.runs()) == 1)
        await eventually(lambda: place.scheduled() == "Scheduled")

    with_engine(place, story)
