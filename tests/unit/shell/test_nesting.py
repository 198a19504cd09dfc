"""What is nested too deeply to be read ends nobody but itself."""

from __future__ import annotations

import json

import aiohttp
import msgspec
import orjson
import pytest
from aiohttp import web

from kubedag.core import pods
from kubedag.shell import definitions, nesting, wire
from support import http_server, real_loop

KEPT = nesting.LEVELS_KEPT


def deep(levels, opening='{"x":', closing="}", inner="1"):
    return (opening * levels + inner + closing * levels).encode()


def depth(value):
    levels = 0
    while isinstance(value, (dict, list)):
        levels += 1
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return levels


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(b'{"a":[1,{"b":2}]}', b'{"a":[1,{"b":2}]}', id="a shallow one"),
        pytest.param(b'{"a":"' + b"[{" * 999 + b'\\""}', None, id="brackets in a string"),
        pytest.param(b'["\\\\",' + b"[" * 9 + b"]" * 9 + b"]", None, id="an escaped backslash"),
        pytest.param(b"[" + b"{}," * 999 + b"1]", None, id="a wide one"),
        pytest.param(deep(KEPT), None, id="the deepest that is kept"),
        pytest.param(deep(KEPT + 1), deep(KEPT, inner="null"), id="one level more"),
        pytest.param(deep(9000), deep(KEPT, inner="null"), id="all that the API server takes"),
        pytest.param(deep(9000, "[", "]"), deep(KEPT, "[", "]", "null"), id="lists"),
        pytest.param(
            b"[" + deep(9000) + b',2,"]",' + deep(9000) + b"]",
            b"[" + deep(KEPT - 1, inner="null") + b',2,"]",' + deep(KEPT - 1, inner="null") + b"]",
            id="two deep ones, and what lies between",
        ),
    ],
)
def test_what_is_too_deep_is_cut_off_and_the_rest_is_as_it_was(text, kept):
    assert nesting.cut(text) == (text if kept is None else kept)


def test_a_document_is_only_cut_if_it_has_to_be():
    for text in (b"", b"{", b"nonsense", deep(254), b"[" + b"[]," * 500 + b"1]"):
        assert nesting.bounded(text) == text
    assert depth(json.loads(nesting.bounded(deep(5000)))) == KEPT


def test_what_was_cut_cannot_be_taken_for_something_good():
    with pytest.raises(orjson.JSONEncodeError):
        orjson.dumps(nesting.loads(deep(9000)))


def test_what_is_no_json_is_still_none():
    with pytest.raises(orjson.JSONDecodeError):
        nesting.loads(b"{")


def test_a_record_is_read_whatever_lies_beside_it():
    data = deep(200_000)  # more than any version of Python takes
    text = b'{"metadata":{"name":"p","namespace":"n"},"data":' + data + b"}"
    with pytest.raises(RecursionError):
        msgspec.json.decode(text, type=pods.Pod)
    read = nesting.tolerant(msgspec.json.Decoder(pods.Pod).decode)
    assert read(text).metadata.name == "p"


def test_an_informer_reads_the_others_beside_one_that_is_too_deep():
    decoders = wire.Decoders(definitions.Revision)
    meta = b'"metadata":{"name":"%c","resourceVersion":"7"}'
    items = [b'{%b,"data":%b}' % (meta % name, data) for name, data in
             ((97, deep(2)), (98, deep(9000)), (99, deep(1)))]  # fmt: skip
    listed = b'{"metadata":{"resourceVersion":"9"},"items":[%b]}'
    page = decoders.page(listed % b",".join(items))
    assert [item.metadata.name for item in page.items] == ["a", "b", "c"]
    change = decoders.change(b'{"type":"ADDED","object":%b}' % items[1])
    assert change.record.metadata.name == "b"


def answered(*chunks):
    """What a session of ours reads, as one document and by lines."""

    async def answer(request):
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
        return response

    async def scenario():
        async with (
            http_server.serving(answer) as url,
            aiohttp.ClientSession(response_class=nesting.BoundedResponse) as session,
        ):
            async with session.get(url) as response:
                lines = [part async for part in response.content.iter_chunked(1000)]
            if lines:
                return lines
            async with session.get(url) as response:
                return await response.json()

    return real_loop.run(scenario())


def test_a_list_is_read_whole():
    assert depth(answered(deep(9000))) == KEPT


def test_a_watch_is_read_line_by_line_however_it_is_cut_into_pieces():
    events = [deep(3), deep(9000), deep(1)]
    text = b"".join(event + b"\n" for event in events)
    pieces = [text[start : start + 777] for start in range(0, len(text), 777)]
    lines = answered(*pieces, b'{"cut')
    assert [depth(json.loads(line)) for line in lines] == [3, KEPT, 1]
