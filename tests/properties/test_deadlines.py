"""Every deadline follows from what is recorded: an operator that begins anew finds it where it was.

A story goes on twice with the same Pods: once with an operator that remembers all it knows, once
with one that is started anew before every step and has nothing but the status, read back from JSON.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubedag.core import actions, decide_run, instants, rows, snapshot
from support.builders import (
    a_condition,
    a_container,
    a_plan,
    a_pod,
    a_snapshot,
    at,
    ended,
    running,
    stamp,
    waiting,
)
from support.objects import a_task

SEARCHED = settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
PLAN = a_plan(
    a_task(
        "a",
        timeoutSeconds=40,
        pendingTimeoutSeconds=70,
        retry={"limit": 2, "infraLimit": 2, "backoffSeconds": 10},
    ),
    timeoutSeconds=500,
)
NO_ACCOUNT = "WaitingForServiceAccount"
GATED = a_condition("PodScheduled", "False", "SchedulingGated", when=0)


def placed(now):
    return a_condition("PodScheduled", when=now)


SHAPES = {
    "gated": lambda _now: {"conditions": (GATED,)},
    "unplaced": lambda _now: {
        "conditions": (a_condition("PodScheduled", "False", "Unschedulable", when=0),)
    },
    "no image": lambda now: {"main": waiting("ErrImagePull"), "conditions": (placed(now),)},
    "no secret": lambda now: {
        "main": waiting("CreateContainerConfigError"),
        "conditions": (placed(now),),
    },
    "runs": lambda now: {"phase": "Running", "main": running(now), "node": "n"},
    "succeeded": lambda now: {"phase": "Succeeded", "main": ended(0, started=now, finished=now)},
    "failed": lambda now: {"phase": "Failed", "main": ended(1, started=now, finished=now)},
    "initializes": lambda now: {"init": (a_container("init", running(now)),), "node": "n"},
}


@dataclass
class Teller:
    """One operator, and all that it has in memory."""

    forgetful: bool
    snap: snapshot.RunSnapshot = field(default_factory=lambda: a_snapshot(PLAN))

    def look(self, pods, refusals, now):
        if self.forgetful:
            body = msgspec.json.encode(self.snap.status)
            self.snap = a_snapshot(
                PLAN, status=msgspec.json.decode(body, type=rows.RunStatus), logs=self.snap.logs
            )
        by_task = {"a": tuple(pods[number] for number in sorted(pods))} if pods else {}
        self.snap = replace(self.snap, pods=by_task, refusals=refusals)
        decision = decide_run.decide(self.snap, at(now))
        self.snap = replace(self.snap, status=decision.status)
        return decision


@SEARCHED
@given(st.data())
def test_a_restart_between_any_two_steps_leaves_every_deadline_where_it_was(data):
    tellers = (Teller(forgetful=False), Teller(forgetful=True))
    pods, refusals, now = {}, {}, 0
    for _ in range(data.draw(st.integers(1, 12))):
        one, other = (teller.look(pods, refusals, now) for teller in tellers)
        assert msgspec.json.encode(one.status) == msgspec.json.encode(other.status)
        assert (one.wake_at, one.actions) == (other.wake_at, other.actions)
        if one.status.finished:
            break
        refusals = {}
        for action in one.actions:
            if isinstance(action, actions.CreatePod):
                if data.draw(st.booleans()):
                    pods[action.attempt] = a_pod(attempt=action.attempt, created=now)
                else:
                    refusals = {
                        "a": snapshot.Refusal(
                            action.attempt, NO_ACCOUNT, "no account", stamp(now), True, stamp(now)
                        )
                    }
            elif isinstance(action, actions.CaptureLog):
                for teller in tellers:
                    logs = {**teller.snap.logs, action.pod_uid: snapshot.CapturedLog(b"x")}
                    teller.snap = replace(teller.snap, logs=logs)
        if pods and pods[max(pods)].status.phase not in ("Succeeded", "Failed"):
            last = pods[max(pods)]
            shape = SHAPES[data.draw(st.sampled_from(sorted(SHAPES)))](now)
            created = int(
                (instants.parse(last.metadata.creation_timestamp) - at(0)).total_seconds()
            )
            pods[max(pods)] = a_pod(attempt=max(pods), created=created, **shape)
        now += data.draw(st.integers(0, 90))
