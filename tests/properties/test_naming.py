"""What holds of every name that is made."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from kubedag.core import naming
from properties import strategies

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")

indices = st.none() | st.integers(0, 10**6)
attempts = st.integers(1, 10**6)
identities = st.tuples(
    strategies.object_names(), st.uuids().map(str), strategies.labels(), indices, attempts
)


@given(identities)
def test_the_name_of_a_pod_is_always_a_label(identity):
    assert LABEL.fullmatch(naming.pod_name(*identity))


@given(
    st.tuples(strategies.labels(253), strategies.labels(), st.integers(0, 99), attempts),
    st.lists(st.tuples(st.sampled_from("ab"), indices, attempts), unique=True, max_size=20),
)
def test_two_attempts_never_have_the_same_name(base, differences):
    run, task, _, _ = base
    names = {
        naming.pod_name(run, *difference[:1], task, *difference[1:]) for difference in differences
    }
    assert len(names) == len(differences)


@given(st.lists(strategies.labels(), unique=True, max_size=20), strategies.object_names())
def test_two_tasks_never_have_the_same_name(tasks, run):
    assert len({naming.pod_name(run, "uid", task, None, 1) for task in tasks}) == len(tasks)


@given(strategies.object_names(), st.binary())
def test_the_name_of_a_revision_is_always_a_label(dag, spec):
    assert LABEL.fullmatch(naming.revision_name(dag, spec))


@given(strategies.object_names(), st.text(max_size=9), st.text(max_size=9), st.text())
def test_the_name_of_an_event_is_always_a_label(name, uid, reason, message):
    assert LABEL.fullmatch(naming.event_name(name, uid, reason, message))


@given(strategies.object_names())
def test_any_name_of_an_object_can_be_a_label(name):
    value = naming.label_value(name)
    assert LABEL_VALUE.fullmatch(value)
    assert value == name or len(name) > 63


instants = st.integers(-2_000_000_000, 7_000_000_000).map(
    lambda second: datetime.fromtimestamp(second, UTC)
)
lengths = st.integers(1, 400 * 86_400).map(lambda seconds: timedelta(seconds=seconds))
intervals = st.tuples(strategies.labels(52), instants, lengths)


@given(st.lists(intervals, unique=True, min_size=1, max_size=10))
def test_the_name_of_a_run_is_a_label_and_no_other_interval_has_it(found):
    names = {naming.run_name(dag, start, start + length) for dag, start, length in found}
    assert len(names) == len(found)
    assert all(map(LABEL.fullmatch, names))


@given(st.lists(st.tuples(instants, lengths), unique=True, max_size=10), strategies.labels(52))
def test_runs_of_a_dag_whose_name_is_cut_are_told_apart_too(found, dag):
    long = dag.ljust(52, "x")
    names = {naming.run_name(long, start, start + length) for start, length in found}
    assert len(names) == len(found)
