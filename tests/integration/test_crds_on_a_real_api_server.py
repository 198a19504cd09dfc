"""The CRDs where it counts: an API server that takes them, and refuses what they refuse."""

import copy
import json
import re
import subprocess
from pathlib import Path

import pytest

from dev.cluster import tools
from dev.cluster.procs import ApiError
from kubedag.api import crds
from support.kinds import CRDS, install, until
from support.mistakes import EVERYTHING, EVERYTHING_OF_A_RUN, MISTAKES
from support.objects import API_VERSION, a_dag, a_run, a_task, an_interval

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PLURALS = {"DAG": "dags", "DAGRun": "dagruns"}
EXAMPLES = sorted([*ROOT.glob("examples/*/dag.yaml"), *ROOT.glob("examples/*/run.yaml")])
TASKS_MAX = 10_000


def is_established(client, name):
    conditions = client.get(f"{CRDS}/{name}").get("status", {}).get("conditions") or []
    return {"Established"} <= {c["type"] for c in conditions if c["status"] == "True"}


@pytest.fixture(scope="module")
def client(api_server):
    """The API server's client, once our kinds are there."""
    found = api_server.client
    install(found)
    for manifest in crds.all_manifests().values():
        name = manifest["metadata"]["name"]
        until(lambda name=name: is_established(found, name))
    return found


@pytest.fixture
def kubectl(api_server, client):
    del client

    def run(*arguments, check=True, text=None):
        return subprocess.run(
            [
                tools.ensure("kubectl")["kubectl"],
                f"--kubeconfig={api_server.kubeconfig}",
                *arguments,
            ],
            check=check,
            capture_output=True,
            text=True,
            input=text,
        )

    return run


def collection(document, namespace):
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{PLURALS[document['kind']]}"


@pytest.fixture
def create(client, namespace):
    return lambda document: client.create(collection(document, namespace), document)


def refused(act):
    """What the API server says against a request, as (field, message)."""
    with pytest.raises(ApiError) as raised:
        act()
    assert raised.value.status == 422, raised.value.body
    causes = json.loads(raised.value.body)["details"]["causes"]
    return [(cause["field"], cause["message"]) for cause in causes]


# --- What it takes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [crd["metadata"]["name"] for crd in crds.all_manifests().values()]
)
def test_a_crd_is_taken_as_it_is(client, name):
    """Structural, within the cost limits of CEL, and nothing in it that is not understood."""
    found = client.get(f"{CRDS}/{name}")
    conditions = {
        c["type"]: (c["status"], c.get("message")) for c in found["status"]["conditions"]
    }
    assert conditions["Established"][0] == "True"
    assert conditions["NamesAccepted"][0] == "True"
    assert conditions.get("NonStructuralSchema", ("False", ""))[0] == "False", conditions
    sent = crds.all_manifests()[f"{name}.yaml"]["spec"]["versions"][0]["schema"]
    assert found["spec"]["versions"][0]["schema"] == sent


@pytest.mark.parametrize(
    "document",
    [EVERYTHING, EVERYTHING_OF_A_RUN],
    ids=["everything a DAG can say", "everything a run can say"],
)
def test_what_a_user_says_is_stored_as_it_was_said(create, document):
    assert create(document)["spec"] == document["spec"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_an_example_is_taken_without_a_warning(kubectl, namespace, file):
    done = kubectl("create", f"--namespace={namespace}", "--validate=strict", "-f", str(file))
    assert done.stderr == ""


def test_defaults_are_filled_in_where_they_can_be_seen(create):
    assert create(a_dag())["spec"] == {
        "suspend": False,
        "concurrencyPolicy": "Queue",
        "maxActiveRuns": 1,
        "dependsOnPast": False,
        "failFast": False,
        "tasks": [{"name": "a", "image": "busybox"}],
        "retention": {
            "successfulRuns": 50,
            "failedRuns": 50,
            "ttlSecondsAfterFinished": 2_592_000,
            "keepPods": "Failed",
            "podTtlSecondsAfterFinished": 600,
            "keptPodTtlSecondsAfterFinished": 604_800,
        },
        "failureLogs": {"capture": "OnFailure"},
    }
    assert create(a_run())["spec"] == {
        "dagName": "pipeline",
        "runType": "Manual",
        "suspend": False,
    }


def test_a_part_of_the_retention_leaves_the_rest_at_its_defaults(create):
    found = create(a_dag(retention={"keepPods": "None"}))["spec"]["retention"]
    assert (found["keepPods"], found["failedRuns"]) == ("None", 50)


def test_nobody_writes_a_status_by_applying_an_object(create):
    assert "status" not in create({**a_dag(), "status": {"taskCount": 3}})


# --- What it refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mistake",
    [mistake for mistake in MISTAKES if mistake.server_says is not None],
    ids=lambda mistake: mistake.name,
)
def test_a_mistake_is_refused_where_it_is(create, mistake):
    causes = refused(lambda: create(mistake.object))
    # The API server numbers the item that is there twice, and adds what it could not check.
    told = [(field, said) for field, said in causes if field.startswith(mistake.path)]
    assert len(told) == 1, causes
    assert mistake.server_says in told[0][1]


@pytest.mark.parametrize(
    "mistake",
    [mistake for mistake in MISTAKES if mistake.server_says is None],
    ids=lambda mistake: mistake.name,
)
def test_what_only_the_operator_refuses_is_taken(create, mistake):
    create(mistake.object)


def test_a_typing_error_is_told_by_kubectl(kubectl, namespace):
    document = a_dag(a_task(image="busybox", retry={"limt": 3}), suspnd=True)
    done = kubectl(
        "create", f"--namespace={namespace}", "-f", "-", text=json.dumps(document), check=False
    )
    assert done.returncode == 1
    assert 'unknown field "spec.suspnd"' in done.stderr
    assert 'unknown field "spec.tasks[0].retry.limt"' in done.stderr


@pytest.mark.parametrize(
    ("before", "change", "field"),
    [
        ({}, {"dagName": "other"}, "spec.dagName"),
        (
            {"dataInterval": an_interval()},
            {"runType": "Backfill"},
            "spec.runType",
        ),
        ({}, {"logicalTime": "2026-01-01T00:00:00Z"}, "spec.logicalTime"),
        ({"logicalTime": "2026-01-01T00:00:00Z"}, {"logicalTime": None}, "spec.logicalTime"),
        ({}, {"dataInterval": an_interval()}, "spec.dataInterval"),
        ({"dataInterval": an_interval()}, {"dataInterval": None}, "spec.dataInterval"),
        (
            {"dataInterval": an_interval()},
            {"dataInterval": {"endTime": "2026-01-03T00:00:00Z"}},
            "spec.dataInterval",
        ),
    ],
    ids=[
        "its DAG",
        "its type",
        "a logical time it did not have",
        "the logical time taken away",
        "an interval it did not have",
        "the interval taken away",
        "the interval's end",
    ],
)
def test_what_a_run_is_does_not_change(client, namespace, create, before, change, field):
    run = create(a_run(**before))
    path = f"{collection(run, namespace)}/{run['metadata']['name']}"
    message = "must not change: create another DAGRun instead"
    causes = refused(lambda: client.patch(path, {"spec": change}))
    assert [(where, message in said) for where, said in causes] == [(field, True)]


def test_what_a_run_may_do_changes(client, namespace, create):
    run = create(a_run(dataInterval=an_interval(), logicalTime="2026-01-01T00:00:00Z"))
    path = f"{collection(run, namespace)}/{run['metadata']['name']}"
    assert client.patch(path, {"spec": {"suspend": True}})["spec"]["suspend"] is True


def test_a_status_can_be_patched_while_the_spec_is_left_alone(client, namespace, create):
    run = create(a_run())
    path = f"{collection(run, namespace)}/{run['metadata']['name']}/status"
    assert client.patch(path, {"status": {"progress": "1/2"}})["status"] == {"progress": "1/2"}


# --- What people see --------------------------------------------------------------------------


def test_kubectl_explains_every_field(kubectl):
    told = " ".join(kubectl("explain", "dag.spec.tasks").stdout.split())
    assert "name <string> -required- name of the task, unique within its DAG." in told
    assert "dependsOn <[]string> dependsOn names the tasks" in told
    rules = " ".join(kubectl("explain", "dag.spec.tasks.triggerRule").stdout.split())
    assert "ENUM: AllSucceeded AllFailed AllDone AllDoneMinOneSucceeded" in rules


CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Valid",
    "message": "Runs can be made.",
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}


def test_kubectl_shows_dags(kubectl, client, namespace, create):
    create(a_dag(name="sales"))
    status = {
        "conditions": [
            CONDITION,
            CONDITION | {"type": "Scheduled", "status": "False", "reason": "TooManyFailures"},
        ],
        "taskCount": 12,
        "activeRuns": 1,
        "lastRun": {"name": "x", "state": "Failed", "completionTime": "2020-01-01T00:00:00Z"},
    }
    client.patch(f"{collection(a_dag(), namespace)}/sales/status", {"status": status})
    shown = kubectl("get", "dags", f"--namespace={namespace}").stdout.splitlines()
    assert re.split(r"\s{2,}", shown[0].strip()) == [
        *("NAME", "READY", "SCHEDULED", "SCHEDULE", "NEXT RUN", "ACTIVE"),
        *("LAST RUN", "LAST STATE", "AGE"),
    ]
    name, ready, scheduled, active, last_run, last_state, _age = shown[1].split()
    assert (name, ready, scheduled, active) == ("sales", "True", "TooManyFailures", "1")
    assert last_run.endswith("d") or "y" in last_run
    assert last_state == "Failed"


def test_kubectl_shows_runs(kubectl, client, namespace, create):
    create(a_run("sales-1", dag="sales"))
    condition = {**CONDITION, "type": "Succeeded", "status": "Unknown", "reason": "Running"}
    status = {
        "conditions": [condition],
        "progress": "7/12",
        "counts": {"failed": 1},
        "retries": 2,
        "startTime": "2020-01-01T00:00:00Z",
    }
    client.patch(f"{collection(a_run(), namespace)}/sales-1/status", {"status": status})
    shown = kubectl("get", "dagruns", f"--namespace={namespace}").stdout.splitlines()
    assert shown[0].split() == (
        ["NAME", "DAG", "STATE", "PROGRESS", "FAILED", "RETRIES", "STARTED", "DURATION", "AGE"]
    )
    assert shown[1].split()[:6] == ["sales-1", "sales", "Running", "7/12", "1", "2"]
    wide = kubectl("get", "dagruns", "-o", "wide", f"--namespace={namespace}").stdout
    assert "Manual" in wide
    assert "Runs can be made." in wide


@pytest.mark.parametrize("name", ["kubedag", "dags,dagruns", "dag", "dagrun"])
def test_kubectl_knows_the_kinds_by(kubectl, namespace, name):
    assert kubectl("get", name, f"--namespace={namespace}").returncode == 0


def test_the_runs_of_one_dag_can_be_asked_for(client, namespace, create):
    create(a_run("one", dag="sales"))
    create(a_run("two", dag="returns"))
    found = client.get(collection(a_run(), namespace), fieldSelector="spec.dagName=sales")
    assert [item["metadata"]["name"] for item in found["items"]] == ["one"]


# --- What it costs ----------------------------------------------------------------------------


def chain(tasks):
    return a_dag(
        *(
            a_task(f"t{number}", dependsOn=[f"t{number - 1}"] if number else [])
            for number in range(tasks)
        ),
        name="large",
        taskDefaults={"image": "busybox"},
    )


def test_a_dag_of_as_many_tasks_as_are_allowed_is_taken(client, namespace):
    """Applied by the server, as GitOps tools do it: the heaviest way for `managedFields`."""
    document = chain(TASKS_MAX)
    found = client.request(
        "PATCH",
        f"{collection(document, namespace)}/large?fieldManager=test",
        document,
        "application/apply-patch+yaml",
    )
    assert len(found["spec"]["tasks"]) == TASKS_MAX
    assert len(json.dumps(found["metadata"]["managedFields"])) < 2_000


def test_a_rule_over_all_pairs_of_tasks_is_refused_for_its_cost(client):
    """Why the API server does not see an upstream that there is not: the operator does."""
    crd = copy.deepcopy(crds.all_manifests()["dags.kubedag.dev.yaml"])
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["x-kubernetes-validations"] = [
        {
            "rule": "self.tasks.all(t, !has(t.dependsOn) ||"
            " t.dependsOn.all(d, self.tasks.exists(x, x.name == d)))",
            "message": "must name tasks of this DAG",
        }
    ]
    current = client.get(f"{CRDS}/dags.kubedag.dev")
    crd["metadata"] = current["metadata"]
    with pytest.raises(ApiError) as raised:
        client.request("PUT", f"{CRDS}/dags.kubedag.dev?dryRun=All", crd)
    assert "estimated rule cost exceeds budget by factor of more than 100x" in raised.value.body
