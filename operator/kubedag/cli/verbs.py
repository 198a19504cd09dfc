"""The verbs by which people take a hand in runs, as the command line knows them.

The reference in docs/reference/cli.md is generated from this. What the verbs do is in `control`,
which is imported only when one of them runs.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Final

from kubedag.api.enums import RerunInclude, RerunScope, Verdict
from kubedag.cli import flags

if TYPE_CHECKING:
    from collections.abc import Callable

    Commands = argparse._SubParsersAction[argparse.ArgumentParser]  # noqa: SLF001

CLUSTER_FLAGS: Final = "cluster and output"
OUTPUTS: Final = ("text", "name", "json", "yaml")
_DEFAULTS: Final = {
    "namespace": None,
    "context": "",
    "kubeconfig": "",
    "as_user": "",
    "output": OUTPUTS[0],
}
"""What holds where nothing is said of the cluster and the output, neither before nor after a verb."""


def add(commands: Commands) -> None:
    """Add all verbs to the commands."""
    for adder in (
        *(_rerun, _mark, _stop, _terminate, _suspend, _resume),
        *(_approve, _reject, _clone, _trigger),
    ):
        parser = adder(commands)
        _add_cluster_flags(parser)
        parser.set_defaults(run=_run, misused=parser.error)


def add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    """The same may be said before the verb, as kubectl takes it."""
    _add_cluster_flags(parser)
    parser.set_defaults(**_DEFAULTS)


def takes_what_is_said_before(arguments: argparse.Namespace) -> bool:
    """Only verbs do; what another command would pass over in silence is misuse."""
    said = vars(arguments)
    return "misused" in said or all(said[name] == value for name, value in _DEFAULTS.items())


def _run(arguments: argparse.Namespace) -> int:
    from kubedag.cli import control  # noqa: PLC0415

    return control.main(arguments)


def _add_cluster_flags(parser: argparse.ArgumentParser) -> None:
    """Without defaults: those of a verb would take the place of what was said before it."""
    group = parser.add_argument_group(CLUSTER_FLAGS)
    add: Callable[..., argparse.Action] = partial(group.add_argument, default=argparse.SUPPRESS)
    add(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        type=flags.name,
        help="the namespace; without: that of the context",
    )
    add("--context", metavar="CONTEXT", help="a context of the kubeconfig")
    add("--kubeconfig", metavar="FILE", help="the kubeconfig; as kubectl finds it")
    add("--as", metavar="USER", dest="as_user", help="act as this user, if you may")
    add(
        "-o",
        "--output",
        choices=OUTPUTS,
        help="a line for people, the names of the objects, or the objects as the cluster has them"
        " now; default text",
    )


def _add_runs(parser: argparse.ArgumentParser, nargs: str = "+") -> None:
    parser.add_argument(
        "runs",
        metavar="RUN",
        type=flags.run,
        nargs=nargs,
        help="a run, as NAME or as dagrun/NAME",
    )


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", metavar="RUN", type=_one_run, help="a run, NAME or dagrun/NAME")


def _one_run(text: str) -> list[flags.Target]:
    return [flags.run(text)]


def _add_comment(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--comment", metavar="TEXT", type=flags.comment, help="why; it is kept with your name"
    )


def _add_params(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--param",
        metavar="NAME=VALUE",
        dest="params",
        type=flags.param,
        action="append",
        default=[],
        help="a parameter of the new run; can be repeated",
    )
    parser.add_argument(
        "--name", metavar="NAME", type=flags.name, help="the name of the new run; without: made up"
    )


def _add_runs_of_dag(parser: argparse.ArgumentParser) -> None:
    add: Callable[..., argparse.Action] = parser.add_argument
    add("--dag", metavar="DAG", type=flags.dag, help="the finished runs of this DAG")
    add(
        "--from",
        metavar="TIME",
        dest="start",
        type=flags.time,
        help="with --dag: those whose logical time is this or later",
    )
    add(
        "--to",
        metavar="TIME",
        dest="end",
        type=flags.time,
        help="with --dag: those whose logical time is earlier than this",
    )
    add(
        "--failed",
        action="store_true",
        help="with --dag: those that failed; that is so in any case with scope failed",
    )


def _rerun(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "rerun",
        help="run a finished run, or a part of it, again",
        description="Asks that runs that have finished run again, where they failed or where you"
        " say. What has succeeded before that is kept. A spec.shutdown of a run is taken out. The"
        " runs are those that are named, or those of a DAG, the oldest first. What --dry-run would"
        " refuse is refused, and nothing is written.",
    )
    _add_runs(parser, "*")
    _add_runs_of_dag(parser)
    add: Callable[..., argparse.Action] = parser.add_argument
    add(
        "--scope",
        metavar="SCOPE",
        type=flags.word(RerunScope),
        help="what runs again: failed (the default), all, or tasks",
    )
    add(
        "--task",
        metavar="TASK",
        dest="tasks",
        action="append",
        default=[],
        help="a task that runs again, which is scope tasks; can be repeated",
    )
    add(
        "--include",
        metavar="WHICH",
        type=flags.word(RerunInclude),
        default=RerunInclude.DOWNSTREAM,
        help="what runs again beside that: downstream (the default), upstream, both or none",
    )
    add("--newest", action="store_true", help="by the DAG as it is now, not as it was")
    add("--dry-run", action="store_true", help="only say which tasks would run again")
    return parser


def _mark(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "mark",
        help="say by hand how a run, or tasks of it, ended",
        description="Says by hand how tasks ended, whatever they did; what depends on them follows."
        " Without --task, how the run itself ended: what of it is active is ended then.",
    )
    _add_run(parser)
    parser.add_argument(
        "--task",
        metavar="TASK",
        dest="tasks",
        action="append",
        default=[],
        help="a task to mark; can be repeated",
    )
    parser.add_argument(
        "state",
        metavar="STATE",
        type=flags.word(Verdict),
        help="succeeded, failed, or, for tasks, skipped",
    )
    _add_comment(parser)
    return parser


def _stop(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "stop",
        help="end a run; what runs at the end of any run still does",
        description="Ends active runs: their Pods are ended, tasks that have not started are"
        " skipped, and teardown and finally tasks run. It cannot be taken back. Of a run that"
        " has finished by itself the answer is no.",
    )
    _add_runs(parser)
    return parser


def _terminate(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "terminate",
        help="end a run at once; nothing of it runs any more",
        description="Ends active runs as stop does, but without teardown and finally tasks. A run"
        " that is being stopped can still be terminated.",
    )
    _add_runs(parser)
    return parser


def _add_targets(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "runs",
        metavar="TARGET",
        type=flags.run_or_dag,
        nargs="+",
        help="a run as NAME, or dag/NAME, dagrun/NAME, backfill/NAME",
    )


def _suspend(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "suspend",
        help="hold a run, a DAG or a Backfill; what runs goes on",
        description="Holds back further tasks of runs, scheduled runs of DAGs, or runs of"
        " Backfills. What has started goes on.",
    )
    _add_targets(parser)
    return parser


def _resume(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "resume", help="let go of what is suspended", description="Lets go of what is suspended."
    )
    _add_targets(parser)
    return parser


def _approve(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "approve",
        help="answer a task that asks for approval with yes",
        description="Answers a task that asks for approval; it succeeds then. An answer may come"
        " before the question, and counts as soon as that is asked. You need the verb approve on"
        " the DAG.",
    )
    _add_run(parser)
    parser.add_argument("task", metavar="TASK", help="the task that asks")
    _add_comment(parser)
    return parser


def _reject(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "reject",
        help="answer a task that asks for approval with no",
        description="Answers a task that asks for approval; it fails then, and is not retried. An"
        " answer may come before the question, and counts as soon as that is asked. You need the"
        " verb approve on the DAG.",
    )
    _add_run(parser)
    parser.add_argument("task", metavar="TASK", help="the task that asks")
    _add_comment(parser)
    return parser


def _clone(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "clone",
        help="create a run like another one",
        description="Creates a run of the same DAG, interval, tasks and parameters as another one,"
        " by the DAG as it is now. The other run stays as it is.",
    )
    _add_run(parser)
    _add_params(parser)
    return parser


def _trigger(commands: Commands) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        "trigger",
        help="create a run of a DAG",
        description="Creates a run of a DAG. If there is a run of the same interval already, the"
        " answer is no, and says how that runs again. A parameter that no task names, where tasks"
        " name others, is told and created all the same.",
    )
    parser.add_argument("dag", metavar="DAG", type=flags.dag, help="a DAG, as NAME or as dag/NAME")
    for end, dest in (("start", "start"), ("end", "end")):
        parser.add_argument(
            f"--interval-{end}",
            metavar="TIME",
            dest=dest,
            type=flags.time,
            help=f"the {end} of the interval whose data is processed; both ends or none",
        )
    parser.add_argument(
        "--task",
        metavar="TASK",
        dest="tasks",
        action="append",
        default=[],
        help="only this task and those that depend on it; can be repeated",
    )
    parser.add_argument(
        "--again",
        action="store_true",
        help="create the run even if there is one of the same interval already",
    )
    _add_params(parser)
    return parser
