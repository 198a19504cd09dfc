"""Which runs of a DAG may be active at once."""

from __future__ import annotations

import pytest

from kubedag.core import admission, backfill_facts
from kubedag.core.snapshot import Peer, RerunRequest
from support.builders import a_plan, a_summary, run_facts, stamp

RUN = run_facts("m", logical_time=stamp(500))


def peer(name, order, **facts):
    return Peer(name, (stamp(order), stamp(0), name), **facts)


def older(name="a", **facts):
    return peer(name, 100, **facts)


def newer(name="z", **facts):
    return peer(name, 900, **facts)


def admit(policy, *peers, most=1, **spec):
    found = admission.admit(
        RUN, peers, a_plan(concurrencyPolicy=policy, maxActiveRuns=most, **spec)
    )
    return (found.reason or "yes") + ("!" if found.final else "")


STARTED, ENDED, HELD = {"started": True}, {"started": True, "finished": True}, {"suspended": True}


@pytest.mark.parametrize(
    ("peers", "allow", "queue", "forbid", "replace"),
    [
        pytest.param((), "yes", "yes", "yes", "yes", id="alone"),
        pytest.param(
            (older(**STARTED),), "yes", "Queued", "Forbidden!", "Queued", id="an older one runs",
        ),
        pytest.param(
            (newer(**STARTED),), "yes", "Queued", "Forbidden!", "Replaced!", id="a newer one runs",
        ),
        pytest.param((older(**ENDED),), "yes", "yes", "yes", "yes", id="an older one has ended"),
        pytest.param((newer(**ENDED),), "yes", "yes", "yes", "yes", id="a newer one has ended"),
        pytest.param((older(),), "yes", "Queued", "yes", "yes", id="an older one waits, too"),
        pytest.param((newer(),), "yes", "yes", "yes", "Replaced!", id="a newer one waits, too"),
        pytest.param((older(**HELD),), "yes", "yes", "yes", "yes", id="an older one is held"),
        pytest.param((newer(**HELD),), "yes", "yes", "yes", "yes", id="a newer one is held"),
        pytest.param(
            (older(**STARTED, **HELD),), "yes", "Queued", "Forbidden!", "Queued",
            id="a run that is held in the middle is active",
        ),
    ],
)  # fmt: skip
def test_each_policy_has_its_answer(peers, allow, queue, forbid, replace):
    found = [admit(policy, *peers) for policy in ("Allow", "Queue", "Forbid", "Replace")]
    assert found == [allow, queue, forbid, replace]


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        pytest.param((older("a", **STARTED), older("b", **STARTED)), "yes", id="two run"),
        pytest.param((older("a", **STARTED), older("b")), "yes", id="one runs, one waits ahead"),
        pytest.param(
            (older("a", **STARTED), older("b"), older("c")), "Queued", id="two wait ahead",
        ),
        pytest.param(
            (older("a", **STARTED), older("b", **STARTED), newer(**STARTED)), "Queued",
            id="three run",
        ),
        pytest.param((newer("x"), newer("y"), newer("z")), "yes", id="three wait behind"),
    ],
)  # fmt: skip
def test_a_queue_of_three_serves_the_oldest_first(peers, expected):
    assert admit("Queue", *peers, most=3) == expected


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            {"logical_time": stamp(1), "created": stamp(9)}, {"created": stamp(5)},
            id="by the time that a run stands for",
        ),
        pytest.param({"created": stamp(1)}, {"created": stamp(2)}, id="else by its creation"),
        pytest.param({"name": "a"}, {"name": "b"}, id="else by its name"),
    ],
)  # fmt: skip
def test_runs_are_ordered(first, second):
    earlier, later = (run_facts(**({"name": "run"} | facts)) for facts in (first, second))
    assert earlier.order < later.order


# --- Backfills --------------------------------------------------------------------------------

BACKFILL = {"of_backfill": True}
UID = "3f2a91c0-0000-4000-8000-00000000aaaa"
OF_BACKFILL = run_facts("m", logical_time=stamp(500), run_type="Backfill")


def admit_of_backfill(policy, *peers, most=1, **spec):
    plan = a_plan(concurrencyPolicy=policy, maxActiveRuns=most, **spec)
    found = admission.admit(OF_BACKFILL, peers, plan)
    return (found.reason or "yes") + ("!" if found.final else "")


POLICIES = ("Allow", "Queue", "Forbid", "Replace")


@pytest.mark.parametrize(
    ("peers", "allow", "others"),
    [
        pytest.param((older(**STARTED),), "yes", "Queued", id="an older one runs"),
        pytest.param((newer(**STARTED),), "yes", "Queued", id="a newer one runs"),
        pytest.param((newer(),), "yes", "Queued", id="any other one waits"),
        pytest.param((newer(**HELD),), "yes", "yes", id="which is held"),
        pytest.param((older(**BACKFILL),), "yes", "Queued", id="an older one of a Backfill waits"),
        pytest.param((newer(**BACKFILL),), "yes", "yes", id="a newer one of a Backfill waits"),
    ],
)
def test_a_run_of_a_backfill_waits_for_all_others_whatever_the_policy(peers, allow, others):
    assert [admit_of_backfill(policy, *peers) for policy in POLICIES] == [allow, *[others] * 3]


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        pytest.param((older(**BACKFILL),), ["yes"] * 4, id="it waits"),
        pytest.param((older(**BACKFILL, **STARTED),), ["yes", *["Queued"] * 3], id="it runs"),
        pytest.param((newer(**BACKFILL),), ["yes"] * 4, id="it waits and is newer"),
        pytest.param((newer(**BACKFILL, **STARTED),), ["yes", *["Queued"] * 3], id="it is newer"),
    ],
)
def test_a_run_of_a_backfill_neither_skips_nor_ends_another(peers, expected):
    assert [admit(policy, *peers) for policy in POLICIES] == expected


def test_a_run_of_a_backfill_is_not_replaced():
    plan = a_plan(concurrencyPolicy="Replace")
    assert admission.replaced_by(OF_BACKFILL, [newer()], plan) == ""
    assert admission.replaced_by(RUN, [newer(**BACKFILL)], plan) == ""


def test_where_runs_wait_for_earlier_ones_a_run_of_a_backfill_gives_way_only_to_those():
    assert admit_of_backfill("Queue", newer(), dependsOnPast=True) == "yes"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"run_type": "Backfill"}, True),
        ({"run_type": "Scheduled"}, False),
        ({"run_type": "Scheduled", "rerun": RerunRequest("by-hand")}, False),
        ({"run_type": "Scheduled", "rerun": RerunRequest("backfill-2026")}, False),
        ({"run_type": "Scheduled", "rerun": RerunRequest("backfill-3f2a91c0")}, False),
        ({"run_type": "Scheduled", "rerun": RerunRequest(backfill_facts.rerun_id(UID))}, True),
    ],
    ids=["its own", "not", "by hand", "by hand for a year", "by hand for a number", "run again"],
)
def test_it_is_known_what_runs_for_a_backfill(facts, expected):
    assert run_facts(**facts).of_backfill is expected
    wish = facts.get("rerun")
    summary = a_summary("r", run_type=facts["run_type"], rerun_wanted=wish.id if wish else "")
    assert summary.of_backfill is expected


# --- The past ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peers", "expected"),
    [
        pytest.param((), "yes", id="no past"),
        pytest.param((older(finished=True, succeeded=True),), "yes", id="it went well"),
        pytest.param((older(finished=True),), "DependsOnPast", id="it failed"),
        pytest.param((older(started=True),), "DependsOnPast", id="it runs"),
        pytest.param((older(),), "DependsOnPast", id="it has not started"),
        pytest.param((newer(finished=True),), "yes", id="the future does not count"),
        pytest.param(
            (older("a", finished=True), peer("b", 200, finished=True, succeeded=True)), "yes",
            id="only the last one counts",
        ),
    ],
)  # fmt: skip
def test_a_dag_that_depends_on_its_past_waits_for_the_run_before_to_succeed(peers, expected):
    assert admit("Allow", *peers, dependsOnPast=True) == expected


def test_without_that_the_past_does_not_matter():
    assert admit("Queue", older(finished=True)) == "yes"


def test_it_is_said_which_run_is_waited_for():
    plan = a_plan(dependsOnPast=True)
    found = admission.admit(RUN, [older("a", finished=True)], plan)
    assert found.message == "waits for run 'a' to succeed, which has failed"


# --- Replacing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "most", "peers", "name"),
    [
        pytest.param("Replace", 1, (newer(),), "z", id="a newer one waits"),
        pytest.param("Replace", 1, (newer("y"), peer("z", 950)), "z", id="the newest is named"),
        pytest.param("Replace", 1, (newer(**ENDED),), "", id="it has ended"),
        pytest.param("Replace", 1, (newer(**HELD),), "", id="it is held"),
        pytest.param("Replace", 1, (older(),), "", id="it is older"),
        pytest.param("Replace", 2, (newer(),), "", id="there is room for both"),
        pytest.param("Queue", 1, (newer(),), "", id="another policy"),
    ],
)
def test_a_run_is_replaced_by_newer_ones(policy, most, peers, name):
    plan = a_plan(concurrencyPolicy=policy, maxActiveRuns=most)
    assert admission.replaced_by(RUN, peers, plan) == name


OLDER = older(**STARTED)
REPLACES, REPLACES_TWO, TURN = (
    "waits for 1 older run to end, which it replaces",
    "waits for 2 older runs to end, which it replaces",
    "waits for its turn: the DAG allows 1 active run",
)


@pytest.mark.parametrize(
    ("peers", "message"),
    [
        pytest.param((OLDER,), REPLACES, id="none of a Backfill"),
        pytest.param((OLDER, older("b", **STARTED)), REPLACES_TWO, id="neither of two"),
        pytest.param((OLDER, older("b", **BACKFILL)), REPLACES, id="one of a Backfill waits"),
        pytest.param((OLDER, older("b", **BACKFILL, **ENDED)), REPLACES, id="it has ended"),
        pytest.param((OLDER, older("b", **BACKFILL, **STARTED)), TURN, id="it runs"),
    ],
)
def test_it_is_not_said_to_replace_a_run_of_a_backfill(peers, message):
    found = admission.admit(RUN, peers, a_plan(concurrencyPolicy="Replace"))
    assert (found.reason, found.message) == ("Queued", message)


# --- Runs that run again ---------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["Queue", "Replace"])
def test_a_run_does_not_wait_for_one_that_waits_for_it(policy):
    """Found by the simulation: the DAG had come to depend on the past after the first had begun."""
    plan = a_plan(concurrencyPolicy=policy)
    later = Peer("later", (stamp(9), stamp(9), "later"), waits_for_past=True)
    run = run_facts(run_type="Backfill", logical_time=stamp(1))
    assert admission.admit_again(run, [later], plan).admitted
    by_hand = run_facts(logical_time=stamp(1))
    assert admission.admit_again(by_hand, [later], plan).admitted
    assert admission.replaced_by(by_hand, [later], plan) == ""


@pytest.mark.parametrize("policy", ["Queue", "Forbid", "Replace"])
def test_a_run_that_is_to_run_again_waits_whatever_the_policy(policy):
    plan = a_plan(concurrencyPolicy=policy)
    newer = Peer("newer", (stamp(9), stamp(9), "newer"), started=True)
    verdict = admission.admit_again(run_facts(logical_time=stamp(1)), [newer], plan)
    assert (verdict.admitted, verdict.final, verdict.reason) == (False, False, "Queued")
