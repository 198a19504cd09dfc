"""What holds of every deletion by a DAG's retention: what is active is never touched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubedag.api.dag import Retention
from kubedag.core import retention
from support.builders import a_history, a_pod, a_summary, at, stamp

SECONDS = st.integers(0, 1000)


@st.composite
def summaries(draw):
    """Runs in all states that they can be in, also odd ones."""
    found = []
    for index in range(draw(st.integers(0, 12))):
        ended = draw(st.none() | SECONDS)
        found.append(
            a_summary(
                f"run-{index}",
                ended,
                succeeded=draw(st.booleans()),
                deleting=draw(st.integers(0, 4)) == 0,
                started=draw(st.booleans()),
                completion_time=None
                if ended is None or draw(st.integers(0, 9)) == 0
                else stamp(ended),
            )
        )
    return found


keeps = st.builds(
    Retention,
    successful_runs=st.integers(0, 4),
    failed_runs=st.integers(0, 4),
    ttl_seconds_after_finished=SECONDS,
    keep_pods=st.sampled_from(["None", "Failed", "All"]),
    pod_ttl_seconds_after_finished=SECONDS,
    kept_pod_ttl_seconds_after_finished=SECONDS,
)


@given(summaries(), keeps, SECONDS)
def test_only_finished_runs_are_deleted_and_each_once(runs, keep, now):
    doomed, _ = retention.expired(a_history(*runs), keep, at(now))
    assert all(run.finished and not run.deleting for run in doomed)
    assert len({run.name for run in doomed}) == len(doomed)


@given(summaries(), keeps, SECONDS)
def test_what_stays_is_within_the_counts_and_the_age_and_is_the_newest(runs, keep, now):
    doomed, due = retention.expired(a_history(*runs), keep, at(now))
    stay = [run for run in runs if run.finished and not run.deleting and run not in doomed]
    for succeeded, most in ((True, keep.successful_runs), (False, keep.failed_runs)):
        kept = [run for run in stay if run.succeeded == succeeded]
        gone = [run for run in doomed if run.succeeded == succeeded]
        assert len(kept) <= most
        assert not kept or not gone or min(map(_age, kept)) >= max(map(_age, gone))
    assert (due is None) == (not stay)
    assert due is None or due > at(now)


def _age(run):
    return (run.completion_time or run.order[1], run.order)


@given(summaries(), keeps, SECONDS, SECONDS)
def test_what_is_to_go_at_one_time_is_to_go_at_any_later_time(runs, keep, now, later):
    first, _ = retention.expired(a_history(*runs), keep, at(now))
    second, _ = retention.expired(a_history(*runs), keep, at(now + later))
    assert set(first) <= set(second)


PHASES = st.sampled_from(["Pending", "Running", "Succeeded", "Failed", "Unknown"])
SEEN = st.lists(st.tuples(PHASES, st.booleans(), st.none() | st.just(5)), max_size=6)


@given(SEEN, keeps, SECONDS)
def test_of_the_pods_only_those_that_have_ended_are_ever_due(seen, keep, ended):
    pods = [
        a_pod(f"t{index}", phase=phase, gone=gone, deleted=deleted)
        for index, (phase, gone, deleted) in enumerate(seen)
    ]
    due = retention.pods_due({"a": pods}, keep, stamp(ended))
    there = {
        pod.status.phase for pod in pods if not pod.gone and not pod.metadata.deletion_timestamp
    }
    assert set(due) == there & {"Succeeded", "Failed"}
    assert all(moment >= at(ended) for moment in due.values())
