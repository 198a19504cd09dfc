"""The chart: what it installs, what the operator may do with it, and what it refuses."""

import functools
import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import ClassVar

import pytest
import yaml

from dev.cluster import tools
from dev.generate import valuesdocs
from kubedag.shell import settings

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts" / "kubedag"
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition"}

CASES = {
    "defaults": {},
    "ha": {
        "replicas": 3,
        "podDisruptionBudget": {"enabled": True},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
    "namespaced": {"watchNamespaces": ["team-a", "team-b"], "crds": {"install": False}},
    "everything": {
        "nameOverride": "pipelines",
        "commonLabels": {"team": "data"},
        "image": {"digest": "sha256:" + "0" * 64, "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "crds": {"keep": False},
        "serviceAccount": {"name": "runner", "annotations": {"example.com/role": "runner"}},
        "replicas": 2,
        "log": {"level": "debug", "format": "text"},
        "tuning": {"statusWindowSeconds": 2.5, "apiConnectionsMax": 32},
        "extraArgs": ["--verbose"],
        "extraEnv": [{"name": "TZ", "value": "UTC"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "podAnnotations": {"example.com/a": "b"},
        "podLabels": {"example.com/c": "d", "app.kubernetes.io/name": "stolen"},
        "nodeSelector": {"pool": "system"},
        "tolerations": [{"key": "system", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "priorityClassName": "high",
        "podDisruptionBudget": {"enabled": True, "maxUnavailable": "50%"},
        "metrics": {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}},
        "networkPolicy": {"enabled": True, "from": [{"podSelector": {}}]},
    },
    "single": {"leaderElection": {"enabled": False}},
    "bare": {
        "rbac": {"create": False, "aggregateRoles": False},
        "serviceAccount": {"create": False, "name": "theirs"},
        "metrics": {"service": {"enabled": False}},
    },
}
ALL = pytest.mark.parametrize("case", CASES)

MAY = {
    ("kubedag.dev", "dags"): {"get", "list", "watch"},
    ("kubedag.dev", "dagruns"): {"get", "list", "watch", "delete"},
    ("kubedag.dev", "dags/status"): {"update", "patch"},
    ("kubedag.dev", "dagruns/status"): {"update", "patch"},
    ("", "pods"): {"get", "list", "watch", "create", "delete", "deletecollection"},
    ("", "pods/log"): {"get"},
    ("apps", "controllerrevisions"): {"get", "list", "watch", "create", "delete"},
    ("", "events"): {"create", "patch"},
}
MAY_AT_HOME = {
    ("coordination.k8s.io", "leases"): {"create"},
    ("coordination.k8s.io", "leases/its own"): {"get", "update", "delete"},
}


def _helm(*words: str, values: dict | None = None) -> subprocess.CompletedProcess:
    """Run Helm on the chart, far from any cluster of the person at the keyboard."""
    return subprocess.run(
        [str(tools.ensure("helm")["helm"]), *words, "--namespace", "ops", "--values", "-"],
        input=json.dumps(values or {}),
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "KUBECONFIG": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@functools.cache
def _objects(case: str) -> list[dict]:
    done = _helm("template", "prod", str(CHART), values=CASES[case])
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def _kind(case: str, *kinds: str) -> list[dict]:
    return [found for found in _objects(case) if found["kind"] in kinds]


def _deployment(case: str) -> dict:
    return _kind(case, "Deployment")[0]


def _pods(case: str) -> list[dict]:
    return [
        _deployment(case)["spec"]["template"]["spec"],
        *(p["spec"] for p in _kind(case, "Pod")),
    ]


def _env(case: str) -> dict[str, str | None]:
    container = _deployment(case)["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable.get("value") for variable in container["env"]}


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
    roles = _kind(case, "Role", "ClusterRole")
    return [r for r in roles if "app.kubernetes.io/component" in r["metadata"]["labels"]]


@ALL
def test_every_object_has_a_name_of_its_own(case):
    names = [
        (
            found["apiVersion"],
            found["kind"],
            found["metadata"].get("namespace"),
            found["metadata"]["name"],
        )
        for found in _objects(case)
    ]
    assert len(set(names)) == len(names) > 0


@ALL
def test_every_object_carries_the_standard_labels(case):
    expected = {
        "app.kubernetes.io/instance": "prod",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": "kubedag",
    } | CASES[case].get("commonLabels", {})
    assert [
        (found["kind"], found["metadata"]["name"])
        for found in _objects(case)
        if not expected.items() <= found["metadata"]["labels"].items()
    ] == []


@ALL
def test_the_cluster_is_named_only_where_it_must_be(case):
    without = [found["kind"] for found in _objects(case) if "namespace" not in found["metadata"]]
    assert set(without) <= CLUSTER_SCOPED


@ALL
def test_everything_that_selects_the_operator_finds_it(case):
    labels = _deployment(case)["spec"]["template"]["metadata"]["labels"]
    selectors = [
        _deployment(case)["spec"]["selector"]["matchLabels"],
        *(found["spec"]["selector"] for found in _kind(case, "Service")),
        *(
            found["spec"]["selector"]["matchLabels"]
            for found in _kind(case, "PodDisruptionBudget")
        ),
        *(found["spec"]["podSelector"]["matchLabels"] for found in _kind(case, "NetworkPolicy")),
    ]
    assert [selector for selector in selectors if not selector.items() <= labels.items()] == []


def test_the_service_monitor_finds_the_service():
    (service,), (monitor,) = _kind("everything", "Service"), _kind("everything", "ServiceMonitor")
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


@ALL
def test_every_pod_keeps_to_the_restricted_standard(case):
    for pod in _pods(case):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            inner = container["securityContext"]
            assert inner["allowPrivilegeEscalation"] is False
            assert inner["readOnlyRootFilesystem"] is True
            assert inner["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@ALL
def test_the_operator_may_do_this_and_nothing_else(case):
    homes = MAY_AT_HOME if CASES[case].get("leaderElection") != {"enabled": False} else {}
    expected = {} if case == "bare" else MAY | homes
    assert _granted(_operators(case)) == expected


@ALL
def test_no_role_reaches_for_secrets_or_for_everything(case):
    granted = _granted(_kind(case, "Role", "ClusterRole"))
    words = {
        word for (group, resource), verbs in granted.items() for word in (group, resource, *verbs)
    }
    assert words & {"*", "secrets", "escalate", "bind", "impersonate"} == set()


@ALL
def test_every_role_of_the_operator_is_bound_to_its_service_account(case):
    account = _deployment(case)["spec"]["template"]["spec"]["serviceAccountName"]
    bindings = _kind(case, "RoleBinding", "ClusterRoleBinding")
    bound = {(b["metadata"].get("namespace"), b["roleRef"]["name"]) for b in bindings}
    roles = {(r["metadata"].get("namespace"), r["metadata"]["name"]) for r in _operators(case)}
    assert bound == roles
    subjects = [subject for binding in bindings for subject in binding["subjects"]]
    assert all(
        s == {"kind": "ServiceAccount", "name": account, "namespace": "ops"} for s in subjects
    )


def test_a_namespaced_install_needs_nothing_of_the_cluster():
    assert _kind("namespaced", *CLUSTER_SCOPED) == []
    roles = {role["metadata"]["namespace"] for role in _operators("namespaced")}
    assert roles == {"team-a", "team-b", "ops"}
    assert _env("namespaced")["KUBEDAG_WATCH_NAMESPACES"] == "team-a,team-b"


def test_people_who_may_edit_a_namespace_may_run_pipelines_in_it():
    roles = {
        label.removeprefix("rbac.authorization.k8s.io/aggregate-to-"): _granted([role])
        for role in _kind("defaults", "ClusterRole")
        for label in role["metadata"]["labels"]
        if label.startswith("rbac.authorization.k8s.io/")
    }
    assert set(roles) == {"admin", "edit", "view"}
    assert roles["view"][("kubedag.dev", "dagruns")] == {"get", "list", "watch"}
    assert {"create", "patch", "delete"} <= roles["edit"][("kubedag.dev", "dagruns")]
    assert {resource for role in roles.values() for _, resource in role} == {"dags", "dagruns"}


@pytest.mark.parametrize(
    ("case", "replicas", "strategy", "elects"),
    [
        ("defaults", 1, "RollingUpdate", "true"),
        ("ha", 3, "RollingUpdate", "true"),
        ("single", 1, "Recreate", "false"),
    ],
)
def test_two_operators_never_work_at_once(case, replicas, strategy, elects):
    spec = _deployment(case)["spec"]
    assert (spec["replicas"], spec["strategy"], _env(case)["KUBEDAG_LEADER_ELECTION"]) == (
        replicas,
        {"type": strategy},
        elects,
    )


def test_replicas_are_spread_by_the_operators_own_labels():
    spec = _deployment("ha")["spec"]
    (constraint,) = spec["template"]["spec"]["topologySpreadConstraints"]
    assert constraint["labelSelector"] == spec["selector"]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(
            "defaults",
            settings.Settings(
                lease_namespace="ops",
                lease_name="prod-kubedag",
                identity="pod-1",
                log_format="json",
            ),
            id="what-is-not-set-is-left-to-the-operator",
        ),
        pytest.param(
            "everything",
            settings.Settings(
                lease_namespace="ops",
                lease_name="prod-pipelines",
                identity="pod-1",
                log_level="DEBUG",
                status_window_seconds=2.5,
                api_connections_max=32,
            ),
            id="everything-set",
        ),
    ],
)
def test_the_settings_reach_the_operator(case, expected):
    by_the_api = {"KUBEDAG_POD_NAME": "pod-1", "KUBEDAG_NAMESPACE": "ops"}
    env = {name: value or by_the_api[name] for name, value in _env(case).items() if value != ""}
    assert settings.from_env(env, hostname="unused") == expected


def test_the_chart_sets_nothing_that_the_operator_does_not_read():
    class Asked(dict):
        names: ClassVar[set[str]] = set()

        def get(self, name, default=None):
            self.names.add(name)
            return default

    settings.from_env(Asked(), hostname="unused")
    named = {name for name in _env("everything") if name.startswith("KUBEDAG_")}
    assert named - Asked.names == set()


def test_the_operator_may_use_the_lease_that_it_is_told():
    (role,) = [r for r in _operators("defaults") if r["metadata"]["name"].endswith("-leader")]
    names = [name for rule in role["rules"] for name in rule.get("resourceNames", ())]
    assert names == [_env("defaults")["KUBEDAG_LEASE_NAME"]]


@ALL
def test_the_probes_ask_the_operator_itself(case):
    container = _deployment(case)["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("liveness", "readiness")}
    assert asked == {
        "liveness": {"path": "/livez", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


def test_the_image_is_the_one_of_this_version_unless_told_otherwise():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {
        case: _pods(case)[0]["containers"][0]["image"] for case in ("defaults", "everything")
    }
    assert images == {
        "defaults": f"kubedag:{version}",
        "everything": f"kubedag@{CASES['everything']['image']['digest']}",
    }


def test_the_crds_say_the_same_as_those_outside_the_chart():
    canonical = [
        yaml.safe_load(path.read_text()) for path in sorted((ROOT / "crds").glob("*.yaml"))
    ]
    rendered = {
        crd["metadata"]["name"]: crd["spec"]
        for crd in _kind("defaults", "CustomResourceDefinition")
    }
    assert rendered == {crd["metadata"]["name"]: crd["spec"] for crd in canonical}
    assert rendered


@pytest.mark.parametrize(
    ("case", "annotations"),
    [("defaults", {"helm.sh/resource-policy": "keep"}), ("everything", None)],
)
def test_pipelines_outlive_the_release_unless_told_otherwise(case, annotations):
    crds = _kind(case, "CustomResourceDefinition")
    assert {json.dumps(crd["metadata"].get("annotations")) for crd in crds} == {
        json.dumps(annotations)
    }


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        pytest.param({"replica": 2}, "'replica' not allowed", id="a-typing-error"),
        pytest.param(
            {"image": {"version": "1"}}, "'version' not allowed", id="a-typing-error-below"
        ),
        pytest.param(
            {"crds": {"enabled": True}}, "'enabled' not allowed", id="another-charts-name"
        ),
        pytest.param({"log": {"level": "loud"}}, "log/level", id="not-a-choice"),
        pytest.param({"image": {"digest": "sha256:abc"}}, "image/digest", id="half-a-digest"),
        pytest.param({"watchNamespaces": ["Team A"]}, "watchNamespaces/0", id="not-a-namespace"),
        pytest.param(
            {"replicas": 2, "leaderElection": {"enabled": False}},
            "replicas above 1 need leaderElection.enabled=true",
            id="two-without-an-election",
        ),
        pytest.param(
            {"serviceAccount": {"create": False}}, "serviceAccount.name is needed", id="no-account"
        ),
        pytest.param(
            {"metrics": {"service": {"enabled": False}, "serviceMonitor": {"enabled": True}}},
            "needs metrics.service.enabled",
            id="nothing-to-monitor",
        ),
    ],
)
def test_it_refuses(values, complaint):
    done = _helm("template", "prod", str(CHART), values=values)
    assert done.returncode != 0
    assert complaint in done.stderr


def _objects_of_schema(path: str, schema: dict, values: dict) -> list[tuple[str, dict, dict]]:
    found, heap = [], [(path, schema, values)]
    while heap:
        path, schema, values = heap.pop()
        if schema.get("additionalProperties") is False:
            found.append((path, schema, values))
            heap += [(f"{path}.{k}", s, values.get(k)) for k, s in schema["properties"].items()]
    return found


@pytest.mark.parametrize(
    ("schema", "values"),
    [pytest.param(s, v, id=p) for p, s, v in _objects_of_schema("values", SCHEMA, VALUES)],
)
def test_the_schema_knows_the_values_and_no_others(schema, values):
    optional = {"global", "claims"}  # what Helm itself passes, and what resources may have
    assert set(schema["properties"]) - optional == set(values)


def test_every_value_says_what_it_means():
    documented = {
        value.path for value in valuesdocs.documented((CHART / "values.yaml").read_text())
    }
    heap: list[tuple[tuple[str, ...], object]] = [((key,), value) for key, value in VALUES.items()]
    silent = []
    while heap:
        path, value = heap.pop()
        if path in documented:
            continue
        if isinstance(value, dict) and value:
            heap += [((*path, key), below) for key, below in value.items()]
        else:
            silent.append(".".join(path))
    assert silent == []


def test_the_notes_say_what_to_type_next():
    done = _helm("install", "prod", str(CHART), "--dry-run=client", values=CASES["namespaced"])
    notes = done.stdout.split("NOTES:\n", maxsplit=1)[1]
    assert notes.startswith("kubedag 0.1.0 runs the pipelines of team-a, team-b.")
    assert len([line for line in notes.splitlines() if line.startswith("  kubectl ")]) == 3
    assert "crds.install is off" in notes


def test_helm_has_nothing_to_complain_about():
    done = _helm("lint", str(CHART), "--strict")
    assert done.returncode == 0, done.stdout
