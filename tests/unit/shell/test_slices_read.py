"""The rows that are not in a run's own object are read once, and kept through what a watch tells."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from kubedag.core import slices
from kubedag.shell import slices as shell_slices
from kubedag.shell.errors import ApiError
from support.builders import as_stored
from support.object_server import SLICES_PATH
from support.objects import a_run
from support.slice_bench import progress, stored, with_operators

# --- Reading ----------------------------------------------------------------------------------


def test_the_rows_of_a_run_that_was_never_seen_are_read_page_by_page():
    async def story(one, other):
        await one.write(progress(1, 2500))
        other.told()
        assert other.run.lacks_rows
        await other.load()
        assert (other.run.lacks_rows, other.run.status) == (False, progress(1, 2500))
        lists = [call for call in other.api.calls if call.path == SLICES_PATH]
        assert [call.params.get("continue") for call in lists] == [None, "20"]
        await other.write(progress(2, 2500, t7="Succeeded"))
        assert len(other.written) == 2

    one = with_operators(story, 2)
    assert stored(one.server) == progress(2, 2500, t7="Succeeded")


def test_rows_are_read_once_however_often_they_are_asked_for():
    async def story(one, other):
        await one.write(progress(1))
        other.told()
        for _ in range(5):
            other.writer.slices.load(other.run)
        await asyncio.sleep(5)
        assert [call.path for call in other.api.calls] == [SLICES_PATH, one.server.path]
        assert await asyncio.wait_for(other.queue.get(), 1) == other.run.key

    with_operators(story, 2, seconds=1.0)


@pytest.mark.parametrize("heard", [True, False])
def test_a_run_that_changed_while_its_rows_were_read_is_read_again(heard):
    async def story(one, other):
        def change(_):
            one.server.before = lambda _: None
            status = msgspec.to_builtins(slices.main(progress(2)))
            one.server.touch(one.server.path, status=status)
            if heard:
                other.told()

        await one.write(progress(1))
        other.told()
        one.server.before = change
        await other.load()
        assert other.run.lacks_rows
        await other.load()
        assert other.run.status == progress(2)

    with_operators(story, 2)


def test_a_run_that_is_gone_has_not_lost_its_slices():
    async def story(one, other):
        await one.write(progress(1))
        other.told()
        one.server.objects.clear()
        await other.load()
        assert (other.store.runs, other.writer.slices.lost) == ({}, 0)

    with_operators(story, 2)


def test_reading_that_fails_is_tried_again_less_and_less_often():
    async def story(one, other):
        await one.write(progress(1))
        other.told()
        other.server.before = lambda _: ApiError(500)
        for _ in range(1000):
            await other.load(0.1)
        assert 5 < len(other.api.calls) < 15
        assert other.writer.slices.load_failures == len(other.api.calls)
        assert other.run.lacks_rows
        other.server.before = lambda _: None
        await asyncio.sleep(shell_slices.PAUSE_SECONDS_MAX)
        await other.load()
        assert other.run.status == progress(1)

    with_operators(story, 2)


def test_a_slice_that_is_lost_is_told_of_and_the_others_are_kept(caplog):
    async def story(one, other):
        await one.write(progress(1))
        name = one.server.slices[1]["metadata"]["name"]
        del one.server.objects[f"{SLICES_PATH}/{name}"]
        other.told()
        await other.load()
        assert len(other.run.status.tasks) == 150
        assert other.writer.slices.lost == 1
        (told,) = (telling.note for telling in other.recorder._queue.values())
        assert (told.type, told.reason) == ("Warning", "RowsLost")
        assert told.message.startswith("1 of 3 slices are lost")

    with_operators(story, 2)
    assert "ns/run: 1 of 3 slices are lost" in caplog.text


def test_a_slice_that_cannot_be_understood_counts_as_lost():
    async def story(one, other):
        await one.write(progress(1))
        one.server.slices[1]["tasks"] = "broken"
        other.told()
        await other.load()
        assert len(other.run.status.tasks) == 150

    with_operators(story, 2)


def test_an_object_that_only_looks_like_a_slice_is_passed_over():
    async def story(one, other):
        await one.write(progress(1))
        copy = msgspec.json.decode(msgspec.json.encode(one.server.slices[0]))
        copy["metadata"]["name"] = "copy"
        copy["tasks"] = []
        one.server.objects[f"{SLICES_PATH}/copy"] = copy
        other.told()
        await other.load()
        assert other.run.status == progress(1)

    with_operators(story, 2)


# --- What a watch tells -----------------------------------------------------------------------


def test_our_own_write_that_comes_back_keeps_the_rows():
    async def story(one):
        await one.write(progress(1))
        one.told()
        assert (one.run.status, one.run.lacks_rows) == (progress(1), False)

    with_operators(story)


def test_our_own_write_that_comes_back_before_its_answer_keeps_the_rows():
    async def story(one):
        await one.write(msgspec.structs.replace(progress(1), slices=0), seconds=10)
        await one.write(progress(2), seconds=3)
        put = [call for call in one.api.calls if call.path.endswith("status")][-1]
        one.server(put)
        one.told()
        assert (one.run.status, one.run.lacks_rows) == (progress(2), False)

    with_operators(story, seconds=2.0)


def test_an_edit_of_the_spec_keeps_the_rows():
    async def story(one):
        await one.write(progress(1))
        spec = one.server.objects[one.server.path]["spec"] | {"suspend": True}
        one.server.touch(one.server.path, spec=spec)
        one.told()
        assert (one.run.status, one.run.lacks_rows) == (progress(1), False)
        assert one.run.facts.suspend

    with_operators(story)


def test_a_status_that_somebody_else_wrote_has_rows_to_be_read():
    async def story(one, other):
        await one.write(progress(1))
        other.told()
        await other.load()
        await other.write(progress(2, t7="Succeeded"))
        one.told()
        assert one.run.lacks_rows
        await one.load()
        assert one.run.status == progress(2, t7="Succeeded")

    with_operators(story, 2)


@pytest.mark.parametrize("deleting", [True, False])
def test_of_a_run_that_is_being_deleted_no_rows_are_read(deleting):
    async def story(one, other):
        await one.write(progress(1))
        raw = as_stored(a_run(), 999, status=slices.main(progress(1)), deleting=deleting)
        other.store.put_run(raw)
        assert other.run.lacks_rows is not deleting

    with_operators(story, 2)
