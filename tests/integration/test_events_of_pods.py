"""Why a Pod does not start, from its Events on a real API server: the test plays the kubelet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from integration.test_attempts_on_a_real_api_server import TWICE, only_pod, until
from integration.test_attempts_on_a_real_api_server import user as user  # noqa: PLC0414  # a fixture
from support import operators, real_loop

pytestmark = pytest.mark.integration

NO_SECRET = 'MountVolume.SetUp failed for volume "v" : secret "x" not found'
NOT_YET = {"type": "PodReadyToStartContainers", "status": "False"}


def seconds_ahead(seconds):
    return (datetime.now(UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def warn(user, pod, message, **fields):
    """Create an Event as the kubelet does it."""
    event = {
        "metadata": {"generateName": "e-"}, "type": "Warning", "reason": "FailedMount",
        "message": message, "lastTimestamp": seconds_ahead(5),
        "involvedObject": {
            "kind": "Pod", "namespace": user.name, "name": pod,
            "uid": user.pods()[pod]["metadata"]["uid"],
        },
    }  # fmt: skip
    user.client.create(f"/api/v1/namespaces/{user.name}/events", event | fields)


def waits_for_its_volumes(user, pod):
    user.client.patch(user.path("pods", pod) + "/status", {"status": {"conditions": [NOT_YET]}})
    user.report(pod, "Pending", waiting={"reason": "ContainerCreating"})


def test_a_secret_that_is_missing_as_a_volume_is_named_and_given_up_after_a_while(user):
    async def story(acting):
        acting.clock.ahead = timedelta(seconds=30)
        user.begin(TWICE)
        pod = await only_pod(user)
        warn(user, pod, NO_SECRET)
        warn(user, pod, "of another", involvedObject={"namespace": user.name, "uid": "other"})
        warn(user, pod, "of another kind", type="Normal", lastTimestamp=seconds_ahead(50))
        warn(user, pod, "Unable to attach or mount volumes: unmounted volumes=[v]: timed out")
        waits_for_its_volumes(user, pod)
        user.place(pod)
        await until(lambda: user.row().get("reason") == "VolumeNotMounted")
        row = user.row()
        assert row["state"] == "Pending"
        assert row["message"].startswith('volume cannot be mounted: Secret "x" not found (attempt')
        acting.clock.ahead = timedelta(seconds=200)
        user.label(pod, touched="by-somebody")
        await until(lambda: user.pods()[pod]["metadata"].get("deletionTimestamp"))
        user.ends(pod, 137)
        await until(user.run_has_ended)
        (attempt,) = user.row()["attempts"]
        assert (attempt["reason"], attempt["class"]) == ("VolumeNotMounted", "Config")
        assert attempt["message"] == row["message"]

    async def scenario():
        async with operators.acting(user.kubeconfig, user.name) as acting:
            await story(acting)
        assert (acting.engine.reconciler.bugs, acting.engine.tasks.bugs) == (0, 0)

    real_loop.run(scenario(), seconds_max=120)
