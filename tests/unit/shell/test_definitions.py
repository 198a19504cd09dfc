"""From API objects to what the core works with."""

from __future__ import annotations

import orjson
import pytest

from kubedag.core import pods
from kubedag.shell import definitions
from support.builders import as_stored, stamp
from support.objects import a_dag, a_run, a_task, an_interval

# --- DAGs -------------------------------------------------------------------------------------


def test_a_good_dag_has_a_plan_a_revision_and_pods_to_try():
    canonical, found = definitions.of_dag(as_stored(a_dag(a_task("a", image="i")), generation=3))
    assert orjson.loads(canonical) == {"tasks": [{"image": "i", "name": "a"}]}
    assert (found.uid, found.generation, found.task_count) == ("uid-pipeline", 3, 1)
    assert (found.problems, len(found.trials), found.suspend) == ((), 1, False)
    assert found.revision.startswith("pipeline-")
    assert [task.name for task in found.plan.tasks] == ["a"]


def test_the_tasks_at_the_end_of_a_run_are_tasks_as_well():
    last = [a_task("f", image="i"), a_task("g", image="i")]
    _, found = definitions.of_dag(as_stored(a_dag(a_task("a", image="i"), **{"finally": last})))
    assert (found.task_count, [task.name for task in found.plan.tasks]) == (3, ["a", "f", "g"])


@pytest.mark.parametrize(
    "dag",
    [
        a_dag(a_task("a", image="i", dependsOn=["b"])),
        a_dag(a_task("a", image="i", dependsOn=["a"])),
        a_dag(a_task("a", image=7)),
        a_dag(a_task("a", image="i"), unheard="of"),
    ],
    ids=["unknown upstream", "cycle", "wrong type", "unknown field"],
)
def test_a_bad_dag_has_problems_and_neither_plan_nor_revision(dag):
    _, found = definitions.of_dag(as_stored(dag))
    assert found.problems
    assert (found.plan, found.revision, found.trials) == (None, "", ())


@pytest.mark.parametrize(
    "spec", [7, [], {"tasks": 7}, {"finally": True}, {"suspend": "no"}], ids=str
)
def test_what_no_api_server_lets_in_is_judged_all_the_same(spec):
    _, found = definitions.of_dag(as_stored(a_dag()) | {"spec": spec})
    assert found.problems
    assert "NotJudged" not in [problem.reason for problem in found.problems]


def test_a_dag_that_meets_a_bug_of_ours_is_a_bad_one(caplog):
    raw = as_stored(a_dag(), generation=3)
    del raw["metadata"]["creationTimestamp"]  # which every API server sets
    _, found = definitions.of_dag(raw)
    (problem,) = found.problems
    assert (problem.path, problem.reason, found.generation) == ("spec", "NotJudged", 3)
    assert "KeyError" in problem.message
    assert "DAG ns/pipeline could not be judged" in caplog.text


def revision_of(dag):
    return definitions.of_dag(as_stored(dag))[1].revision


def test_a_revision_is_named_after_what_runs_not_after_how_it_was_written():
    one = {"name": "a", "image": "i", "command": ["x"]}
    other = {"command": ["x"], "image": "i", "name": "a"}
    assert revision_of(a_dag(one)) == revision_of(a_dag(other))
    assert revision_of(a_dag(one)) != revision_of(a_dag({**one, "image": "j"}))


# --- Runs -------------------------------------------------------------------------------------


def test_a_run_says_little_and_means_the_rest():
    found = definitions.run_facts(as_stored(a_run()))
    assert (found.name, found.namespace, found.uid) == ("run", "ns", "uid-run")
    assert (found.dag_name, found.run_type, found.created) == ("pipeline", "Manual", stamp(0))
    assert (found.suspend, found.deleting, found.logical_time) == (False, False, None)


def test_a_run_may_say_everything():
    spec = {
        "runType": "Backfill",
        "suspend": True,
        "logicalTime": stamp(1),
        "dataInterval": an_interval(),
    }
    found = definitions.run_facts(as_stored(a_run(**spec), generation=2, deleting=True))
    assert (found.run_type, found.suspend, found.deleting) == ("Backfill", True, True)
    assert (found.logical_time, found.generation) == (stamp(1), 2)
    assert (found.interval_start, found.interval_end) == (
        "2026-01-01T00:00:00Z",
        "2026-01-02T00:00:00Z",
    )


# --- Revisions --------------------------------------------------------------------------------


def a_revision(name="p-1", dag="pipeline", spec=None, *, gone=False):
    data = orjson.dumps(spec or {"tasks": [{"name": "a", "image": "i"}]})
    metadata = pods.Metadata(
        name, "ns", f"uid-{name}", "1", stamp(0), labels={pods.LABEL_DAG: dag}
    )
    return definitions.Revision(metadata, 1, definitions.msgspec.Raw(data), gone)


def test_revisions_are_known_by_their_dag():
    known = definitions.Revisions()
    known.put(a_revision("p-1"))
    known.put(a_revision("p-2"))
    known.put(a_revision("q-1", "other"))
    assert [one.name for one in known.of("ns", "pipeline")] == ["p-1", "p-2"]
    known.put(a_revision("p-1", gone=True))
    assert [one.name for one in known.of("ns", "pipeline")] == ["p-2"]
    assert known.of("elsewhere", "pipeline") == ()


def test_the_plan_of_a_revision_is_made_once_and_forgotten_with_it():
    known = definitions.Revisions()
    known.put(a_revision())
    plan = known.plan("ns", "pipeline", "p-1")
    assert known.plan("ns", "pipeline", "p-1") is plan
    assert [task.name for task in plan.tasks] == ["a"]
    known.put(a_revision(gone=True))
    assert known.plan("ns", "pipeline", "p-1") is None


@pytest.mark.parametrize(
    "revision",
    [
        a_revision(spec={"tasks": 7}),
        a_revision(spec=[1]),
    ],
    ids=["wrong type", "no object"],
)
def test_a_revision_that_somebody_broke_has_no_plan(revision):
    known = definitions.Revisions()
    known.put(revision)
    assert known.plan("ns", "pipeline", "p-1") is None


def test_only_so_many_plans_are_kept(monkeypatch):
    monkeypatch.setattr(definitions, "PLANS_KEPT_MAX", 2)
    known = definitions.Revisions()
    for name in ("p-1", "p-2", "p-3"):
        known.put(a_revision(name))
        known.plan("ns", "pipeline", name)
    assert len(known._plans) == 2
    assert known.plan("ns", "pipeline", "p-1") is not None
