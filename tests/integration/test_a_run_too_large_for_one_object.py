"""Thousands of tasks that all fail and have much to say: no object is too large, nothing is lost."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time

import pytest

from dev.cluster import tools
from support import operators
from support.kinds import install, until
from support.objects import API_VERSION, a_dag, a_run, a_task

pytestmark = pytest.mark.integration

TASKS = int(os.environ.get("TASKS", "1600"))
SECONDS_MAX = 60 + TASKS / 5
MIB = 1024 * 1024
SAID = "line after line of what went wrong\n" * 58
NAMES = [f"{'task-with-a-long-name-':-<52}{n:05}" for n in range(TASKS)]


@pytest.fixture(scope="module")
def kinds(scale_cluster):
    install(scale_cluster.client)


class Place:
    """A namespace of the cluster."""

    def __init__(self, cluster, name):
        self.cluster, self.client, self.name = cluster, cluster.client, name
        self.bytes_max = 0

    def path(self, kind, name=""):
        return f"/apis/{API_VERSION}/namespaces/{self.name}/{kind}/{name}".rstrip("/")

    def run(self):
        found = self.client.get(self.path("dagruns", "run"))
        self.bytes_max = max(self.bytes_max, len(json.dumps(found)))
        return found

    def has_ended(self):
        conditions = self.run().get("status", {}).get("conditions", [])
        return any((one["type"], one["status"]) == ("Finished", "True") for one in conditions)

    def slices(self):
        label = "kubedag.dev/run=run"
        found = self.client.get(self.path("dagrunslices"), labelSelector=label)["items"]
        self.bytes_max = max([self.bytes_max, *(len(json.dumps(one)) for one in found)])
        return sorted(found, key=lambda one: one["firstTask"])

    def kubectl(self, *arguments):
        command = [
            tools.ensure("kubectl")["kubectl"],
            f"--kubeconfig={self.cluster.kubeconfig}",
            f"--namespace={self.name}",
            *arguments,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def create_a_run_of_them(place):
    annotations = {
        "kwok.kubedag.dev/exit-code": "3",
        "kwok.kubedag.dev/termination-message": SAID,
    }
    defaults = {"image": "busybox", "podTemplate": {"metadata": {"annotations": annotations}}}
    dag = a_dag(*(a_task(name) for name in NAMES), taskDefaults=defaults)
    place.client.create(place.path("dags"), dag)
    place.client.create(place.path("dagruns"), a_run("run"))


def operate_until_it_has_ended(place, folder):
    """By two operators, of which the first is killed when it has stored some slices."""
    env = {"LEASE_NAME": place.name, "NAMESPACE": place.name, "WATCH_NAMESPACES": place.name}
    env["LEASE_SECONDS"] = "10"  # a busy machine must not make this a test of elections
    with operators.process(place.cluster.kubeconfig, folder / "first", **env) as first:
        until(lambda: place.run().get("status", {}).get("slices"), SECONDS_MAX, pause=0.5)
        assert not place.has_ended()
        first.kill()
        first.wait()
    with operators.process(place.cluster.kubeconfig, folder / "second", **env):
        until(place.has_ended, SECONDS_MAX, pause=1.0)
    for log in ("first", "second"):
        assert "Traceback" not in (folder / log).read_text()


def assert_each_task_tells_of_its_failure(status, slices):
    rows = [row for one in slices for row in one["tasks"]]
    assert [row["name"] for row in rows] == NAMES
    assert {(row["state"], row["reason"], row["attempt"]) for row in rows} == {
        ("Failed", "ExitCode", 1)
    }
    assert (status["counts"]["failed"], status["counts"]["total"]) == (TASKS, TASKS)
    assert (status["slices"], status.get("tasks")) == (len(slices), None)
    tails = [row["attempts"][0]["log"]["tail"] for row in rows]
    assert 0 < sum(map(len, tails)) <= 128 * 1024


def assert_the_run_says_how_to_see_them(place, status):
    truncated = next(one for one in status["conditions"] if one["type"] == "StatusTruncated")
    assert truncated["reason"] == "DetailsLeftOut"  # most of the log tails, for want of room
    command = truncated["message"].partition("kubectl ")[2].split()
    table = place.kubectl(*command[2:]).splitlines()
    assert table[0].split() == ["NAME", "RUN", "FIRST", "TASKS", "SUCCEEDED", "FAILED", "AGE"]
    assert [line.split()[1:6] for line in table[1:3]] == [
        ["run", "0", "100", "0", "100"],
        ["run", "100", "100", "0", "100"],
    ]


def measured(place, slices, seconds):
    peak_mib = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    return (
        f"{TASKS} tasks, each failed with {len(SAID)} bytes, operator killed once: {seconds:.0f} s "
        f"at a load of {os.getloadavg()[0]:.1f}; {len(slices)} slices, largest object "
        f"{place.bytes_max // 1024} KiB, operator's peak of memory {peak_mib} MiB"
    )


@pytest.mark.usefixtures("kinds")
def test_thousands_of_tasks_that_fail_at_length_end_in_slices_although_the_operator_is_killed(
    scale_cluster, scale_namespace, tmp_path, record_property
):
    place = Place(scale_cluster, scale_namespace)
    create_a_run_of_them(place)
    began = time.monotonic()
    operate_until_it_has_ended(place, tmp_path)
    seconds = time.monotonic() - began

    status, slices = place.run()["status"], place.slices()
    assert_each_task_tells_of_its_failure(status, slices)
    assert place.bytes_max < MIB
    assert_the_run_says_how_to_see_them(place, status)
    record_property("measured", measured(place, slices, seconds))
    place.client.delete(place.path("dagruns", "run"))
    until(
        lambda: not place.client.get(place.path("dagrunslices"))["items"], SECONDS_MAX, pause=1.0
    )
