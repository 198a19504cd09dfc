from __future__ import annotations

import pytest

from kubedag.shell import client
from kubedag.shell.client import DAG_RUNS, PODS
from kubedag.shell.errors import ApiError, Cause, api_error


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (PODS.path(), "/api/v1/pods"),
        (PODS.path("ns"), "/api/v1/namespaces/ns/pods"),
        (PODS.path("ns", "p-1.x"), "/api/v1/namespaces/ns/pods/p-1.x"),
        (PODS.path("ns", "p", "log"), "/api/v1/namespaces/ns/pods/p/log"),
        (DAG_RUNS.path(), "/apis/kubedag.dev/v1alpha1/dagruns"),
        (
            DAG_RUNS.path("ns", "r", "status"),
            "/apis/kubedag.dev/v1alpha1/namespaces/ns/dagruns/r/status",
        ),
    ],
    ids=["all", "namespace", "one", "subresource", "group", "group subresource"],
)
def test_paths_are_those_of_the_api_conventions(path, expected):
    assert path == expected


@pytest.mark.parametrize("name", ["", "..", ".", "a/b", "a?b", "a%2fb", "a b", "a#b"])
def test_a_name_can_never_lead_out_of_its_place_in_the_path(name):
    with pytest.raises(ValueError, match="not the name"):
        PODS.path("ns", name)


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("p-1.x", True), ("x" * 253, True), ("x" * 254, False), ("a_b", False), ("", False)],
    ids=["a name", "the longest", "too long", "a label's value", "nothing"],
)
def test_only_what_can_be_a_name_is_one(text, is_one):
    assert client.is_name(text) == is_one


STATUS_422 = b"""{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",
"message":"Pod \\"x\\" is invalid","reason":"Invalid","code":422,
"details":{"name":"x","kind":"Pod","causes":[
 {"reason":"FieldValueInvalid","message":"Invalid value: -1","field":"spec.priority"}]}}"""


def test_a_status_body_is_read_with_its_causes():
    error = api_error(422, STATUS_422)
    assert (error.status, error.reason, error.message) == (422, "Invalid", 'Pod "x" is invalid')
    assert error.causes == (
        Cause(reason="FieldValueInvalid", message="Invalid value: -1", field="spec.priority"),
    )
    assert error.invalid


def test_an_error_of_something_in_between_keeps_its_text():
    error = api_error(502, b"<h1>Bad \xff Gateway</h1>\n")
    assert (error.status, error.message) == (502, "<h1>Bad \N{REPLACEMENT CHARACTER} Gateway</h1>")


@pytest.mark.parametrize(
    ("body", "headers", "expected_seconds"),
    [
        (b'{"details":{"retryAfterSeconds":7}}', {}, 7.0),
        (b'{"details":{"retryAfterSeconds":7}}', {"Retry-After": "3"}, 3.0),
        (b"busy", {"Retry-After": "3"}, 3.0),
        (b"busy", {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}, None),
        (b"busy", {}, None),
    ],
    ids=["body", "header first", "header alone", "a date is ignored", "neither"],
)
def test_the_time_to_come_back_is_read_from_header_or_body(body, headers, expected_seconds):
    assert api_error(429, body, headers).retry_after_seconds == expected_seconds


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [
        (404, "NotFound", "not_found"),
        (409, "AlreadyExists", "already_exists"),
        (409, "Conflict", "conflict"),
        (410, "Expired", "expired"),
        (422, "Invalid", "invalid"),
        (500, "InternalError", ""),
    ],
)
def test_an_error_says_what_a_caller_does_next(status, reason, expected):
    error = ApiError(status, reason)
    kinds = ["not_found", "already_exists", "conflict", "expired", "invalid"]
    assert "".join(kind for kind in kinds if getattr(error, kind)) == expected
