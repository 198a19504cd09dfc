import time

import pytest

from kubedag.api import parse
from kubedag.api.dag import DAG, DAGSpec, DAGStatus
from kubedag.api.dagrun import DAGRun, DAGRunStatus
from kubedag.api.enums import TriggerRule
from kubedag.api.problems import PROBLEMS_MAX, Problem
from support.mistakes import EVERYTHING, EVERYTHING_OF_A_RUN, MISTAKES
from support.objects import a_dag, a_run, a_task

NO_SUCH = "must not be set: there is no such field here"
MODELS = {"DAG": DAG, "DAGRun": DAGRun}


def judged(document):
    found = parse.parse(MODELS[document["kind"]], document)
    return [] if not isinstance(found, tuple) else [(p.path, p.message) for p in found]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_found_where_it_is(mistake):
    assert judged(mistake.object) == [(mistake.path, mistake.ours)]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_every_message_tells_what_to_do(mistake):
    assert mistake.ours.startswith("must ")


@pytest.mark.parametrize(
    "document",
    [EVERYTHING, EVERYTHING_OF_A_RUN, a_dag(), a_run()],
    ids=["all of a DAG", "all of a run", "the least of a DAG", "the least of a run"],
)
def test_a_good_object_says_what_it_said_before(document):
    found = parse.parse(MODELS[document["kind"]], document)
    assert not isinstance(found, tuple), found
    assert found.model_dump(mode="json", exclude_unset=True) == document


def test_a_problem_reads_as_a_line():
    problem = Problem("spec.tasks[2].dependsOn[0]", "Unknown", "must name a task of this DAG")
    assert str(problem) == "spec.tasks[2].dependsOn[0]: must name a task of this DAG"


@pytest.mark.parametrize(
    ("document", "problem"),
    [
        (
            a_dag(suspnd=True),
            f"spec.suspnd: {NO_SUCH} (did you mean 'suspend'?)",
        ),
        (
            a_dag(a_task(env=[{"name": "A", "valeu": "x"}])),
            f"spec.tasks[0].env[0].valeu: {NO_SUCH} (did you mean 'value'?)",
        ),
        (
            a_dag(a_task(retry={"delay": 5})),
            f"spec.tasks[0].retry.delay: {NO_SUCH}",
        ),
    ],
    ids=["in the spec", "deep in a list", "like nothing there is"],
)
def test_a_field_that_there_is_not_leads_to_the_one_that_was_meant(document, problem):
    assert [str(found) for found in parse.parse(DAG, document)] == [problem]


@pytest.mark.parametrize(
    ("document", "path", "end"),
    [
        (a_dag(a_task(triggerRule="all_done")), "spec.tasks[0].triggerRule",
         "it is \"all_done\" (did you mean 'AllDone'?)"),
        (a_dag(notifications=[{"events": ["RunFail"], "receiver": "x"}]),
         "spec.notifications[0].events[0]", "it is \"RunFail\" (did you mean 'RunFailed'?)"),
        (a_dag(concurrencyPolicy="replace"), "spec.concurrencyPolicy",
         "it is \"replace\" (did you mean 'Replace'?)"),
        (a_dag(concurrencyPolicy="Wait"), "spec.concurrencyPolicy", 'it is "Wait"'),
        (a_dag(concurrencyPolicy=3), "spec.concurrencyPolicy", "it is 3"),
        (a_dag(concurrencyPolicy="replace" * 100), "spec.concurrencyPolicy", "'Replace'"),
        (a_dag() | {"kind": "Dag"}, "kind", 'it is "Dag"'),
    ],
    ids=["Airflow's spelling", "cut short", "its letters", "like none", "no word", "a book",
         "the only one there is"],
)  # fmt: skip
def test_a_word_that_there_is_not_leads_to_the_one_that_was_meant(document, path, end):
    (found,) = [one for one in parse.parse(DAG, document) if one.path == path]
    assert found.message.endswith(end)


def test_all_mistakes_are_told_at_once():
    document = a_dag(a_task("A"), a_task("b", timeoutSeconds=0), maxActiveRuns=0)
    assert [path for path, _ in judged(document)] == [
        "spec.maxActiveRuns",
        "spec.tasks[0].name",
        "spec.tasks[1].timeoutSeconds",
    ]


def test_a_template_that_repeats_one_mistake_is_not_told_of_all_of_them():
    document = a_dag(*(a_task(f"T{number}") for number in range(1000)))
    assert len(judged(document)) == PROBLEMS_MAX


@pytest.mark.parametrize(
    ("parts", "at", "path"),
    [
        (("tasks", 3, "retry", "limit"), "spec", "spec.tasks[3].retry.limit"),
        (("spec", "tasks", 0), "", "spec.tasks[0]"),
        (("limits", "example.com/gpu"), "", "limits[example.com/gpu]"),
        ((), "spec", "spec"),
    ],
)
def test_a_path_is_written_as_the_api_server_writes_it(parts, at, path):
    assert parse.path(parts, at) == path


def test_what_is_not_even_an_object_is_a_problem():
    assert [str(problem) for problem in parse.parse(DAGSpec, ["a"], "spec")] == [
        'spec: must be an object; it is ["a"]'
    ]


def test_a_task_that_says_no_rule_asks_for_success():
    spec = DAGSpec.model_validate(a_dag()["spec"])
    assert spec.tasks[0].trigger_rule == TriggerRule.ALL_SUCCEEDED


def test_an_older_operator_reads_the_status_of_a_newer_one():
    assert DAGStatus.model_validate({"nextRunTime": "soon"}) == DAGStatus()
    assert DAGRunStatus.model_validate({"outputs": [1]}) == DAGRunStatus()


def test_a_run_that_the_api_server_will_name_is_judged_by_the_name_it_will_get():
    def problems(prefix):
        run = a_run()
        return judged({**run, "metadata": {"generateName": prefix}})

    assert problems("r" * 58) == []
    assert [path for path, _ in problems("r" * 59)] == ["metadata.name"]


def test_ten_thousand_tasks_are_read_in_well_under_a_second():
    tasks = [
        a_task(
            f"t{number}",
            image="python:3.13-slim",
            dependsOn=[f"t{before}" for before in range(max(0, number - 5), number)],
            command=["python", "-c", "pass"],
            env=[{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
            retry={"limit": 2},
        )
        for number in range(10_000)
    ]
    raw = a_dag(*tasks)["spec"]
    started = time.process_time()
    spec = parse.parse(DAGSpec, raw)
    assert time.process_time() - started < 1.0
    assert not isinstance(spec, tuple)
    assert len(spec.tasks) == 10_000
