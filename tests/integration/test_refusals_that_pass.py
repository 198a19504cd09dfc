"""A DAG that the cluster refuses becomes ready when the cluster is mended, without an edit of it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from integration.test_engine_on_a_real_api_server import Namespace, chain, eventually, with_engine
from integration.test_engine_on_a_real_api_server import kinds as kinds  # noqa: PLC0414  # a fixture
from kubedag.core import answers
from support.objects import a_run

pytestmark = pytest.mark.integration

CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
ENFORCE = "pod-security.kubernetes.io/enforce"


@pytest.fixture
def user(kinds, api_server, namespace):
    del kinds
    return Namespace(api_server.client, namespace)


def enforce(user, level):
    labels = {"metadata": {"labels": {ENFORCE: level}}}
    user.client.patch(f"/api/v1/namespaces/{user.name}", labels)


def ready(user):
    return user.condition("dags", "pipeline", "Ready")


def message(user):
    (condition,) = user.get("dags", "pipeline")["status"]["conditions"]
    return condition["message"]


def test_a_dag_is_not_ready_where_pod_security_denies_its_pods_and_ready_when_it_no_longer_does(
    api_server, user
):
    async def story(acting):
        enforce(user, "restricted")
        user.create(chain())
        await eventually(lambda: ready(user) == ("False", "AdmissionDenied"))
        assert message(user).startswith("spec.tasks[0]: must make a Pod")
        assert "violates PodSecurity" in message(user)
        enforce(user, "privileged")
        acting.clock.ahead = timedelta(seconds=answers.AGAIN_SECONDS)
        user.client.patch(user.path("dags", "pipeline"), {"metadata": {"labels": {"a": "b"}}})
        await eventually(lambda: ready(user) == ("True", "Accepted"))
        assert user.get("dags", "pipeline")["metadata"]["generation"] == 1

    with_engine(api_server, user, story)


def test_a_run_that_waits_for_such_a_dag_starts_when_it_can(api_server, user):
    async def story(acting):
        template = {"spec": {"priorityClassName": user.name}}
        document = chain()
        document["spec"]["taskDefaults"]["podTemplate"] = template
        user.create(document)
        await eventually(lambda: ready(user) == ("False", "AdmissionDenied"))
        user.create(a_run())
        await eventually(
            lambda: user.condition("dagruns", "run", "Succeeded") == ("Unknown", "DAGNotReady")
        )
        assert user.names("pods") == []
        user.client.create(CLASSES, {"metadata": {"name": user.name}, "value": 7})
        acting.clock.ahead = timedelta(seconds=answers.AGAIN_SECONDS_IF_WAITED_FOR)
        user.client.patch(user.path("dagruns", "run"), {"metadata": {"labels": {"a": "b"}}})
        user.end(await asyncio.to_thread(user.pod_of, "a"))
        user.end(await asyncio.to_thread(user.pod_of, "b"))
        await eventually(user.has_ended)

    with_engine(api_server, user, story)
