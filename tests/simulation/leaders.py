"""Who leads: one life of the operator after the other, and at times two at once.

Two lead at once when the elder does not know yet that its lease is over: it was paused, or its clock
was, or its requests were long on their way. The lease and the gate of the API client make that a
matter of moments; here it takes up to half a minute, and the elder may be blind all that time.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from typing import TYPE_CHECKING

from kubedag.core.limits import UNBOUNDED
from simulation.network import KILL_PHASES
from simulation.process import LoopClock, Operator

if TYPE_CHECKING:
    from collections.abc import Callable

    from kubedag.core.limits import Bounds
    from simulation.network import Network

OVERLAP_SECONDS = (0.05, 1.0, 5.0, 30.0)
JUMPS_SECONDS = (-3600.0, -60.0, -30.0, -1.0, 1.0, 30.0, 60.0, 3600.0)
AFTERMATH_SECONDS = 5.0
"""What an elder has sent may still be on its way so long after its end."""


class Leaders:
    """Starts operators, ends them, and lets their clocks jump."""

    def __init__(
        self,
        net: Network,
        seed: str,
        tell: Callable[[str], None],
        broken: list[str],
        bounds: Bounds = UNBOUNDED,
    ) -> None:
        self._bounds = bounds
        self._net = net
        self._seed = seed
        self._tell = tell
        self._broken = broken
        self._chance = random.Random(f"{seed}/leaders")
        self._loop = asyncio.get_running_loop()
        self._faults = net.faults
        self._calm = False
        self._aftermath_until = 0.0
        self._numbers = itertools.count(1)
        self.lives: list[Operator] = []
        """All that are alive, whether they lead or stand by; the last one leads."""
        self.started = 0
        self.kills = 0

    @property
    def skew_seconds(self) -> float:
        """How wrong a clock is, at most."""
        return max((abs(life.clock.skew_seconds) for life in self.lives), default=0.0)

    @property
    def leader(self) -> Operator | None:
        """Who leads by right, if anybody does."""
        return self.lives[-1] if self.lives and self.lives[-1].acts else None

    def may_be_two(self) -> bool:
        """Do two act, or might requests of an elder still arrive?"""
        acting = sum(life.acts for life in self.lives)
        return acting > 1 or self._loop.time() < self._aftermath_until

    def begin(self) -> None:
        """The first operator, and all that is to come."""
        self._start()
        for _ in range(int(self._faults.overlaps)):
            self._later(self._chance.uniform(1, self._faults.ends_at), self._overlap)
        for _ in range(int(self._faults.clock_jumps)):
            self._later(self._chance.uniform(0, self._faults.ends_at), self._jump)

    def calm(self) -> None:
        """No more deaths, and no more than one leader; clocks may stay wrong."""
        self._calm = True
        mended = self._chance.random() < 0.5
        for life in self.lives:
            life.connection.kill_at = None
            life.clock.skew_seconds *= not mended
        for elder in self.lives[:-1]:
            self._retire(elder)

    def replace(self) -> None:
        """A rolling update when nothing goes wrong: the same world for another process."""
        for life in self.lives:
            life.on_death = lambda: None
            life.kill()
        successor = self._start()
        successor.clock.skew_seconds = self.lives[0].clock.skew_seconds
        self.lives[:] = [successor]

    # --- Lives ---------------------------------------------------------------------------------

    def _later(self, seconds: float, what: Callable[..., None], *args: object) -> None:
        self._loop.call_later(seconds, what, *args)

    def _start(self) -> Operator:
        number = next(self._numbers)
        clock = LoopClock(self._loop.time)
        if self._faults.clock_jumps and not self._calm and self._chance.random() < 0.3:
            clock.skew_seconds = self._chance.choice(JUMPS_SECONDS)
        operator = Operator(self._net, clock, number, self._seed, self._bounds)
        self.lives.append(operator)
        self.started += 1
        operator.on_death = lambda: self._died(operator)
        if number <= self._faults.kills and not self._calm:
            self._doom(operator)
        self._tell(
            f"operator {number} starts, {clock.skew_seconds:+} s; "
            f"dies at {operator.connection.kill_at}"
        )
        operator.start()
        operator.lead()
        return operator

    def _doom(self, operator: Operator) -> None:
        if self._chance.random() < 0.8:
            operator.connection.kill_at = (
                self._chance.choice([1, 2, 3, 4, 5, 8, 13, 21, 34]),
                self._chance.choice(KILL_PHASES),
            )
        else:
            self._later(self._chance.uniform(0, 60), self._kill, operator)

    def _kill(self, operator: Operator) -> None:
        if not self._calm:
            operator.kill()

    def _died(self, operator: Operator) -> None:
        self._tell(f"operator {operator.number} is killed")
        if any(life.acts for life in self.lives if life is not operator):
            self._aftermath_until = self._loop.time() + AFTERMATH_SECONDS
        self.kills += 1
        self._broken += operator.faults_found()
        led = operator is self.lives[-1]
        self.lives.remove(operator)
        if led:
            chance = self._chance
            pause = chance.choice([2.0, 5.0, 20.0, chance.uniform(2, 60)])
            self._later(pause, self._succeed)

    def _succeed(self) -> None:
        """The lease has run out: whoever stands by leads, or else a new process."""
        if self.leader is not None:
            return
        if not self.lives:
            self._start()
            return
        self._tell(f"operator {self.lives[-1].number} leads")
        self.lives[-1].lead()

    # --- Two at once ---------------------------------------------------------------------------

    def _overlap(self) -> None:
        elder = self.leader
        if elder is None or self._calm:
            return
        self._net.met["overlaps"] += 1
        blind = self._chance.random() < 0.5
        seconds = self._chance.choice(OVERLAP_SECONDS)
        self._tell(
            f"operator {elder.number} will go on for {seconds} s beside the next one"
            f"{', blind' * blind}"
        )
        if blind:
            elder.connection.blind(until=self._loop.time() + seconds + 10)
        wait = self._chance.choice([0.0, 3.0, 10.0]) if blind else 0.0
        self._later(wait, self._begin_beside, elder)
        end = self._retire if self._chance.random() < 0.5 else self._kill
        self._later(wait + seconds, end, elder)

    def _begin_beside(self, elder: Operator) -> None:
        if self._calm or not elder.acts or self.leader is not elder:
            return
        standby = [life for life in self.lives if not life.acts]
        if standby:
            self.lives.remove(standby[0])
            self.lives.append(standby[0])
            self._succeed_beside(standby[0])
        else:
            self._start()

    def _succeed_beside(self, standby: Operator) -> None:
        self._tell(f"operator {standby.number} leads")
        standby.lead()

    def _retire(self, elder: Operator) -> None:
        if not elder.alive or not elder.acts or elder is self.lives[-1]:
            return
        self._tell(f"operator {elder.number} stands by")
        self._aftermath_until = self._loop.time() + AFTERMATH_SECONDS
        elder.end_term()

    # --- Clocks --------------------------------------------------------------------------------

    def _jump(self) -> None:
        if self._calm or not self.lives:
            return
        self._net.met["clock_jumps"] += 1
        life = self._chance.choice(self.lives)
        by = self._chance.choice(JUMPS_SECONDS)
        self._tell(f"the clock of operator {life.number} jumps by {by} s")
        life.clock.skew_seconds += by
