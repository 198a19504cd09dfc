"""One cluster and one installation for all end-to-end tests; a namespace for each of them.

What takes long is done side by side: all examples are started before the first one is looked at,
and two workers share the cluster. A worker has the tests of one file at a time, or all that look at
the examples. Tests that stop the operator, or whose figures others would spoil, are marked `alone`,
and are a step of their own.
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time

import pytest
from xdist.scheduler import LoadFileScheduling

from dev.cluster import kindcluster, locks, paths
from dev.cluster.run import run
from dev.demo import install
from dev.demo.kubectl import Kubectl
from e2e import kube

LONGEST_FIRST = (
    "test_incremental_loading",
    "test_outcomes",
    *(EXAMPLES := ("test_examples", "test_control", "test_kubectl")),
    "test_disturbances",
)


class Scheduling(LoadFileScheduling):
    """One worker has all the files that look at the examples, so that these run once."""

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return "examples" if file.rpartition("/")[2].removesuffix(".py") in EXAMPLES else file


def pytest_xdist_make_scheduler(config, log):
    """For `--dist loadfile` alone."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items):
    """Everything here needs the cluster; the order within a file stays."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
    for item in items:
        if "/e2e/" in str(item.path):
            item.add_marker(pytest.mark.cluster)


@pytest.fixture(scope="session")
def cluster(testrun_uid):
    """A cluster with the operator in it, installed as a user would, once for all workers."""
    installed = paths.state() / "e2e-installed"
    with locks.lock(f"e2e-{paths.cluster_name()}"):
        run(sys.executable, "-m", "dev.cluster", "up", cwd=kube.ROOT)
        where = kindcluster.find()
        if not installed.exists() or installed.read_text() != testrun_uid:
            install.image(where)
            install.helm(where)
            installed.write_text(testrun_uid)
    return where


@pytest.fixture
def expendable(cluster):
    """Nobody else's cluster may suffer from this."""
    if not cluster.ours:
        pytest.skip("restarts parts of a node, and this is your cluster")
    return cluster


@pytest.fixture(scope="session")
def kubectl(cluster):
    return install.connect(cluster)


@pytest.fixture(scope="session")
def system(cluster):
    """The namespace of the operator."""
    return kube.Namespace(install.connect(cluster, install.NAMESPACE))


@pytest.fixture(scope="session")
def recorder(kubectl):
    """What happens to Pods, written down by somebody who is not the operator."""
    recorder = kube.Recorder()
    selector = "labelSelector=app.kubernetes.io%2Fmanaged-by%3Dkubedag"
    with kubectl.watch(f"/api/v1/pods?{selector}") as events:

        def write_down():
            while True:
                recorder.add(events.get())

        threading.Thread(target=write_down, daemon=True).start()
        yield recorder


@contextlib.contextmanager
def a_namespace(kubectl, wanted):
    """A new namespace, whose end nobody waits for."""
    name = (
        f"e2e-{re.sub('[^a-z0-9]+', '-', wanted.lower()).strip('-')[:40]}-{time.time_ns() % 10**6}"
    )
    kubectl("create", "namespace", name)
    try:
        yield kube.Namespace(Kubectl(kubectl.program, kubectl.kubeconfig, name))
    finally:
        kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(kubectl, request):
    with a_namespace(kubectl, request.node.originalname) as made:
        yield made


@pytest.fixture(scope="session")
def examples(kubectl, recorder):
    """Every example that is run by hand, as its README says: (namespace, name of the run)."""
    del recorder  # it must be there before the first Pod is
    with contextlib.ExitStack() as stack:
        started = {}
        for folder in sorted(kube.EXAMPLES.iterdir()):
            if (folder / "run.yaml").exists():
                made = stack.enter_context(a_namespace(kubectl, folder.name))
                whole = (folder / "kustomization.yaml").exists()
                what = ("-k", str(folder)) if whole else ("-f", str(folder / "dag.yaml"))
                made.kubectl("apply", *what)
                started[folder.name] = (made, made.create(folder / "run.yaml"))
        yield started
