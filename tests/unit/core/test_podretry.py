"""What the Pod of another attempt has other than that of the first."""

from __future__ import annotations

import copy
import json

import orjson
import pytest

from kubedag.core import actions, decide_run, podretry, podspec
from kubedag.core.plan import RetryPolicy
from support.builders import PROGRAM_FAILED, a_plan, a_pod, a_row, a_snapshot, an_attempt, at
from support.objects import a_task

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
RUN = podspec.RunIdentity("run", "ns", "uid", "rev", "Manual", "2026-01-01T00:00:00Z")
GROWS = RetryPolicy(memory_factor="2")


def failed_on(*nodes, earlier=0, **fields):
    tries = tuple(
        an_attempt(number, "Failed", node_name=node) for number, node in enumerate(nodes, 1)
    )
    return a_row(attempt=len(nodes), earlier_attempts=earlier, attempts=tries, **fields)


def not_in(*nodes):
    return {"key": "kubernetes.io/hostname", "operator": "NotIn", "values": list(nodes)}


# --- What follows from the row ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "nodes"),
    [
        pytest.param(failed_on("n1", "n2"), ("n1", "n2"), id="all of them"),
        pytest.param(failed_on("n1", "n1", "n2", "n1"), ("n1", "n2"), id="each once"),
        pytest.param(
            failed_on("n1", "n2", "n3", "n4", "n5", "n6", "n7"),
            ("n3", "n4", "n5", "n6", "n7"), id="of the last five attempts",
        ),
        pytest.param(failed_on("n1", "n2", "n3", earlier=2), ("n3",), id="since the last rerun"),
        pytest.param(failed_on("", "n2"), ("n2",), id="not of one that never had a node"),
    ],
)  # fmt: skip
def test_the_nodes_that_are_avoided(row, nodes):
    policy = RetryPolicy(avoid_nodes="Prefer")
    assert podretry.of(policy, row) == podretry.Amendment(nodes)


@pytest.mark.parametrize(
    ("policy", "row"),
    [
        pytest.param(
            RetryPolicy(), failed_on("n1", out_of_memory=1), id="nothing is asked for"
        ),
        pytest.param(GROWS, failed_on("n1"), id="memory was enough"),
        pytest.param(RetryPolicy(avoid_nodes="Require"), a_row(), id="the first attempt"),
        pytest.param(
            RetryPolicy(avoid_nodes="Require"), failed_on("n1", earlier=1),
            id="the first one after a rerun",
        ),
    ],
)  # fmt: skip
def test_as_a_rule_the_pod_is_as_the_first_one(policy, row):
    assert podretry.of(policy, row) is None


def test_how_often_memory_ran_out_is_handed_on():
    assert podretry.of(GROWS, failed_on("n1", "n1", out_of_memory=2)) == podretry.Amendment((), 2)


def test_what_is_created_for_a_retry_avoids_the_node_of_the_failure():
    plan = a_plan(a_task("a", retry={"limit": 1, "backoffSeconds": 5, "avoidNodes": "Require"}))
    decided = decide_run.decide(a_snapshot(plan, a_pod(**PROGRAM_FAILED, node="n1")), at(30))
    (created,) = (one for one in decided.actions if isinstance(one, actions.CreatePod))
    assert (created.attempt, created.amendment) == (2, podretry.Amendment(("n1",)))


# --- Nodes ------------------------------------------------------------------------------------

ZONE = {"key": "zone", "operator": "In", "values": ["a"]}
FIELD = {"key": "metadata.name", "operator": "In", "values": ["n9"]}
PODS = {"podAntiAffinity": {REQUIRED: [{"topologyKey": "zone"}]}}


@pytest.mark.parametrize(
    ("affinity", "terms"),
    [
        pytest.param({}, [{"matchExpressions": [not_in("n1")]}], id="none before"),
        pytest.param(
            {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [
                {"matchExpressions": [ZONE]}, {"matchFields": [FIELD]}]}}},
            [{"matchExpressions": [ZONE, not_in("n1")]},
             {"matchFields": [FIELD], "matchExpressions": [not_in("n1")]}],
            id="each of them, as one is enough",
        ),
        pytest.param(
            {"nodeAffinity": {REQUIRED: {"nodeSelectorTerms": [{}, {"matchExpressions": [ZONE]}]}}},
            [{}, {"matchExpressions": [ZONE, not_in("n1")]}],
            id="but one that is empty, which no node matches",
        ),
    ],
)  # fmt: skip
def test_required_nodes_are_those_that_the_user_wants_but_not_these(affinity, terms):
    before = copy.deepcopy(affinity)
    found = podretry.avoiding(affinity, ("n1",), required=True)
    assert found["nodeAffinity"] == {REQUIRED: {"nodeSelectorTerms": terms}}
    assert affinity == before


def test_preferred_nodes_come_after_those_that_the_user_prefers():
    wish = {"weight": 1, "preference": {"matchExpressions": [ZONE]}}
    found = podretry.avoiding({"nodeAffinity": {PREFERRED: [wish]}}, ("n1", "n2"), required=False)
    others = {"weight": 100, "preference": {"matchExpressions": [not_in("n1", "n2")]}}
    assert found == {"nodeAffinity": {PREFERRED: [wish, others]}}


@pytest.mark.parametrize("required", [True, False])
def test_whatever_else_an_affinity_says_stays(required):
    assert podretry.avoiding(PODS, ("n1",), required=required).items() >= PODS.items()


def test_a_pod_whose_node_is_given_goes_there():
    spec = {"nodeName": "n1"}
    podretry.amend(spec, RetryPolicy(avoid_nodes="Require"), podretry.Amendment(("n1",)))
    assert spec == {"nodeName": "n1"}


# --- The Pod ----------------------------------------------------------------------------------


def test_a_pod_is_made_with_the_amendment_and_the_plan_stays_as_it_is():
    task = a_task(
        "a",
        retry={"avoidNodes": "Require", "memoryFactor": "2"},
        resources={"requests": {"memory": "32Mi"}, "limits": {"memory": "64Mi", "cpu": "1"}},
        podTemplate={"spec": {
            "affinity": PODS,
            "containers": [{"name": "side", "image": "i", "resources": {"limits": {"memory": "1Mi"}}}],
        }},
    )  # fmt: skip
    plan = a_plan(task)

    def built(amendment):
        manifest = podspec.build(plan, plan.tasks[0], RUN, 2, amendment=amendment)
        return json.loads(orjson.dumps(manifest))["spec"]

    plain, amended = built(None), built(podretry.Amendment(("n1",), 1))

    terms = {"nodeSelectorTerms": [{"matchExpressions": [not_in("n1")]}]}
    assert amended.pop("affinity") == PODS | {"nodeAffinity": {REQUIRED: terms}}
    assert amended["containers"][0].pop("resources") == {
        "requests": {"memory": "64Mi"}, "limits": {"memory": "128Mi", "cpu": "1"}
    }  # fmt: skip
    assert plain.pop("affinity") == PODS
    assert plain["containers"][0].pop("resources")["limits"]["memory"] == "64Mi"
    assert amended == plain
    assert built(None)["containers"][0]["resources"]["limits"]["memory"] == "64Mi"
