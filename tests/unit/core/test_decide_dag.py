"""The whole decision about one DAG."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubedag.api import problems
from kubedag.core import actions, answers, decide_dag, levels, refusals, rows, trials
from support.builders import (
    DAG,
    NAMESPACE,
    REVISION,
    a_definition,
    a_history,
    a_plan,
    a_summary,
    at,
    stamp,
)
from support.objects import a_task

PLAN = a_plan(a_task("a"), a_task("b"))
TRIAL = trials.trials(PLAN, NAMESPACE, "uid-dag")[0]
BAD = problems.Problem("spec.tasks[0]", "InvalidPodTemplate", "must be better")
STORED = decide_dag.Revision(REVISION, "uid-rev", stamp(0))
INVALID = refusals.Answer(422, "Invalid", "be better")
SILENCE = refusals.Answer(0, "", "cut")


def said(answer=None, time=10, of=TRIAL, tries=1):
    return {of.key: answers.Result(at(time), answer, tries=tries)}


FINE = said()
CREATE = actions.CreateRevision(REVISION, 1)
TRY = actions.TryPod(TRIAL.key, TRIAL.manifest)


def snap(definition=None, **facts):
    plain = {"dag": definition or a_definition(PLAN, trials=(TRIAL,))}
    if runs := facts.pop("runs", ()):
        plain["runs"] = tuple(run for run in runs if not run.finished)
        plain["history"] = a_history(*runs)
    return decide_dag.DAGSnapshot(DAG, NAMESPACE, **(plain | facts))


def decide(found, now=20):
    return decide_dag.decide(found, at(now))


def word(decision):
    condition = decision.status.condition(rows.READY)
    return (condition.status, condition.reason, condition.message)


CHECKING = ("Unknown", "Checking", "asks the API server about its Pods")
STORING = ("Unknown", "Storing", "stores this generation for its runs")
ACCEPTED = ("True", "Accepted", "2 tasks")
REFUSED = ("False", "InvalidPodTemplate", "spec.tasks[0]: must be better")
DENIED = (
    "False",
    "InvalidPodTemplate",
    "spec.tasks[0]: must make a Pod that the API server takes; it says: be better",
)


@pytest.mark.parametrize(
    ("facts", "expected", "wanted"),
    [
        pytest.param({}, CHECKING, (TRY,), id="first its Pods are tried"),
        pytest.param({"revisions": (STORED,)}, CHECKING, (TRY,), id="also when it is stored"),
        pytest.param({"trial_results": FINE}, STORING, (CREATE,), id="then it is stored"),
        pytest.param(
            {"trial_results": FINE, "revisions": (STORED,)}, ACCEPTED, (), id="then it is ready",
        ),
        pytest.param(
            {"trial_results": said(INVALID), "revisions": (STORED,)},
            DENIED, (), id="a Pod that the API server refuses makes it bad",
        ),
    ],
)  # fmt: skip
def test_a_dag_is_judged_step_by_step(facts, expected, wanted):
    found = decide(snap(**facts))
    assert (word(found), found.actions) == (expected, wanted)


# --- Asking again -----------------------------------------------------------------------------

WAITING = a_summary("w", started=False)
OTHER = trials.Trial("other", 1, {"kind": "Pod"}, (levels.Level("spec.tasks[1]", PLAN.tasks[1]),))
BOTH = a_definition(PLAN, trials=(TRIAL, OTHER))
TRY_OTHER = actions.TryPod(OTHER.key, OTHER.manifest)


@pytest.mark.parametrize(
    ("facts", "now", "wanted", "wake"),
    [
        pytest.param({}, 309, (), 310, id="it rests"),
        pytest.param({}, 310, (TRY,), None, id="every few minutes"),
        pytest.param({"runs": (WAITING,)}, 39, (), 40, id="a run waits, and has just begun to"),
        pytest.param({"runs": (WAITING,)}, 40, (TRY,), None, id="sooner while a run waits"),
        pytest.param({"runs": (a_summary("r"),)}, 40, (), 310, id="a run that goes on waits for nothing"),
        pytest.param({"runs": (a_summary("r", 20),)}, 40, (), 310, id="nor one that has ended"),
    ],
)  # fmt: skip
def test_a_dag_that_the_api_refused_is_asked_about_again_and_bad_in_the_meantime(
    facts, now, wanted, wake
):
    found = decide(snap(trial_results=said(INVALID), **facts), now)
    assert (word(found), found.actions) == (DENIED, wanted)
    assert found.wake_at == (None if wake is None else at(wake))


def test_a_dag_that_is_no_longer_refused_gets_ready_without_an_edit():
    bad = decide(snap(trial_results=said(INVALID), revisions=(STORED,)))
    good = decide(snap(trial_results=FINE, revisions=(STORED,), status=bad.status))
    assert (word(bad), word(good)) == (DENIED, ACCEPTED)


@pytest.mark.parametrize(
    ("results", "wanted", "problems"),
    [
        (said(INVALID) | said(INVALID, of=OTHER), (TRY,), 2),
        (FINE | said(INVALID, of=OTHER), (TRY_OTHER,), 1),
        (said(INVALID), (TRY_OTHER, TRY), 1),
        (said(INVALID) | said(SILENCE, of=OTHER), (TRY, TRY_OTHER), 1),
    ],
    ids=["only the first", "the first that is left", "who was never asked", "who did not answer"],
)
def test_of_many_refusals_one_is_asked_about_again(results, wanted, problems):
    found = decide(snap(BOTH, trial_results=results), 1000)
    assert found.actions == wanted
    assert word(found)[2].count("must make") == problems


def test_while_there_is_no_answer_a_dag_is_neither_good_nor_bad_and_says_why():
    found = decide(snap(trial_results=said(SILENCE, tries=4), revisions=(STORED,)), 12)
    assert word(found) == ("Unknown", "Checking", f"{CHECKING[2]}; it says: cut")
    assert (found.actions, found.wake_at) == ((), at(18))
    assert decide(snap(trial_results=said(SILENCE, tries=4)), 18).actions == (TRY,)


def test_a_refusal_outlives_the_silence_that_follows_it():
    bad = decide(snap(trial_results=said(INVALID)))
    found = decide(snap(trial_results=said(SILENCE), status=bad.status))
    assert word(found) == DENIED


# --- After a restart --------------------------------------------------------------------------


def ready(generation=1, revision=REVISION):
    condition = rows.Condition("Ready", "True", "Accepted", "2 tasks", stamp(1), generation)
    return rows.DAGStatus(
        conditions=(condition,), revision=revision, observed_generation=generation, task_count=2
    )


@pytest.mark.parametrize(
    ("status", "revisions", "expected"),
    [
        pytest.param(ready(), (STORED,), "Accepted", id="of this generation"),
        pytest.param(ready(0), (STORED,), "Checking", id="of another generation"),
        pytest.param(ready(), (), "Checking", id="whose revision has gone"),
    ],
)
def test_a_dag_that_was_good_before_a_restart_is_not_asked_about_again(
    status, revisions, expected
):
    assert word(decide(snap(status=status, revisions=revisions)))[1] == expected


@pytest.mark.parametrize(
    ("generation", "expected"),
    [
        pytest.param(1, REFUSED, id="of this generation"),
        pytest.param(0, CHECKING, id="of another generation"),
    ],
)
def test_a_dag_that_was_bad_before_a_restart_stays_so_until_the_api_says_otherwise(
    generation, expected
):
    condition = rows.Condition("Ready", *REFUSED, stamp(1), generation)
    found = decide(snap(status=rows.DAGStatus(conditions=(condition,))))
    assert (word(found), found.actions) == (expected, (TRY,))


def test_a_bad_dag_says_what_is_wrong_and_asks_for_nothing():
    found = decide(snap(a_definition(problems=[BAD], generation=2), status=ready()))
    assert (word(found), found.actions) == (REFUSED, ())
    assert (found.status.observed_generation, found.status.revision) == (2, REVISION)


@pytest.mark.parametrize(
    ("count", "end"), [(5, "must be better"), (6, "and 1 more"), (50, "and 45 more")]
)
def test_of_many_problems_the_first_are_named(count, end):
    message = word(decide(snap(a_definition(problems=[BAD] * count))))[2]
    assert message.count("must be better") == min(count, 5)
    assert message.endswith(end)


def test_one_task_is_not_two():
    plan = a_plan()
    found = decide(snap(a_definition(plan), trial_results=FINE, revisions=(STORED,)))
    assert word(found)[2] == "1 task"


def test_the_runs_of_a_dag_are_counted_and_the_last_that_ended_is_named():
    runs = (
        a_summary("a", 10),
        a_summary("b", 30, succeeded=False, state="Failed"),
        a_summary("c", 20),
        a_summary("d"),
        a_summary("e", started=False),
        a_summary("f", started=False),
    )
    status = decide(snap(runs=runs)).status
    assert (status.task_count, status.active_runs, status.queued_runs) == (2, 1, 2)
    assert status.last_run == rows.LastRun("b", "Failed", stamp(30))


def test_the_last_run_stays_known_when_it_is_deleted():
    last = rows.LastRun("b", "Failed", stamp(30))
    assert decide(snap(status=rows.DAGStatus(last_run=last))).status.last_run == last


# --- What is over -----------------------------------------------------------------------------


def revision(name, created=0):
    return decide_dag.Revision(name, f"uid-{name}", stamp(created))


@pytest.mark.parametrize(
    ("facts", "doomed"),
    [
        pytest.param({}, ["old"], id="nobody needs it"),
        pytest.param({"runs": (a_summary("a", 10, revision="old"),)}, [], id="a run was made of it"),
        pytest.param({"runs": (a_summary("a", revision="old"),)}, [], id="a run goes on with it"),
        pytest.param({"status": rows.DAGStatus(revision="old")}, [], id="it was the last good one"),
        pytest.param({"dag": a_definition(PLAN, revision="old")}, [], id="the DAG is like that again"),
        pytest.param({"dag": None}, ["old"], id="there is no DAG any more"),
    ],
)  # fmt: skip
def test_a_revision_goes_when_nothing_needs_it(facts, doomed):
    found = decide(snap(**({"revisions": (revision("old"),)} | facts)), now=1000)
    names = [one.name for one in found.actions if isinstance(one, actions.DeleteRevision)]
    assert names == doomed


def test_a_young_revision_is_looked_at_again_later():
    seen = snap(dag=None, revisions=(revision("a", 30), revision("b", 10)))
    seen = replace(seen, dag=None)
    found = decide(seen, now=20)
    assert (found.status, found.actions, found.wake_at) == (None, (), at(70))


def test_runs_are_deleted_by_the_retention_of_the_dag():
    plan = a_plan(retention={"successfulRuns": 1})
    found = decide(snap(a_definition(plan), runs=(a_summary("a", 1), a_summary("b", 2))))
    assert found.actions[0] == actions.DeleteRun("a", "uid-a")


def test_runs_without_a_dag_are_kept_as_long_as_the_defaults_say():
    runs = tuple(a_summary(f"r{number:02}", number) for number in range(60))
    orphans = replace(snap(runs=runs), dag=None)
    names = [one.name for one in decide(orphans, now=1000).actions]
    assert names == [f"r{number:02}" for number in range(10)]


def test_only_so_much_is_deleted_at_once():
    runs = tuple(a_summary(f"r{number:03}", number) for number in range(300))
    orphans = replace(snap(runs=runs), dag=None)
    assert len(decide(orphans, now=1000).actions) == decide_dag.DELETES_AT_ONCE_MAX


# --- Is it good? ------------------------------------------------------------------------------


def condition(status, generation):
    return rows.DAGStatus(
        conditions=(rows.Condition("Ready", status, "R", observed_generation=generation),)
    )


@pytest.mark.parametrize(
    ("status", "is_ready", "is_checked"),
    [
        (rows.DAGStatus(), False, False),
        (condition("Unknown", 2), False, False),
        (condition("True", 1), False, False),
        (condition("False", 1), False, False),
        (condition("True", 2), True, True),
        (condition("False", 2), False, True),
    ],
    ids=["no word", "being checked", "was good", "was bad", "good", "bad"],
)
def test_what_is_known_of_a_generation(status, is_ready, is_checked):
    assert (decide_dag.ready(status, 2), decide_dag.checked(status, 2)) == (is_ready, is_checked)


@pytest.mark.parametrize(
    ("results", "expected"),
    [(FINE, (REVISION, 1)), (said(INVALID), ("older", 0))],
    ids=["accepted", "refused"],
)
def test_a_generation_that_is_refused_leaves_the_revision_that_runs_start_with(results, expected):
    before = rows.DAGStatus(revision="older", revision_generation=0)
    found = decide(snap(status=before, revisions=(STORED,), trial_results=results)).status
    assert (found.revision, found.revision_generation) == expected
