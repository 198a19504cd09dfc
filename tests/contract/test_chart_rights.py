"""What the chart lets the operator do, and people."""

import pytest

from support import chart

ALL = pytest.mark.parametrize("case", chart.CASES)

MAY = {
    ("kubedag.dev", "dags"): {"get", "list", "watch"},
    ("kubedag.dev", "backfills"): {"get", "list", "watch"},
    ("kubedag.dev", "taskpools"): {"get", "list", "watch"},
    ("kubedag.dev", "dagruns"): {"get", "list", "watch", "create", "patch", "delete"},
    ("kubedag.dev", "dags/status"): {"update"},
    ("kubedag.dev", "dagruns/status"): {"update"},
    ("kubedag.dev", "backfills/status"): {"update"},
    ("kubedag.dev", "taskpools/status"): {"update"},
    ("kubedag.dev", "dagrunslices"): {"get", "list", "create", "update", "delete"},
    ("", "pods"): {"get", "list", "watch", "create", "patch", "delete", "deletecollection"},
    ("", "pods/log"): {"get"},
    ("apps", "controllerrevisions"): {"get", "list", "watch", "create", "delete"},
    ("", "events"): {"create", "get", "list", "patch"},
}
MAY_AT_HOME = {
    ("coordination.k8s.io", "leases"): {"create"},
    ("coordination.k8s.io", "leases/its own"): {"get", "update"},
}


def _granted(roles: list[dict]) -> dict[tuple[str, str], set[str]]:
    return {
        (group, f"{resource}/its own" if rule.get("resourceNames") else resource): set(
            rule["verbs"]
        )
        for role in roles
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def _operators(case: str) -> list[dict]:
    """Return the roles of the operator, not those of people."""
    roles = chart.kind(case, "Role", "ClusterRole")
    return [r for r in roles if "app.kubernetes.io/component" in r["metadata"]["labels"]]


@ALL
def test_the_operator_may_do_this_and_nothing_else(case):
    homes = MAY_AT_HOME if chart.CASES[case].get("leaderElection") != {"enabled": False} else {}
    expected = {} if case == "bare" else MAY | homes
    assert _granted(_operators(case)) == expected


@ALL
def test_no_role_reaches_for_secrets_or_for_everything(case):
    granted = _granted(chart.kind(case, "Role", "ClusterRole"))
    words = {
        word for (group, resource), verbs in granted.items() for word in (group, resource, *verbs)
    }
    assert words & {"*", "secrets", "escalate", "bind", "impersonate"} == set()


@ALL
def test_every_role_of_the_operator_is_bound_to_its_service_account(case):
    account = chart.deployment(case)["spec"]["template"]["spec"]["serviceAccountName"]
    bindings = chart.kind(case, "RoleBinding", "ClusterRoleBinding")
    bound = {(b["metadata"].get("namespace"), b["roleRef"]["name"]) for b in bindings}
    roles = {(r["metadata"].get("namespace"), r["metadata"]["name"]) for r in _operators(case)}
    assert bound == roles
    subjects = [subject for binding in bindings for subject in binding["subjects"]]
    assert all(
        s == {"kind": "ServiceAccount", "name": account, "namespace": "ops"} for s in subjects
    )


def test_a_namespaced_install_needs_nothing_of_the_cluster():
    assert chart.kind("namespaced", *chart.CLUSTER_SCOPED) == []
    roles = {role["metadata"]["namespace"] for role in _operators("namespaced")}
    assert roles == {"team-a", "team-b", "ops"}
    assert chart.env("namespaced")["KUBEDAG_WATCH_NAMESPACES"] == "team-a,team-b"


def test_people_who_may_edit_a_namespace_may_run_pipelines_in_it():
    roles = {
        label.removeprefix("rbac.authorization.k8s.io/aggregate-to-"): _granted([role])
        for role in chart.kind("defaults", "ClusterRole")
        for label in role["metadata"]["labels"]
        if label.startswith("rbac.authorization.k8s.io/")
        and not role["metadata"]["name"].endswith("-approver")
    }
    assert set(roles) == {"admin", "edit", "view"}
    assert roles["view"][("kubedag.dev", "dagruns")] == {"get", "list", "watch"}
    assert {"create", "patch", "delete"} <= roles["edit"][("kubedag.dev", "dagruns")]
    for role in roles.values():
        assert {resource for _, resource in role} == {
            "dags",
            "dagruns",
            "backfills",
            "taskpools",
            "dagrunslices",
        }
        assert role[("kubedag.dev", "dagrunslices")] == {"get", "list", "watch"}


def _who_may(verb: str, case: str) -> dict[str, list[str]]:
    """The roles that have a verb on DAGs, and what they are added to."""
    aggregated = "rbac.authorization.k8s.io/aggregate-to-"
    return {
        role["metadata"]["name"]: [
            label.removeprefix(aggregated)
            for label in role["metadata"]["labels"]
            if label.startswith(aggregated)
        ]
        for role in chart.kind(case, "Role", "ClusterRole")
        if verb in _granted([role]).get(("kubedag.dev", "dags"), ())
    }


@ALL
def test_who_may_edit_a_namespace_may_not_approve_in_it_but_its_admins_may(case):
    name = chart.kind(case, "Deployment")[0]["metadata"]["name"]
    bound_by_hand = case in {"namespaced", "guarded", "bare"}
    expected = {} if bound_by_hand else {f"ops-{name}-approver": ["admin"]}
    assert _who_may("approve", case) == expected


def test_an_approver_can_answer_and_no_more():
    (role,) = [
        role
        for role in chart.kind("defaults", "ClusterRole")
        if role["metadata"]["name"].endswith("-approver")
    ]
    assert _granted([role]) == {
        ("kubedag.dev", "dags"): {"get", "list", "watch", "approve"},
        ("kubedag.dev", "dagruns"): {"get", "list", "watch", "patch"},
        ("kubedag.dev", "dagrunslices"): {"get", "list", "watch"},
    }


@ALL
def test_whose_words_are_in_a_run_is_held_against_who_writes_them(case):
    policies = chart.kind(case, "ValidatingAdmissionPolicy")
    bindings = chart.kind(case, "ValidatingAdmissionPolicyBinding")
    if case == "namespaced":
        assert policies + bindings == []
        return
    (policy,), (binding,) = policies, bindings
    assert binding["spec"]["policyName"] == policy["metadata"]["name"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert policy["spec"]["failurePolicy"] == "Fail"
    assert policy["spec"]["matchConstraints"]["resourceRules"] == [
        {
            "apiGroups": ["kubedag.dev"],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["dagruns"],
        }
    ]
    assert all(one["message"].startswith("must ") for one in policy["spec"]["validations"])


def test_the_policy_holds_where_pipelines_are_run():
    (binding,) = chart.kind("guarded", "ValidatingAdmissionPolicyBinding")
    (expression,) = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert expression == {
        "key": "kubernetes.io/metadata.name",
        "operator": "In",
        "values": ["team-a"],
    }
    (everywhere,) = chart.kind("defaults", "ValidatingAdmissionPolicyBinding")
    assert "matchResources" not in everywhere["spec"]


def test_the_operator_may_use_the_lease_that_it_is_told():
    (role,) = [r for r in _operators("defaults") if r["metadata"]["name"].endswith("-leader")]
    names = [name for rule in role["rules"] for name in rule.get("resourceNames", ())]
    assert names == [chart.env("defaults")["KUBEDAG_LEASE_NAME"]]
