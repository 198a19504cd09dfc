"""The verbs of ``python3 -m dev.cluster``."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import (
    claims,
    daemon,
    engine,
    existing,
    images,
    kindcluster,
    paths,
    processes,
    sweep,
    tools,
)
from .problem import Problem
from .progress import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from .kindcluster import Cluster


def main() -> int:
    """Run one verb; a problem is told, not traced."""
    options = _parser().parse_args()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    # A shell that starts a program in the background has it ignore Ctrl-C, and so would we.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return int(options.verb(options) or 0)
    except Problem as problem:
        say(f"failed: {problem}")
        return 1
    except KeyboardInterrupt:
        processes.interrupted()
        say("stopped; `make cluster` goes on from here, `make cluster-down` clears up")
        return 130


def _terminate(number: int, _frame: FrameType | None) -> None:
    processes.interrupted()
    say("asked to end")
    sys.exit(128 + number)


class _Verb(argparse.ArgumentParser):
    """Takes options between its words, too; argparse's own does not where a word may be left out."""

    _inside = False

    def parse_known_args(  # type: ignore[override]  # of argparse's forms the one that it uses
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        if self._inside:
            return super().parse_known_args(args, namespace)
        self._inside = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._inside = False


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -m dev.cluster", description=__doc__)
    verbs = parser.add_subparsers(required=True, metavar="VERB", parser_class=_Verb)

    up = verbs.add_parser("up", help="make this clone's cluster, or find it")
    up.add_argument(
        "--context",
        default=os.environ.get("CONTEXT", ""),
        help="use the cluster of this context of your kubeconfig instead (or CONTEXT=NAME)",
    )
    up.set_defaults(verb=_up)

    verbs.add_parser("down", help="end all that was started for it").set_defaults(verb=_down)
    verbs.add_parser("status", help="tell what there is").set_defaults(verb=_status)
    verbs.add_parser("env", help="print what a shell must export to use it").set_defaults(
        verb=_env
    )
    verbs.add_parser(
        "leftovers", help="list what is left on the machine after down; exit code 1 if anything is"
    ).set_defaults(verb=_leftovers)

    image = verbs.add_parser("image", help="build an image and put it into the cluster")
    image.add_argument("name", help="NAME:TAG")
    image.add_argument("--file", type=Path, help="the Dockerfile (default: that of the folder)")
    image.add_argument("folder", nargs="?", type=Path, default=paths.CLONE)
    image.set_defaults(verb=_image)

    ensure = verbs.add_parser("tools", help="print where programs are, building what is missing")
    ensure.add_argument("names", nargs="+", metavar="NAME", help=", ".join(tools.TOOLS))
    ensure.set_defaults(verb=_tools)
    return parser


def _up(options: argparse.Namespace) -> None:
    cluster = existing.use(options.context) if options.context else kindcluster.up()
    say(f"{cluster.context} is ready; to use it in a shell:")
    say('  eval "$(python3 -m dev.cluster env)"')
    print(cluster.kubeconfig)


def _down(_options: argparse.Namespace) -> int:
    existing.forget()
    kindcluster.down()
    left = everything_left()
    for line in left:
        say(f"left: {line}")
    if not _say_who_goes_on() and not left:
        say("nothing is left")
    return 1 if left else 0


def _status(_options: argparse.Namespace) -> int:
    cluster = kindcluster.find()
    own = "runs" if daemon.running() else "does not run"
    print(f"engine of our own: {own}")
    for name, clone in engine.users().items():
        print(f"  used by {name} of {clone}")
    for name, clone in claims.lapsed().items():
        print(f"  not used any more by {name} of {clone}, which is gone (make cluster-down)")
    if not cluster:
        print("cluster: none (make cluster)")
        return 1
    print(f"cluster: {cluster.context}\nkubeconfig: {cluster.kubeconfig}")
    print(cluster.kubectl("get", "nodes", "-o", "wide"), end="")
    return 0


def _env(_options: argparse.Namespace) -> None:
    for name, value in _cluster().environment("helm").items():
        print(f"export {name}={shlex.quote(value)}")


def _image(options: argparse.Namespace) -> None:
    images.build_and_load(_cluster(), options.name, options.file, options.folder)


def _tools(options: argparse.Namespace) -> None:
    for path in tools.ensure(*options.names).values():
        print(path)


def _cluster() -> Cluster:
    if cluster := kindcluster.find():
        return cluster
    raise Problem("this clone has no cluster", "make cluster")


def _leftovers(_options: argparse.Namespace) -> int:
    left = everything_left()
    for line in left:
        print(line)
    _say_who_goes_on()
    return 1 if left else 0


def _say_who_goes_on() -> bool:
    """Tell for whom else the shared engine runs, so that nobody wonders why it does."""
    users = engine.users().items() if daemon.recorded() else ()
    others = [(name, clone) for name, clone in users if clone != str(paths.CLONE)]
    for name, clone in others:
        say(f"the engine goes on: used by {name} of {clone}")
    return bool(others)


def everything_left() -> list[str]:
    """List what is left; while another clone uses the shared engine, only what is not its."""
    gone = [f"claim of {n} of {clone}, which is gone" for n, clone in claims.lapsed().items()]
    left = sweep.leftovers() + kindcluster.leftovers() + gone
    return left if engine.users() else left + daemon.leftovers()
