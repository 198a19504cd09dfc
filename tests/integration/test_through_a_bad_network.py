"""The operator behind a network that does to it whatever a network can do; see `chaos_faults`.

200 runs of DAGs of every shape go twice: straight to the API server, and through the proxy. What
becomes of every run, task and attempt must be the same. A witness that does not go through the
proxy sees every Pod, and the proxy counts what the operator asks for.

    SEED=7 pytest tests/integration/test_through_a_bad_network.py
"""

from __future__ import annotations

import contextlib
import os
import ssl

import pytest
import yaml

from dev.cluster.procs import ProcessCluster, Profile
from dev.cluster.procs.ports import Port
from support import background, certificates, chaos_faults, mixed_dags
from support.chaos_proxy import ChaosProxy
from support.kinds import install
from support.passage import Passage

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(900)]

SEED = int(os.environ.get("SEED", "1"))
RUNS = 200

# What would be a storm. A hot loop asks thousands of times a second.
OF_ONE_OBJECT_MAX = 20
WATCHES_MAX = 30
LISTS_MAX = 100  # the Events of each Pod that does not start are a list of their own
ALL_MAX = 1000
TIMES_THE_CALM = 3


@contextlib.contextmanager
def bad_network(cluster, behind, tmp_path):
    """A proxy before the API server, and a kubeconfig that knows of nothing else."""
    ca = certificates.authority(tmp_path, "ca")
    pair = certificates.issued(ca, tmp_path, "proxy", "IP:127.0.0.1")
    port = Port.reserve()
    proxy = ChaosProxy(
        cluster.url,
        chaos_faults.Weather.bad(),
        seed=SEED,
        port=port.number,
        upstream_tls=ssl.create_default_context(cafile=str(cluster.dir / "pki" / "ca.crt")),
        tls=certificates.server_context(pair),
    )
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["clusters"][0]["cluster"] = {
        "server": f"https://127.0.0.1:{port.number}",
        "certificate-authority": str(ca.cert),
    }
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    behind.run(proxy.start())
    try:
        yield proxy, kubeconfig
    finally:
        behind.run(proxy.stop())
        port.release()


@pytest.fixture(scope="module")
def scale_cluster():
    """A cluster of its own: what other tests leave behind would be in the figures."""
    with ProcessCluster(Profile.SCALE) as cluster:
        yield cluster


@pytest.fixture
def kinds(scale_cluster):
    """Our kinds are known to the API server."""
    install(scale_cluster.client)


def test_through_a_bad_network_all_ends_are_the_same(
    kinds, scale_cluster, tmp_path, record_property
):
    del kinds
    with background.background() as behind:
        straight = Passage(scale_cluster, tmp_path, "calm")
        calm = straight.go(behind, scale_cluster.kubeconfig, RUNS)
        assert told_of(calm) == told_by_the_dags(calm)
        assert (calm.wrong(), calm.exits) == ([], [])
        with bad_network(scale_cluster, behind, tmp_path) as (proxy, kubeconfig):
            bad = Passage(scale_cluster, tmp_path, "bad").go(behind, kubeconfig, RUNS)
    record_property("measured", measured(calm, bad, proxy))
    assert bad.ends == calm.ends
    assert (bad.wrong(), bad.exits) == ([], [])
    assert "Traceback" not in bad.log
    assert [fault for fault, times in proxy.struck.items() if not times] == []
    traffic = proxy.traffic
    assert traffic.impatient == []
    assert traffic.busiest()[1] <= OF_ONE_OBJECT_MAX
    assert traffic.peak_of("watch") <= WATCHES_MAX
    assert traffic.peak_of("list") <= LISTS_MAX
    assert traffic.peak <= ALL_MAX
    assert traffic.total <= TIMES_THE_CALM * calm.requests


def told_of(passed):
    """The ends without the reasons of tasks and attempts."""
    return {
        run: (reason, {task: (row[0], len(row[2])) for task, row in rows.items()})
        for run, (reason, rows) in passed.ends.items()
    }


def told_by_the_dags(passed):
    shapes = {shape.name: shape for shape in mixed_dags.SHAPES}
    shape_of = {run: shapes[run.rpartition("-")[0]] for run in passed.ends}
    return {run: (shape.reason, shape.ends) for run, shape in shape_of.items()}


def measured(calm, bad, proxy):
    pods = [sum(map(len, story.lives.values())) for story in bad.stories.values()]
    return (
        f"seed {SEED}: {len(bad.ends)} runs and {sum(pods)} Pods in {bad.seconds:.0f} s; without "
        f"the proxy in {calm.seconds:.0f} s, with {calm.requests:.0f} requests\n"
        f"faults:\n{chaos_faults.told(proxy.struck)}\nrequests:\n{proxy.traffic.told()}"
    )
