"""What the API server says of a Pod, and what it says of the DAG."""

from __future__ import annotations

import pytest

from kubedag.core import answers, places, refusals, trials
from kubedag.core.answers import Standing
from support.builders import a_plan, at
from support.objects import a_task

TRIAL = trials.trials(a_plan(a_task("a", image="i"), a_task("b", priority=3)), "ns", "uid")[0]
DENIED = refusals.Answer(403, "Forbidden", 'pods "p" is forbidden: violates PodSecurity')
SILENCE = refusals.Answer(0, "", "cut")


def result(answer=None, *causes, tries=1, time=0):
    return answers.Result(at(time), answer, tuple(places.Cause(*cause) for cause in causes), tries)


def forbidden(message):
    return refusals.Answer(403, "Forbidden", f'pods "p" is forbidden: {message}')


@pytest.mark.parametrize(
    ("answer", "standing"),
    [
        pytest.param(None, Standing.TAKEN, id="it would take it"),
        pytest.param(refusals.Answer(422, "Invalid", "m"), Standing.REFUSED, id="it is invalid"),
        pytest.param(refusals.Answer(400, "BadRequest", "m"), Standing.REFUSED, id="it is no Pod"),
        pytest.param(DENIED, Standing.REFUSED, id="Pod Security denies it"),
        pytest.param(
            forbidden("no PriorityClass with name x was found"), Standing.REFUSED,
            id="it names what there is not",
        ),
        pytest.param(forbidden("exceeded quota: q"), Standing.TAKEN, id="a full quota"),
        pytest.param(
            forbidden('error looking up service account ns/x: serviceaccount "x" not found'), Standing.TAKEN,
            id="an account that may yet come",
        ),
        pytest.param(
            refusals.Answer(409, "AlreadyExists", "m"), Standing.TAKEN, id="a Pod of that name"
        ),
        pytest.param(
            forbidden('User "x" cannot create resource "pods"'), Standing.UNANSWERED,
            id="kubedag may not ask",
        ),
        pytest.param(SILENCE, Standing.UNANSWERED, id="no answer"),
        pytest.param(refusals.Answer(500, "", "m"), Standing.UNANSWERED, id="trouble of its own"),
        pytest.param(refusals.Answer(429, "", "m"), Standing.UNANSWERED, id="too much at once"),
    ],
)  # fmt: skip
def test_an_answer_says_something_of_the_dag_or_nothing(answer, standing):
    assert result(answer).standing is standing


def test_a_refusal_is_asked_about_again_and_sooner_if_runs_wait_for_it():
    assert answers.due(result(DENIED, time=7), waited_for=False) == at(307)
    assert answers.due(result(DENIED, time=7), waited_for=True) == at(37)


@pytest.mark.parametrize(("tries", "seconds"), [(1, 1), (2, 2), (5, 16), (50, 60)])
def test_silence_is_borne_with_ever_more_patience(tries, seconds):
    silent = result(SILENCE, tries=tries)
    assert answers.due(silent, waited_for=True) == at(seconds)
    assert answers.after(silent, result(SILENCE)).tries == tries + 1


def test_an_answer_ends_the_silence():
    assert answers.after(result(SILENCE, tries=5), result(DENIED)) == result(DENIED)
    assert answers.after(None, result(SILENCE)).tries == 1


@pytest.mark.parametrize(
    ("found", "reason", "path", "said"),
    [
        pytest.param(
            result(refusals.Answer(422, "Invalid", "m"),
                   ("spec.containers[0].image", "Required value"), ("", "no field")),
            "InvalidPodTemplate", "spec.tasks[0].image",
            "spec.containers[0].image: Required value; no field", id="where it was said",
        ),
        pytest.param(
            result(refusals.Answer(422, "Invalid", "m"), ("spec.nowhere", "Invalid")),
            "InvalidPodTemplate", "spec.tasks[0]", "spec.nowhere: Invalid", id="said nowhere",
        ),
        pytest.param(
            result(refusals.Answer(422, "Invalid", "m"), *(("", str(n)) for n in range(9))),
            "InvalidPodTemplate", "spec.tasks[0]", "0; 1; 2", id="too much to tell",
        ),
        pytest.param(
            result(DENIED), "AdmissionDenied", "spec.tasks[0]", DENIED.message, id="no causes",
        ),
        pytest.param(
            result(refusals.Answer(400, "BadRequest", 'x: unknown field "spec.containers[0].image"')),
            "InvalidPodTemplate", "spec.tasks[0].image",
            'x: unknown field "spec.containers[0].image"', id="a field in the message",
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_a_mistake_in_the_dag(found, reason, path, said):
    problem = answers.problem(TRIAL, found)
    assert (problem.reason, problem.path) == (reason, path)
    assert problem.message == f"must make a Pod that the API server takes; it says: {said}"
