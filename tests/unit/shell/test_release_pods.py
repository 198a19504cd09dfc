"""Letting go of all Pods before there is no operator."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from kubedag.core import pods
from kubedag.shell import release_pods
from kubedag.shell.errors import ApiError, Unreachable
from support import virtual_loop
from support.answering_api import AnsweringApi
from support.builders import a_pod, encoded

FREE = a_pod("free")
CHANGED, MISSING = ApiError(409, "Conflict", "changed"), ApiError(404, "NotFound", "gone")


def held(task, version="1"):
    pod = a_pod(task)
    meta = msgspec.structs.replace(
        pod.metadata, finalizers=("example.com/x", pods.FINALIZER), resource_version=version
    )
    return msgspec.structs.replace(pod, metadata=meta)


def page(*found, token=""):
    items = [orjson.loads(encoded(pod)) for pod in found]
    meta = {"resourceVersion": "9"} | ({"continue": token} if token else {})
    return {"metadata": meta, "items": items}


def released(*answers, namespaces=(None,)):
    api = AnsweringApi(*answers)
    return virtual_loop.run(release_pods.release_all(api, namespaces)), api


def test_the_finalizer_is_taken_off_each_pod_that_has_it_and_no_other():
    count, api = released(page(FREE, held("a")), encoded(FREE))
    assert count == 1
    assert [call.method for call in api.calls] == ["GET", "PATCH"]
    assert api.calls[1].path == f"/api/v1/namespaces/ns/pods/{held('a').metadata.name}"
    assert api.calls[1].body["metadata"] == {
        "uid": held("a").metadata.uid,
        "resourceVersion": "1",
        "finalizers": ["example.com/x"],
    }


def test_all_pages_of_all_namespaces_are_looked_through():
    count, api = released(
        page(held("a"), token="more"), encoded(FREE), page(held("b")), encoded(FREE),
        page(held("c")), encoded(FREE),
        namespaces=("x", "y"),
    )  # fmt: skip
    lists = [
        (call.path, call.params.get("continue")) for call in api.calls if call.method == "GET"
    ]
    assert (count, lists) == (
        3,
        [
            ("/api/v1/namespaces/x/pods", None),
            ("/api/v1/namespaces/x/pods", "more"),
            ("/api/v1/namespaces/y/pods", None),
        ],
    )


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        pytest.param((MISSING,), 0, id="gone"),
        pytest.param((CHANGED, encoded(held("a", "2")), encoded(FREE)), 1, id="changed"),
        pytest.param((CHANGED, encoded(FREE)), 0, id="let go by the operator"),
        pytest.param((CHANGED, MISSING), 0, id="changed, and gone"),
    ],
)
def test_a_pod_that_changes_meanwhile_is_looked_at_again(answers, expected):
    count, api = released(page(held("a")), *answers)
    assert count == expected
    if expected:
        assert api.calls[-1].body["metadata"]["resourceVersion"] == "2"


def test_a_list_that_no_api_server_has_made_is_not_taken_for_none():
    with pytest.raises(Unreachable):
        released({"metadata": {}, "items": []})


def test_a_refusal_is_told_and_not_passed_over():
    with pytest.raises(ApiError):
        released(page(held("a")), ApiError(403, "Forbidden", "no"))
