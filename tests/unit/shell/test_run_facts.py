"""What a DAGRun says about itself, also if it says it badly."""

import pytest

from kubedag.core import snapshot
from kubedag.shell import definitions
from support.builders import as_stored
from support.objects import a_run


def facts(labels=None, **spec):
    stored = as_stored(a_run(**spec))
    if labels is not None:
        stored["metadata"]["labels"] = labels
    return definitions.run_facts(stored)


def test_a_run_that_says_little_is_by_hand_and_of_the_whole_dag():
    found = facts()
    assert (found.run_type, found.tasks, found.params) == ("Manual", (), ())
    assert (found.rerun, found.backfill_uid) == (None, "")


def test_what_a_backfill_says_of_its_run():
    found = facts(
        {"kubedag.dev/backfill-uid": "uid-b"},
        tasks=["load", "report"],
        params=[{"name": "region", "value": "eu"}, {"name": "dry"}],
    )
    assert found.backfill_uid == "uid-b"
    assert found.tasks == ("load", "report")
    assert found.params == (("region", "eu"), ("dry", ""))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"id": "1"}, snapshot.RerunRequest("1", "Failed", (), "Same")),
        (
            {"id": "1", "scope": "All", "revision": "Newest"},
            snapshot.RerunRequest("1", "All", (), "Newest"),
        ),
        (
            {"id": "1", "scope": "Tasks", "tasks": ["a", "b"]},
            snapshot.RerunRequest("1", "Tasks", ("a", "b")),
        ),
        ({"id": ""}, None),
        ({"id": "mark:1"}, None),
        ({"id": 1}, None),
        ({}, None),
        (None, None),
        ("again", None),
        ({"id": "1", "scope": "Some"}, None),
        ({"id": "1", "scope": ["All"]}, None),
        ({"id": "1", "revision": "Older"}, None),
        ({"id": "1", "scope": "Tasks"}, None),
        ({"id": "1", "scope": "Tasks", "tasks": "a"}, None),
        ({"id": "1", "scope": "All", "tasks": ["a"]}, None),
    ],
    ids=str,
)
def test_a_wish_to_run_again_is_understood_in_full_or_is_none(given, expected):
    assert facts(rerun=given).rerun == expected


@pytest.mark.parametrize(
    "broken",
    [{"tasks": "a"}, {"tasks": [1, None]}, {"params": {"a": "b"}}, {"params": ["a", None, {}]}],
    ids=str,
)
def test_what_nobody_can_understand_is_passed_over(broken):
    found = facts(**broken)
    assert (found.tasks, found.params) == ((), ())
