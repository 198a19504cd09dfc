"""At least once: whatever fails, and whenever an operator ends, what is stored is told."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import actions, audience, notices, outbox, rows
from support.builders import START, a_row, a_snapshot, a_status, an_attempt, stamp

replace = msgspec.structs.replace

TASKS = ("a", "b", "c", "d", "e", "f", "g", "h")
WHO = (
    audience.Notice("all", frozenset({"TaskFailed", "RunFailed", "RunLate"}), receiver="x"),
    audience.Notice("end", frozenset({"RunFailed"}), receiver="y"),
)


def world(failed, *, late, ended):
    """The status of a run in which these tasks have failed."""
    log = rows.LogTail("PodLog", "the end")
    tasks = tuple(
        a_row(name, "Failed", attempt=1, reason="ExitCode",
              attempts=(an_attempt(1, "Failed", log=log),))
        if name in failed else a_row(name, "Running", attempt=1)
        for name in TASKS
    )  # fmt: skip
    conditions = [rows.Condition("Late", "True", "Late", "m", stamp(1))] if late else []
    if ended:
        conditions += [
            rows.Condition("Succeeded", "False", "Failed", "m", stamp(9)),
            rows.Condition("Finished", "True", "Failed", "m", stamp(9)),
        ]
    done = stamp(9) if ended else None
    return a_status(*tasks, conditions=tuple(conditions), completion_time=done)


class Operator:
    """Decides on what is stored; what it has not stored is lost with it."""

    def __init__(self):
        self.stored = world((), late=False, ended=False)
        self.deliveries = {}
        self.got = []
        self.now = START

    def step(self, now_is, *, stores, answers, dies):
        self.now += timedelta(seconds=400)
        who = audience.Audience(WHO, complete=True, deliveries=self.deliveries)
        snap = a_snapshot(status=self.stored, audience=who)
        decided = replace(now_is, notifications=self.stored.notifications)
        decision = notices.told(actions.RunDecision(decided), snap, self.now)
        again = notices.told(actions.RunDecision(decided), snap, self.now)
        assert again == decision
        assert len(decision.status.notifications) <= outbox.OUTBOX_MAX
        for one in decision.notify:
            assert one.id in {(n.name, n.key) for n in self.stored.notifications}
            if answers:
                self.got.append((one.id, one.letter.more))
            if not dies:
                self.deliveries[one.id] = audience.Delivery(
                    one.try_number, stamp(0), delivered=answers, reason="ReceiverBusy"
                )
        if stores:
            self.stored = decision.status
        if dies:
            self.deliveries = {}


steps = st.lists(
    st.tuples(
        st.sets(st.sampled_from(TASKS)), st.booleans(), st.booleans(), st.booleans(),
        st.sampled_from([False, False, True]),
    ),
    max_size=7,
)  # fmt: skip


@given(steps)
def test_what_is_stored_is_told_at_least_once(course):
    operator, failed, late = Operator(), set(), False
    for more, is_late, stores, answers, dies in course:
        failed |= more
        late = late or is_late
        operator.step(world(failed, late=late, ended=False), stores=stores, answers=answers,
                      dies=dies)  # fmt: skip
    end = world(failed | {"a"}, late=late, ended=True)
    for _ in range(4):
        operator.step(end, stores=True, answers=True, dies=False)

    got = {id_ for id_, _ in operator.got}
    expected = {("all", "RunFailed/0"), ("end", "RunFailed/0")}
    assert expected <= got
    assert (("all", "RunLate/0") in got) == late
    told_of = {key.split("/")[1] for name, key in got if key.startswith("TaskFailed")}
    beside = sum(more for _, more in operator.got)
    assert told_of <= failed | {"a"}
    assert len(told_of) + beside >= len(failed | {"a"})
    states = {one.state for one in operator.stored.notifications}
    assert states == {"Delivered"}


@given(steps)
def test_who_neither_dies_nor_fails_is_told_once(course):
    operator, failed = Operator(), set()
    for more, _, _, _, _ in course:
        failed |= more
        operator.step(
            world(failed, late=False, ended=False), stores=True, answers=True, dies=False
        )
    end = world(failed | {"a"}, late=False, ended=True)
    for _ in range(3):
        operator.step(end, stores=True, answers=True, dies=False)
    ids = [id_ for id_, _ in operator.got]
    assert len(ids) == len(set(ids))
