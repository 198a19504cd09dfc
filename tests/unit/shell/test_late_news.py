"""What has gone does not come back by news that were on their way when it went."""

from __future__ import annotations

import asyncio

import pytest

from kubedag.api import group
from kubedag.shell.resync import resync
from support import virtual_loop
from support.answering_api import AnsweringApi
from support.builders import as_stored
from support.engines import an_engine
from support.objects import a_backfill, a_dag, a_pool, a_run, a_task

KINDS = {
    group.DAG.kind: a_dag(a_task("a", image="i")),
    group.DAG_RUN.kind: a_run(),
    group.BACKFILL.kind: a_backfill(),
    group.TASK_POOL.kind: a_pool(),
}
of_each_kind = pytest.mark.parametrize("kind", KINDS)


def known(store, kind):
    """The UIDs of those of a kind that are known."""
    entries = {
        group.DAG.kind: store.dags,
        group.DAG_RUN.kind: store.runs,
        group.BACKFILL.kind: store.backfills.entries,
        group.TASK_POOL.kind: store.limits.pools.entries,
    }
    return [entry.uid for entry in entries[kind].values() if entry.uid]


def seen(kind, version=5, **options):
    return as_stored(KINDS[kind], version, **options)


def after(kind, *story, api=None):
    """What is known of a kind after some events, each with its type."""

    async def scenario():
        engine = an_engine(api or AnsweringApi())
        for event_type, raw in story:
            if event_type == "ANSWER":
                engine.store.takers[kind].put(raw)
            else:
                engine.feed(kind, event_type, raw)
        return known(engine.store, kind)

    return virtual_loop.run(scenario())


@of_each_kind
def test_an_answer_from_before_the_end_of_an_object_does_not_bring_it_back(kind):
    story = ("ADDED", seen(kind)), ("DELETED", seen(kind, 9)), ("ANSWER", seen(kind))
    assert after(kind, *story) == []


@of_each_kind
def test_nor_where_the_end_was_known_before_the_watch_told_of_it(kind):
    story = ("DELETED", seen(kind, 9)), ("ANSWER", seen(kind))
    assert after(kind, *story) == []


@pytest.mark.parametrize("kind", [one for one in KINDS if one != group.DAG_RUN.kind])
def test_what_is_being_deleted_is_gone_for_good(kind):
    story = ("ADDED", seen(kind)), ("MODIFIED", seen(kind, 7, deleting=True))
    assert after(kind, *story, ("ANSWER", seen(kind, 6))) == []
    assert after(kind, *story, ("MODIFIED", seen(kind, 8, deleting=True))) == []


@of_each_kind
def test_another_of_the_same_name_is_known_all_the_same(kind):
    story = ("ADDED", seen(kind)), ("DELETED", seen(kind, 9)), ("ADDED", seen(kind, 10, uid="new"))
    assert after(kind, *story, ("ANSWER", seen(kind))) == ["new"]


@of_each_kind
def test_nor_does_a_list_whose_answer_was_on_its_way(kind):
    lists = {"dags": group.DAG, "dagruns": group.DAG_RUN, "backfills": group.BACKFILL,
             "taskpools": group.TASK_POOL}  # fmt: skip

    def listed(call):
        it_is_of = lists[call.path.rsplit("/", 1)[-1]].kind
        items = [seen(kind)] if it_is_of == kind else []
        return {"metadata": {"resourceVersion": "8"}, "items": items}

    async def scenario():
        api = AnsweringApi(listed, seconds=1)
        engine = an_engine(api)
        engine.feed(kind, "ADDED", seen(kind))
        listing = asyncio.create_task(resync(api, engine.store, (None,)))
        await asyncio.sleep(0.5)
        engine.feed(kind, "DELETED", seen(kind, 9))
        await listing
        return known(engine.store, kind)

    assert virtual_loop.run(scenario()) == []
