"""The cluster itself: what is started in which order, and when it counts as ready."""

from __future__ import annotations

import atexit
import os
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Self

from dev.cluster import tools
from dev.cluster.procs import access, nodes
from dev.cluster.procs.client import ApiError, Client
from dev.cluster.procs.components import PROFILE_COMPONENTS, Component, Layout, Profile
from dev.cluster.procs.ports import Port
from dev.cluster.procs.process import Process
from dev.cluster.procs.state import StateDir

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

START_TIMEOUT = 120.0  # two cores may have other things to do
POLL_SECONDS = 0.02


class ProcessCluster:
    """A throw-away Kubernetes on loopback; several may run side by side.

    Use it as a context manager, or call `start` and `stop`. It is stopped at interpreter exit in
    any case, and its processes die even if the interpreter is killed.
    """

    def __init__(
        self,
        profile: Profile = Profile.API,
        *,
        fake_nodes: int = 10,
        on_progress: Callable[[str], None] | None = None,
    ) -> None:
        self.profile = profile
        self._fake_nodes = fake_nodes if profile is Profile.SCALE else 0
        self._say = on_progress or (lambda _: None)
        self._owner = os.getpid()
        self._resources = ExitStack()
        self._processes: dict[Component, Process] = {}
        self._layout: Layout | None = None
        self._state: StateDir | None = None
        self._client: Client | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def layout(self) -> Layout:
        if self._layout is None:
            raise RuntimeError("the cluster isn't started")
        return self._layout

    @property
    def dir(self) -> Path:
        """Everything the cluster writes is below it; logs are in `logs/`."""
        return self.layout.dir

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.layout.kubeconfig

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.layout.api_port}"

    @property
    def client(self) -> Client:
        """A small client with every right."""
        if self._client is None:
            raise RuntimeError("the cluster isn't started")
        return self._client

    @property
    def pids(self) -> dict[str, int]:
        """Return the processes that run, by program name."""
        return {
            component.value: process.pid
            for component, process in self._processes.items()
            if process.returncode() is None
        }

    def start(self) -> None:
        """Start everything and return when it is usable; leave nothing if that fails."""
        if self._layout is not None:
            raise RuntimeError("the cluster is started already")
        atexit.register(self.stop)
        try:
            self._start()
        except BaseException:  # Ctrl-C above all
            self.stop()
            raise

    def stop(self) -> None:
        """End every process and delete every file. Harmless when there are none."""
        if os.getpid() != self._owner:  # a fork inherited the object, not the cluster
            return
        self._resources.close()
        self._processes.clear()
        self._layout = self._client = self._state = None
        atexit.unregister(self.stop)

    def kill(self, component: Component) -> None:
        """End one component with SIGKILL, as a crash would."""
        self._processes[component].kill()

    def restart(self, component: Component) -> None:
        """Kill a component and start it again, with the same flags, port and data."""
        self.kill(component)
        self._spawn(component)

    def restart_apiserver(self) -> None:
        """Crash the API server; returns when it serves again, where it did before."""
        self.client.close()
        self.restart(Component.APISERVER)
        self._wait_for_apiserver()

    def add_fake_nodes(self, count: int) -> None:
        """Add nodes that KWOK plays; returns when Pods can be scheduled to them."""
        names = nodes.create(self.client, count)
        self._wait("fake nodes", lambda: nodes.ready(self.client, names), Component.KWOK)

    def create_namespace(self, prefix: str = "test-") -> str:
        """Create a namespace of a new name; returns when Pods can be created in it."""
        name = self.client.create("/api/v1/namespaces", {"metadata": {"generateName": prefix}})[
            "metadata"
        ]["name"]
        if Component.CONTROLLERS in self._processes:
            self._wait_for_service_account(str(name))
        return str(name)

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Write a kubeconfig with the rights of a service account, to test what RBAC allows it."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        asked = {"spec": {"expirationSeconds": 24 * 3600}}
        token = str(self.client.create(path, asked)["status"]["token"])
        file = f"kubeconfig-{namespace}-{name}"
        return access.write_kubeconfig(self.layout, self.url, token, file)

    def _start(self) -> None:
        begun = time.monotonic()
        self._prepare()
        self._spawn(Component.ETCD)
        env = self._env()
        access.make_certificates(self.layout, env)
        token = access.make_tokens(self.layout)
        access.write_kubeconfig(self.layout, self.url, token)
        self._client = Client(self.url, self.layout.pki / "ca.crt", token)
        self._resources.callback(self._client.close)
        self._spawn(Component.APISERVER)
        self._wait_for_apiserver()
        for component in PROFILE_COMPONENTS[self.profile][2:]:
            self._spawn(component)
        if self.profile is not Profile.API:
            self._wait_for_service_account("default")
            self._say(f"controllers work {time.monotonic() - begun:.1f} s after the start")
        if self._fake_nodes:
            self.add_fake_nodes(self._fake_nodes)
        self._say(f"profile {self.profile.value} ready in {time.monotonic() - begun:.1f} s")

    def _prepare(self) -> None:
        programs = tools.ensure("kubeadm", *(c.value for c in PROFILE_COMPONENTS[self.profile]))
        ports = []
        for _ in range(2):
            port = Port.reserve()
            self._resources.callback(port.release)
            ports.append(port.number)
        self._state = StateDir()
        self._resources.callback(self._state.remove)
        (self._state.path / "logs").mkdir()
        self._layout = Layout(self.profile, self._state.path, programs, *ports)

    def _env(self) -> dict[str, str]:
        """Nothing of the user's: no proxy, no kubeconfig, no cache in the home folder."""
        return {
            "PATH": os.defpath,
            "HOME": str(self.dir),
            "TMPDIR": str(self.dir),
            # Collect garbage when the heap has grown fivefold, not twofold. Costs 100 MB in the
            # API server, saves a seventh of the processor time of everything.
            "GOGC": "400",
        }

    def _spawn(self, component: Component) -> None:
        process = self._processes.get(component)
        if process is None:
            log = self.dir / "logs" / f"{component.value}.log"
            process = self._processes[component] = Process(component.value, log)
            self._resources.callback(process.kill)
        process.start(self.layout.argv(component), self._env())
        if self._state is not None:
            self._state.record(process.pid)

    def _wait_for_apiserver(self) -> None:
        self._wait("API server", lambda: self.client.get("/readyz") == "ok", Component.APISERVER)

    def _wait_for_service_account(self, namespace: str) -> None:
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        self._wait(
            f"service account in {namespace}",
            lambda: self.client.exists(path),
            Component.CONTROLLERS,
        )

    def _wait(self, what: str, ready: Callable[[], bool], component: Component) -> None:
        """Poll until it is so; fail at once, with the log, if the component has ended."""
        begun = time.monotonic()
        process = self._processes[component]
        while time.monotonic() - begun < START_TIMEOUT:
            with suppress(OSError, ApiError):  # not listening yet, or not ready yet
                if ready():
                    self._say(f"{what}: {time.monotonic() - begun:.1f} s")
                    return
            if process.returncode() is not None:
                raise RuntimeError(
                    f"{process.name} ended with {process.returncode()}:\n{process.tail()}"
                )
            time.sleep(POLL_SECONDS)
        raise TimeoutError(f"{what} not ready in {START_TIMEOUT} s:\n{process.tail()}")
