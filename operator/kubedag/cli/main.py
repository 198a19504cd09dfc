"""The command `kubedag`, which is `kubectl kubedag`, too.

Each command imports what it needs when it runs: nobody who asks for the version waits for kopf.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import kubedag
from kubedag.cli import verbs

if TYPE_CHECKING:
    from collections.abc import Sequence

OK = 0
FAILED = 1
MISUSED = 2
INTERRUPTED = 130
"""What shells say of a program that Ctrl-C has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0, 1 for "no", 2 for misuse, 3 for a cluster out of reach."""
    commands = parser()
    arguments = commands.parse_args(argv)
    if not verbs.takes_what_is_said_before(arguments):
        commands.error(f"{arguments.command} takes no flags before its name")
    try:
        code: int = arguments.run(arguments)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. What is still buffered has nowhere to go.
        sys.stdout = None
        return OK
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def parser() -> argparse.ArgumentParser:
    """All commands, with what they take."""
    made = argparse.ArgumentParser(prog="kubedag", description=kubedag.__doc__, allow_abbrev=False)
    verbs.add_cluster_flags(made)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    operator = commands.add_parser("operator", help="run the operator until it is told to stop")
    operator.set_defaults(run=_operator)

    crds = commands.add_parser("crds", help="print the CRDs, or write them to a folder")
    crds.add_argument(
        "--output",
        metavar="DIR",
        dest="folder",
        type=Path,
        help="write one file per CRD to this folder",
    )
    crds.set_defaults(run=_crds)

    validate = commands.add_parser(
        "validate", help="say what is wrong with DAGs, without a cluster"
    )
    validate.add_argument(
        "-f",
        "--filename",
        metavar="FILE",
        dest="files",
        action="extend",
        nargs="+",
        required=True,
        help="a YAML or JSON file, a folder of them, or - for standard input",
    )
    validate.set_defaults(run=_validate)

    _add_release_pods(commands)

    version = commands.add_parser("version", help="print the version")
    version.set_defaults(run=_version)

    verbs.add(commands)
    return made


def _add_release_pods(commands: verbs.Commands) -> None:
    release = commands.add_parser(
        "release-pods",
        help="let go of all Pods that wait for an operator, before there is none",
        description="Takes the finalizer off the Pods of tasks with `idempotent: false`. The Helm"
        " chart runs this when it is uninstalled.",
    )
    release.add_argument(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        dest="namespaces",
        action="append",
        help="of this namespace only; can be repeated. Without: KUBEDAG_WATCH_NAMESPACES, or all",
    )
    release.set_defaults(run=_release_pods)


def _operator(_: argparse.Namespace) -> int:
    from kubedag.shell.main import run  # noqa: PLC0415

    return run()


def _crds(arguments: argparse.Namespace) -> int:
    from kubedag.api import crds  # noqa: PLC0415

    files = {name: crds.render(manifest) for name, manifest in crds.all_manifests().items()}
    if arguments.folder is None:
        sys.stdout.write("---\n".join(files.values()))
        return OK
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (arguments.folder / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"{arguments.folder / name}\n")
    return OK


def _validate(arguments: argparse.Namespace) -> int:
    from kubedag.cli import validate  # noqa: PLC0415

    return validate.run(arguments.files, sys.stdin, sys.stdout)


def _release_pods(arguments: argparse.Namespace) -> int:
    import asyncio  # noqa: PLC0415
    import os  # noqa: PLC0415

    from kubedag.shell import release_pods  # noqa: PLC0415
    from kubedag.shell.access import CredentialsError  # noqa: PLC0415
    from kubedag.shell.errors import ClusterError  # noqa: PLC0415

    watched = os.environ.get("KUBEDAG_WATCH_NAMESPACES", "").split(",")
    namespaces = arguments.namespaces or [name.strip() for name in watched if name.strip()]
    context = os.environ.get("KUBEDAG_CONTEXT") or None
    try:
        count = asyncio.run(release_pods.run(namespaces, context))
    except (ClusterError, CredentialsError) as error:
        sys.stderr.write(f"kubedag release-pods: {error}\n")
        return FAILED
    sys.stdout.write(f"released {count} Pod{'' if count == 1 else 's'}\n")
    return OK


def _version(_: argparse.Namespace) -> int:
    sys.stdout.write(f"{kubedag.__version__}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main())
