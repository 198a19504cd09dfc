"""The rows of a large run are stored before what counts on them, in parts, and only what changed."""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest

from kubedag.core import slices
from kubedag.shell import writer as writers
from kubedag.shell.errors import ApiError, Unreachable
from support.builders import a_finished_status
from support.object_server import SLICES_PATH
from support.slice_bench import progress, stored, with_operators

CUT = Unreachable("cut", maybe_applied=True)
replace = msgspec.structs.replace


# --- Writing ----------------------------------------------------------------------------------


def test_slices_are_stored_before_the_status_that_counts_on_them():
    async def story(one):
        await one.write(progress(1))

    one = with_operators(story)
    assert one.written == ["dagrunslices"] * 3 + ["status"]
    assert stored(one.server) == progress(1)
    assert "tasks" not in one.server.status
    assert (one.run.status, one.run.lacks_rows) == (progress(1), False)


def test_a_slice_is_found_by_its_run_and_goes_with_it():
    async def story(one):
        await one.write(progress(1))

    found = with_operators(story).server.slices[1]
    assert found["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "kubedag",
        "kubedag.dev/dag": "pipeline",
        "kubedag.dev/run": "run",
        "kubedag.dev/run-uid": "uid-run",
    }
    (owner,) = found["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("DAGRun", "uid-run", True)
    assert (found["kind"], found["runName"], found["firstTask"]) == ("DAGRunSlice", "run", 100)
    assert (found["counts"]["total"], found["counts"]["running"]) == (100, 100)


def test_only_the_slices_that_changed_are_written_again():
    async def story(one):
        await one.write(progress(1))
        one.api.calls.clear()
        await one.write(progress(2, t7="Succeeded"))
        await one.write(progress(3, t7="Succeeded"))

    one = with_operators(story)
    name = one.server.slices[0]["metadata"]["name"]
    assert one.written == [name, "status", "status"]
    assert stored(one.server) == progress(3, t7="Succeeded")


def test_fewer_changed_rows_are_written_sooner():
    async def story(one):
        await one.write(progress(1))
        for number in range(2, 60):
            one.run.decided = progress(number, t7=f"{number}")
            one.writer.run_decided(one.run, urgent=False)
            await asyncio.sleep(0.25)

    calls = [call.at for call in with_operators(story).api.calls if call.path.endswith("status")]
    assert {late - early for early, late in itertools.pairwise(calls[1:])} == {0.5}


def test_a_finished_run_gives_its_rows_back_to_the_memory():
    ended = replace(a_finished_status(*progress(1).tasks), slices=3)

    async def story(one):
        await one.write(ended)
        assert stored(one.server) == ended

    one = with_operators(story)
    assert (one.run.status, one.run.lacks_rows) == (slices.main(ended), False)


def test_a_finished_run_whose_rows_nobody_has_read_is_written_without_them():
    ended = replace(a_finished_status(*progress(1).tasks), slices=3)

    async def story(one, other):
        await one.write(ended)
        other.told()
        assert not other.run.lacks_rows
        await other.write(replace(other.run.status, observed_generation=2))

    one = with_operators(story, 2)
    assert stored(one.server) == replace(ended, observed_generation=2)


# --- Too large --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "too_large"),
    [
        (ApiError(413, "", "<html>413 Request Entity Too Large</html>"), True),
        (ApiError(500, "", "etcdserver: request is too large"), True),
        (ApiError(500, "", "rpc error: trying to send message larger than max (3 vs. 2)"), True),
        (ApiError(400, "BadRequest", "Request entity too large: limit is 3145728"), True),
        (ApiError(500, "InternalError", "etcdserver: request timed out"), False),
        (ApiError(422, "Invalid", "must have at most 100 items"), False),
        (ApiError(409, "Conflict", "request is too large"), False),
    ],
    ids=["413", "etcd", "its client", "API server", "time-out", "invalid", "conflict"],
)
def test_what_is_too_large_is_known_by_the_answer(error, too_large):
    assert error.too_large == too_large


def inline(tasks=3):
    return replace(progress(1, tasks), slices=0)


def test_a_status_that_is_refused_as_too_large_asks_for_slices_at_once():
    async def story(one):
        one.server.bytes_max["dagruns"] = 200
        await one.write(inline(), seconds=0.0)
        assert await asyncio.wait_for(one.queue.get(), 0.1) == one.run.key
        assert one.store.run_snapshot(one.run).slice_bytes_max == slices.BYTES_MAX

    one = with_operators(story)
    assert (one.writer.too_large, one.run.write_failures) == (1, 0)


def test_a_slice_that_is_refused_as_too_large_is_to_be_smaller_next_time_and_later():
    async def story(one):
        one.server.bytes_max["dagrunslices"] = 200
        await one.write(progress(1), seconds=600)

    one = with_operators(story)
    assert one.run.slices.bytes_max == slices.BYTES_MAX // 2
    assert "status" not in one.server.objects[one.server.path]
    assert one.run.write_after > 0


def test_slices_shrink_to_a_least_size_and_are_tried_ever_less_often():
    async def story(one):
        one.server.bytes_max["dagrunslices"] = 200
        for _ in range(3000):
            await one.write(progress(1), seconds=0.1)

    one = with_operators(story)
    assert one.run.slices.bytes_max == slices.BYTES_MIN
    tries = sorted({call.at for call in one.api.calls})
    assert 8 < len(tries) < 25
    assert tries[-1] - tries[-2] >= writers.PAUSE_SECONDS_MAX


def test_a_status_that_is_refused_even_without_its_rows_is_tried_ever_less_often():
    async def story(one):
        one.server.bytes_max["dagruns"] = 10
        for _ in range(1000):
            await one.write(progress(1), seconds=0.1)

    one = with_operators(story)
    assert 5 < len([call for call in one.api.calls if call.path.endswith("status")]) < 15


# --- Trouble ----------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [CUT, ApiError(500), ApiError(403)], ids=["cut", "500", "403"])
def test_a_status_is_not_stored_before_all_its_slices_are(error):
    async def story(one):
        fails = itertools.chain([None, error], itertools.repeat(None))
        one.server.before = lambda _: next(fails)
        await one.write(progress(1), seconds=0.1)
        assert "status" not in one.server.objects[one.server.path]
        await one.write(progress(1), seconds=0.2)
        await one.write(progress(1))

    one = with_operators(story)
    assert stored(one.server) == progress(1)


def test_what_slices_say_is_stored_even_if_the_status_did_not_get_there():
    failed = {"t7": "Failed"}

    async def story(one):
        await one.write(progress(1))
        one.server.before = lambda call: ApiError(500) if call.path.endswith("status") else None
        await one.write(progress(2, **failed), seconds=0.5)
        assert one.run.status == replace(progress(1, **failed), progress="1")
        one.server.before = lambda _: None
        assert one.recorder.depth == 1
        await one.write(progress(3, **failed))

    one = with_operators(story)
    assert stored(one.server) == progress(3, **failed)
    assert [told.note.reason for told in one.recorder._queue.values()][1:] == ["TaskFailed"]


def lose_answers(operator):
    """Every slice is stored, and nobody hears of it."""
    send = operator.api.request

    async def request(method, path, **rest):
        answer = await send(method, path, **rest)
        if SLICES_PATH in path and method != "GET":
            raise CUT
        return answer

    operator.api.request = request
    return send


def test_slices_that_were_created_unheard_are_adopted():
    async def story(one):
        send = lose_answers(one)
        await one.write(progress(1))
        one.api.request = send
        await one.write(progress(2))

    one = with_operators(story)
    assert len(one.server.slices) == 3
    assert stored(one.server) == progress(2)


def test_a_slice_of_somebody_else_is_left_alone():
    async def story(one, other):
        await other.write(progress(1))
        for theirs in one.server.slices:
            theirs["metadata"]["ownerReferences"] = []
        one.api.calls.clear()
        await one.write(progress(2))

    one = with_operators(story, 2)
    assert [call.method for call in one.api.calls if call.method == "PUT"] == []
    assert one.run.write_after > 0


def test_a_slice_that_somebody_deleted_is_made_again():
    async def story(one):
        await one.write(progress(1))
        name = one.server.slices[0]["metadata"]["name"]
        del one.server.objects[f"{SLICES_PATH}/{name}"]
        await one.write(progress(2, t7="Succeeded"))

    assert stored(with_operators(story).server) == progress(2, t7="Succeeded")


def test_a_run_that_was_deleted_while_its_slices_were_written_is_forgotten():
    async def story(one):
        del one.server.objects[one.server.path]
        await one.write(progress(1))

    assert with_operators(story).store.runs == {}


def test_whoever_lost_against_another_slice_reads_all_of_them_and_decides_again():
    async def story(one, other):
        await one.write(progress(1))
        other.told()
        await other.load()
        await other.write(progress(1, t7="Failed", t207="Failed"))
        await one.write(progress(2, t7="Succeeded"))
        assert one.run.lacks_rows
        await one.load()

    one = with_operators(story, 2)
    assert one.run.status == stored(one.server) == progress(1, t7="Failed", t207="Failed")
    assert (one.writer.conflicts, one.run.lacks_rows) == (1, False)


def test_slices_of_which_a_leader_has_not_heard_are_not_overwritten_by_its_old_rows():
    async def story(one, other):
        await one.write(progress(1, t7="Succeeded"))
        await other.write(progress(1))

    one = with_operators(story, 2)
    assert stored(one.server) == progress(1, t7="Succeeded")


def test_a_slice_that_another_leader_made_is_not_overwritten():
    async def story(one, other):
        await one.write(progress(1))
        name = one.server.slices[0]["metadata"]["name"]
        gone = one.server.objects.pop(f"{SLICES_PATH}/{name}")
        other.told()
        await other.load()
        one.server.objects[f"{SLICES_PATH}/{name}"] = gone
        await other.write(progress(2, t7="Succeeded"))
        assert other.run.lacks_rows

    assert stored(with_operators(story, 2).server) == progress(1)
