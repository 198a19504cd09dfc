"""The chart as Helm renders it, far from any cluster, for a handful of telling values."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

from dev.cluster import tools

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "charts" / "kubedag"
POLICIES = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
CLUSTER_SCOPED = {"ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", *POLICIES}

CASES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "ha": {
        "replicas": 3,
        "podDisruptionBudget": {"enabled": True},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
    "namespaced": {
        "watchNamespaces": ["team-a", "team-b"],
        "crds": {"install": False},
        "admissionPolicies": {"enabled": False},
    },
    "guarded": {"watchNamespaces": ["team-a"]},
    "everything": {
        "nameOverride": "pipelines",
        "commonLabels": {"team": "data"},
        "image": {"digest": "sha256:" + "0" * 64, "pullPolicy": "Always"},
        "imagePullSecrets": [{"name": "pull"}],
        "crds": {"keep": False},
        "serviceAccount": {"name": "runner", "annotations": {"example.com/role": "runner"}},
        "replicas": 2,
        "log": {"level": "debug", "format": "text"},
        "notifications": {"secretName": "told", "key": "who.yaml"},
        "limits": {"maxActiveTasks": 500, "maxActiveTasksPerNamespace": 50},
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
        "uninstall": {"releasePods": False},
    },
}


def helm(*words: str, values: dict | None = None) -> subprocess.CompletedProcess:
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
def objects(case: str) -> list[dict]:
    done = helm("template", "prod", str(FOLDER), values=CASES[case])
    assert done.returncode == 0, done.stderr
    return [found for found in yaml.safe_load_all(done.stdout) if found]


def kind(case: str, *kinds: str) -> list[dict]:
    return [found for found in objects(case) if found["kind"] in kinds]


def deployment(case: str) -> dict:
    return kind(case, "Deployment")[0]


def pods(case: str) -> list[dict]:
    return [
        deployment(case)["spec"]["template"]["spec"],
        *(p["spec"] for p in kind(case, "Pod")),
        *(job["spec"]["template"]["spec"] for job in kind(case, "Job")),
    ]


def env(case: str) -> dict[str, str | None]:
    container = deployment(case)["spec"]["template"]["spec"]["containers"][0]
    return {variable["name"]: variable.get("value") for variable in container["env"]}
