"""Real Pods end in every way that one real node can make them end, and the status says how.

All runs are started before the first one is looked at; the slowest is the eviction of a Pod that
fills its disk, since the kubelet looks once a minute.
"""

from __future__ import annotations

import contextlib

import pytest

from e2e import kube, obstacles, outcomes
from e2e.conftest import a_namespace

SECONDS_MAX = 150


def listed(*objects):
    return {"apiVersion": "v1", "kind": "List", "items": list(objects)}


def named_run(name):
    definition = kube.run(name)
    definition["metadata"] = {"name": name}
    return definition


def definition(case, node):
    """The DAG of a case; a task that names THE-NODE gets the one that there is."""
    task = dict(case.task)
    if "nodeName" in task.get("podTemplate", {}).get("spec", {}):
        task["podTemplate"] = {"spec": {**task["podTemplate"]["spec"], "nodeName": node}}
    return kube.dag(case.name, task, **case.spec)


@pytest.fixture(scope="module")
def places(kubectl):
    """A namespace for each kind of obstacle."""
    names = sorted({case.place for case in outcomes.CASES} | {"webhook"})
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(a_namespace(kubectl, name)) for name in names}


@pytest.fixture(scope="module")
def started(kubectl, places, tmp_path_factory):
    """Every case's run, created after its DAG was found good and the obstacles put up."""
    node = kubectl.get("nodes")["items"][0]["metadata"]["name"]
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}
    places["plain"].apply(settings)
    cases = {place: [c for c in outcomes.CASES if c.place == place] for place in places}
    server, ca = obstacles.webhook_server(
        places["webhook"].kubectl.namespace, tmp_path_factory.mktemp("webhook")
    )
    places["webhook"].apply(listed(*server))
    for place, some in cases.items():
        if some:
            places[place].apply(listed(*(definition(case, node) for case in some)))
    for place, some in cases.items():
        if some:
            places[place].kubectl("wait", "dags", "--all", "--for=condition=Ready")
    places["webhook"].wait("pod/webhook", "Ready")
    with put_up(kubectl, places, ca):
        for place, some in cases.items():
            if some:
                places[place].apply(listed(*(named_run(case.name) for case in some)))
        yield


@contextlib.contextmanager
def put_up(kubectl, places, ca):
    """The obstacles; those that are of the cluster are taken away at the end."""
    restricted = places["restricted"].kubectl.namespace
    label = "pod-security.kubernetes.io/enforce=restricted"
    kubectl("label", "namespace", restricted, label)
    places["limited"].apply(obstacles.LIMIT_RANGE)
    policed, denied = (places[name].kubectl.namespace for name in ("policed", "denied"))
    server = places["webhook"].kubectl.namespace
    of_the_cluster = listed(
        *obstacles.policy(policed), obstacles.webhook(denied, server, ca, "/deny")
    )
    places["plain"].apply(of_the_cluster)
    try:
        for place in ("policed", "denied", "restricted"):
            obstacles.refused_by_now(places[place])
        yield
    finally:
        for kind in ("validatingadmissionpolicy", "validatingadmissionpolicybinding"):
            kubectl("delete", kind, policed)
        kubectl("delete", "validatingwebhookconfiguration", denied)


@pytest.mark.parametrize("case", outcomes.CASES, ids=lambda case: case.name)
def test_a_task_ends_as_its_pod_did(started, places, case):
    del started
    run = places[case.place].finish(case.name, SECONDS_MAX)

    row = kube.row(run, "only")
    attempt = row["attempts"][-1]
    told = (row["state"], attempt.get("reason", ""), attempt.get("class", ""))
    assert told == (case.state, case.reason, case.failure_class), attempt
    assert [word for word in case.words if word not in attempt.get("message", "")] == [], attempt
    assert case.exit_code in (None, attempt.get("exitCode")), attempt
    assert (len(row["attempts"]), row.get("reason", "")) == (1, case.reason)
