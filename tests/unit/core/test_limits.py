"""Who may start where runs share a limit: by priority and waiting, never over it, nobody for ever last."""

from __future__ import annotations

import dataclasses

import pytest

from kubedag.core import advance, limits, reasons_limits, rows, sharing
from kubedag.core.limits import Bounds, Pool, Want
from support.builders import a_plan, a_row, a_snapshot, a_status, at, run_facts, stamp
from support.objects import a_task

POOL = (limits.POOL, "ns", "warehouse")
DAG = (limits.DAG, "ns", "pipeline")


def wants(slots=1, *others):
    return (Want(POOL, slots), *others)


def a_waiter(name, wanted=None, *, priority=0, since=0, logical=0, namespace="ns", depth=0):
    rank = int(at(since).timestamp()) // limits.SECONDS_PER_PRIORITY - priority
    order = (rank, (stamp(logical), stamp(0), "run"), depth, 0, namespace, f"uid-{name}")
    wanted = wants() if wanted is None else wanted
    return limits.Waiter(order, f"uid-{name}", name, namespace, "a", stamp(since), wanted)


def lines(*waiters):
    found = {}
    for one in sorted(waiters):
        found.setdefault(one.kind, []).append(one)
    return tuple(found.values())


def started(*waiters, now=60, used=None, **pools):
    """The runs of those who start, in their order; `warehouse=3` is a pool with three free slots."""
    known = {
        ("ns", name): size if isinstance(size, Pool) else Pool(size)
        for name, size in pools.items()
    }
    book = limits.Book(lambda key: (used or {}).get(key, 0), known, at(now))
    return [one.run for one in limits.Line(book, lines(*waiters)).pass_before()]


@pytest.mark.parametrize(
    ("now", "most"),
    [(a_task("a", maxActiveAcrossRuns=3), 3), (a_task("b"), 1)],
    ids=["by now", "gone by now"],
)
def test_the_limit_of_a_task_is_the_one_that_its_dag_has_by_now(now, most):
    task = a_plan(a_task("a", maxActiveAcrossRuns=1)).tasks[0]
    (want,) = limits.wants(task, run_facts(), a_view(a_plan(now)))
    assert (want.key[0], want.size) == (limits.TASK, most)


# --- The order --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"priority": 1, "logical": 5}, {"priority": 0, "logical": 1}),
        ({"since": 0, "logical": 5}, {"since": 300, "logical": 1}),
        ({"since": 0, "logical": 5}, {"since": 600, "priority": 1, "logical": 1}),
        ({"since": 0, "logical": 1}, {"since": 299, "logical": 5}),
        ({"logical": 1, "depth": 9}, {"logical": 5, "depth": 0}),
        ({"depth": 1}, {"depth": 2}),
    ],
    ids=[
        "the more urgent one", "the one that waits for longer",
        "waiting for longer than priority is worth", "the older run of those that wait as long",
        "the older run before the earlier task", "the task nearer to the beginning",
    ],
)  # fmt: skip
def test_the_first_of_two_gets_the_only_slot(first, second):
    assert started(a_waiter("y", **first), a_waiter("x", **second), warehouse=1) == ["y"]


def test_nobody_gets_more_than_there_is():
    waiters = [a_waiter(name, logical=number) for number, name in enumerate("abcde")]
    assert started(*waiters, warehouse=5, used={POOL: 2}) == ["a", "b", "c"]
    assert started(*waiters, warehouse=1, used={POOL: 4}) == []


def test_what_waits_for_another_limit_is_passed():
    held = a_waiter("held", wants(1, Want(DAG, 1, 2)))
    free = a_waiter("free", logical=1)
    assert started(held, free, warehouse=1, used={DAG: 2}) == ["free"]


def test_a_large_one_is_not_overtaken_for_ever_by_small_ones():
    large, small = a_waiter("large", wants(3)), a_waiter("small", logical=1)
    assert started(large, small, warehouse=3, used={POOL: 1}) == []
    assert started(large, small, warehouse=4, used={POOL: 1}) == ["large"]


def test_a_large_one_that_waits_for_another_limit_keeps_nobody_waiting():
    large = a_waiter("large", wants(3, Want(DAG, 1, 1)))
    small = a_waiter("small", logical=1)
    assert started(large, small, warehouse=3, used={POOL: 1, DAG: 1}) == ["small"]


@pytest.mark.parametrize(("waited", "expected"), [(1799, ["small"]), (1800, [])])
def test_who_has_waited_for_very_long_keeps_what_it_has_got(waited, expected):
    large = a_waiter("large", wants(3, Want(DAG, 1, 1)))
    small = a_waiter("small", since=waited)
    used = {POOL: 1, DAG: 1}
    assert started(large, small, now=waited, warehouse=3, used=used) == expected


def test_only_one_keeps_what_it_has_got_of_a_limit():
    held = [a_waiter(name, wants(1, Want(DAG, 1, 1))) for name in "ab"]
    free = [a_waiter(name, since=1800) for name in "cd"]
    assert started(*held, *free, now=1800, warehouse=2, used={DAG: 1}) == ["c"]


@pytest.mark.parametrize(
    ("waiter", "pools"),
    [
        (a_waiter("x", (Want((limits.POOL, "ns", "lost"), 1),)), {}),
        (a_waiter("x", wants(4)), {}),
        (a_waiter("x", namespace="other"), {}),
        (a_waiter("x", namespace="other"), {"warehouse": Pool(3, frozenset({"third"}))}),
    ],
    ids=["no such pool", "more than the pool has", "of another namespace", "not of those listed"],
)
def test_what_can_never_start_as_it_is_keeps_nobody_waiting(waiter, pools):
    known = {"warehouse": 3} | pools
    assert started(waiter, a_waiter("y", logical=9), **known) == ["y"]


@pytest.mark.parametrize("shared", [None, frozenset({"other"})], ids=["with all", "with it"])
def test_a_pool_is_used_from_where_it_is_shared_with(shared):
    assert started(a_waiter("x", namespace="other"), warehouse=Pool(1, shared)) == ["x"]


def test_one_that_is_held_keeps_only_those_of_its_kind_from_being_asked():
    waiters = [
        a_waiter("a", wants(1, Want(DAG, 1, 1)), logical=0),
        a_waiter("b", logical=1),
        a_waiter("c", wants(1, Want(DAG, 1, 1)), logical=2),
        a_waiter("d", logical=3),
    ]
    assert started(*waiters, warehouse=2, used={DAG: 1}) == ["b", "d"]


# --- What a task wants -------------------------------------------------------------------------


def a_view(plan, *others, used=None, bounds=limits.UNBOUNDED, since=None, **pools):
    return limits.View(
        rules=plan,
        used=lambda key: (used or {}).get(key, 0),
        bounds=bounds,
        pools={("ns", name): Pool(size) for name, size in pools.items()},
        lines=lines(*others),
        since=since or {},
    )


def test_a_task_wants_what_its_dag_the_namespace_and_the_operator_limit():
    plan = a_plan(
        a_task("a", pool={"name": "warehouse", "slots": 2}, maxActiveAcrossRuns=3),
        maxActiveTasksAcrossRuns=4,
    )
    found = limits.wants(plan.tasks[0], run_facts(), a_view(plan, bounds=Bounds(6, 5)))
    assert found == (
        Want(POOL, 2),
        Want((limits.TASK, "ns", "pipeline", "a"), 1, 3),
        Want(DAG, 1, 4),
        Want((limits.NAMESPACE, "ns"), 1, 5),
        Want((limits.OPERATOR,), 1, 6),
    )


def test_what_all_tasks_have_in_common_holds_for_those_that_say_nothing_else():
    common = {"image": "i", "pool": {"name": "warehouse"}, "maxActiveAcrossRuns": 2}
    own = {"name": "api", "namespace": "shared", "slots": 3}
    plan = a_plan(a_task("a"), a_task("b", pool=own), taskDefaults=common)
    first, second = (limits.wants(task, run_facts(), a_view(plan)) for task in plan.tasks)
    assert first[0] == Want(POOL, 1)
    assert second[0] == Want((limits.POOL, "shared", "api"), 3)
    assert [want.size for want in (first[1], second[1])] == [2, 2]
    assert plan.shares_limits
    assert not a_plan().shares_limits


def test_limits_between_runs_are_those_of_the_dag_as_it_is_now():
    pinned = a_plan(a_task("a"), maxActiveTasksAcrossRuns=1)
    now = a_plan(a_task("a"), maxActiveTasksAcrossRuns=7)
    assert limits.wants(pinned.tasks[0], run_facts(), a_view(now)) == (Want(DAG, 1, 7),)


# --- In a decision ------------------------------------------------------------------------------


def step(plan, view, status=None, now=60, **facts):
    return advance.advance(a_snapshot(plan, status=status, limits=view, **facts), plan, at(now))


def told(found):
    return [(row.state, row.reason, row.message) for row in found.tasks]


IN_POOL = {"pool": {"name": "warehouse"}}


def test_only_as_many_start_as_the_pool_has_room_for():
    plan = a_plan(*(a_task(name, **IN_POOL) for name in "abc"), a_task("free"))
    found = step(plan, a_view(plan, warehouse=4, used={POOL: 2}))
    assert [action.task_index for action in found.actions] == [0, 1, 3]
    assert told(found)[2] == (
        "Queued", "PoolFull",
        "waits for a slot of the TaskPool ns/warehouse, which has 4; it is next",
    )  # fmt: skip
    assert [one.task for one in found.waiters] == ["c"]


def test_a_task_is_not_kept_out_by_its_own_pod_that_nobody_knows_by_its_labels_any_more():
    plan = a_plan(a_task("a", **IN_POOL))
    full = a_view(plan, warehouse=1, used={POOL: 1})
    assert step(plan, full).actions == []
    asked = []
    step(plan, dataclasses.replace(full, has_places=asked.append))
    known = dataclasses.replace(full, has_places=set(asked).__contains__)
    assert [action.name for action in step(plan, known).actions] == asked


def test_a_task_says_how_many_are_before_it_up_to_ten():
    before = [a_waiter(name, logical=-9) for name in "xy"]
    plan = a_plan(*(a_task(f"t{number}", **IN_POOL) for number in range(10)))
    found = step(plan, a_view(plan, *before, warehouse=0))
    assert found.tasks[0].reason == "PoolPaused"
    found = step(plan, a_view(plan, *before, warehouse=1, used={POOL: 1}))
    ends = [row.message.rsplit("; ")[1] for row in found.tasks]
    assert ends[0] == "2 are before it"
    assert ends[8:] == ["10 are before it", "more than 10 are before it"]


def test_others_that_come_first_are_left_what_they_wait_for():
    plan = a_plan(a_task("a", **IN_POOL))
    found = step(plan, a_view(plan, a_waiter("older", logical=-9), warehouse=1))
    assert found.actions == []
    assert found.tasks[0].message.endswith("; 1 is before it")


def test_since_when_a_task_waits_is_kept_in_its_row_and_by_whoever_is_asked_again():
    plan = a_plan(a_task("a", **IN_POOL))
    full = {"warehouse": 1, "used": {POOL: 1}}
    first = step(plan, a_view(plan, **full))
    assert first.tasks[0].wait_time == stamp(60)
    assert first.waiters[0].since == stamp(60)
    stored = step(plan, a_view(plan, **full), a_status(first.tasks[0]), now=400)
    assert (stored.tasks[0].wait_time, stored.waiters[0].since) == (stamp(60), stamp(60))
    known = step(plan, a_view(plan, **full, since={"a": stamp(50)}), now=400)
    assert known.waiters[0].since == stamp(50)


def test_a_task_that_starts_waits_for_nothing_any_more():
    plan = a_plan(a_task("a", **IN_POOL))
    row = a_row("a", "Queued", reason="PoolFull", message="waits", wait_time=stamp(5))
    found = step(plan, a_view(plan, warehouse=1), a_status(row))
    assert len(found.actions) == 1
    assert (found.tasks[0].reason, found.tasks[0].wait_time) == ("CreatingPod", None)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"run": run_facts(suspend=True)}, "Suspended"),
        ({"creating": {"b": "pod-b"}}, "MaxActiveTasks"),
    ],
    ids=["suspended", "the run's own limit"],
)
def test_who_is_held_by_something_else_is_not_among_those_who_wait(fields, reason):
    plan = a_plan(a_task("a", **IN_POOL), a_task("b", **IN_POOL), maxActiveTasks=1)
    found = step(plan, a_view(plan, warehouse=5), **fields)
    assert found.tasks[0].reason == reason
    assert found.waiters == []


@pytest.mark.parametrize(
    ("pool", "reason", "said"),
    [
        ({"name": "lost"}, "PoolNotFound", "pool: must name a TaskPool; there is no ns/lost"),
        (
            {"name": "api", "namespace": "shared"}, "PoolNotShared",
            "pool: the TaskPool shared/api does not permit this namespace in shareWith",
        ),
        (
            {"name": "warehouse", "slots": 9}, "PoolTooSmall",
            "pool.slots: takes 9 slots of the TaskPool ns/warehouse, which has 3",
        ),
        (
            {"name": "paused"}, "PoolPaused",
            "waits for the TaskPool ns/paused, which is paused: its slots are 0",
        ),
        (
            {"name": "paused", "slots": 9}, "PoolPaused",
            "waits for the TaskPool ns/paused, which is paused: its slots are 0",
        ),
    ],
    ids=["no such pool", "not shared", "too small", "paused", "paused, and it takes several"],
)  # fmt: skip
def test_what_is_wrong_with_a_pool_is_said_and_waited_with(pool, reason, said):
    plan = a_plan(a_task("a", pool=pool))
    view = a_view(plan, warehouse=3, paused=0)
    view.pools["shared", "api"] = Pool(5)
    found = step(plan, view)
    assert told(found) == [("Queued", reason, said)]
    assert len(found.waiters) == 1


@pytest.mark.parametrize(
    ("dag", "bounds", "used", "expected"),
    [
        (
            {"maxActiveTasksAcrossRuns": 2}, limits.UNBOUNDED, DAG,
            ("MaxActiveTasksAcrossRuns", "waits for one of 2 Pods of all runs of the DAG to end"),
        ),
        (
            {"tasks": [a_task("a", maxActiveAcrossRuns=2)]}, limits.UNBOUNDED,
            (limits.TASK, "ns", "pipeline", "a"),
            (
                "MaxActiveAcrossRuns",
                "waits for one of 2 Pods of this task, of all runs of the DAG, to end",
            ),
        ),
        (
            {}, Bounds(namespace=2), (limits.NAMESPACE, "ns"),
            ("MaxActiveTasksOfNamespace", "waits for one of 2 Pods of tasks in the namespace to end"),
        ),
        (
            {}, Bounds(operator=2), (limits.OPERATOR,),
            ("MaxActiveTasksOfOperator", "waits for one of 2 Pods of tasks in all namespaces to end"),
        ),
    ],
    ids=["DAG", "task", "namespace", "operator"],
)  # fmt: skip
def test_every_limit_has_its_own_words(dag, bounds, used, expected):
    given = dict(dag)
    plan = a_plan(*given.pop("tasks", [a_task("a")]), **given)
    ((state, reason, message),) = told(step(plan, a_view(plan, used={used: 2}, bounds=bounds)))
    assert (state, reason, message) == ("Queued", expected[0], f"{expected[1]}; it is next")


def test_every_word_of_a_waiting_task_is_on_the_list():
    assert {reason.name for reason in limits.FULL.values()} <= reasons_limits.WAITS
    assert all(
        sharing.is_waiting(rows.TaskRow("a", "Queued", name)) for name in reasons_limits.WAITS
    )
    assert not sharing.is_waiting(rows.TaskRow("a", "Queued", "MaxActiveTasks"))


def test_a_task_of_a_run_that_is_full_waits_for_the_run_and_keeps_since_when():
    """Whichever of its tasks was asked first, so that deciding twice says the same."""
    plan = a_plan(a_task("a", pool={"name": "lost"}), a_task("b", **IN_POOL), maxActiveTasks=1)
    first = step(plan, a_view(plan, warehouse=1))
    assert [action.task_index for action in first.actions] == [1]
    assert (first.tasks[0].reason, first.tasks[0].wait_time) == ("MaxActiveTasks", stamp(60))
    assert first.waiters == []
    again = step(
        plan, a_view(plan, warehouse=1, used={POOL: 1}), a_status(*first.tasks), now=400,
        creating={"b": "pod-b"},
    )  # fmt: skip
    assert again.tasks[0] == first.tasks[0]
    later = step(plan, a_view(plan, warehouse=1), a_status(first.tasks[0], a_row("b", "Succeeded")),
                 now=500)  # fmt: skip
    assert (later.tasks[0].reason, later.tasks[0].wait_time) == ("PoolNotFound", stamp(60))
