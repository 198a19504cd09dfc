"""Who may answer and mark, held by a real API server to the policy and the roles of the chart."""

import http.client
import json

import pytest

from dev.cluster.procs import ApiError, Client
from integration.test_engine_on_a_real_api_server import Namespace
from support import chart, operators
from support.kinds import install, until
from support.objects import a_dag, a_run, a_task

pytestmark = pytest.mark.integration

RBAC = "/apis/rbac.authorization.k8s.io/v1"
ADMISSION = "/apis/admissionregistration.k8s.io/v1"
KINDS = {
    "ValidatingAdmissionPolicy": f"{ADMISSION}/validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": f"{ADMISSION}/validatingadmissionpolicybindings",
    "ClusterRole": f"{RBAC}/clusterroles",
}
ANSWERS_MAX = 1000


class Impersonating(Client):
    """An administrator who acts as somebody else, as `kubectl --as` does."""

    user = ""

    def _send(self, method, path, payload, headers):
        return super()._send(method, path, payload, headers | {"Impersonate-User": self.user})


class Person(Namespace):
    """Who works in one namespace, in a name of their own."""

    def __init__(self, api_server, namespace, user):
        layout = api_server.layout
        token = layout.tokens.read_text().partition(",")[0]
        client = Impersonating(api_server.url, layout.pki / "ca.crt", token)
        client.user = user
        super().__init__(client, namespace)

    def patch(self, **spec):
        return self.client.patch(self.path("dagruns", "run"), {"spec": spec})

    def refusal(self, work):
        """What the API server says to it."""
        with pytest.raises(ApiError) as caught:
            work()
        assert caught.value.status in {http.client.FORBIDDEN, http.client.UNPROCESSABLE_ENTITY}
        return json.loads(caught.value.body)["message"].partition("denied request: ")[2]


def an_answer(by, task="ask", attempt=1, decision="Approved", **more):
    return {"task": task, "attempt": attempt, "decision": decision, "by": by, **more}


def a_mark(by, task="a", id_="1", state="Failed"):
    return {"task": task, "id": id_, "state": state, "by": by}


def a_pipeline():
    ask = a_task("ask", approval={"message": "ship it?"})
    return a_dag(ask, a_task("ship", image="busybox", dependsOn=["ask"]))


@pytest.fixture(scope="module")
def guarded(api_server):
    """The policy and the roles of the chart; without the policy, the next module is as ever."""
    install(api_server.client)
    rendered = [one for one in chart.objects("defaults") if one["kind"] in KINDS]
    for one in rendered:
        api_server.client.create(KINDS[one["kind"]], one)
    yield {one["metadata"]["name"] for one in rendered if one["kind"] == "ClusterRole"}
    for one in reversed(rendered):
        api_server.client.delete(f"{KINDS[one['kind']]}/{one['metadata']['name']}")


@pytest.fixture
def people(guarded, api_server, namespace):
    """Alice may approve, bob may edit, and carol may edit and approve of another DAG."""
    (approver,) = (name for name in guarded if name.endswith("-approver"))
    (editor,) = (name for name in guarded if name.endswith("-edit"))
    path = f"{RBAC}/namespaces/{namespace}"
    other = {"apiGroups": ["kubedag.dev"], "resources": ["dags"], "resourceNames": ["other"]}
    rules = [other | {"verbs": ["approve"]}]
    api_server.client.create(f"{path}/roles", {"metadata": {"name": "other"}, "rules": rules})
    for user, kind, role in (
        ("alice", "ClusterRole", approver),
        ("alice", "ClusterRole", editor),
        ("bob", "ClusterRole", editor),
        ("carol", "ClusterRole", editor),
        ("carol", "Role", "other"),
    ):
        binding = {
            "metadata": {"name": f"{user}-{role}"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": role},
            "subjects": [{"kind": "User", "name": user}],
        }
        api_server.client.create(f"{path}/rolebindings", binding)
    found = {user: Person(api_server, namespace, user) for user in ("alice", "bob", "carol")}
    until(lambda: found["bob"].client.exists(found["bob"].path("dags")))
    until(lambda: _is_refused(found["bob"]))
    yield found
    for person in found.values():
        person.client.close()


def _is_refused(bob):
    """A policy is held a moment after it is stored."""
    document = a_run("probe", approvals=[an_answer("bob")])
    try:
        bob.client.create(bob.path("dagruns") + "?dryRun=All", document)
    except ApiError as error:
        return "denied request" in error.body
    return False


@pytest.fixture
def run(people):
    """One that alice has answered to, and bob has marked a task of."""
    people["bob"].create(a_run(marks=[a_mark("bob")]))
    people["alice"].patch(approvals=[an_answer("alice", comment="fine")])
    return people["bob"].get("dagruns", "run")


FIRST = an_answer("alice", comment="fine")
NEEDS = 'needs the verb "approve" on dags.kubedag.dev "pipeline" to answer'


@pytest.mark.parametrize(
    ("who", "spec", "message"),
    [
        pytest.param(
            "bob",
            {"approvals": [FIRST, an_answer("bob", attempt=2)]},
            f'must leave spec.approvals alone: "bob" {NEEDS}',
            id="who-may-not-approve",
        ),
        pytest.param(
            "carol",
            {"approvals": [FIRST, an_answer("carol", attempt=2)]},
            f'must leave spec.approvals alone: "carol" {NEEDS}',
            id="who-may-approve-of-another-dag",
        ),
        pytest.param(
            "alice",
            {"approvals": [FIRST, an_answer("bob", attempt=2)]},
            'must be answered in your own name: by is "alice" in what you add to spec.approvals',
            id="an-answer-in-anothers-name",
        ),
        pytest.param(
            "alice",
            {"approvals": [FIRST, {"task": "ask", "attempt": 2, "decision": "Approved"}]},
            'must be answered in your own name: by is "alice" in what you add to spec.approvals',
            id="an-answer-in-nobodys-name",
        ),
        pytest.param(
            "bob",
            {"approvals": None},
            "must keep every answer in spec.approvals as it is; a task that runs again asks again",
            id="an-answer-is-taken-out",
        ),
        pytest.param(
            "alice",
            {"approvals": [an_answer("alice", decision="Rejected")]},
            "must keep every answer in spec.approvals as it is; a task that runs again asks again",
            id="an-answer-is-changed",
        ),
        pytest.param(
            "alice",
            {"approvals": [an_answer("alice", decision="Rejected"), FIRST]},
            "must answer in spec.approvals only what has no answer yet",
            id="another-answer-is-put-before-it",
        ),
        pytest.param(
            "alice",
            {"marks": [a_mark("bob"), a_mark("bob", task="b")]},
            'must be marked in your own name: by is "alice" in what you set in spec.marks',
            id="a-mark-in-anothers-name",
        ),
        pytest.param(
            "alice",
            {"marks": [a_mark("bob", state="Succeeded")]},
            'must be marked in your own name: by is "alice" in what you set in spec.marks',
            id="anothers-mark-is-changed",
        ),
        pytest.param(
            "alice",
            {"mark": {"id": "1", "state": "Failed", "by": "bob"}},
            'must be marked in your own name: by is "alice" in spec.mark',
            id="the-run-is-marked-in-anothers-name",
        ),
        pytest.param(
            "alice",
            {"mark": {"id": "1", "state": "Failed"}},
            'must be marked in your own name: by is "alice" in spec.mark',
            id="the-run-is-marked-in-nobodys-name",
        ),
    ],
)
def test_words_that_are_not_ones_own_are_refused(people, run, who, spec, message):
    person = people[who]
    assert person.refusal(lambda: person.patch(**spec)) == message
    assert person.get("dagruns", "run")["spec"] == run["spec"]


def test_what_may_be_said_is_taken(people, run):
    del run
    alice, bob = people["alice"], people["bob"]
    second = an_answer("alice", attempt=2, decision="Rejected")
    assert alice.patch(approvals=[FIRST, second])["spec"]["approvals"] == [FIRST, second]
    bob.patch(marks=[a_mark("bob", id_="2"), a_mark("bob", task="b")])
    bob.patch(mark={"id": "1", "state": "Failed", "by": "bob"})
    bob.patch(marks=None, mark=None)


def test_who_leaves_words_as_they_are_needs_no_right_to_them(people, run):
    """A tool that applies for ever, a Backfill that asks for a rerun, a person who suspends."""
    carol = people["carol"]
    carol.client.request("PUT", carol.path("dagruns", "run"), run | {"metadata": {
        "name": "run", "resourceVersion": run["metadata"]["resourceVersion"], "labels": {"a": "b"},
    }})  # fmt: skip
    patched = carol.patch(suspend=True, rerun={"id": "1", "scope": "All"})
    assert patched["spec"]["approvals"] == [FIRST]


def test_a_run_that_is_created_with_answers_in_it_is_no_way_around(people):
    alice, bob = people["alice"], people["bob"]
    refusal = bob.refusal(lambda: bob.create(a_run(approvals=[FIRST])))
    assert refusal == f'must leave spec.approvals alone: "bob" {NEEDS}'
    alice.create(a_run(approvals=[FIRST]))


def test_a_run_may_have_as_many_answers_as_the_api_allows(people):
    answers = [an_answer("alice", attempt=number + 1) for number in range(ANSWERS_MAX)]
    alice = people["alice"]
    alice.create(a_run(approvals=answers[:-1]))
    assert len(alice.patch(approvals=answers)["spec"]["approvals"]) == ANSWERS_MAX


def test_a_run_goes_on_when_who_may_has_answered(people, api_server, tmp_path):
    alice, bob = people["alice"], people["bob"]
    env = {"NAMESPACE": bob.name, "LEASE_NAME": "approvals", "WATCH_NAMESPACES": bob.name}
    with operators.process(api_server.kubeconfig, tmp_path / "log", **env):
        bob.create(a_pipeline())
        bob.create(a_run())
        until(lambda: _state(bob) == ("Unknown", "AwaitingApproval"))
        bob.refusal(lambda: bob.patch(approvals=[an_answer("bob")]))
        alice.patch(approvals=[FIRST])
        admin = Namespace(api_server.client, bob.name)
        admin.end(admin.pod_of("ship"))
        until(lambda: _state(bob) == ("True", "Succeeded"))
        (row, _) = bob.get("dagruns", "run")["status"]["tasks"]
        assert (row["state"], row["message"]) == ("Succeeded", "approved by alice: fine")
        assert (row["approval"]["by"], row["approval"]["attempt"]) == ("alice", 1)


def _state(person):
    return person.condition("dagruns", "run", "Succeeded")
