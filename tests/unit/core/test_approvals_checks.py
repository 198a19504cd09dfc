"""A task that asks a person has no Pod: what it cannot have is refused, and no Pod is tried for it."""

from __future__ import annotations

import pytest

from kubedag.core import plan, trials
from support.approvals import BOUNDED, PLAN, a_question
from support.builders import a_spec


def mistakes(*tasks, **fields):
    return [str(problem) for problem in plan.validate(a_spec(*tasks, **fields))]


def test_a_question_needs_no_image():
    assert mistakes(a_question(), taskDefaults={}) == []


NO_POD = "must not be set: a task that asks for approval has no Pod"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"image": "busybox"}, [f"image: {NO_POD}"], id="an-image"),
        pytest.param(
            {"command": ["true"], "args": ["x"]},
            [f"command: {NO_POD}", f"args: {NO_POD}"],
            id="a-program",
        ),
        pytest.param(
            {"script": {"interpreter": ["sh"], "source": "true"}},
            [f"script: {NO_POD}"],
            id="script",
        ),
        pytest.param(
            {"podTemplate": {"spec": {}}}, [f"podTemplate: {NO_POD}"], id="a-podtemplate"
        ),
        pytest.param({"idempotent": False}, [f"idempotent: {NO_POD}"], id="a-switch"),
        pytest.param(
            {"retry": {"limit": 1}},
            ["retry: must not be set: a task that asks for approval is answered once"],
            id="retries",
        ),
        pytest.param(
            {"timeoutSeconds": 60},
            ["timeoutSeconds: must not be set: use approval.deadlineSeconds"],
            id="a-timeout",
        ),
        pytest.param(
            {"approval": {"message": "m", "onDeadline": "Skip"}},
            ["approval.onDeadline: must not be set without deadlineSeconds"],
            id="a-deadline-without-time",
        ),
        pytest.param(
            {"description": "d", "triggerRule": "AllDone", "command": []}, [], id="nothing-wrong"
        ),
    ],
)
def test_what_a_question_does_not_have_is_refused(fields, expected):
    assert mistakes(a_question() | fields) == [f"spec.tasks[0].{told}" for told in expected]


def test_nothing_that_is_to_run_at_the_end_of_every_run_waits_for_a_person():
    why = "what runs at the end of every run cannot wait for a person"
    told = [f"spec.finally[0].approval: must not be set: {why}"]
    assert mistakes(**{"finally": [a_question()]}) == told


def test_no_pod_is_tried_for_a_question():
    found = trials.trials(PLAN, "ns", "uid")
    assert [trial.task_index for trial in found] == [0]
    assert trials.trials(BOUNDED, "ns", "uid") == ()
