"""Pods that take long to start: when their Events are asked for, and what follows from these."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.core import actions, advance, describe, pod_events, snapshot
from support.builders import (
    a_condition,
    a_plan,
    a_pod,
    a_snapshot,
    a_status,
    at,
    stamp,
    waiting,
)
from support.objects import a_task

PLAN = a_plan(a_task("a"))
NOT_YET = a_condition("PodReadyToStartContainers", "False", when=2)
SET_UP = a_condition("PodReadyToStartContainers", "True", when=2)
CREATING = waiting("ContainerCreating")
NO_SECRET = 'MountVolume.SetUp failed for volume "v" : secret "x" not found'
NO_KEY = 'MountVolume.SetUp failed for volume "v" : references non-existent secret key: k'
NO_DISK = 'AttachVolume.Attach failed for volume "v" : rpc error: code = NotFound desc = no disk'
TIMED_OUT = "Unable to attach or mount volumes: unmounted volumes=[v]: context deadline exceeded"
WAITS = "waits for the node to set up its volumes and network"
SINCE = "(attempt 1, since 2026-01-01 00:00:02 UTC)"


def starting(task="a", ready=NOT_YET, **fields):
    """A Pod that has had its node for long, at second 2 after it was created."""
    conditions = (a_condition("PodScheduled", when=2), ready)
    return a_pod(task, **({"main": CREATING, "conditions": conditions} | fields))


POD = starting()
UID = POD.metadata.uid


def warning(reason="FailedMount", message=NO_SECRET, read=20, time=15):
    return snapshot.PodWarning(stamp(read), reason, message, stamp(time))


def step(*seen, of=PLAN, now=30.0, known=None, **facts):
    warnings = {} if known is None else {UID: known}
    snap = a_snapshot(of, *seen, **({"warnings": warnings} | facts))
    return advance.advance(snap, of, at(now))


def asked(found):
    return [action.pod_uid for action in found.actions if isinstance(action, actions.ReadEvents)]


# --- When they are asked for ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pod", "asks"),
    [
        pytest.param(POD, True, id="has its node"),
        pytest.param(starting(ready=SET_UP), True, id="has its sandbox, and no container"),
        pytest.param(a_pod(), False, id="nobody has looked for a node"),
        pytest.param(
            a_pod(conditions=(a_condition("PodScheduled", "False", "Unschedulable", "no room"),)),
            False, id="its condition says why it has no node",
        ),
        pytest.param(
            starting(main=waiting("ImagePullBackOff", "no")), False, id="its container says why"
        ),
        pytest.param(starting(deleted=5, node="n"), False, id="it is on its way out"),
        pytest.param(starting(gone=True), False, id="it is gone"),
        pytest.param(starting(phase="Running", main=None), False, id="it runs"),
    ],
)  # fmt: skip
def test_the_events_of_a_pod_are_asked_for_if_nothing_else_says_why_it_does_not_start(pod, asks):
    assert asked(step(pod)) == [UID] * asks


@pytest.mark.parametrize(
    ("known", "due"),
    [
        pytest.param(None, 12, id="first when a start takes long"),
        pytest.param(warning(read=20), 80, id="then every minute"),
        pytest.param(warning("", "", read=20), 80, id="also if there were none"),
        pytest.param(warning("FailedCreatePodSandBox", "no", read=20), 80, id="or it was another"),
    ],
)
def test_they_are_asked_for_seldom(known, due):
    early = step(POD, now=due - 1, known=known)
    assert (asked(early), advance.wake(early)) == ([], at(due))
    assert asked(step(POD, now=due, known=known)) == [UID]


def many(count):
    names = [f"t{number:02}" for number in range(count)]
    seen = [starting(name) for name in names]
    return a_plan(*map(a_task, names)), seen, [pod.metadata.uid for pod in seen]


def test_of_many_pods_a_few_are_asked_about_at_a_time_and_all_in_their_turn():
    plan, seen, uids = many(50)
    warnings, turns = {}, []
    for now in (30, 31, 90, 91, 150, 151, 210):
        found = step(*seen, of=plan, now=now, warnings=dict(warnings))
        turns.append(asked(found))
        assert advance.wake(found) is None or advance.wake(found) > at(now)
        warnings |= {uid: warning("", "", read=now) for uid in asked(found)}
        assert step(*seen, of=plan, now=now, warnings=dict(warnings)).actions == []
    assert turns == [uids[:20], [], uids[20:40], [], uids[40:] + uids[:10], [], uids[10:30]]


def test_those_that_wait_for_room_are_looked_at_when_there_is_some():
    plan, seen, uids = many(21)
    warnings = {uid: warning(read=30) for uid in uids[:20]}
    found = step(*seen, of=plan, now=40, warnings=warnings)
    assert (asked(found), advance.wake(found)) == ([], at(90))


def test_a_question_that_is_under_way_keeps_its_place():
    plan, seen, uids = many(30)
    warnings = {uid: warning(read=30) for uid in uids[:5]}
    assert asked(step(*seen, of=plan, now=31, warnings=warnings)) == uids[5:20]


# --- Which of them counts ---------------------------------------------------------------------


def events(*items):
    found = [{"type": "Warning", "reason": "FailedMount", "message": "m"} | item for item in items]
    return msgspec.convert(found, list[pod_events.Event])


OLD, NEW = {"lastTimestamp": stamp(10)}, {"lastTimestamp": stamp(40)}


@pytest.mark.parametrize(
    ("items", "message"),
    [
        pytest.param((), None, id="none"),
        pytest.param((OLD | {"message": "a"}, NEW | {"message": "b"}), "b", id="the newest"),
        pytest.param((NEW | {"message": "b"}, OLD | {"message": "a"}), "b", id="in any order"),
        pytest.param(
            (OLD | {"message": "a"}, NEW | {"message": TIMED_OUT}), "a", id="a cause if there is one"
        ),
        pytest.param(
            ({"lastTimestamp": stamp(40), "message": "a"},
             {"lastTimestamp": stamp(400), "message": TIMED_OUT}),
            TIMED_OUT, id="but none that is over",
        ),
        pytest.param((NEW | {"message": TIMED_OUT},), TIMED_OUT, id="no cause"),
        pytest.param((NEW | {"reason": "FailedScheduling"},), None, id="the scheduler's"),
        pytest.param((NEW | {"type": "Normal"},), None, id="what is not wrong"),
        pytest.param(({"message": "a"},), None, id="without a time"),
        pytest.param((NEW | {"reason": ""},), None, id="without a reason"),
    ],
)  # fmt: skip
def test_one_warning_counts(items, message):
    found = pod_events.newest(events(*items))
    assert (found.message if found else None) == message


@pytest.mark.parametrize(
    "times",
    [
        {"lastTimestamp": stamp(7), "firstTimestamp": stamp(1)},
        {"lastTimestamp": None, "eventTime": "2026-01-01T00:00:07.123456Z"},
        {
            "eventTime": "2026-01-01T00:00:01.000000Z",
            "series": {"lastObservedTime": "2026-01-01T00:00:07.900000Z"},
        },
    ],
    ids=["in the old form", "in the new form", "in the new form, again and again"],
)
def test_when_an_event_happened_last(times):
    assert events(times)[0].time == stamp(7)


# --- What they say ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "pod", "reason", "message"),
    [
        pytest.param(
            warning(), POD, "VolumeNotMounted",
            f'volume cannot be mounted: Secret "x" not found {SINCE}', id="a Secret",
        ),
        pytest.param(
            warning("FailedAttachVolume", NO_DISK), POD, "VolumeNotMounted",
            f'volume cannot be mounted: "v": no disk {SINCE}', id="a disk",
        ),
        pytest.param(
            warning("FailedCreatePodSandBox", "Failed to create pod sandbox: no CNI"), POD,
            "SandboxNotCreated", f"sandbox cannot be created: no CNI {SINCE}", id="a network",
        ),
        pytest.param(
            warning("NetworkNotReady", "network is not ready"), POD, "Starting",
            f"{WAITS}: NetworkNotReady: network is not ready", id="something else",
        ),
        pytest.param(
            warning("FailedToRetrieveImagePullSecret", "no such thing"), starting(ready=SET_UP),
            "Starting", "FailedToRetrieveImagePullSecret: no such thing", id="of its image",
        ),
        pytest.param(
            warning(), starting(ready=SET_UP), "Starting", "", id="a volume that is mounted by now"
        ),
        pytest.param(
            warning("FailedCreatePodSandBox", "no"), starting(ready=SET_UP), "Starting", "",
            id="a sandbox that is there by now",
        ),
        pytest.param(warning(time=1), POD, "Starting", WAITS, id="from before it had its node"),
        pytest.param(warning("", ""), POD, "Starting", WAITS, id="nothing"),
        pytest.param(None, POD, "Starting", WAITS, id="what nobody has read"),
    ],
)  # fmt: skip
def test_a_row_says_why_a_pod_does_not_start(known, pod, reason, message):
    (row,) = step(pod, known=known).tasks
    assert (row.state, row.reason, row.message) == ("Pending", reason, message)
    assert (row.attempts[0].reason, row.attempts[0].message) == (reason, message)


def stored(*seen, known=None, now=30.0):
    return a_status(*step(*seen, known=known, now=now).tasks)


def test_what_is_read_is_told_also_where_the_pod_has_said_nothing_since():
    for first, then in ((None, warning()), (warning(), warning("Other", "odd"))):
        found = step(POD, status=stored(POD, known=first), known=then)
        assert found.tasks == step(POD, known=then).tasks


def test_what_is_stored_stands_after_a_restart_until_the_events_are_read_again():
    for known in (warning(), warning("FailedCreatePodSandBox", "no"), warning("Other", "odd")):
        before = stored(POD, known=known)
        found = step(POD, status=before)
        assert (found.tasks, asked(found)) == (list(before.tasks), [UID])
        after = step(POD, status=before, known=warning("", "", read=31))
        assert (after.tasks[0].reason, after.tasks[0].message) == ("Starting", WAITS)


@pytest.mark.parametrize("pod", [starting(ready=SET_UP), starting(phase="Running", main=None)])
def test_what_is_stored_stands_no_longer_than_it_can_be_true(pod):
    found = step(pod, status=stored(POD, known=warning()))
    assert found.tasks[0].message == ""


def test_what_a_start_waits_for_is_not_lost_where_the_node_says_more_than_before():
    before = stored(starting(ready=a_condition("Other")))
    assert (before.tasks[0].message, step(POD, status=before).tasks[0].message) == ("", WAITS)


def test_a_run_says_what_keeps_its_tasks_from_starting():
    assert {"VolumeNotMounted", "SandboxNotCreated"} <= describe.STUCK


# --- When it is given up ----------------------------------------------------------------------

IMPATIENT = a_plan(a_task("a", pendingTimeoutSeconds=50))


@pytest.mark.parametrize(
    ("of", "known", "deadline", "reason", "message"),
    [
        pytest.param(
            PLAN, warning(), 123, "VolumeNotMounted",
            f'volume cannot be mounted: Secret "x" not found {SINCE}', id="a Secret",
        ),
        pytest.param(
            PLAN, warning(message=NO_KEY), 123, "VolumeNotMounted",
            f'volume cannot be mounted: Secret of volume "v" has no key "k" {SINCE}', id="a key",
        ),
        pytest.param(
            IMPATIENT, warning(), 51, "VolumeNotMounted",
            f'volume cannot be mounted: Secret "x" not found {SINCE}', id="little patience",
        ),
        pytest.param(
            PLAN, warning("FailedAttachVolume", NO_DISK), 901, "PendingTimedOut",
            "did not start within its pendingTimeoutSeconds of 900: volume cannot be mounted: "
            f'"v": no disk {SINCE}', id="a disk may come back",
        ),
        pytest.param(
            PLAN, warning("FailedCreatePodSandBox", "no CNI"), 901, "PendingTimedOut",
            "did not start within its pendingTimeoutSeconds of 900: sandbox cannot be created: "
            f"no CNI {SINCE}", id="a network may come back",
        ),
        pytest.param(
            PLAN, warning("Other", NO_SECRET), 901, "PendingTimedOut",
            f"did not start within its pendingTimeoutSeconds of 900: {WAITS}: Other: {NO_SECRET}",
            id="the same words of something else",
        ),
    ],
)  # fmt: skip
def test_only_what_nobody_but_a_person_mends_is_given_up_early(
    of, known, deadline, reason, message
):
    def told(now):
        recently = snapshot.PodWarning(stamp(now), known.reason, known.message, known.time)
        (row,) = step(POD, of=of, now=now, known=recently).tasks
        return row.state, row.reason, row.message

    assert told(deadline - 0.1)[0] == "Pending"
    assert told(deadline) == ("Terminating", reason, message)


def test_the_end_of_such_an_attempt_is_its_settings_fault_and_keeps_the_words():
    marked = stored(POD, known=warning(read=123), now=123)
    pod = starting(phase="Failed", deleted=124, gone=True, main=None)
    found = step(pod, now=125, status=marked)
    (attempt,) = found.tasks[0].attempts
    assert (attempt.state, attempt.reason, attempt.failure_class) == (
        "Failed", "VolumeNotMounted", "Config",
    )  # fmt: skip
    assert attempt.message == f'volume cannot be mounted: Secret "x" not found {SINCE}'
    assert found.tasks[0].state == "Failed"


def test_nothing_is_given_up_early_on_what_somebody_else_has_read():
    found = step(POD, now=200, status=stored(POD, known=warning()))
    assert (found.tasks[0].state, found.tasks[0].reason) == ("Pending", "VolumeNotMounted")
    assert asked(found) == [UID]


def test_nothing_is_given_up_on_what_was_read_long_ago():
    found = step(POD, now=200, known=warning(read=20))
    assert (found.tasks[0].state, asked(found)) == ("Pending", [UID])
    again = step(POD, now=201, known=warning(read=200))
    assert (again.tasks[0].state, asked(again)) == ("Terminating", [])


def test_a_pod_that_has_its_volumes_is_not_given_up():
    found = step(starting(ready=SET_UP), now=200, known=warning(read=199))
    assert (found.tasks[0].state, found.tasks[0].reason) == ("Pending", "Starting")
