"""A proxy's answer with the code 200 is none, whoever has asked and whatever it says."""

from __future__ import annotations

import orjson
import pytest

from kubedag.core import pods
from kubedag.shell import replies
from kubedag.shell.errors import Unreachable
from support import virtual_loop
from support.answering_api import DONE, AnsweringApi
from support.builders import a_pod, as_stored, encoded
from support.objects import a_run

RUN = as_stored(a_run(), 7)
PATH = "/api/v1/namespaces/ns/pods"
NO_JSON = [b"", b"<html>", b'{"a": 1} {}', b'{"kind": "Pod', b"[]", b"null", b"7"]


def ask(read, answer, method="GET"):
    return virtual_loop.run(replies.ask(AnsweringApi(answer), read, method, PATH))


def without(*path):
    """A run that lacks one thing."""
    found = orjson.loads(orjson.dumps(RUN))
    *above, last = path
    place = found
    for name in above:
        place = place[name]
    del place[last]
    return found


def a_list(*items, **metadata):
    return {"metadata": {"resourceVersion": "9"} | metadata, "items": list(items)}


NONSENSE = {
    replies.anything: [*NO_JSON, {}, {"ok": True}, {"kind": 1}],
    replies.version: [*NO_JSON, {}, DONE, {"metadata": {"resourceVersion": 7}}],
    replies.custom: [
        *NO_JSON,
        {},
        DONE,
        RUN | {"spec": []},
        RUN | {"status": "Succeeded"},
        *(without("metadata", word) for word in ("name", "namespace", "uid", "resourceVersion")),
    ],
    replies.customs: [
        *NO_JSON,
        {},
        DONE,
        {"items": []},
        {"metadata": {}, "items": []},
        {"metadata": {"resourceVersion": "9"}},
        {"metadata": {"resourceVersion": "9"}, "items": {}},
        a_list({}),
        a_list(RUN, {"metadata": {"name": "run"}}),
    ],
    replies.record(pods.Pod): [*NO_JSON, {}, DONE, {"metadata": {"name": "p"}}],
    replies.kept(pods.Pod): [*NO_JSON, {}, DONE],
}
CASES = [(read, answer) for read, answers in NONSENSE.items() for answer in answers]


@pytest.mark.parametrize(("read", "answer"), CASES)
def test_what_is_not_of_the_shape_that_was_asked_for_is_no_answer(read, answer):
    with pytest.raises(Unreachable, match=f"^GET {PATH}: the answer is not what was asked for"):
        ask(read, answer)


@pytest.mark.parametrize(
    ("method", "maybe_applied"),
    [("GET", False), ("POST", True), ("PUT", True), ("PATCH", True), ("DELETE", True)],
)
def test_a_write_with_such_an_answer_may_have_been_applied(method, maybe_applied):
    with pytest.raises(Unreachable) as raised:
        ask(replies.anything, {}, method)
    assert raised.value.maybe_applied is maybe_applied


def test_what_an_api_server_says_is_read():
    assert ask(replies.version, RUN) == "7"
    assert ask(replies.custom, RUN) == RUN
    assert ask(replies.custom, RUN | {"status": None}) == RUN | {"status": None}
    assert ask(replies.customs, a_list(RUN, **{"continue": "more"})) == ([RUN], "9", "more")
    assert ask(replies.record(pods.Pod), encoded(a_pod())) == a_pod()
    record, raw = ask(replies.kept(pods.Pod), encoded(a_pod()))
    assert (record, raw["metadata"]["name"]) == (a_pod(), a_pod().metadata.name)
    for said in (DONE, {"kind": "PodList", "metadata": {}, "items": []}):
        ask(replies.anything, said)


def test_a_run_into_which_somebody_has_put_what_is_nested_deeply_is_read_all_the_same():
    deep = b'{"a":' * 2_000 + b"1" + b"}" * 2_000
    said = orjson.dumps(RUN)[:-1] + b',"status":{"x":' + deep + b"}}"
    assert ask(replies.custom, said)["metadata"] == RUN["metadata"]
    assert ask(replies.version, said) == "7"
