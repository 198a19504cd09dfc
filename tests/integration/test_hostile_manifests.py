"""Hundreds of broken and hostile manifests: each is refused or marked, and nobody else notices.

All of them are thrown at one operator, while good DAGs run beside them. Then each is a test of its
own: who was to refuse it has done so, and has named the field; `kubedag validate` agrees.
"""

from __future__ import annotations

import contextlib
import re
import socket
import sys
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass

import pytest

from support import operators
from support.hostile import chains, dags, mutants, runs, storm
from support.hostile.manifest import Refuser
from support.kinds import install
from support.objects import a_dag, a_task

pytestmark = pytest.mark.integration

UPDATE = "must not change"
MUTANTS = 230
CALM_SECONDS = 8.0
SETTLE_SECONDS = 60.0
REST_SECONDS = 3.0
DECISIONS_AT_REST_MAX = 3
MEMORY_BYTES_MAX = 400 * 2**20
DELAYS = {
    "decision": "kubedag_decide_seconds_max",
    "wait in the queue": "kubedag_queue_latency_seconds_max",
    "pause of the loop": "kubedag_loop_lag_seconds_max",
}


def all_manifests():
    found = [*dags.KINDS, *dags.known(), *runs.KINDS, *mutants.some(MUTANTS)]
    return [one.called(f"h-{number:03}") for number, one in enumerate(found)]


MANIFESTS = all_manifests()


@dataclass
class Seen:
    """What there was to see, from outside."""

    outcomes: list
    log: str
    alive: bool
    decisions_at_rest: float
    bugs: float
    memory: dict
    delays: dict
    runs: int
    hops: dict


class Operator:
    """A process of `kubedag operator`, and its metrics."""

    def __init__(self, cluster, folder):
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            self.port = one.getsockname()[1]
        self.log = folder / "operator.log"
        self.process = operators.process(
            cluster.kubeconfig, self.log, HEALTH_PORT=str(self.port), LEASE_NAME="hostile",
            LEASE_SECONDS="15",  # what this is about is not who leads, on whatever machine
        )  # fmt: skip

    def metric(self, name):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics") as answer:
            text = answer.read().decode()
        return float(re.search(rf"^{name} (.+)$", text, re.MULTILINE)[1])

    def wait_until_it_acts(self):
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(OSError):  # it does not listen yet
                if self.metric("kubedag_leader") and "Acting on" in self.log.read_text():
                    return
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def namespaces(scale_cluster):
    """By what they are for."""
    client = scale_cluster.client
    install(client)
    made = {
        name: scale_cluster.create_namespace(f"{name}-") for name in ("storm", "strict", "calm")
    }
    labels = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    client.patch(f"/api/v1/namespaces/{made['strict']}", labels)
    yield made
    for name in made.values():
        storm.clear(client, name)
        client.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture(scope="module")
def seen(scale_cluster, namespaces, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    operator, client = Operator(scale_cluster, folder), scale_cluster.client
    with operator.process as process:
        operator.wait_until_it_acts()
        with chains.Chains(scale_cluster.kubeconfig, namespaces["calm"]) as good:
            time.sleep(CALM_SECONDS)
            memory = {"before": operator.metric("process_resident_memory_bytes")}
            began = time.monotonic()
            outcomes = _throw(client, namespaces)
            ended = time.monotonic()
            memory["during"] = operator.metric("process_resident_memory_bytes")
        decisions = _at_rest(operator)
        memory["after"] = operator.metric("process_resident_memory_bytes")
        bugs = operator.metric("kubedag_bugs_total")
        delays = {what: 1000 * operator.metric(name) for what, name in DELAYS.items()}
        alive = process.poll() is None
    hops = {"before": good.between(0, began), "during": good.between(began, ended)}
    files = folder / "files"
    files.mkdir()
    storm.validate(files, outcomes)

    return Seen(
        outcomes, operator.log.read_text(), alive, decisions, bugs, memory, delays, good.runs, hops
    )


def _throw(client, namespaces):
    broken = a_dag(a_task("a", image="x", dependsOn=["b"]), name="broken")
    client.create(f"/apis/kubedag.dev/v1alpha1/namespaces/{namespaces['storm']}/dags", broken)
    outcomes = [
        storm.apply(client, one, namespaces[one.where], one.fixed_name) for one in MANIFESTS
    ]
    for where in ("storm", "strict"):
        there = [one for one in outcomes if one.manifest.where == where]
        storm.settle(client, namespaces[where], there, SETTLE_SECONDS)
    return outcomes


def _at_rest(operator):
    """How many decisions are still made in a few seconds, once the last run has been stored."""
    deadline = time.monotonic() + 30
    while True:
        before = operator.metric("kubedag_decisions_total")
        time.sleep(REST_SECONDS)
        made = operator.metric("kubedag_decisions_total") - before
        if made <= DECISIONS_AT_REST_MAX or time.monotonic() > deadline:
            return made


@pytest.mark.parametrize(
    "number", range(len(MANIFESTS)), ids=lambda n: f"{n}: {MANIFESTS[n].kind}"
)
def test_a_hostile_manifest_is_refused_or_marked_with_the_field(seen, number):
    one = seen.outcomes[number]
    manifest = one.manifest
    if one.gone:
        return
    if manifest.refuser is not None:
        assert one.refuser is manifest.refuser, one
    if one.refuser is Refuser.NOBODY:
        assert one.cli == [], one
        return
    if manifest.path:
        assert any(storm.related(field, manifest.path) for field in one.fields), one
    if one.refuser is not Refuser.API:
        assert one.fields, one
        assert "must" in one.message, one
    check_validate(one)


def check_validate(one):
    """`kubedag validate` names the same field, where a file is enough to know it."""
    if one.refuser in (Refuser.TRIAL, Refuser.RUN):
        assert one.cli == [], one
    elif one.manifest.cli_knows and UPDATE not in one.message:
        assert one.cli, one
        places = [(field, path) for field in one.fields for path in one.cli]
        unknown = one.cli[0].startswith("YAML")  # a line, since there is no object to speak of
        assert not places or unknown or any(storm.related(*pair) for pair in places), one


def test_there_are_enough_kinds_and_enough_manifests():
    assert len({one.kind for one in MANIFESTS}) >= 40
    assert len(MANIFESTS) >= 300
    assert len({one.text for one in MANIFESTS}) == len(MANIFESTS)


def test_the_operator_neither_crashed_nor_met_a_bug_nor_restarted(seen):
    assert seen.alive
    assert seen.bugs == 0
    errors = [line for line in seen.log.splitlines() if " ERROR " in line or "Traceback" in line]
    assert errors == []
    assert seen.log.count("Acting on") == 1


def test_the_operator_comes_to_rest_and_keeps_its_size(seen):
    assert seen.decisions_at_rest <= DECISIONS_AT_REST_MAX
    assert max(seen.memory.values()) < MEMORY_BYTES_MAX


def test_other_dags_go_on_as_before(seen, capsys):
    """Every run of theirs has ended, or the fixture would have failed; how quickly is printed."""
    assert all(seen.hops.values())
    refusers = Counter(one.refuser.value if one.refuser else "gone" for one in seen.outcomes)
    sizes = {when: f"{size / 2**20:.0f} MiB" for when, size in seen.memory.items()}
    lines = [
        f"{len(seen.outcomes)} manifests of {len({one.kind for one in MANIFESTS})} kinds; refused by "
        + ", ".join(f"{who}: {count}" for who, count in refusers.most_common()),
        f"{seen.runs} good runs ended; from the end of a Pod to the next one:",
        *(f"  {phase}: {chains.summary(hops)}" for phase, hops in seen.hops.items()),
        "longest " + ", ".join(f"{what} {ms:.0f} ms" for what, ms in seen.delays.items()),
        f"memory: {sizes}; decisions in {REST_SECONDS:.0f} s at rest: {seen.decisions_at_rest:.0f}",
    ]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(lines) + "\n")
