"""The demo's picture of a run, and the promises that are read off it."""

from __future__ import annotations

import io
import itertools

import pytest

from dev.demo import promises, table
from dev.demo.kubectl import Event, path
from dev.demo.picture import Picture, describe

DAG = {
    "spec": {
        "tasks": [
            {"name": "fetch-sales"},
            {"name": "train", "dependsOn": ["fetch-sales"]},
            {"name": "publish", "dependsOn": ["train"]},
            {"name": "announce", "dependsOn": ["publish"]},
            {"name": "tidy-up", "dependsOn": ["announce"], "triggerRule": "AllDone"},
        ]
    }
}


class Film:
    """A run as two watches would tell it, one tenth of a second a frame."""

    def __init__(self):
        self.picture = Picture.of(DAG, began=0.0)
        self.clock = itertools.count(1)
        self.told = []

    def pod(self, task, attempt=1, phase="Pending", created="2026-01-01T00:00:00Z"):
        labels = {"kubedag.dev/task": task, "kubedag.dev/attempt": str(attempt)}
        meta = {"name": f"{task}-{attempt}", "labels": labels, "creationTimestamp": created}
        self._show({"kind": "Pod", "metadata": meta, "status": {"phase": phase}})

    def run(self, *rows, conditions=()):
        status = {"tasks": list(rows), "conditions": list(conditions)}
        self._show({"kind": "DAGRun", "metadata": {"name": "a-run"}, "status": status})

    def _show(self, an_object):
        at = next(self.clock) / 10
        self.told += self.picture.take(Event(at, "MODIFIED", an_object))


def a_run_that_goes_as_promised():
    film = Film()
    film.pod("fetch-sales")
    film.pod("fetch-sales", phase="Failed")
    awaiting = {"name": "fetch-sales", "state": "AwaitingRetry", "attempt": 1}
    film.run(awaiting | {"nextAttemptTime": "2026-01-01T00:00:09Z"})
    film.pod("fetch-sales", 2, created="2026-01-01T00:00:09Z")
    film.pod("fetch-sales", 2, phase="Succeeded")
    film.pod("train")
    film.pod("train", phase="Failed")
    film.pod("tidy-up")
    film.pod("tidy-up", phase="Succeeded")
    log = {"source": "TerminationMessage", "tail": "ValueError: 2 days are not enough to train on"}
    film.run(
        {
            "name": "fetch-sales",
            "state": "Succeeded",
            "attempt": 2,
            "attempts": [{"number": 1, "state": "Failed"}, {"number": 2, "state": "Succeeded"}],
        },
        {"name": "train", "state": "Failed", "attempts": [{"number": 1, "log": log}]},
        {"name": "publish", "state": "UpstreamFailed"},
        {"name": "announce", "state": "UpstreamFailed"},
        {"name": "tidy-up", "state": "Succeeded"},
        conditions=[
            {"type": "Finished", "status": "True"},
            {"type": "Succeeded", "status": "False"},
        ],
    )
    return film


def broken(film):
    return [promise.text for promise in promises.check(film.picture) if not promise.kept]


def test_a_run_that_goes_as_promised_keeps_every_promise():
    assert broken(a_run_that_goes_as_promised()) == []


def test_nothing_seen_means_no_promise_kept():
    assert len(broken(Film())) == len(promises.check(Film().picture))


def test_a_pod_that_appears_before_its_upstream_has_succeeded_breaks_the_order():
    film = Film()
    film.pod("fetch-sales")
    film.pod("train")
    film.pod("fetch-sales", phase="Succeeded")

    assert not promises.in_order(film.picture)


@pytest.mark.parametrize(
    ("created", "kept"),
    [
        ("2026-01-01T00:00:07Z", False),
        ("2026-01-01T00:00:09Z", True),
        ("2026-01-01T00:00:12Z", True),
        ("2026-01-01T00:00:20Z", False),
    ],
    ids=["too early", "on time", "a little late", "far too late"],
)
def test_a_retry_is_held_against_the_time_that_the_status_had_said(created, kept):
    film = Film()
    film.run(
        {"name": "fetch-sales", "nextAttemptTime": "2026-01-01T00:00:09Z", "state": "Waiting"}
    )
    film.pod("fetch-sales", 2, created=created)

    assert promises.kept_its_time(film.picture) is kept


def test_a_blocked_task_that_got_a_pod_breaks_a_promise():
    film = a_run_that_goes_as_promised()
    film.pod("publish")

    assert "publish and announce are UpstreamFailed, without a Pod" in broken(film)


def test_each_change_is_told_once():
    film = Film()
    film.pod("fetch-sales")
    film.pod("fetch-sales", phase="Succeeded")
    film.run({"name": "fetch-sales", "state": "Succeeded"})
    film.run({"name": "fetch-sales", "state": "Succeeded"})
    film.pod("train")

    assert [line.split(maxsplit=1) for line in film.told] == [
        ["fetch-sales", "Pod fetch-sales-1 created"],
        ["fetch-sales", "Succeeded"],
        ["train", "Pod train-1 created, 300 ms after fetch-sales succeeded"],
    ]


def test_a_task_is_described_by_the_first_line_of_its_message():
    row = {"state": "Failed", "attempt": 3, "message": "exit code 1\nand a traceback"}

    assert describe(row) == "Failed at attempt 3 (exit code 1)"


def test_without_a_terminal_there_is_one_plain_line_for_each_change():
    out = io.StringIO()
    screen = table.Screen(out)
    film = a_run_that_goes_as_promised()

    screen.show(film.picture, ["one", "two"])

    assert [line.split(" s  ")[1] for line in out.getvalue().splitlines()] == ["one", "two"]


def test_the_path_of_a_watch_has_its_selector_escaped():
    assert path("demo", "pods", selector="kubedag.dev/run=a") == (
        "/api/v1/namespaces/demo/pods?labelSelector=kubedag.dev/run%3Da"
    )
