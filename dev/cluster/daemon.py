"""A private dockerd from Debian's packages, shared by all clones on a machine.

Its life is written down before it begins: a token that it and everything it starts (containerd,
and a shim per container) carries, and the state of the network. So whatever happens to it, all
of it can be found again and undone. Its images stay in the cache.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import kernel, network, packages, paths, processes
from .problem import Problem
from .run import environment, run, succeeds

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCKER = ".".join(("docker", "io"))  # noqa: FLY002 - Debian's package, though it looks like a host
PROGRAMS = {
    "dockerd": DOCKER,
    "/usr/bin/docker": DOCKER,
    "iptables": "iptables",
    "nft": "nftables",
    "ip": "iproute2",
}
SYS_RESOURCE = 24  # the number of the capability CAP_SYS_RESOURCE


def home() -> Path:
    """Return the daemon's folder."""
    return paths.cache() / "docker"


def address() -> str:
    """Return the socket it answers on."""
    return f"unix://{home() / 'docker.sock'}"


def cgroup() -> str:
    """Name the control group that everything in our containers is in, and nothing else."""
    return f"kubedag-dev-{paths.digest(str(home()))}"


def client() -> dict[str, str]:
    """Return what makes docker and kind talk to it, with the client that came with it."""
    path = f"{home() / 'bin'}{os.pathsep}{packages.SEARCH}"
    config = str(home() / "config")  # never the user's: it may name a context or a proxy
    return {"DOCKER_HOST": address(), "DOCKER_CONTEXT": "", "DOCKER_CONFIG": config, "PATH": path}


@dataclass(frozen=True)
class Daemon:
    """The record of our engine; without a process it was about to start."""

    token: str
    boot: str
    process: processes.Process | None = None


def _daemon_file() -> Path:
    return home() / "daemon.json"


def _daemon() -> Daemon | None:
    try:
        record = json.loads(_daemon_file().read_text())
    except (OSError, ValueError):
        return None
    process = record["process"]
    return Daemon(
        record["token"], record["boot"], processes.Process(**process) if process else None
    )


def recorded() -> bool:
    """Tell whether there is, or was, a daemon that has not been stopped."""
    return _daemon_file().exists()


def running() -> bool:
    """Tell whether it runs and answers."""
    daemon = _daemon()
    return bool(daemon and daemon.process and daemon.process.alive() and _answers())


def _answers() -> bool:
    docker = home() / "bin" / "docker"
    return docker.exists() and succeeds(docker, "version", env=client(), timeout=15)


def before() -> network.Network:
    """Return the network's state before our engine's first start."""
    file = home() / "network-before.json"
    return network.Network.read(file) if file.exists() else network.Network.now()


def start() -> None:
    """Start it in a session of its own; the caller holds the lock."""
    if recorded():
        clear()  # it has been killed, or the machine was switched off
    packages.install(PROGRAMS)
    network.Network.now().write(home() / "network-before.json")
    token = processes.new_token()
    _remember(Daemon(token, kernel.boot()))
    # dockerd closes the FORWARD chain to everyone if it is the one that switches this on
    network.FORWARD.write_text("1")
    log = home() / "dockerd.log"
    with log.open("w") as out:
        child = subprocess.Popen(
            _command(),
            env={**environment(client()), processes.VARIABLE: token},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    _remember(Daemon(token, kernel.boot(), processes.Process.of(child.pid)))
    until = time.monotonic() + 60
    while not _answers():
        if child.poll() is not None or time.monotonic() > until:
            said = "\n".join(f"  | {x}" for x in log.read_text().splitlines()[-10:])
            raise Problem(f"dockerd does not work here:\n{said}", f"look into {log}")
        time.sleep(0.2)


def _remember(daemon: Daemon) -> None:
    processes.write_json(_daemon_file(), asdict(daemon))


def _command() -> list[str]:
    """Return dockerd's command line; ``bin`` holds what it and kind must find first."""
    own = home()
    (own / "bin").mkdir(parents=True, exist_ok=True)
    docker = own / "bin" / "docker"
    docker.unlink(missing_ok=True)
    docker.symlink_to("/usr/bin/docker")  # the engine's own client
    command = [shutil.which("dockerd", path=packages.SEARCH) or "dockerd"]
    for name, value in {
        "data-root": own / "data",
        "exec-root": own / "exec",
        "pidfile": own / "docker.pid",
        "host": address(),
        "bridge": "none",  # kind has a network of its own
        "cgroup-parent": f"/{cgroup()}",
    }.items():
        command.append(f"--{name}={value}")
    if not may_hand_out_sys_resource():
        shim = own / "bin" / "runc-less-one-capability"
        shutil.copy(paths.FILES / shim.name, shim)
        command += [f"--add-runtime=less={shim}", "--default-runtime=less"]
    return command


def may_hand_out_sys_resource(status: str = "") -> bool:
    """Tell whether a container can be given CAP_SYS_RESOURCE (see /proc/self/status)."""
    status = status or Path("/proc/self/status").read_text()
    bound = next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd"))
    return bool(int(bound, 16) >> SYS_RESOURCE & 1)


def stop() -> None:
    """Stop it and undo its traces; the caller holds the lock, and nobody needs it any more."""
    daemon = _daemon()
    if daemon and daemon.boot == kernel.boot():
        if daemon.process and not running():
            with contextlib.suppress(Problem):
                start()  # it was killed: its containers are best taken down by an engine
            daemon = _daemon() or daemon
        with thawing():
            if running():
                _empty()
            if daemon.process:
                daemon.process.end(30)
    clear()


def _empty() -> None:
    """Remove all containers and their volumes; images stay.

    A container whose client was killed may still be on its way: so look again until none comes.
    """
    docker = home() / "bin" / "docker"
    until = time.monotonic() + 20
    while containers := run(docker, "ps", "-aq", env=client()).split():
        with contextlib.suppress(Problem):
            run(docker, "rm", "-f", "-v", *containers, env=client())
        if time.monotonic() > until:
            break
        time.sleep(0.5)


def clear() -> None:
    """Undo what a daemon that does not run has left: processes, mounts, groups, network."""
    daemon = _daemon()
    if daemon and daemon.boot == kernel.boot():
        with thawing():
            processes.end_all([*processes.with_token(daemon.token), *in_containers()], 2)
        unmount(home())
        for group in sorted(_groups(), key=lambda g: -len(g.parts)):
            with contextlib.suppress(OSError):
                group.rmdir()
        network.restore(before())
    shutil.rmtree(home() / "data" / "network", ignore_errors=True)  # or they would come back
    for name in ("docker.pid", "docker.sock", "daemon.json"):
        (home() / name).unlink(missing_ok=True)


def _groups() -> list[Path]:
    """List the control groups of our containers."""
    tops = [*Path("/sys/fs/cgroup").glob(cgroup()), *Path("/sys/fs/cgroup").glob(f"*/{cgroup()}")]
    return [g for top in tops for g in (top, *(d for d in top.rglob("*") if d.is_dir()))]


def in_containers() -> list[processes.Process]:
    """Find the processes in our containers by their control group."""
    pids = set()
    for group in _groups():
        with contextlib.suppress(OSError):
            pids |= {int(p) for p in (group / "cgroup.procs").read_text().split()}
    return [p for p in map(processes.Process.of, pids) if p]


def runs_containers_of(cluster: str) -> bool:
    """Tell whether a container of a kind cluster runs, or might, as no engine can be asked."""
    if not running():
        return bool(in_containers())
    chosen = f"label=io.x-k8s.kind.cluster={cluster}"
    docker = home() / "bin" / "docker"
    try:
        return bool(run(docker, "ps", "--quiet", "--filter", chosen, env=client(), timeout=15))
    except Problem:
        return True


def thaw() -> None:
    """Wake what a killed runc has left frozen in our containers: it cannot even be killed."""
    for state in Path("/sys/fs/cgroup/freezer").glob(f"{cgroup()}/**/freezer.state"):
        with contextlib.suppress(OSError):
            if state.read_text().strip() != "THAWED":
                state.write_text("THAWED")


@contextlib.contextmanager
def thawing() -> Iterator[None]:
    """Keep doing that while containers are being killed."""
    over = threading.Event()

    def keep_on() -> None:
        while not over.wait(0.5):
            thaw()

    thread = threading.Thread(target=keep_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def mounts(below: Path) -> list[str]:
    """List what is mounted below a folder, the deepest last."""
    table = Path("/proc/self/mountinfo")
    if not table.exists():
        return []
    points = [line.split()[4] for line in table.read_text().splitlines()]
    return sorted(p for p in points if p.startswith(f"{below}/"))


def unmount(below: Path) -> None:
    """Unmount what is mounted below a folder."""
    for point in reversed(mounts(below)):
        run("umount", "--lazy", point)


def leftovers() -> list[str]:
    """List what is there of a daemon and its containers, as a person would name it."""
    daemon = _daemon()
    found = [f"record {_daemon_file()}"] if daemon else []
    if daemon:
        found += [
            f"process {p.pid} of the Docker engine" for p in processes.with_token(daemon.token)
        ]
    found += [f"process {p.pid} in a container" for p in in_containers()]
    found += [f"control group {g}" for g in _groups()]
    found += [f"mount {m}" for m in mounts(home())]
    return found + network.leftovers(before(), network.Network.now())
