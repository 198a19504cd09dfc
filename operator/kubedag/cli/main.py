"""The command `kubedag`, which is `kubectl kubedag`, too.

Each command imports what it needs when it runs: nobody who asks for the version waits for kopf.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
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
    """All commands, with what they take; first what people use, last what the chart does."""
    made = argparse.ArgumentParser(prog="kubedag", description=kubedag.__doc__, allow_abbrev=False)
    made.add_argument(
        "--version", action="version", version=kubedag.__version__, help="print the version"
    )
    verbs.add_cluster_flags(made)
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_validate(commands)
    verbs.add(commands)
    _add_help(commands, made)
    version = commands.add_parser(
        "version",
        help="print the version",
        description="Prints the version, as `kubedag --version` does.",
    )
    version.set_defaults(run=_version)
    _add_crds(commands)
    _add_release_pods(commands)
    operator = commands.add_parser(
        "operator",
        help="run the operator until it is told to stop, which the chart does in a Pod",
        description="Runs the operator until it is told to stop. The chart starts this, in a Pod;"
        " anywhere else it starts only if KUBEDAG_CONTEXT names the context of the kubeconfig that"
        " it is to act on.",
    )
    operator.set_defaults(run=_operator)
    return made


def _add_validate(commands: verbs.Commands) -> None:
    validate = commands.add_parser(
        "validate",
        help="say what is wrong with DAGs, without a cluster",
        description="Says what is wrong with the DAGs, runs, Backfills and TaskPools of files, as"
        " the API server and the operator would, without a cluster.",
    )
    said = "a YAML or JSON file, a folder of them, or - for standard input"
    validate.add_argument("paths", metavar="FILE", nargs="*", default=[], help=said)
    validate.add_argument(
        "-f",
        "--filename",
        metavar="FILE",
        dest="files",
        action="extend",
        nargs="+",
        default=[],
        help="the same, as kubectl takes it",
    )
    validate.set_defaults(run=partial(_validate, validate))


def _add_help(commands: verbs.Commands, whole: argparse.ArgumentParser) -> None:
    helped = commands.add_parser(
        "help",
        help="print what a command takes",
        description="Prints what a command takes, as --help behind it does; without one, which"
        " commands there are.",
    )
    helped.add_argument(
        "about", metavar="COMMAND", nargs="?", choices=commands.choices, help="a command"
    )
    helped.set_defaults(run=partial(_help, commands, whole))


def _add_crds(commands: verbs.Commands) -> None:
    crds = commands.add_parser(
        "crds",
        help="print the CRDs, or write them to a folder",
        description="Prints the CustomResourceDefinitions of kubedag, or writes them to a folder,"
        " for who installs them without the chart.",
    )
    crds.add_argument(
        "--output",
        metavar="DIR",
        dest="folder",
        type=Path,
        help="write one file per CRD to this folder",
    )
    crds.set_defaults(run=_crds)


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
    import os  # noqa: PLC0415

    from kubedag.cli import outside  # noqa: PLC0415

    if why := outside.refusal(os.environ):
        sys.stderr.write(f"kubedag operator: {why}\n")
        return MISUSED
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


def _validate(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> int:
    names = [*arguments.paths, *arguments.files]
    if not names:
        parser.error("name a file, a folder, or - for standard input")
    from kubedag.cli import validate  # noqa: PLC0415

    return validate.run(names, sys.stdin, sys.stdout)


def _help(
    commands: verbs.Commands, whole: argparse.ArgumentParser, arguments: argparse.Namespace
) -> int:
    (commands.choices[arguments.about] if arguments.about else whole).print_help()
    return OK


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
