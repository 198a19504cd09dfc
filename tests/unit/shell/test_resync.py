"""A full list closes the gaps that a watch leaves."""

from __future__ import annotations

import pytest

from kubedag.shell.errors import ApiError, Unreachable
from kubedag.shell.resync import resync
from kubedag.shell.store import Store
from support import virtual_loop
from support.answering_api import AnsweringApi
from support.builders import as_stored
from support.objects import a_dag, a_run, a_task


def run(name, version=1, **options):
    return as_stored(a_run(name), version, **options)


def page(*items, version="50", then=""):
    return {"metadata": {"resourceVersion": version, "continue": then}, "items": list(items)}


NONE = page()


def listed(api, *known, namespaces=(None,)):
    """The names of the runs that are known after a list."""
    store = Store(lambda _key: None)
    for raw in known:
        store.put_run(raw)
    virtual_loop.run(resync(api(store) if callable(api) else api, store, namespaces))
    return sorted(name for _, name in store.runs), sorted(name for _, name in store.dags), store


def test_what_is_there_is_taken_in_and_what_is_gone_is_dropped():
    api = AnsweringApi(page(as_stored(a_dag(a_task("a", image="i")))), page(run("new", 20)))
    runs, dags, _ = listed(api, run("gone", 10))
    assert (runs, dags) == (["new"], ["pipeline"])


def test_a_large_list_comes_in_pages():
    api = AnsweringApi(NONE, page(run("a"), then="more"), page(run("b")))
    runs, _, _ = listed(api)
    assert runs == ["a", "b"]
    assert [call.params for call in api.calls[1:3]] == [
        {"limit": "200"},
        {"limit": "200", "continue": "more"},
    ]


def test_what_was_created_after_the_list_is_kept():
    runs, _, _ = listed(AnsweringApi(NONE, page(version="50")), run("young", 60), run("old", 40))
    assert runs == ["young"]


def test_what_was_known_better_already_is_kept():
    _, _, store = listed(AnsweringApi(NONE, page(run("a", 40))), run("a", 45))
    assert store.runs["ns", "a"].resource_version == "45"


def test_a_run_that_came_back_while_the_list_was_made_is_kept():
    def api(store):
        def come_back(_call):
            store.put_run(run("a", 70, uid="new"))
            return page(version="50")

        return AnsweringApi(NONE, come_back)

    runs, _, store = listed(api, run("a", 10))
    assert runs == ["a"]
    assert store.runs["ns", "a"].facts.uid == "new"


def test_a_namespace_that_is_not_asked_about_is_left_alone():
    elsewhere = run("a")
    elsewhere["metadata"]["namespace"] = "other"
    api = AnsweringApi(NONE, NONE)
    runs, _, _ = listed(api, elsewhere, run("b"), namespaces=("ns",))
    assert runs == ["a"]
    assert {call.path.split("/")[5] for call in api.calls} == {"ns"}


def test_backfills_are_listed_after_the_runs_which_would_not_be_there_before_them():
    api = AnsweringApi(NONE, NONE)
    _, _, store = listed(api, namespaces=("a", "b"))
    assert [call.path.split("/")[5:] for call in api.calls[-2:]] == [
        ["a", "backfills"],
        ["b", "backfills"],
    ]
    assert store.backfills.listed


@pytest.mark.parametrize(
    "nonsense",
    [{}, {"metadata": {}, "items": []}, {"kind": "Status", "metadata": {}}, page({"kind": "DAG"})],
    ids=["nothing in it", "of no moment", "no list", "no objects"],
)
def test_a_list_that_no_api_server_has_made_drops_nothing(nonsense):
    store = Store(lambda _key: None)
    store.put_run(run("a"))
    with pytest.raises(Unreachable):
        virtual_loop.run(resync(AnsweringApi(NONE, nonsense), store, (None,)))
    assert list(store.runs) == [("ns", "a")]


def test_one_object_that_meets_a_bug_hides_no_other(caplog):
    odd = run("odd") | {"spec": {"dagName": "pipeline", "dataInterval": "none"}}
    runs, _, _ = listed(AnsweringApi(NONE, page(odd, run("good")), NONE))
    assert runs == ["good"]
    assert "ns/odd could not be taken in" in caplog.text


def test_a_list_that_cannot_be_read_to_its_end_drops_nothing():
    api = AnsweringApi(NONE, page(then="more"), ApiError(410, "Expired"))
    store = Store(lambda _key: None)
    store.put_run(run("a"))
    with pytest.raises(ApiError):
        virtual_loop.run(resync(api, store, (None,)))
    assert list(store.runs) == [("ns", "a")]
