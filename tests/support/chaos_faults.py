"""What a bad network does to an operator's traffic, to what, and how often.

One bound holds for every fault: a run must end as it would have without it. What a fault may strike
follows from what its answer means there:

* 422 and 413 blame the object itself. A Pod that is refused with one of them is wrong for ever by
  our own table (`InvalidPodSpec`), and so is a DAG whose trial Pod is; to say it of a good Pod would
  be a lie that must change the end. They strike the writes of statuses, and 422 also deletions,
  Events and lists, where all that can follow is another try.
* 409 strikes writes that name a version, and creations as a quota does it: a `Conflict`, never an
  `AlreadyExists` of what does not exist.
* 410 strikes lists and watches, the latter both as HTTP and as an ERROR event in the stream.
* A line that is dropped from a stream that goes on cannot happen over TCP. It stands for bugs of
  servers and proxies; only the operator's next full list can repair it.
* kopf gives up, and the operator's process ends with it, on a 422 to a list. No API server says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping

    from aiohttp import web

VERBS: Final = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class Asked(NamedTuple):
    """A request, in the words of RBAC."""

    verb: str
    resource: str
    path: str
    by_kopf: bool = False
    trial: bool = False

    @property
    def writes(self) -> bool:
        return self.verb in VERBS.values()

    @classmethod
    def of(cls, request: web.BaseRequest) -> Asked:
        """Read it from a path such as /api/v1/namespaces/ns/pods/p/log."""
        parts = request.path.strip("/").split("/")
        rest = parts[3:] if parts[0] == "apis" else parts[2:]
        if len(rest) > 2 and rest[0] == "namespaces":
            rest = rest[2:]
        resource = "/".join([*rest[:1], *rest[2:3]]) or "other"
        verb = VERBS.get(request.method, "get")
        if verb == "get" and len(rest) == 1:
            verb = "watch" if request.query.get("watch") == "true" else "list"
        by_kopf = request.headers.get("User-Agent", "").startswith("kopf/")
        return cls(verb, resource, request.path, by_kopf, "dryRun" in request.query)


@dataclass(frozen=True, slots=True)
class Fault:
    """It strikes one in `every` of what it may strike."""

    name: str
    every: int
    may_strike: Callable[[Asked], bool] = lambda _: True


def _status_write(asked: Asked) -> bool:
    return asked.verb == "update" and asked.resource.endswith("/status")


def _may_conflict(asked: Asked) -> bool:
    return asked.verb in ("update", "delete") or (asked.verb == "create" and not asked.trial)


def _may_be_invalid(asked: Asked) -> bool:
    if asked.resource == "events" or _status_write(asked):
        return True
    return asked.verb == "delete" or (asked.verb == "list" and not asked.by_kopf)


# Answers instead of the API server's; it never hears of the request.
CONFLICT: Final = "409 Conflict"
GONE: Final = "410 Gone"
TOO_LARGE: Final = "413 Too Large"
INVALID: Final = "422 Invalid"
THROTTLED: Final = "429 Too Many Requests"
INTERNAL: Final = "500 Internal Error"
UNAVAILABLE: Final = "503 Unavailable"
UNSENT: Final = "reset before it was sent"
# What happens to its answers.
UNANSWERED: Final = "reset after it took effect"
HALF_ANSWERED: Final = "reset within the answer"
SLOW: Final = "answered late"
# What happens to the lines of watches.
DELAYED: Final = "line delayed"
REPEATED: Final = "line repeated"
DROPPED: Final = "line dropped"
CUT: Final = "watch cut within a line"
ENDED: Final = "watch ended politely"
EXPIRED: Final = "watch expired (ERROR 410)"
# What happens from time to time.
REFUSED: Final = "connections refused for a while"
SHY: Final = "watches ended at once for a while"


REQUESTS: Final = (
    Fault(CONFLICT, 40, _may_conflict),
    Fault(GONE, 16, lambda a: a.verb in ("list", "watch")),
    Fault(TOO_LARGE, 60, lambda a: _status_write(a) and a.resource == "dagruns/status"),
    Fault(INVALID, 60, _may_be_invalid),
    Fault(THROTTLED, 40),
    Fault(INTERNAL, 60),
    Fault(UNAVAILABLE, 60),
    Fault(UNSENT, 60),
    Fault(UNANSWERED, 30, lambda a: a.writes),
    Fault(HALF_ANSWERED, 60, lambda a: a.verb != "watch"),
    Fault(SLOW, 60, lambda a: a.verb != "watch"),
)  # fmt: skip
LINES: Final = (
    Fault(DELAYED, 300),
    Fault(REPEATED, 20),
    Fault(DROPPED, 100),
    Fault(CUT, 400),
    Fault(ENDED, 600),
    Fault(EXPIRED, 800),
)


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that lasts, and comes again so many seconds after it has begun."""

    name: str
    first_seconds: tuple[float, float]
    every_seconds: tuple[float, float]
    lasts_seconds: float = 1.0


EPISODES: Final = (
    Episode(REFUSED, (3.0, 5.0), (15.0, 20.0)),
    Episode(SHY, (8.0, 10.0), (15.0, 20.0)),
)


@dataclass(frozen=True, slots=True)
class Weather:
    """All that can go wrong on one way."""

    requests: tuple[Fault, ...] = ()
    lines: tuple[Fault, ...] = ()
    episodes: tuple[Episode, ...] = ()
    retry_after_seconds: int = 1
    delay_seconds: tuple[float, float] = (0.05, 1.0)

    @classmethod
    def bad(cls) -> Weather:
        """Everything."""
        return cls(REQUESTS, LINES, EPISODES)

    def names(self) -> list[str]:
        """Of all faults there are."""
        found = [fault.name for fault in (*self.requests, *self.lines)]
        return found + [episode.name for episode in self.episodes]


@dataclass(slots=True)
class _Turn:
    """Chances come in blocks of `every`; the seed says which one of a block is it.

    So a fault strikes as often as its rate says and for certain, and not in step with anything.
    """

    every: int
    at: int = 0
    due: int = 0
    put_off: int = 0

    def comes(self, chance: random.Random) -> bool:
        if self.at == 0:
            self.due = chance.randrange(self.every)
        self.put_off += self.at == self.due
        self.at = (self.at + 1) % self.every
        return self.put_off > 0


@dataclass(slots=True)
class Dice:
    """Chooses what strikes; at most one fault at a time, the others wait for the next chance."""

    chance: random.Random
    _turns: dict[tuple[str, str, bool], _Turn] = field(default_factory=dict)

    def roll(self, faults: tuple[Fault, ...], asked: Asked) -> str:
        """The fault that strikes a request, or a line of a watch; or none."""
        chosen: _Turn | None = None
        name = ""
        for fault in faults:
            if not fault.may_strike(asked):
                continue
            key = (fault.name, asked.resource, asked.verb == "watch")
            turn = self._turns.setdefault(key, _Turn(fault.every))
            if turn.comes(self.chance) and chosen is None:
                chosen, name = turn, fault.name
        if chosen is not None:
            chosen.put_off -= 1
        return name


def told(struck: Mapping[str, int]) -> str:
    """How often each fault struck, as a table."""
    width = max(map(len, struck), default=0)
    return "\n".join(f"  {name:<{width}} {count:>6}" for name, count in struck.items())
