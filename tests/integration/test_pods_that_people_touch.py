"""What people do to a Pod of ours with kubectl, on a real API server: no twin, and no false success."""

from __future__ import annotations

import pytest

from integration.test_attempts_on_a_real_api_server import ONCE, TWICE, only_pod, told, until
from integration.test_attempts_on_a_real_api_server import user as user  # noqa: PLC0414  # a fixture
from kubedag.core.pods import FINALIZER

pytestmark = pytest.mark.integration


async def running(user, dag):
    user.begin(dag)
    pod = await only_pod(user)
    user.place(pod)
    user.starts(pod)
    await until(lambda: user.row().get("state") == "Running")
    return pod


def owners(user, pod):
    return user.pods()[pod]["metadata"].get("ownerReferences", [])


@pytest.mark.parametrize("dag", [TWICE, ONCE], ids=["idempotent", "not idempotent"])
@pytest.mark.parametrize("labels", [{}, {"kubedag.dev/task": "x"}], ids=["alone", "and a label"])
def test_a_pod_whose_owner_somebody_removes_gets_it_back_and_no_twin(user, dag, labels):
    async def story():
        pod = await running(user, dag)
        before = owners(user, pod)
        assert [owner["name"] for owner in before] == ["run"]
        changes = {"metadata": {"ownerReferences": None, "labels": labels}}
        user.client.patch(user.path("pods", pod), changes)
        await until(lambda: owners(user, pod) == before)
        user.ends(pod, 0)
        await until(user.run_has_ended)
        assert list(user.pods()) == [pod]
        assert (user.row()["state"], user.row()["attempt"]) == ("Succeeded", 1)
        await until(lambda: FINALIZER not in user.finalizers(pod))
        events = user.client.get(f"/api/v1/namespaces/{user.name}/events")["items"]
        assert "PodLabelsRestored" in {event["reason"] for event in events}

    told(user, story)


@pytest.mark.parametrize("code", [0, 1])
def test_a_program_that_exits_because_its_pod_is_deleted_has_not_done_its_work(user, code):
    async def story():
        pod = await running(user, ONCE)
        user.client.delete(user.path("pods", pod))
        user.ends(pod, code)
        row = await until(lambda: user.run_has_ended() and user.row())
        (attempt,) = row["attempts"]
        assert (attempt["reason"], attempt["class"]) == ("PodDeleted", "Infra")
        assert f"its program then ended with exit code {code}" in attempt["message"]

    told(user, story)
