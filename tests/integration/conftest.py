"""Real API servers for the tests of this folder.

Each xdist worker has its own: one takes three seconds, and a test that crashes the API server
on purpose must not hurt its neighbours.
"""

from collections.abc import Iterator

import pytest

from dev.cluster.procs import ProcessCluster, Profile


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
