from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta

import pytest

from kubedag.shell.lease import Election, Timing
from support import virtual_loop
from support.lease_server import LeaseServer, Wire, clear, storm


class SkewedClock:
    def __init__(self, skew: timedelta) -> None:
        self._skew = skew

    def now(self) -> datetime:
        seconds = asyncio.get_running_loop().time()
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds) + self._skew


def candidate(
    server: LeaseServer, name: str, weather=clear, *, skew_seconds: float = 0, **options
) -> Election:
    return Election(
        Wire(server, weather),
        "ns",
        "kubedag",
        name,
        wall_clock=SkewedClock(timedelta(seconds=skew_seconds)),
        chance=random.Random(name),
        **options,
    )


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_first_candidate_makes_the_lease_and_leads():
    async def scenario() -> tuple[bool, dict[str, object]]:
        server = LeaseServer()
        election = candidate(server, "a")
        await asyncio.wait([asyncio.create_task(election.run())], timeout=5)
        assert server.lease is not None
        return election.is_leader(), server.lease

    leads, lease = virtual_loop.run(scenario())
    assert leads
    assert lease["apiVersion"] == "coordination.k8s.io/v1"
    asked_for = {
        word: lease["metadata"][word] for word in ("name", "namespace", "resourceVersion")
    }
    assert asked_for == {"name": "kubedag", "namespace": "ns", "resourceVersion": "3"}
    assert lease["spec"] == {
        "holderIdentity": "a",
        "leaseDurationSeconds": 15,
        "leaseTransitions": 0,
        "acquireTime": "2026-01-01T00:00:00.020000Z",
        "renewTime": lease["spec"]["renewTime"],
    }


@pytest.mark.parametrize("skew_seconds", [-86_400, 0, 86_400])
def test_a_standby_takes_over_one_lease_duration_after_the_last_renewal_it_saw(skew_seconds):
    async def scenario() -> tuple[float, int]:
        server = LeaseServer()
        first, second = candidate(server, "a"), candidate(server, "b", skew_seconds=skew_seconds)
        task = asyncio.create_task(first.run())
        await first.term()
        other = asyncio.create_task(second.run())
        await asyncio.sleep(60)
        task.get_coro().close()  # a crash: nothing is released
        crashed_at = server.writes[-1][0]
        await second.term()
        assert not other.done()
        assert server.lease is not None
        return now() - crashed_at, server.lease["spec"]["leaseTransitions"]

    seconds, transitions = virtual_loop.run(scenario())
    assert 15 <= seconds <= 17.5
    assert transitions == 1


def test_a_leader_that_stops_lets_the_next_one_in_at_once():
    async def scenario() -> float:
        server = LeaseServer()
        first, second = candidate(server, "a"), candidate(server, "b")
        task = asyncio.create_task(first.run())
        await first.term()
        _other = [asyncio.create_task(second.run())]
        await asyncio.sleep(20)
        task.cancel()
        await asyncio.wait([task])
        stopped_at = now()
        assert not first.is_leader()
        await second.term()
        return now() - stopped_at

    assert virtual_loop.run(scenario()) <= 2.5


def test_a_leader_cut_off_stops_ten_seconds_after_the_last_renewal_it_sent():
    log: list[tuple[str, float]] = []

    async def scenario() -> float:
        server = LeaseServer()
        cut = False

        def weather() -> tuple[float, float, bool]:
            return (0.01, 0.01, cut)

        election = candidate(
            server,
            "a",
            weather,
            on_started=lambda: log.append(("started", now())),
            on_stopped=lambda: log.append(("stopped", now())),
        )
        _task = [asyncio.create_task(election.run())]
        term = await election.term()
        await asyncio.sleep(30)
        cut = True
        sent_at = server.writes[-1][0] - 0.01
        await term.ended.wait()
        assert not election.is_leader()
        cut = False
        assert (await election.term()).number == 2
        return log[1][1] - sent_at

    assert virtual_loop.run(scenario()) == pytest.approx(10)
    assert [what for what, _ in log[:3]] == ["started", "stopped", "started"]


def test_the_gate_closes_by_itself_even_if_nothing_else_gets_to_run():
    async def scenario() -> list[bool]:
        election = candidate(LeaseServer(), "a")
        _task = [asyncio.create_task(election.run())]
        await election.term()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, virtual_loop.VirtualLoop)
        gate = [election.is_leader()]
        for blocked_seconds in (9.9, 0.1):
            loop.block(blocked_seconds)
            gate.append(election.is_leader())
        return gate

    assert virtual_loop.run(scenario()) == [True, True, False]


@pytest.mark.parametrize("lease_seconds", [3.0, 14.5, 15.0, 300.0])
def test_a_lease_of_any_allowed_duration_has_timings_that_are_safe(lease_seconds):
    timing = Timing.of(lease_seconds)
    assert timing.lease_duration_seconds >= lease_seconds
    assert timing.request_timeout_seconds < timing.retry_period_seconds
    assert Timing.of(15) == Timing()


def test_a_lease_held_for_longer_by_another_version_is_respected():
    async def scenario() -> float:
        server = LeaseServer()
        slow = Timing(lease_duration_seconds=60, renew_deadline_seconds=40)
        first, second = candidate(server, "a", timing=slow), candidate(server, "b")
        task = asyncio.create_task(first.run())
        await first.term()
        _other = [asyncio.create_task(second.run())]
        await asyncio.sleep(10)
        task.get_coro().close()
        last_at = server.writes[-1][0]
        await second.term()
        return now() - last_at

    assert 60 <= virtual_loop.run(scenario()) <= 62.5


def test_a_lease_that_does_not_say_for_how_long_is_taken_over_after_the_usual_time():
    async def scenario() -> float:
        server = LeaseServer()
        first, second = candidate(server, "a"), candidate(server, "b")
        task = asyncio.create_task(first.run())
        await first.term()
        task.get_coro().close()
        assert server.lease is not None
        del server.lease["spec"]["leaseDurationSeconds"]
        began = now()
        _other = [asyncio.create_task(second.run())]
        await second.term()
        return now() - began

    assert 15 <= virtual_loop.run(scenario()) <= 17.5


def test_what_others_put_into_the_lease_stays():
    async def scenario() -> dict[str, object]:
        server = LeaseServer()
        election = candidate(server, "a")
        _task = [asyncio.create_task(election.run())]
        await election.term()
        assert server.lease is not None
        server.version += 1
        server.lease["metadata"] |= {"labels": {"x": "y"}, "resourceVersion": str(server.version)}
        server.lease["spec"]["preferredHolder"] = "c"
        await asyncio.sleep(10)
        assert election.is_leader()
        return server.lease

    lease = virtual_loop.run(scenario())
    assert lease["metadata"]["labels"] == {"x": "y"}
    assert lease["spec"]["preferredHolder"] == "c"


def test_a_deleted_lease_ends_the_term_and_is_made_again():
    async def scenario() -> tuple[int, bool]:
        server = LeaseServer()
        election = candidate(server, "a")
        _task = [asyncio.create_task(election.run())]
        term = await election.term()
        server.lease = None
        await term.ended.wait()
        return (await election.term()).number, election.is_leader()

    assert virtual_loop.run(scenario()) == (2, True)


def test_a_lost_answer_to_the_creation_is_made_good():
    async def scenario() -> float:
        answers = iter([(0.01, 0.01, False), (0.01, 0.01, True)])
        election = candidate(LeaseServer(), "a", lambda: next(answers, (0.01, 0.01, False)))
        _task = [asyncio.create_task(election.run())]
        await election.term()
        return now()

    assert virtual_loop.run(scenario()) < 5


@pytest.mark.parametrize(
    ("lease", "renew", "retry"), [(10, 10, 2), (15, 10, 6), (15, 10, 0)], ids=str
)
def test_timings_that_could_make_two_leaders_are_refused(lease, renew, retry):
    with pytest.raises(ValueError, match="lease duration > renew deadline"):
        Timing(
            lease_duration_seconds=lease,
            renew_deadline_seconds=renew,
            retry_period_seconds=retry,
        )


@pytest.mark.parametrize("seed", range(8))
def test_there_are_never_two_leaders_whatever_the_network_does_and_one_again_after_it(seed):
    async def scenario() -> tuple[int, int, int]:
        chance = random.Random(seed)
        server = LeaseServer()
        stormy = storm(chance)
        calm = False
        elections: list[Election] = []

        def weather() -> tuple[float, float, bool]:
            return clear() if calm else stormy()

        def check() -> int:
            leaders = [e.identity for e in elections if e.is_leader()]
            assert len(leaders) <= 1, leaders
            return len(leaders)

        for name in "abc":
            skew_seconds = chance.uniform(-3_600, 3_600)
            elections.append(
                candidate(server, name, weather, skew_seconds=skew_seconds, on_started=check)
            )
        tasks = [asyncio.create_task(election.run()) for election in elections]
        led = 0
        for tick in range(6_000):
            await asyncio.sleep(0.1)
            led += check()
            if tick % 1_000 == 999:  # a graceful restart
                victim = chance.randrange(len(tasks))
                tasks[victim].cancel()
                await asyncio.wait([tasks[victim]])
                tasks[victim] = asyncio.create_task(elections[victim].run())
        calm = True
        await asyncio.sleep(80)
        return led, sum(e.terms for e in elections), check()

    led, terms, at_last = virtual_loop.run(scenario())
    assert led > 20  # or the storm was so bad that this proves nothing
    assert terms > 1
    assert at_last == 1
