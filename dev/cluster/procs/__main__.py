"""`python -m dev.cluster.procs up`: keep a cluster of processes until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from typing import TYPE_CHECKING

from dev.cluster.procs import ProcessCluster, Profile

if TYPE_CHECKING:
    from types import FrameType

WATCH_SECONDS = 1.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m dev.cluster.procs", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster and keep it until Ctrl-C")
    up.add_argument("--profile", choices=[p.value for p in Profile], default=Profile.API.value)
    up.add_argument("--nodes", type=int, default=10, help="fake nodes (profile scale)")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _terminate)
    # A shell that starts a program in the background has it ignore Ctrl-C, and so would we.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return _up(Profile(arguments.profile), arguments.nodes)
    except KeyboardInterrupt:
        return 130


def _up(profile: Profile, nodes: int) -> int:
    with ProcessCluster(profile, fake_nodes=nodes, on_progress=_print) as cluster:
        started = cluster.pids
        for name, pid in started.items():
            _print(f"{name}: process {pid}")
        _print(f"logs: {cluster.dir / 'logs'}")
        _print("Ctrl-C ends it")
        # Alone on standard output, so that a script can read it.
        print(f"export KUBECONFIG={cluster.kubeconfig}", flush=True)
        while cluster.pids == started:
            time.sleep(WATCH_SECONDS)
        _print(f"ended by itself: {', '.join(started.keys() - cluster.pids.keys())}")
    return 1


def _print(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


if __name__ == "__main__":
    sys.exit(main())
