"""Real Pods of many runs, which share the few slots of a pool."""

from __future__ import annotations

import json

from e2e import kube

RUNS, SLOTS = 30, 3
POOL = {
    "apiVersion": "kubedag.dev/v1alpha1",
    "kind": "TaskPool",
    "metadata": {"name": "warehouse"},
    "spec": {"slots": SLOTS},
}


def alive_at_once(history, namespace):
    """How many Pods of a namespace had neither ended nor gone, at the worst of all moments."""
    alive, most = set(), 0
    for event in history:
        meta = event.object["metadata"]
        if meta["namespace"] != namespace:
            continue
        phase = event.object["status"].get("phase")
        if event.type == "DELETED" or phase in ("Succeeded", "Failed"):
            alive.discard(meta["uid"])
        else:
            alive.add(meta["uid"])
        most = max(most, len(alive))
    return most


def test_thirty_runs_share_a_pool_of_three(namespace, recorder):
    definition = kube.dag(
        "loads",
        kube.task("load", kube.sleep(1), pool={"name": "warehouse"}),
        concurrencyPolicy="Allow",
        taskDefaults={"image": kube.BUSYBOX},
    )
    namespace.apply(POOL)
    namespace.apply(definition)
    wished = {"apiVersion": "v1", "kind": "List", "items": [kube.run("loads")] * RUNS}
    made = namespace.kubectl("create", "-f", "-", "-o", "name", text=json.dumps(wished)).split()

    namespace.wait("taskpool/warehouse", f"jsonpath={{.status.used}}={SLOTS}")
    ended = [namespace.finish(one.partition("/")[2], 240) for one in made]

    assert {kube.condition(one, "Succeeded")["status"] for one in ended} == {"True"}
    assert len(ended) == RUNS
    assert 1 < alive_at_once(list(recorder.history), namespace.kubectl.namespace) <= SLOTS
    namespace.wait("taskpool/warehouse", f"jsonpath={{.status.free}}={SLOTS}")
