"""Real API servers for the tests of this folder.

Each xdist worker has its own: one takes three seconds, and a test that crashes the API server
on purpose must not hurt its neighbours.
"""

from collections.abc import Iterator

import pytest

from dev.cluster.procs import ProcessCluster, Profile

LONGEST_FIRST = (
    "test_a_run_too_large_for_one_object",
    "test_through_a_bad_network",
    "test_backfills",
    "test_hostile_manifests",
    "test_attempts_on_a_real_api_server",
)
"""A worker has one file at a time, and none is to be alone with one of these at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the files; the order within each stays."""
    order = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what was measured, of tests that pass too, and from whichever process."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, text in report.user_properties:
            if name == "measured":
                terminalreporter.section(report.nodeid.rpartition("::")[2])
                terminalreporter.write_line(str(text))


@pytest.fixture(scope="session")
def api_server() -> Iterator[ProcessCluster]:
    """An API server and its store, nothing else: what is created stays as it was created."""
    with ProcessCluster(Profile.API) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def scale_cluster() -> Iterator[ProcessCluster]:
    """All controllers, the scheduler, and fake nodes that run Pods as their annotations say."""
    with ProcessCluster(Profile.SCALE) as cluster:
        yield cluster


@pytest.fixture
def namespace(api_server: ProcessCluster) -> str:
    """A fresh namespace. Never deleted: without controllers it would hang in Terminating."""
    return api_server.create_namespace()


@pytest.fixture
def scale_namespace(scale_cluster: ProcessCluster) -> Iterator[str]:
    name = scale_cluster.create_namespace()
    yield name
    scale_cluster.client.delete(f"/api/v1/namespaces/{name}")
