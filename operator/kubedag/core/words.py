"""What the cluster says, as a person wants to read it: short, in one line, with the cause first.

Only texts that Kubernetes and its runtimes are known to write are rewritten; all others are told as
they are, so that nothing is lost by not being known here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from kubedag.core import rows

if TYPE_CHECKING:
    from collections.abc import Sequence

WORD_CHARS_MAX: Final = 400
"""For what others say inside of a message of ours, so that what follows it is not cut off."""

_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_INVISIBLE: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def one_line(text: str, chars_max: int = rows.MESSAGE_CHARS_MAX) -> str:
    """A message without line breaks and control characters, bounded."""
    return rows.clip(_SPACE.sub(" ", text[: 4 * chars_max]).strip(), chars_max)


def lines_in_one(text: str) -> str:
    """The lines of a log in a single one, for `kubectl get events`; terminal codes are dropped."""
    lines = (line.strip() for line in _INVISIBLE.sub("", text).splitlines())
    return " ⏎ ".join(line for line in lines if line)


def _word(text: str) -> str:
    return one_line(text, WORD_CHARS_MAX).rstrip(". ")


def clock_time(stamp: str) -> str:
    """An RFC 3339 instant in UTC, as people write it: a stored "3 minutes ago" is soon wrong."""
    return f"{stamp[:10]} {stamp[11:19]} UTC" if len(stamp) >= 20 else stamp


def waits(name: str, message: str) -> str:
    """Which task waits, and what for."""
    return f"{name} {message}" if message.startswith("waits ") else f"{name} waits: {message}"


_TASKS_NAMED_MAX: Final = 5


def no_such_tasks(field: str, names: Sequence[str]) -> str:
    """A list of tasks names some that there are not."""
    return f"{field}: must name tasks of the DAG; it has no {some_of(names)}"


def some_of(names: Sequence[str]) -> str:
    """A few of many names."""
    said = ", ".join(repr(name) for name in names[:_TASKS_NAMED_MAX])
    more = f" and {len(names) - _TASKS_NAMED_MAX} more" if len(names) > _TASKS_NAMED_MAX else ""
    return said + more


# --- How a container ended -------------------------------------------------------------------

_SIGNALS: Final = {
    1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE",
    9: "killed by SIGKILL", 10: "SIGUSR1", 11: "crashed by SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE",
    14: "SIGALRM", 15: "terminated by SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}  # fmt: skip
_SHELL_CODES: Final = {
    126: "the command cannot be executed",
    127: "command not found",
    **{128 + number: name for number, name in _SIGNALS.items()},
}


def exit_code(code: int) -> str:
    """An exit code, with what shells and kernels mean by it."""
    meant = _SHELL_CODES.get(code)
    return f"exit code {code} ({meant})" if meant else f"exit code {code}"


def crashing(name: str, code: int | None, restarts: int) -> str:
    """A container that is started again and again, with how it ended last, if that is known."""
    ended = [] if code is None else [exit_code(code)]
    said = ", ".join([*ended, f"{restarts} restart{'' if restarts == 1 else 's'}"])
    return f"container {name} keeps crashing: {said}"


def out_of_memory(container_limit: str, pod_limit: str) -> str:
    """The kernel killed a container: its own limit, the Pod's, or the node's memory was used up."""
    if container_limit:
        return f"killed: used more than its {container_limit} of memory"
    if pod_limit:
        return f"killed: the Pod used more than its {pod_limit} of memory"
    return "killed: the node ran out of memory, and the container has no memory limit"


_NO_PROGRAM: Final = re.compile(
    r"""(?xi)
    \bexec:\ \\*" |
    (?<!fork/)\bexec\ / | \bexec\ format\ error | \bexecutable\ file\ | \bopen\ executable: |
    \bfinding\ executable\ | \bchdir\ to\ cwd\b
    """
)
"""How runc, crun and gVisor say that a program, or the directory to run it in, is not usable."""
_NO_RUNTIME: Final = re.compile(
    r'exec: \\*"(?:[^"\s]*/)?(?:runc|crun|runsc|youki|containerd-shim|kata|nvidia-)'
)


def cannot_be_executed(message: str) -> bool:
    """Is it the program that cannot be started, and not the runtime that fails to?"""
    return _NO_PROGRAM.search(message) is not None and _NO_RUNTIME.search(message) is None


def not_startable(message: str) -> str:
    """The runtime could not start a container; the last part of its message says why."""
    if not cannot_be_executed(message):
        said = _word(message).removesuffix(": unknown")
        return f"the container could not be started: {said}".removesuffix(": ")
    _, found, cause = message.rpartition("exec: ")
    said = _word(cause if found else message).removesuffix(": unknown")
    return f"the program cannot be started: {said}"


_TOLD_TO_END: Final = frozenset({137, 143})


def deleted(code: int | None) -> str:
    """Somebody deleted the Pod, and its program ended with that code, if it is known."""
    said = "the Pod was deleted while it ran"
    if code is None or code in _TOLD_TO_END:
        return said
    said = f"{said}, and its program then ended with {exit_code(code)}"
    return said if code else f"{said}: its work may be incomplete"


# --- Images and settings ---------------------------------------------------------------------

_IMAGE: Final = re.compile(r'(?:image|reference) \\?"([^"\\\s]+)')
_PULL_NOISE: Final = re.compile(
    r"""(?x)
    \s*(?:
        Back-off\ pulling\ image\ "[^"]*":? |
        (?:ErrImagePull|ImageInspectError|RegistryUnavailable|SignatureValidationFailed):\s |
        rpc\ error:\ code\ =\ \w+\ desc\ = |
        Error\ response\ from\ daemon: |
        failed\ to\ (?:pull\ and\ unpack|pull|resolve|unpack)\ (?:image|reference)\ \\?"[^"]*": |
        failed\ to\ (?:copy|do\ request): |
        httpReadSeeker: | failed\ open: | (?:Head|Get)\ "[^"]*": |
        unable\ to\ pull\ image\ or\ OCI\ artifact: | pull\ image\ err: |
        initializing\ source\ \S+:\s
    )\s*"""
)
_NOISE_PARTS_MAX: Final = 12


def image(message: str, attempt: int, since: str | None) -> str:
    """An image that is not pulled: the registry's own word, for which attempt, since when."""
    cause = message
    for _ in range(_NOISE_PARTS_MAX):
        noise = _PULL_NOISE.match(cause)
        if noise is None:
            break
        cause = cause[noise.end() :]
    named = _IMAGE.search(message)
    name = named[1] if named else ""
    said = _word(cause)
    if name and name not in said:
        said = f"{name}: {said}" if said else name
    return _with_place("image cannot be pulled", said, attempt, since)


def _with_place(what: str, said: str, attempt: int, since: str | None) -> str:
    """What goes wrong and why, of which attempt, and since when."""
    return _placed(f"{what}: {said}" if said else what, attempt, since)


def _placed(said: str, attempt: int, since: str | None) -> str:
    where = f"(attempt {attempt}, since {clock_time(since)})" if since else f"(attempt {attempt})"
    return f"{said} {where}"


_NOT_PARSED: Final = re.compile(r"""couldn't parse image (?:name|reference) "(.*)": (.+)$""")
_NEVER_PULLED: Final = re.compile(
    r'^Container image "(.*)" is not present with pull policy of Never$'
)


def unusable_image(message: str) -> str:
    """An image that no waiting brings: its name is none, or it must not be pulled."""
    said = _word(message)
    if not_parsed := _NOT_PARSED.search(said):
        return f'"{not_parsed[1]}" is not the name of an image: {not_parsed[2]}'
    if never := _NEVER_PULLED.match(said):
        return f'image "{never[1]}" is not on the node, and imagePullPolicy is Never'
    return f"image cannot be used: {said}" if said else "image cannot be used"


_KINDS: Final = {"secret": "Secret", "configmap": "ConfigMap"}
_MISSING: Final = re.compile(r'^(secret|configmap) "([^"]+)" not found$', re.IGNORECASE)
_NO_KEY: Final = re.compile(r"^couldn't find key (\S+) in (Secret|ConfigMap) [^/\s]+/(\S+)$")


def settings(message: str, attempt: int, since: str | None) -> str:
    """Why a container cannot be configured: as a rule a Secret or a ConfigMap is missing."""
    said = _word(message)
    if missing := _MISSING.match(said):
        return _placed(f'{_KINDS[missing[1].lower()]} "{missing[2]}" not found', attempt, since)
    if no_key := _NO_KEY.match(said):
        told = f'{no_key[2]} "{no_key[3]}" has no key "{no_key[1]}"'
        return _placed(told, attempt, since)
    return _with_place("container cannot be configured", said, attempt, since)


def not_created(reason: str, message: str, attempt: int, since: str | None) -> str:
    """A container that the node fails to create, for a reason that has no words of its own."""
    said = ": ".join(filter(None, (_word(reason), _word(message))))
    return _with_place("container cannot be created", said, attempt, since)


# --- Volumes and sandboxes -------------------------------------------------------------------

_SIMILAR: Final = "(combined from similar events): "
_OF_VOLUME: Final = re.compile(r'^\w+Volume\.\w+(?: \w+)? failed for volume "([^"]+)" ?: ?')
_ONLY_COUNTS: Final = re.compile(r"^Unable to (?:attach or )?mount volumes")
_LACKING: Final = re.compile(r'\b(secret|configmap)s? "([^"]+)" not found', re.IGNORECASE)
_LACKING_KEY: Final = re.compile(r"references non-existent (secret|config) key: ([-.\w]+)")
_RPC: Final = re.compile(r"rpc error: code = \w+ desc = ")
_MOUNT_COMMAND: Final = re.compile(r" Mounting command: .*? Output: ")
_ID: Final = re.compile(r' ?"?\b[0-9a-f]{64}\b"?')
"""A sandbox has another one at each try, and nobody can look it up afterwards."""


def only_counts_volumes(message: str) -> bool:
    """Does the kubelet say which volumes are missing, and nothing of why?"""
    return _ONLY_COUNTS.match(message) is not None


def lacks_settings(message: str) -> bool:
    """Is it a Secret, a ConfigMap or a key of one that a volume cannot be made of?"""
    said = one_line(message)
    return bool(_LACKING.search(said) or _LACKING_KEY.search(said))


def not_mounted(message: str, attempt: int, since: str | None) -> str:
    """A volume that the node fails to mount: what is missing, or what the mount said."""
    said = one_line(message).removeprefix(_SIMILAR)
    named = _OF_VOLUME.match(said)
    volume, cause = (f'"{named[1]}"', said[named.end() :]) if named else ("", said)
    lacking = [
        f'{_KINDS[kind.lower()]} "{name}" not found' for kind, name in _LACKING.findall(cause)
    ]
    if lacking:
        told = _word(", ".join(dict.fromkeys(lacking)))
    elif key := _LACKING_KEY.search(cause):
        of = f" of volume {volume}" if volume else ""
        told = f'{"Secret" if key[1] == "secret" else "ConfigMap"}{of} has no key "{key[2]}"'
    else:
        cause = _word(_MOUNT_COMMAND.sub(": ", _RPC.sub("", cause)))
        told = ": ".join(filter(None, (volume, cause)))
    return _with_place("volume cannot be mounted", told, attempt, since)


def no_sandbox(message: str, attempt: int, since: str | None) -> str:
    """The node fails to create what the containers of a Pod share: its network, as a rule."""
    said = one_line(message).removeprefix(_SIMILAR).removeprefix("Failed to create pod sandbox: ")
    told = _word(_ID.sub("", _RPC.sub("", said)))
    return _with_place("sandbox cannot be created", told, attempt, since)


def warned(waits: str, reason: str, message: str) -> str:
    """What a Pod waits for, and what a Warning Event says of it that has no words of its own."""
    said = _word(_ID.sub("", _RPC.sub("", message.removeprefix(_SIMILAR))))
    return ": ".join(filter(None, (waits, _word(reason), said)))


# --- Places ----------------------------------------------------------------------------------

_PREEMPTION: Final = re.compile(r"(?i)(?:no new claims to deallocate, )?\bpreemption: ")
_NO_ROOM: Final = re.compile(r"\bInsufficient \S|\bToo many pods\b")


def unschedulable(message: str) -> str:
    """What the scheduler says, without what it says about preemption, and what it comes down to."""
    said = _word(_PREEMPTION.split(message, maxsplit=1)[0])
    if not said:
        return "no node has been found for it"
    if said.startswith("no nodes available"):
        return "cluster has no nodes"
    if _NO_ROOM.search(said):
        return f"cluster has no room: {said}"
    return f"no node suits: {said}" if said.startswith("0/") else f"cannot be placed: {said}"


def gated(gates: tuple[str, ...], queue: str = "") -> str:
    """A Pod that is held back until somebody removes its scheduling gates, such as Kueue's queue."""
    if not gates:
        return "waits for its scheduling gates to be removed"
    named = ", ".join(map(_word, gates[:3])) + (" …" if len(gates) > 3 else "")
    named = f"scheduling gate{'s' if len(gates) > 1 else ''} {named}"
    if queue:
        return f"waits for Kueue's queue {_word(queue)} to remove its {named}"
    return f"waits for its {named} to be removed"


# --- What the cluster does to Pods -----------------------------------------------------------

_DISRUPTIONS: Final = {
    "PreemptionByScheduler": "a Pod of higher priority took its place",
    "DeletionByTaintManager": "its node got a taint that it does not tolerate",
    "EvictionByEvictionAPI": "evicted through the API, as by draining a node",
    "DeletionByPodGC": "its node is gone",
    "TerminationByKubelet": "its node ended it",
}


def disrupted(reason: str, message: str) -> str:
    """Something outside of the task ended it."""
    said, word = _DISRUPTIONS.get(reason), _word(message)
    if said is None:
        return ": ".join(filter(None, ("the cluster ended it", _word(reason), word)))
    return f"{said} ({word})" if word else said


def stopped_by_queue(reason: str, message: str) -> str:
    """Kueue took its place away; its reason is one of its own words, its message a sentence."""
    word = _word(message) or _word(reason)
    return f"Kueue stopped it: {word}" if word else "Kueue stopped it"


def rejected(reason: str, message: str) -> str:
    """The node did not take a Pod that the scheduler had sent it."""
    word = _word(message.removeprefix("Pod was rejected: ")) or _word(reason)
    return f"the node refused it: {word}"


def evicted(message: str) -> str:
    """The Pod used more of a disk than its own limits allow."""
    word = _word(message)
    return f"evicted: {word}" if word else "evicted: over a limit of its own"


def waits_to_end(why: str, node: str) -> str:
    """A Pod that is being ended and has not ended yet."""
    where = f" on node {node}" if node else ""
    return f"{why}; waits for the Pod{where} to end"


# --- Time limits -----------------------------------------------------------------------------


def ran_too_long(seconds: int, waits: str = "") -> str:
    """Longer than its timeoutSeconds; `waits` is what kept it alive, if not its own program."""
    return "; ".join(filter(None, (f"ran longer than its timeoutSeconds of {seconds}", waits)))


def pended_too_long(seconds: int, waits: str = "") -> str:
    """Not started within its pendingTimeoutSeconds; `waits` is what it waited for."""
    said = f"did not start within its pendingTimeoutSeconds of {seconds}"
    return one_line(": ".join(filter(None, (said, waits))))
