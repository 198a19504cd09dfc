"""DAGs of every shape, whose Pods go as their annotations say, and how each of their tasks must end.

Every end here is certain, however slow things are: what is too slow is so by an hour. Two shapes
need something to be seen before a time is up, and say so (`hurries`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from support.objects import a_dag, a_task

KWOK = "kwok.kubedag.dev/"
ENDS_AT_ONCE: dict[str, str] = {}
FOR_EVER = {"run-seconds": "3600"}

Ends = dict[str, tuple[str, int]]
"""The state and the number of attempts of each task."""


def ok(name: str, *after: str, says: dict[str, str] = ENDS_AT_ONCE, **fields: Any) -> Any:
    """A task whose Pods do what they are told by `says`."""
    if says:
        annotations = {KWOK + key: value for key, value in says.items()}
        fields["podTemplate"] = {"metadata": {"annotations": annotations}}
    return a_task(name, **({"dependsOn": list(after)} if after else {}), **fields)


def bad(name: str, *after: str, **fields: Any) -> Any:
    """A task whose program fails each time."""
    return ok(name, *after, says={"exit-code": "3"}, **fields)


@dataclass(frozen=True)
class Shape:
    """A DAG, and what must become of each of its runs."""

    name: str
    tasks: tuple[dict[str, Any], ...]
    ends: Ends
    reason: str = "Succeeded"
    """Of the run's condition Succeeded."""
    spec: dict[str, Any] = field(default_factory=dict)
    hurries: bool = False
    """Its first Pod must be there, and seen, before its time is up."""

    def manifest(self) -> dict[str, Any]:
        """The DAG; its runs go beside each other unless it says otherwise."""
        retry = {"backoffSeconds": 1, "backoffSecondsMax": 1}
        defaults = {"image": "busybox:1.36", "command": ["true"], "retry": retry}
        policy = {"concurrencyPolicy": "Allow"} | self.spec
        return a_dag(*self.tasks, name=self.name, taskDefaults=defaults, **policy)


def _all(state: str, *names: str, attempts: int = 1) -> Ends:
    return dict.fromkeys(names, (state, attempts))


def _chain() -> Shape:
    names = ["a", "b", "c", "d", "e"]
    tasks = [ok(name, *names[max(0, i - 1) : i]) for i, name in enumerate(names)]
    return Shape("chain", tuple(tasks), _all("Succeeded", *names))


def _diamond() -> Shape:
    tasks = (ok("a"), ok("b", "a"), ok("c", "a", says={"run-seconds": "0.5"}), ok("d", "b", "c"))
    return Shape("diamond", tasks, _all("Succeeded", "a", "b", "c", "d"))


def _fan_out() -> Shape:
    leaves = [f"leaf-{n}" for n in range(8)]
    tasks = (ok("root"), *(ok(leaf, "root") for leaf in leaves), ok("join", *leaves))
    return Shape("fan-out", tasks, _all("Succeeded", "root", *leaves, "join"))


def _rules() -> Shape:
    """Each rule, below one task that succeeds and one that fails; and some below skipped tasks."""
    ends = {
        "AllSucceeded": "UpstreamFailed", "AllFailed": "Skipped", "AllDone": "Succeeded",
        "AllDoneMinOneSucceeded": "Succeeded", "AllSkipped": "Skipped", "OneFailed": "Succeeded",
        "OneSucceeded": "Succeeded", "OneDone": "Succeeded", "NoneFailed": "UpstreamFailed",
        "NoneFailedMinOneSucceeded": "UpstreamFailed", "NoneSkipped": "Succeeded",
        "Always": "Succeeded",
    }  # fmt: skip
    tasks = [ok("good"), bad("wrong")]
    tasks += [ok(rule.lower(), "good", "wrong", triggerRule=rule) for rule in ends]
    tasks += [
        ok("below-skipped", "allfailed", triggerRule="AllSkipped"),
        ok("beside-skipped", "allfailed", "good", triggerRule="NoneSkipped"),
        ok("after-all", "below-skipped", "beside-skipped", triggerRule="NoneFailed"),
    ]
    expected = {
        rule.lower(): (state, 1 if state == "Succeeded" else 0) for rule, state in ends.items()
    }
    expected |= {"good": ("Succeeded", 1), "wrong": ("Failed", 1)}
    expected |= {"below-skipped": ("Succeeded", 1), "beside-skipped": ("Skipped", 0)}
    expected |= {"after-all": ("Succeeded", 1)}
    return Shape("rules", tuple(tasks), expected, "Failed")


def _retried() -> Shape:
    fails_twice = {"exit-code-of-attempt-1": "1", "exit-code-of-attempt-2": "137"}
    tasks = (ok("flaky", says=fails_twice, retry={"limit": 3}), ok("next", "flaky"))
    return Shape("retried", tasks, {"flaky": ("Succeeded", 3), "next": ("Succeeded", 1)})


def _exhausted() -> Shape:
    tasks = (
        bad("stubborn", retry={"limit": 2}),
        ok("blocked", "stubborn"),
        ok("clean-up", "stubborn", triggerRule="AllDone"),
    )
    ends = {"stubborn": ("Failed", 3), "blocked": ("UpstreamFailed", 0),
            "clean-up": ("Succeeded", 1)}  # fmt: skip
    return Shape("exhausted", tasks, ends, "Failed")


def _without_image() -> Shape:
    waits = {"waiting-reason": "ImagePullBackOff"}
    tasks = (
        ok("absent", says=waits, pendingTimeoutSeconds=20),
        ok("instead", "absent", triggerRule="AllFailed"),
    )
    ends = {"absent": ("Failed", 1), "instead": ("Succeeded", 1)}
    return Shape("without-image", tasks, ends, hurries=True)


def _out_of_memory() -> Shape:
    says = {"exit-code": "137", "reason": "OOMKilled", "run-seconds": "0.3"}
    tasks = (ok("greedy", says=says, retry={"limit": 1}), ok("after", "greedy"))
    ends = {"greedy": ("Failed", 2), "after": ("UpstreamFailed", 0)}
    return Shape("out-of-memory", tasks, ends, "Failed")


def _too_long() -> Shape:
    tasks = (
        ok("hangs", says=FOR_EVER, timeoutSeconds=2, retry={"limit": 1}),
        ok("alarm", "hangs", triggerRule="OneFailed"),
    )
    return Shape("too-long", tasks, {"hangs": ("Failed", 2), "alarm": ("Succeeded", 1)})


def _run_timed_out() -> Shape:
    tasks = (ok("hangs", says=FOR_EVER), ok("after", "hangs"))
    ends = {"hangs": ("Failed", 1), "after": ("Skipped", 0)}
    return Shape("run-timed-out", tasks, ends, "TimedOut", {"timeoutSeconds": 30}, hurries=True)


def _limited() -> Shape:
    names = [f"t-{n}" for n in range(6)]
    tasks = [ok(name, says={"run-seconds": "0.2"}) for name in names]
    return Shape("limited", tuple(tasks), _all("Succeeded", *names), spec={"maxActiveTasks": 2})


def _queued() -> Shape:
    tasks = (ok("a"), ok("b", "a"))
    spec = {"concurrencyPolicy": "Queue", "maxActiveRuns": 4}
    return Shape("queued", tasks, _all("Succeeded", "a", "b"), spec=spec)


SHAPES = (
    _run_timed_out(), _chain(), _diamond(), _fan_out(), _rules(), _retried(), _exhausted(),
    _without_image(), _out_of_memory(), _too_long(), _limited(), _queued(),
)  # fmt: skip
