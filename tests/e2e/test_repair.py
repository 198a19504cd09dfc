"""What goes wrong on a real cluster, and is put right by the command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dev.demo import install
from e2e import kube

APPROVER = f"{install.NAMESPACE}-kubedag-approver"
PERSON = "ann@example.org"
STRANGER = "eve@example.org"


def kubedag(namespace, *argv, code=0):
    """Run a verb in a test's namespace; what it said."""
    kubectl = namespace.kubectl
    where = ("--kubeconfig", str(kubectl.kubeconfig), "--namespace", kubectl.namespace)
    done = subprocess.run(
        [sys.executable, "-m", "kubedag.cli.main", *argv, *where],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def twelve(broken):
    """Three sources, and below them a lattice; `join` fails as long as it is broken."""
    task = kube.task
    return kube.dag(
        "lattice",
        *(task(f"source-{n}") for n in (1, 2, 3)),
        *(task(f"clean-{n}", after=[f"source-{n}"]) for n in (1, 2, 3)),
        task("join", "exit 3" if broken else "true", [f"clean-{n}" for n in (1, 2, 3)]),
        task("count", after=["join"]),
        task("model", after=["join"]),
        task("report", after=["count", "model"]),
        task("side", after=["clean-1"]),
        task("publish", after=["report", "side"]),
    )


DONE = {f"{kind}-{n}" for kind in ("source", "clean") for n in (1, 2, 3)} | {"side"}
AGAIN = ["join", "count", "model", "report", "publish"]


def test_a_run_that_failed_in_the_middle_is_mended_and_goes_on_from_there(namespace, recorder):
    run = namespace.start(twelve(broken=True))
    failed = namespace.finish(run)
    assert {name for name, state in kube.states(failed).items() if state == "Succeeded"} == DONE

    revision = namespace.kubectl.get("dag", "lattice")["status"]["revision"]
    namespace.apply(twelve(broken=False))
    namespace.kubectl("wait", "dag/lattice", "--for=condition=Ready", "--timeout=60s")
    told = kubedag(namespace, "rerun", run, "--newest", "--dry-run")
    kubedag(namespace, "rerun", run, "--newest")
    namespace.wait(f"dagrun/{run}", "jsonpath={.status.rerun.number}=1")
    ended = namespace.finish(run)

    assert told.strip().endswith("would run 5 tasks again: " + ", ".join(AGAIN))
    assert set(kube.states(ended).values()) == {"Succeeded"}
    assert kube.condition(ended, "Succeeded")["status"] == "True"
    assert ended["status"]["revision"] != revision
    assert {name: kube.row(ended, name) for name in DONE} == {
        name: kube.row(failed, name) for name in DONE
    }
    pods = kube.pod_uids(recorder.of_run(namespace.kubectl.namespace, run))
    assert {attempt: len(uids) for attempt, uids in pods.items()} == {
        **{(name, "1"): 1 for name in DONE},
        **{(name, "1"): 1 for name in AGAIN},
        ("join", "2"): 1,
    }


def test_evicted_pods_are_made_anew_and_cost_no_retry_of_the_task(namespace):
    patient = {"limit": 0, "infraLimit": 3, "backoffSeconds": 1}
    once = f'test "$KUBEDAG_ATTEMPT" != 1 || {{ {kube.sleep(300)}; }}'
    names = ("a", "b", "c")
    run = namespace.start(
        kube.dag("drained", *(kube.task(name, once, retry=patient) for name in names))
    )
    for name in names:
        namespace.until(run, name, "Running")
    for pod in namespace.pods(run):
        meta = {key: pod["metadata"][key] for key in ("name", "namespace")}
        path = f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}/eviction"
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": meta}
        namespace.kubectl("create", "--raw", path, "-f", "-", text=json.dumps(eviction))

    ended = namespace.finish(run)

    rows = [kube.row(ended, name) for name in names]
    assert [[one["state"] for one in row["attempts"]] for row in rows] == [
        ["Failed", "Succeeded"]
    ] * 3
    assert {row["attempts"][0]["class"] for row in rows} == {"Infra"}
    assert [(row.get("userFailures", 0), row["infraFailures"]) for row in rows] == [(0, 1)] * 3


@pytest.fixture
def people(namespace):
    """One who may approve, and one who may all but that, in a test's namespace."""
    for name, role, user in (("approver", APPROVER, PERSON), ("editor", "edit", STRANGER)):
        namespace.kubectl("create", "rolebinding", name, f"--clusterrole={role}", f"--user={user}")
    return namespace


@pytest.mark.alone
def test_a_question_outlives_the_operator_and_is_answered_by_who_may(people, system):
    ask = {
        "name": "ask",
        "dependsOn": ["before"],
        "approval": {"message": "Are the numbers right?"},
    }
    run = people.start(
        kube.dag("asking", kube.task("before"), ask, kube.task("after", after=["ask"]))
    )
    people.until(run, "ask", "AwaitingApproval")
    system.kubectl("delete", "pod", "-l", install.OPERATOR, "--wait=true")

    refused = kubedag(people, "approve", run, "ask", "--as", STRANGER, code=1)
    before = kube.states(people.run(run))
    kubedag(people, "approve", run, "ask", "--as", PERSON, "--comment", "checked")
    ended = people.finish(run)

    assert "refused: " in refused
    assert (before["ask"], before["after"]) == ("AwaitingApproval", "Waiting")
    row = kube.row(ended, "ask")
    assert (row["state"], row["approval"]["by"]) == ("Succeeded", PERSON)
    assert (row["approval"]["decision"], row["approval"]["comment"]) == ("Approved", "checked")
    assert kube.states(ended)["after"] == "Succeeded"


def test_what_depends_on_a_task_goes_on_when_somebody_has_done_its_work(namespace):
    run = namespace.start(
        kube.dag("by-hand", kube.task("bad", "exit 3"), kube.task("after", after=["bad"]))
    )
    failed = namespace.finish(run)

    kubedag(namespace, "mark", run, "--task", "bad", "succeeded", "--comment", "done by hand")
    namespace.until(run, "after", "Succeeded")
    ended = namespace.finish(run)

    assert kube.states(failed) == {"bad": "Failed", "after": "UpstreamFailed"}
    assert kube.states(ended) == {"bad": "Succeeded", "after": "Succeeded"}
    assert kube.condition(ended, "Succeeded")["status"] == "True"
    mark = kube.row(ended, "bad")["mark"]
    assert (mark["comment"], bool(mark["by"])) == ("done by hand", True)


def test_a_run_that_is_stopped_tidies_up_and_one_that_is_terminated_does_not(namespace):
    tidy = kube.task("tidy", 'test "$KUBEDAG_RUN_STATE" = Stopped')
    long = (kube.task("long", kube.sleep(300)), kube.task("after", after=["long"]))
    dag = kube.dag("long", *long, concurrencyPolicy="Allow", **{"finally": [tidy]})
    runs = {"stop": namespace.start(dag), "terminate": namespace.create(kube.run("long"))}
    for verb, run in runs.items():
        namespace.until(run, "long", "Running")
        kubedag(namespace, verb, run)

    ended = {verb: namespace.finish(run) for verb, run in runs.items()}

    reasons = {verb: kube.condition(run, "Succeeded")["reason"] for verb, run in ended.items()}
    assert reasons == {"stop": "Stopped", "terminate": "Terminated"}
    assert {verb: kube.states(run)["tidy"] for verb, run in ended.items()} == {
        "stop": "Succeeded",
        "terminate": "Skipped",
    }
    assert {kube.states(run)["after"] for run in ended.values()} == {"Skipped"}
