"""Telling people beside everything else: bounded, fair, and never in a flood."""

import asyncio
from types import SimpleNamespace

import pytest

from kubedag.core import actions, audience, letters, rows
from kubedag.shell import notifier, senders
from kubedag.shell.entries import RunEntry
from kubedag.shell.tasks import Tasks
from support import virtual_loop
from support.answering_api import LoopClock
from support.builders import run_facts, stamp


class Receiver:
    """Takes letters, and says when it got them; can be slow, or in trouble."""

    def __init__(self, seconds=0.0, error=None):
        self.seconds, self.error = seconds, error
        self.taken = []
        self.at_once = self.at_once_most = 0

    async def send(self, target, letter):
        self.at_once += 1
        self.at_once_most = max(self.at_once, self.at_once_most)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        if self.error is not None:
            raise self.error
        self.taken.append((round(asyncio.get_running_loop().time()), target.url, letter))

    async def close(self):
        """Nothing is open."""


class Addresses:
    """Each name is its own receiver."""

    async def of(self, notice, namespace):
        del namespace
        if notice.name == "lost":
            raise senders.Undeliverable("SecretNotFound", "there is no Secret 'x'")
        if notice.name == "broken":
            raise KeyError("data")
        return senders.Web(f"https://{notice.name}")


def an_entry():
    return RunEntry(run_facts(), "1", rows.RunStatus())


def a_letter(key, name="team"):
    letter = letters.Letter(key, "RunFailed", "ns", "sales", f"run-{key}", reason="Failed")
    return actions.Notify(audience.Notice(name, frozenset()), key, 1, letter)


def notified(scenario, receiver=None, may_act=lambda: True, seconds=300, bugs=0):
    """Run a scenario in virtual time; what came of it."""
    made = SimpleNamespace(receiver=receiver or Receiver(), woken=[], entry=an_entry())

    async def scene():
        tasks = Tasks()
        made.notifier = notifier.Notifier(
            Addresses(), made.receiver, made.woken.append, LoopClock(), tasks, may_act
        )
        await scenario(made)
        await asyncio.sleep(seconds)
        assert tasks.bugs == bugs

    virtual_loop.run(scene(), seconds_max=10_000)
    return made


def test_a_letter_is_sent_and_the_run_hears_of_it():
    async def scenario(made):
        made.notifier.notify(made.entry, a_letter("a"))

    made = notified(scenario)
    assert [letter.id for _, _, letter in made.receiver.taken] == ["a"]
    assert made.entry.deliveries == {("team", "a"): audience.Delivery(1, stamp(0), delivered=True)}
    assert made.woken == [made.entry.key]
    assert made.entry.telling == set()
    assert (made.notifier.sent, made.notifier.failed, made.notifier.under_way) == (1, 0, 0)


def test_what_is_under_way_is_not_sent_again():
    async def scenario(made):
        for _ in range(3):
            made.notifier.notify(made.entry, a_letter("a"))
            await asyncio.sleep(1)

    made = notified(scenario, Receiver(seconds=9))
    assert len(made.receiver.taken) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            senders.Undeliverable("ReceiverRefused", "it answered 404", final=True),
            audience.Delivery(
                1, stamp(0), reason="ReceiverRefused", message="it answered 404", final=True
            ),
        ),
        (
            senders.Undeliverable("ReceiverBusy", "it answered 429", pause_seconds=17),
            audience.Delivery(
                1, stamp(0), reason="ReceiverBusy", message="it answered 429", pause_seconds=17
            ),
        ),
    ],
    ids=["for good", "for now"],
)
def test_trouble_is_told_to_the_run(error, expected):
    async def scenario(made):
        made.notifier.notify(made.entry, a_letter("a"))

    made = notified(scenario, Receiver(error=error))
    assert made.entry.deliveries == {("team", "a"): expected}
    assert (made.notifier.sent, made.notifier.failed) == (0, 1)


def test_an_address_that_is_not_there_is_told_to_the_run():
    async def scenario(made):
        made.notifier.notify(made.entry, a_letter("a", "lost"))

    made = notified(scenario)
    (found,) = made.entry.deliveries.values()
    assert (found.reason, found.delivered) == ("SecretNotFound", False)
    assert made.notifier.under_way == 0


@pytest.mark.parametrize("name", ["team", "broken"])
def test_a_bug_is_told_to_the_run_and_not_tried_for_ever(name):
    async def scenario(made):
        made.notifier.notify(made.entry, a_letter("a", name))

    made = notified(scenario, Receiver(error=KeyError("secret")), bugs=1)
    (found,) = made.entry.deliveries.values()
    assert (found.reason, found.final) == ("NotSendable", True)
    assert "secret" not in found.message
    assert made.entry.telling == set()
    assert (made.notifier.failed, made.notifier.under_way) == (1, 0)


def test_a_flood_is_told_in_one_piece_when_the_minute_is_over():
    async def scenario(made):
        for number in range(200):
            made.notifier.notify(made.entry, a_letter(str(number)))

    made = notified(scenario)
    at_once = [letter for at, _, letter in made.receiver.taken if at == 0]
    assert len(at_once) == notifier.PER_WINDOW_MAX
    ((at, _, digest),) = made.receiver.taken[notifier.PER_WINDOW_MAX :]
    assert (at, digest.together) == (60, 170)
    assert len(made.entry.deliveries) == 200
    assert all(one.delivered for one in made.entry.deliveries.values())
    assert made.notifier.under_way == 0


def test_a_flood_that_goes_on_is_told_once_a_minute():
    async def scenario(made):
        for number in range(600):
            made.notifier.notify(made.entry, a_letter(str(number)))
            await asyncio.sleep(0.5)

    made = notified(scenario)
    per_minute = {}
    for at, _, _ in made.receiver.taken:
        per_minute[at // 60] = per_minute.get(at // 60, 0) + 1
    assert max(per_minute.values()) <= notifier.PER_WINDOW_MAX + 1
    assert len(made.entry.deliveries) == 600


def test_one_receiver_that_hangs_does_not_keep_others_waiting():
    class Mixed(Receiver):
        async def send(self, target, letter):
            self.seconds = 10.0 if target.url.endswith("slow") else 0.0
            await super().send(target, letter)

    async def scenario(made):
        for number in range(30):
            made.notifier.notify(made.entry, a_letter(str(number), "slow"))
        made.notifier.notify(made.entry, a_letter("x", "quick"))

    made = notified(scenario, Mixed())
    when = {url: at for at, url, _ in reversed(made.receiver.taken)}
    assert when == {"https://quick": 0, "https://slow": 10}


def test_no_more_are_sent_at_once_than_is_good():
    async def scenario(made):
        for number in range(100):
            made.notifier.notify(made.entry, a_letter("x", f"team-{number}"))

    made = notified(scenario, Receiver(seconds=1))
    assert made.receiver.at_once_most == notifier.AT_ONCE_MAX
    assert len(made.receiver.taken) == 100


def test_what_is_too_much_is_put_off_and_asked_for_again(monkeypatch):
    monkeypatch.setattr(notifier, "LETTERS_MAX", 2)

    async def scenario(made):
        for number in range(3):
            made.notifier.notify(made.entry, a_letter(str(number)))
        assert len(made.entry.telling) == 3
        await asyncio.sleep(notifier.PAUSE_SECONDS + 1)
        assert made.entry.telling == set()

    made = notified(scenario, Receiver(seconds=5))
    assert set(made.entry.deliveries) == {("team", "0"), ("team", "1")}
    assert len(made.woken) == 3


def test_who_does_not_lead_any_more_sends_nothing():
    async def scenario(made):
        made.notifier.notify(made.entry, a_letter("a"))

    made = notified(scenario, may_act=lambda: False)
    assert made.receiver.taken == []
    assert made.entry.deliveries == {}
    assert made.entry.telling == set()


def test_receivers_that_were_told_long_ago_are_forgotten(monkeypatch):
    monkeypatch.setattr(notifier, "RECEIVERS_MAX", 3)

    async def scenario(made):
        for number in range(10):
            made.notifier.notify(made.entry, a_letter("x", f"team-{number}"))
            await asyncio.sleep(1)

    made = notified(scenario)
    assert len(made.notifier._receivers) == 3
