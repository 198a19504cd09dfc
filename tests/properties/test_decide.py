"""What holds of every decision, whatever the Pods do and whatever was stored of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kubedag.api.enums import TriggerRule
from kubedag.core import actions, decide_run, naming, pods, rows, snapshot, states
from properties import strategies
from support import structural
from support.builders import (
    RUN,
    RUN_UID,
    a_condition,
    a_container,
    a_plan,
    a_pod,
    a_snapshot,
    at,
    ended,
    run_facts,
    stamp,
    waiting,
)

NOW = 1000
SCHEMA = structural.status_schema("dagruns")


# --- What there may be ------------------------------------------------------------------------


def task_fields():
    return st.fixed_dictionaries(
        {
            "triggerRule": st.sampled_from([rule.value for rule in TriggerRule]),
            "retry": st.fixed_dictionaries(
                {"limit": st.integers(0, 3), "infraLimit": st.integers(0, 2)},
                optional={
                    "backoffSeconds": st.integers(1, 60),
                    "avoidNodes": st.sampled_from(["Prefer", "Require"]),
                    "onFailure": st.lists(strategies.rules(), max_size=3),
                },
            ),
        },
        optional={
            "timeoutSeconds": st.integers(1, 2000),
            "pendingTimeoutSeconds": st.integers(1, 2000),
            "priority": st.integers(-2, 2),
        },
    )


@st.composite
def plans(draw):
    upstream = draw(strategies.upstreams(6, acyclic=True).filter(bool))
    tasks = [
        {**draw(task_fields()), "name": f"t{node}", "dependsOn": [f"t{end}" for end in ends]}
        for node, ends in enumerate(upstream)
    ]
    spec = {
        "maxActiveTasks": st.integers(1, 4),
        "timeoutSeconds": st.integers(1, 3000),
        "concurrencyPolicy": st.sampled_from(["Queue", "Allow", "Forbid", "Replace"]),
        "dependsOnPast": st.booleans(),
        "retention": st.fixed_dictionaries(
            {"keepPods": st.sampled_from(["None", "Failed", "All"])}
        ),
    }
    return a_plan(*tasks, **draw(st.fixed_dictionaries({}, optional=spec)))


conditions = st.lists(
    st.sampled_from(
        [
            a_condition("DisruptionTarget", reason="PreemptionByScheduler"),
            a_condition("PodScheduled", "False", "Unschedulable"),
            a_condition("PodScheduled"),
        ]
    ),
    max_size=2,
).map(tuple)
mains = st.one_of(
    st.none(),
    st.builds(ended, st.sampled_from([0, 1, 137]), st.sampled_from(["", "OOMKilled"])),
    st.builds(waiting, st.sampled_from(["ImagePullBackOff", "InvalidImageName"])),
)
others = st.sampled_from([(), (a_container("other", ended(1)),)])


@st.composite
def pods_of(draw, task, attempt):
    """A Pod in any state, also in those that Kubernetes should never show."""
    return a_pod(
        task,
        attempt,
        draw(st.sampled_from(["", "Pending", "Running", "Succeeded", "Failed", "Unknown"])),
        main=draw(mains),
        sidecars=draw(others),
        init=draw(others),
        conditions=draw(conditions),
        reason=draw(st.sampled_from(["", "Evicted", "NodeShutdown", "Odd"])),
        created=draw(st.integers(0, NOW)),
        started=draw(st.integers(0, NOW)),
        deleted=draw(st.one_of(st.none(), st.integers(0, 2 * NOW))),
        gone=draw(st.booleans()),
    )


@st.composite
def refusals(draw, attempt):
    transient = draw(st.booleans())
    until = stamp(draw(st.integers(0, 2 * NOW))) if transient else ""
    return snapshot.Refusal(attempt, "Some", "said so", stamp(1), transient, until)


@st.composite
def some_pods(draw, plan):
    """Up to three attempts of each task."""
    return [
        draw(pods_of(task.name, attempt))
        for task in plan.tasks
        for attempt in draw(st.sets(st.integers(1, 3), max_size=3))
        if draw(st.booleans())
    ]


@st.composite
def facts(draw, plan):
    """Everything but the status."""
    seen = draw(some_pods(plan))
    names = [task.name for task in plan.tasks]
    roots = [task.name for task in plan.tasks if not task.upstream]  # others may not start yet
    logs = {pod.metadata.uid: snapshot.CapturedLog(draw(st.sampled_from([b"x", b"", None])))
            for pod in seen if draw(st.booleans())}  # fmt: skip
    peers = [
        snapshot.Peer(f"peer-{number}", (stamp(draw(st.integers(0, 9))), stamp(0), "p"),
                      *(draw(st.booleans()) for _ in range(4)))
        for number in range(draw(st.integers(0, 3)))
    ]  # fmt: skip
    return a_snapshot(
        plan,
        *seen,
        run=run_facts(
            suspend=draw(st.booleans()), logical_time=draw(st.sampled_from([None, stamp(5)]))
        ),
        creating=dict.fromkeys(sorted(draw(st.sets(st.sampled_from(roots), max_size=2))), ""),
        refusals=draw(st.dictionaries(st.sampled_from(names), refusals(1), max_size=1)),
        logs=logs,
        peers=peers,
    )


@st.composite
def snapshots(draw):
    """Facts of any kind, and a status that was decided on other facts before."""
    plan = draw(plans())
    status = rows.RunStatus()
    for now in range(draw(st.integers(0, 2))):
        earlier = replace(draw(facts(plan)), status=status)
        status = decide_run.decide(earlier, at(now * 100)).status
    return replace(draw(facts(plan)), status=status)


SEARCHED = settings(max_examples=40)


# --- Any facts --------------------------------------------------------------------------------


@SEARCHED
@given(snapshots())
def test_a_decision_is_made_on_any_facts_and_always_the_same(snap):
    assert decide_run.decide(snap, at(NOW)) == decide_run.decide(snap, at(NOW))


@SEARCHED
@given(snapshots())
def test_a_decision_that_is_stored_leads_to_no_other_status(snap):
    status = decide_run.decide(snap, at(NOW)).status
    assert decide_run.decide(replace(snap, status=status), at(NOW)).status == status


@SEARCHED
@given(snapshots())
def test_a_status_is_what_the_api_takes(snap):
    status = decide_run.decide(snap, at(NOW)).status
    written = msgspec.json.decode(msgspec.json.encode(status))
    assert list(structural.complaints(written, SCHEMA)) == []


@SEARCHED
@given(snapshots())
def test_what_has_ended_stays_as_it_ended(snap):
    status = decide_run.decide(snap, at(NOW)).status
    if snap.status.tasks and status.tasks:
        before_and_after = zip(snap.status.tasks, status.tasks, strict=True)
        ends = [pair for pair in before_and_after if pair[0].state in states.TERMINAL]
        assert all(old.state == new.state for old, new in ends)
    assert not snap.status.finished or (status.finished, status.succeeded) == (
        True,
        snap.status.succeeded,
    )


@SEARCHED
@given(snapshots())
def test_the_next_look_is_in_the_future(snap):
    decision = decide_run.decide(snap, at(NOW))
    assert decision.wake_at is None or decision.wake_at > at(NOW)


def creates(decision):
    return [one for one in decision.actions if isinstance(one, actions.CreatePod)]


@SEARCHED
@given(snapshots())
def test_nothing_is_asked_for_twice(snap):
    wanted = decide_run.decide(snap, at(NOW)).actions
    assert len(set(wanted)) == len(wanted)
    names = [one.name for one in creates(decide_run.decide(snap, at(NOW)))]
    assert len(set(names)) == len(names)


@SEARCHED
@given(snapshots())
def test_a_pod_is_created_only_beside_none_that_lives_or_was_there(snap):
    for action in creates(decide_run.decide(snap, at(NOW))):
        task = snap.plan.tasks[action.task_index]
        assert action.name == naming.pod_name(RUN, RUN_UID, task.name, None, action.attempt)
        assert task.name not in snap.creating
        for pod in snap.pods.get(task.name, ()):
            assert pod.metadata.name != action.name
            assert pods.has_ended(pod)


@SEARCHED
@given(snapshots(), st.sampled_from(["suspended", "deleting", "finished"]))
def test_a_run_that_may_not_go_on_creates_nothing(snap, why):
    if why == "finished":
        done = rows.Condition(rows.FINISHED, rows.TRUE, "Failed", "", stamp(1))
        status = msgspec.structs.replace(snap.status, conditions=(done,))
        snap = replace(snap, status=status)
    else:
        held = {"suspend": why == "suspended", "deleting": why == "deleting"}
        snap = replace(snap, run=replace(snap.run, **held))
    assert creates(decide_run.decide(snap, at(NOW))) == []


@SEARCHED
@given(snapshots())
def test_no_more_is_started_than_there_is_room_for(snap):
    decision = decide_run.decide(replace(snap, refusals={}), at(NOW))
    most = snap.plan.max_active_tasks
    if most is None or not creates(decision):
        return
    active = {row.name for row in decision.status.tasks if row.state in states.ACTIVE}
    started = {snap.plan.tasks[one.task_index].name for one in creates(decision)}
    assert len(active | started | snap.creating.keys()) <= most


@SEARCHED
@given(snapshots())
def test_a_pod_is_deleted_only_for_a_reason_that_is_stored(snap):
    decision = decide_run.decide(snap, at(NOW))
    stored = {row.name: row for row in snap.status.tasks}
    by_uid = {pod.metadata.uid: pod for seen in snap.pods.values() for pod in seen}
    for action in decision.actions:
        if isinstance(action, actions.DeletePod) and not snap.status.finished:
            pod = by_uid[action.uid]
            row = stored[pod.label("kubedag.dev/task")]
            if row.state in states.TERMINAL:
                continue  # it came when its task was over
            number = pods.attempt_number(pod)
            ended = row.attempts and row.attempts[-1].state in states.ATTEMPT_ENDS
            overtaken = row.attempts and number < row.attempts[-1].number + bool(ended)
            told_to_end = (row.state, row.attempts[-1].pod_name) == ("Terminating", action.name)
            assert overtaken or told_to_end


# --- A run from its beginning to its end ------------------------------------------------------


@dataclass
class Story:
    """A run, its Pods, and an operator that may forget everything but what is stored."""

    snap: snapshot.RunSnapshot
    now: int = 0
    pods: dict[str, dict[int, object]] = field(default_factory=dict)
    created: set[str] = field(default_factory=set)

    def look(self):
        by_task = {
            task: tuple(attempts[number] for number in sorted(attempts))
            for task, attempts in self.pods.items()
        }
        self.snap = replace(self.snap, pods=by_task)
        return decide_run.decide(self.snap, at(self.now))

    def act(self, decision):
        for action in decision.actions:
            if isinstance(action, actions.CreatePod):
                assert action.name not in self.created
                self.created.add(action.name)
                task = self.snap.plan.tasks[action.task_index].name
                pod = a_pod(task, action.attempt, created=self.now)
                self.pods.setdefault(task, {})[action.attempt] = pod
            elif isinstance(action, actions.ConfirmGone):
                self.snap = replace(self.snap, gone=self.snap.gone | {action.uid or action.name})
            elif isinstance(action, actions.CaptureLog):
                logs = {**self.snap.logs, action.pod_uid: snapshot.CapturedLog(b"said")}
                self.snap = replace(self.snap, logs=logs)
            elif isinstance(action, actions.DeletePod):
                for attempts in self.pods.values():
                    for number, pod in attempts.items():
                        if pod.metadata.uid == action.uid:
                            attempts[number] = msgspec.structs.replace(pod, gone=True)

    def end_pods(self, choose):
        """Each Pod that lives may come to an end."""
        for attempts in self.pods.values():
            for number, pod in attempts.items():
                if pod.gone or pod.status.phase in ("Succeeded", "Failed"):
                    continue
                task = pod.label("kubedag.dev/task")
                phase, code, gone = choose()
                attempts[number] = a_pod(
                    task, number, phase, exit_code=code, gone=gone, started=self.now,
                    created=self.now, finished=self.now,
                )  # fmt: skip


ENDS = st.sampled_from(
    [
        ("Succeeded", 0, False),
        ("Succeeded", 0, False),
        ("Failed", 1, False),
        ("Failed", 1, True),
        ("Running", None, True),
        ("Running", None, False),
        ("Pending", None, False),
    ]
)


@SEARCHED
@given(plans(), st.data())
def test_every_run_comes_to_its_end_with_every_task_accounted_for(plan, data):
    story = Story(a_snapshot(plan))
    for turn in range(200):
        decision = story.look()
        if decision.status.finished:
            break
        story.act(decision)
        if data.draw(st.booleans()) or turn > 20:
            story.snap = replace(story.snap, status=decision.status)
        story.end_pods(
            partial(data.draw, ENDS if turn <= 20 else st.just(("Succeeded", 0, False)))
        )
        story.now += data.draw(st.integers(0, 30)) if turn <= 20 else 700
    assert decision.status.finished
    assert all(row.state in states.TERMINAL for row in decision.status.tasks)
    for row, task in zip(decision.status.tasks, plan.tasks, strict=True):
        assert row.user_failures <= task.retry.limit + 1
        assert row.infra_failures <= task.retry.infra_limit + 1
