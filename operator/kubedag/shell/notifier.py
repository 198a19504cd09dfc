"""Tells people, off the path of everything else: bounded, one receiver not at another's expense.

Whoever would be told of too much in a minute is told of the rest in one piece when the minute is over.
What became of each try is put beside the run, whose next decision stores it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from kubedag.core import instants, letters
from kubedag.core.audience import Delivery
from kubedag.shell.senders import Senders, Undeliverable, not_sendable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from kubedag.core import actions
    from kubedag.core.audience import ID
    from kubedag.shell.addresses import Addresses
    from kubedag.shell.clock import Clock
    from kubedag.shell.senders import Target
    from kubedag.shell.store import Key
    from kubedag.shell.tasks import Tasks

log: Final = logging.getLogger(__name__)

AT_ONCE_MAX: Final = 8
AT_ONCE_EACH_MAX: Final = 2
LETTERS_MAX: Final = 1000
PER_WINDOW_MAX: Final = 30
WINDOW_SECONDS: Final = 60.0
RECEIVERS_MAX: Final = 1000
PAUSE_SECONDS: Final = 60.0


class Told(Protocol):
    """What somebody is told of: a run, or a Backfill."""

    telling: set[ID]
    deliveries: dict[ID, Delivery]

    @property
    def key(self) -> Key:
        """The work queue's name for it."""


@dataclass(slots=True)
class _Sending:
    """A letter on its way."""

    entry: Told
    action: actions.Notify

    @property
    def id(self) -> ID:
        return self.action.id


@dataclass(slots=True)
class _Receiver:
    """How much somebody was told in the current window, and what waits for the next."""

    began: float = 0.0
    count: int = 0
    waiting: deque[tuple[_Sending, Target]] = field(default_factory=deque)
    is_to_be_told: bool = False
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE_EACH_MAX))


class Notifier:
    """Sends what is asked for, unless it is under way already."""

    def __init__(
        self,
        addresses: Addresses,
        senders: Senders,
        wake: Callable[[Key], None],
        clock: Clock,
        tasks: Tasks,
        may_act: Callable[[], bool] = lambda: True,
    ) -> None:
        self._addresses = addresses
        self._senders = senders
        self._wake = wake
        self._clock = clock
        self._tasks = tasks
        self._may_act = may_act
        self._places = asyncio.Semaphore(AT_ONCE_MAX)
        self._receivers: OrderedDict[str, _Receiver] = OrderedDict()
        self.under_way = 0
        self.sent = 0
        self.failed = 0
        self.put_off = 0

    def notify(self, entry: Told, action: actions.Notify) -> None:
        """Have somebody told; never waits."""
        if action.id in entry.telling:
            return
        sending = _Sending(entry, action)
        entry.telling.add(action.id)
        if self.under_way >= LETTERS_MAX:
            self.put_off += 1
            self._later(sending)
            return
        self.under_way += 1
        self._tasks.start(self._begin(sending))

    async def close(self) -> None:
        """Drop the connections."""
        await self._senders.close()

    async def _begin(self, sending: _Sending) -> None:
        action = sending.action
        try:
            async with self._places:
                target = await self._addresses.of(action.notice, sending.entry.key[1])
        except Undeliverable as error:
            self._over([sending], error)
            return
        except Exception as bug:  # and it is one again the next time
            self._over([sending], not_sendable(bug))
            raise
        except BaseException:
            self._over([sending], None, known=False)
            raise
        await self._pass_on(sending, target)

    async def _pass_on(self, sending: _Sending, target: Target) -> None:
        """At once, or together with what else there is when the window is over."""
        receiver = self._receiver(target.key)
        now = asyncio.get_running_loop().time()
        if now >= receiver.began + WINDOW_SECONDS:
            receiver.began, receiver.count = now, 0
        if receiver.count < PER_WINDOW_MAX and not receiver.waiting:
            receiver.count += 1
            await self._send([sending], target, receiver)
            return
        self.put_off += 1
        receiver.waiting.append((sending, target))
        if not receiver.is_to_be_told:
            receiver.is_to_be_told = True
            self._tasks.start(self._catch_up(receiver))

    async def _catch_up(self, receiver: _Receiver) -> None:
        """When the window is over, tell of all that has waited in one piece."""
        loop = asyncio.get_running_loop()
        try:
            await asyncio.sleep(max(0.0, receiver.began + WINDOW_SECONDS - loop.time()))
        finally:
            receiver.is_to_be_told = False
            held = list(receiver.waiting)
            receiver.waiting.clear()
        receiver.began, receiver.count = loop.time(), 1
        sendings = [sending for sending, _ in held]
        target = held[-1][1]  # whatever was mended in the meantime
        await self._send(sendings, target, receiver)

    async def _send(
        self, sendings: Sequence[_Sending], target: Target, receiver: _Receiver
    ) -> None:
        error: Undeliverable | None = None
        known = False
        try:
            async with receiver.places, self._places:
                if self._may_act():
                    await self._senders.send(target, _in_one(sendings))
                    known = True
        except Undeliverable as trouble:
            error, known = trouble, True
        except Exception as bug:  # told to the run, and not sent for ever
            error, known = not_sendable(bug), True
            raise
        finally:
            self._over(sendings, error, known=known)

    def _over(
        self, sendings: Sequence[_Sending], error: Undeliverable | None, *, known: bool = True
    ) -> None:
        """Say what became of it; of what is not known nothing is said, and it is tried again."""
        now = instants.text(self._clock.now())
        for one in sendings:
            self.under_way -= 1
            if not known:
                self._later(one)
                continue
            one.entry.deliveries[one.id] = _delivery(one.action, now, error)
            self.sent += error is None
            self.failed += error is not None
            self._let_go(one)
        if error is not None:
            log.info("%d notifications not delivered: %s", len(sendings), error.message)

    def _later(self, sending: _Sending) -> None:
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._let_go, sending)

    def _let_go(self, sending: _Sending) -> None:
        sending.entry.telling.discard(sending.id)
        self._wake(sending.entry.key)

    def _receiver(self, key: str) -> _Receiver:
        found = self._receivers.get(key)
        if found is None:
            found = self._receivers[key] = _Receiver()
            if len(self._receivers) > RECEIVERS_MAX:
                self._forget_one()
        self._receivers.move_to_end(key)
        return found

    def _forget_one(self) -> None:
        """The one that was told longest ago, of those for whom nothing waits."""
        for key, receiver in self._receivers.items():
            if not receiver.waiting and not receiver.is_to_be_told:
                del self._receivers[key]
                return


def _in_one(sendings: Sequence[_Sending]) -> letters.Letter:
    """The letter, or one in place of many."""
    found = [one.action.letter for one in sendings]
    return found[0] if len(found) == 1 else letters.digest(found)


def _delivery(action: actions.Notify, now: str, error: Undeliverable | None) -> Delivery:
    if error is None:
        return Delivery(action.try_number, now, delivered=True)
    return Delivery(
        try_number=action.try_number,
        time=now,
        reason=error.reason,
        message=error.message,
        final=error.final,
        pause_seconds=error.pause_seconds,
    )
