"""The chart: what it installs, and what it refuses."""

import json
import re
import tomllib
from typing import ClassVar

import pytest
import yaml

from dev.generate import valuesdocs
from kubedag.shell import settings
from support import chart

VALUES = yaml.safe_load((chart.FOLDER / "values.yaml").read_text())
SCHEMA = json.loads((chart.FOLDER / "values.schema.json").read_text())
ALL = pytest.mark.parametrize("case", chart.CASES)


@ALL
def test_every_object_has_a_name_of_its_own(case):
    names = [
        (
            found["apiVersion"],
            found["kind"],
            found["metadata"].get("namespace"),
            found["metadata"]["name"],
        )
        for found in chart.objects(case)
    ]
    assert len(set(names)) == len(names) > 0


@ALL
def test_every_object_carries_the_standard_labels(case):
    expected = {
        "app.kubernetes.io/instance": "prod",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": "kubedag",
    } | chart.CASES[case].get("commonLabels", {})
    assert [
        (found["kind"], found["metadata"]["name"])
        for found in chart.objects(case)
        if not expected.items() <= found["metadata"]["labels"].items()
    ] == []


@ALL
def test_the_cluster_is_named_only_where_it_must_be(case):
    without = [
        found["kind"] for found in chart.objects(case) if "namespace" not in found["metadata"]
    ]
    assert set(without) <= chart.CLUSTER_SCOPED


@ALL
def test_everything_that_selects_the_operator_finds_it(case):
    labels = chart.deployment(case)["spec"]["template"]["metadata"]["labels"]
    selectors = [
        chart.deployment(case)["spec"]["selector"]["matchLabels"],
        *(found["spec"]["selector"] for found in chart.kind(case, "Service")),
        *(
            found["spec"]["selector"]["matchLabels"]
            for found in chart.kind(case, "PodDisruptionBudget")
        ),
        *(
            found["spec"]["podSelector"]["matchLabels"]
            for found in chart.kind(case, "NetworkPolicy")
        ),
    ]
    assert [selector for selector in selectors if not selector.items() <= labels.items()] == []


def test_the_service_monitor_finds_the_service():
    (service,), (monitor,) = (
        chart.kind("everything", "Service"),
        chart.kind("everything", "ServiceMonitor"),
    )
    wanted = monitor["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


@ALL
def test_every_pod_keeps_to_the_restricted_standard(case):
    for pod in chart.pods(case):
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod["containers"]:
            inner = container["securityContext"]
            assert inner["allowPrivilegeEscalation"] is False
            assert inner["readOnlyRootFilesystem"] is True
            assert inner["capabilities"] == {"drop": ["ALL"]}
            assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize(
    ("case", "replicas", "strategy", "elects"),
    [
        ("defaults", 1, "RollingUpdate", "true"),
        ("ha", 3, "RollingUpdate", "true"),
        ("single", 1, "Recreate", "false"),
    ],
)
def test_two_operators_never_work_at_once(case, replicas, strategy, elects):
    spec = chart.deployment(case)["spec"]
    assert (spec["replicas"], spec["strategy"], chart.env(case)["KUBEDAG_LEADER_ELECTION"]) == (
        replicas,
        {"type": strategy},
        elects,
    )


def test_replicas_are_spread_by_the_operators_own_labels():
    spec = chart.deployment("ha")["spec"]
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
                max_active_tasks=500,
                max_active_tasks_per_namespace=50,
                notifications_file="/etc/kubedag/notifications/receivers.yaml",
            ),
            id="everything-set",
        ),
    ],
)
def test_the_settings_reach_the_operator(case, expected):
    by_the_api = {"KUBEDAG_POD_NAME": "pod-1", "KUBEDAG_NAMESPACE": "ops"}
    env = {
        name: value or by_the_api[name] for name, value in chart.env(case).items() if value != ""
    }
    assert settings.from_env(env, hostname="unused", process_id=1) == expected


@pytest.mark.parametrize(
    ("said", "expected"), [("0.5", 0.5), ("2", 2.0), ("0", 0.0), ("0.00001", 0.00001)]
)
def test_a_fraction_can_be_given_on_the_command_line(said, expected):
    """`helm --set` takes whole numbers for numbers, and fractions for strings."""
    done = chart.helm(
        *(
            "template",
            "prod",
            str(chart.FOLDER),
            "--show-only",
            "templates/operator/deployment.yaml",
        ),
        *("--set", f"tuning.statusWindowSeconds={said}"),
    )
    assert done.returncode == 0, done.stderr
    (container,) = yaml.safe_load(done.stdout)["spec"]["template"]["spec"]["containers"]
    env = {one["name"]: one["value"] for one in container["env"] if "value" in one}
    read = settings.from_env(env, hostname="unused", process_id=1)
    assert read.status_window_seconds == expected


def test_the_receivers_of_notifications_are_mounted_where_the_operator_looks_for_them():
    spec = chart.deployment("everything")["spec"]["template"]["spec"]
    mounts = {one["name"]: one["mountPath"] for one in spec["containers"][0]["volumeMounts"]}
    (volume,) = (one for one in spec["volumes"] if one["name"] == "notifications")
    (item,) = volume["secret"]["items"]
    assert (volume["secret"]["secretName"], item["key"]) == ("told", "who.yaml")
    path = chart.env("everything")["KUBEDAG_NOTIFICATIONS_FILE"]
    assert path == f"{mounts['notifications']}/{item['path']}"
    assert "KUBEDAG_NOTIFICATIONS_FILE" not in chart.env("defaults")


def test_the_chart_sets_nothing_that_the_operator_does_not_read():
    class Asked(dict):
        names: ClassVar[set[str]] = set()

        def get(self, name, default=None):
            self.names.add(name)
            return default

    settings.from_env(Asked(), hostname="unused", process_id=1)
    named = {name for name in chart.env("everything") if name.startswith("KUBEDAG_")}
    assert named - Asked.names == set()


@ALL
def test_the_probes_ask_the_operator_itself(case):
    container = chart.deployment(case)["spec"]["template"]["spec"]["containers"][0]
    assert container["ports"] == [{"name": "http", "containerPort": 8080}]
    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("liveness", "readiness")}
    assert asked == {
        "liveness": {"path": "/livez", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }


def test_the_image_is_the_one_of_this_version_unless_told_otherwise():
    version = tomllib.loads((chart.ROOT / "pyproject.toml").read_text())["project"]["version"]
    images = {
        case: chart.pods(case)[0]["containers"][0]["image"] for case in ("defaults", "everything")
    }
    assert images == {
        "defaults": f"kubedag:{version}",
        "everything": f"kubedag@{chart.CASES['everything']['image']['digest']}",
    }


def test_the_crds_say_the_same_as_those_outside_the_chart():
    canonical = [
        yaml.safe_load(path.read_text()) for path in sorted((chart.ROOT / "crds").glob("*.yaml"))
    ]
    rendered = {
        crd["metadata"]["name"]: crd["spec"]
        for crd in chart.kind("defaults", "CustomResourceDefinition")
    }
    assert rendered == {crd["metadata"]["name"]: crd["spec"] for crd in canonical}
    assert rendered


@pytest.mark.parametrize(
    ("case", "annotations"),
    [("defaults", {"helm.sh/resource-policy": "keep"}), ("everything", None)],
)
def test_pipelines_outlive_the_release_unless_told_otherwise(case, annotations):
    crds = chart.kind(case, "CustomResourceDefinition")
    assert {json.dumps(crd["metadata"].get("annotations")) for crd in crds} == {
        json.dumps(annotations)
    }


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        pytest.param({"replica": 2}, r"\breplica'? (is )?not allowed", id="a-typing-error"),
        pytest.param(
            {"image": {"version": "1"}},
            r"\bversion'? (is )?not allowed",
            id="a-typing-error-below",
        ),
        pytest.param(
            {"crds": {"enabled": True}}, r"\benabled'? (is )?not allowed", id="another-charts-name"
        ),
        pytest.param({"log": {"level": "loud"}}, "log.level", id="not-a-choice"),
        pytest.param({"image": {"digest": "sha256:abc"}}, "image.digest", id="half-a-digest"),
        pytest.param({"watchNamespaces": ["Team A"]}, "watchNamespaces.0", id="not-a-namespace"),
        pytest.param(
            {"tuning": {"statusWindowSeconds": "0,5"}}, "statusWindowSeconds", id="not-a-number"
        ),
        pytest.param(
            {"tuning": {"statusWindowSeconds": "-1"}}, "statusWindowSeconds", id="a-negative-one"
        ),
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
    done = chart.helm("template", "prod", str(chart.FOLDER), values=values)
    assert done.returncode != 0
    assert re.search(complaint, done.stderr)


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
        value.path for value in valuesdocs.documented((chart.FOLDER / "values.yaml").read_text())
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
    done = chart.helm(
        "install", "prod", str(chart.FOLDER), "--dry-run=client", values=chart.CASES["namespaced"]
    )
    notes = done.stdout.split("NOTES:\n", maxsplit=1)[1]
    assert notes.startswith("kubedag 0.1.0 runs the pipelines of team-a, team-b.")
    assert len([line for line in notes.splitlines() if line.startswith("  kubectl ")]) == 3
    assert "crds.install is off" in notes


def test_helm_has_nothing_to_complain_about():
    done = chart.helm("lint", str(chart.FOLDER), "--strict")
    assert done.returncode == 0, done.stdout


@ALL
def test_no_pod_waits_for_an_operator_that_was_uninstalled(case):
    jobs = chart.kind(case, "Job")
    if case == "bare":
        assert jobs == []
        return
    (job,) = jobs
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-delete"
    operator, pod = (
        chart.deployment(case)["spec"]["template"]["spec"],
        job["spec"]["template"]["spec"],
    )
    assert pod["serviceAccountName"] == operator["serviceAccountName"]
    (container,) = pod["containers"]
    assert container["args"] == ["release-pods"]
    assert container["image"] == operator["containers"][0]["image"]
    (watched,) = container["env"]
    assert watched["value"] == chart.env(case)["KUBEDAG_WATCH_NAMESPACES"]
