"""A history answers as one would that looked at each of its runs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kubedag.core.history import History
from support.builders import a_summary, stamp

RUNS = st.builds(
    lambda name, stands_for, ended, fields: a_summary(
        name, ended, order=(stamp(stands_for), stamp(0), name), **fields
    ),
    st.sampled_from("abcdef"),
    st.integers(0, 3),
    st.integers(0, 3),
    st.fixed_dictionaries(
        {"succeeded": st.booleans(), "deleting": st.booleans(), "revision": st.sampled_from("xy")}
    ),
)
STEPS = st.lists(RUNS | st.sampled_from("abcdef"), max_size=40)


@given(
    STEPS, st.tuples(st.integers(0, 3).map(stamp), st.just(stamp(0)), st.sampled_from("abcdef"))
)
def test_it_does_not_matter_how_it_came_about(steps, order):
    past, plain = History(), {}
    for step in steps:
        if isinstance(step, str):
            past.drop(step)
            plain.pop(step, None)
        else:
            past.put(step)
            plain[step.name] = step
    runs = sorted(plain.values(), key=lambda run: (run.ended, run.order))
    for succeeded in (True, False):
        kind = [run for run in runs if run.succeeded == succeeded and not run.deleting]
        assert list(past.oldest(succeeded=succeeded)) == kind
        assert past.count(succeeded=succeeded) == len(kind)
    assert past.last() == next((run for run in reversed(runs) if not run.deleting), None)
    assert past.revisions == {run.revision for run in runs}
    earlier = [run for run in runs if run.order < order]
    assert past.before(order) == max(earlier, key=lambda run: run.order, default=None)
