"""What must not be told is not told."""

from __future__ import annotations

import time

import pytest

from kubedag.core import masks, pods
from support.builders import a_pod


def masked(text, *patterns, cut=False):
    return masks.Masks(patterns).text(text, cut=cut)


@pytest.mark.parametrize(
    ("text", "patterns", "expected"),
    [
        pytest.param("a b", (), "a b", id="no pattern"),
        pytest.param("", ("x",), "", id="no text"),
        pytest.param("the key is sk-12ab, ok", (r"sk-\w+",), "the key is ***, ok", id="a token"),
        pytest.param("sk-1 sk-2", (r"sk-\w+",), "*** ***", id="several of them"),
        pytest.param("PASSWORD=x", ("(?i)password=.*",), "***", id="flags"),
        pytest.param("one two", ("one", "two"), "*** ***", id="several patterns"),
        pytest.param("abcd", ("abc", "bcd"), "***", id="what overlaps is one secret"),
        pytest.param("abab", ("ab",), "***", id="what touches is, too"),
        pytest.param("abcdef", ("cd", "b.*e"), "a***f", id="one within another"),
        pytest.param(
            "a\n-----BEGIN KEY-----\nMII\n-----END KEY-----\nb",
            (r"(?s)-----BEGIN .*?-----END [^\n]*",), "a\n***\nb", id="of several lines",
        ),
        pytest.param("päss 梨 ok", ("梨",), "päss *** ok", id="letters of all kinds"),
        pytest.param("a\x00b", (r"\x00",), "a***b", id="anything"),
        pytest.param("key: k", (r"(key): (k)",), "***", id="groups are but brackets"),
        pytest.param("abc", (r"b*",), "a***c", id="a match of nothing is none"),
    ],
)  # fmt: skip
def test_what_a_pattern_matches_is_masked(text, patterns, expected):
    assert masked(text, *patterns) == expected


@pytest.mark.parametrize(
    ("text", "patterns", "expected"),
    [
        pytest.param("half\nb\nc\nd\ne", ("x",), "b\nc\nd\ne", id="at the next line"),
        pytest.param("123456789012", ("x",), "456789012", id="somewhere in a single line"),
        pytest.param(
            "aaaa\nKEY\nKEY\nKEY\nb", ("(?s)KEY.*KEY",), "***\nb", id="a secret is whole"
        ),
        pytest.param("12KEYKEYKEY9", ("(?:KEY)+",), "***9", id="also where the cut is in it"),
    ],
)
def test_the_first_part_of_what_was_cut_off_is_not_shown(text, patterns, expected):
    """A secret that began before it cannot be recognised."""
    assert masked(text, *patterns, cut=True) == expected


def test_a_secret_that_is_cut_in_half_does_not_slip_through():
    secret = "s" * 3000
    for before in range(0, 70_000, 7001):
        text = "x" * before + "\n" + "TOKEN" + secret + "NEKOT\n" + "y" * 3000
        read = text[-65_536:]
        assert "s" not in masked(read, "TOKEN.*NEKOT", cut=len(text) > len(read))


def test_a_secret_hidden_by_colours_is_found():
    pod = masks.Masks((r"sk-\w+",)).pod(
        ended(terminated=pods.Terminated(1, "Error", "key: sk-\x1b[31m12ab\x1b[0m"))
    )
    assert pod.status.container_statuses[0].state.terminated.message == "key: ***"


def ended(message="", condition="", **state):
    status = pods.ContainerStatus("main", 0, pods.ContainerState(**state))
    told = pods.PodStatus(
        phase="Failed", message=message,
        conditions=(pods.PodCondition("Ready", "False", "", condition),),
        container_statuses=(status,), init_container_statuses=(status,),
    )  # fmt: skip
    return pods.Pod(a_pod().metadata, status=told)


@pytest.mark.parametrize(
    ("secret", "plain"),
    [
        ({"message": "a KEY"}, {"message": "a ***"}),
        ({"condition": "a KEY"}, {"condition": "a ***"}),
        (
            {"terminated": pods.Terminated(1, "", "a KEY")},
            {"terminated": pods.Terminated(1, "", "a ***")},
        ),
        ({"waiting": pods.Waiting("W", "a KEY")}, {"waiting": pods.Waiting("W", "a ***")}),
    ],
    ids=["the Pod", "a condition", "an end", "a wait"],
)
def test_every_message_of_a_pod_is_masked(secret, plain):
    pod = ended(**secret)
    assert (masks.has_words(pod), masks.Masks(("KEY",)).pod(pod)) == (True, ended(**plain))


def test_a_pod_without_words_has_nothing_to_mask():
    assert not masks.has_words(ended(running=pods.Running("t")))


@pytest.mark.parametrize(
    ("said", "patterns", "told"),
    [
        ("half-a-secret\n" + "x\n" * 79, ("KEY",), ""),
        ("half-a-secret" + "x" * 2035, ("KEY",), ""),
        ("x\n" * 79, (), "x\n" * 79),
        ("x" * 2048, (), "x" * 2048),
        ("whole KEY\n" * 70, ("KEY",), "whole ***\n" * 70),
    ],
    ids=["lines", "bytes", "lines, no pattern", "bytes, no pattern", "short"],
)
def test_a_termination_message_that_may_begin_within_a_secret_is_not_shown(said, patterns, told):
    """The kubelet keeps the end of it, which is too little to know a secret in."""
    (container,) = (
        masks.Masks(patterns).pod(ended(terminated=pods.Terminated(1, "", said)))
        .status.container_statuses
    )  # fmt: skip
    assert container.state.terminated.message == told


def test_a_mask_that_makes_a_text_short_does_not_bring_its_beginning_into_view():
    text = "s" * 6000 + "\n" + "KEY" * 5000 + "\n" + "y" * 100
    assert masked(text, "(?:KEY)+", cut=True) == "***\n" + "y" * 100


UNKNOWN = "must be a regular expression as RE2 knows them; it says: "


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        pytest.param(("a", r"(?i)key=\S+"), [], id="good ones"),
        pytest.param(
            ("ok", "a(b"),
            [(1, f"{UNKNOWN}missing ): a(b")],
            id="a bracket that is not closed",
        ),
        pytest.param(
            (r"(a)\1",),
            [(0, rf"{UNKNOWN}invalid escape sequence: \1")],
            id="what takes more than linear time",
        ),
        pytest.param(
            ("(?<=key=).*",),
            [(0, f"{UNKNOWN}invalid perl operator: (?<=")],
            id="looking back",
        ),
        pytest.param(("x*",), [(0, "must not match the empty text")], id="one that matches nothing"),
    ],
)  # fmt: skip
def test_a_pattern_that_cannot_be_used_is_refused(patterns, expected):
    assert list(masks.problems(patterns)) == expected


def test_patterns_that_take_too_long_are_refused():
    ((index, message),) = masks.problems(("a", "[ab]{1,900}c" * 4, "b"))
    assert (index, message.split(":")[0]) == (
        1,
        "must be simpler, or repeat less often than {1,1000}",
    )


@pytest.mark.parametrize(
    "text",
    ["a" * 65_536, "ab" * 32_768, "\n" * 65_536, "aÿ" * 30_000],
    ids=["one letter", "two letters", "empty lines", "two bytes"],
)
def test_the_worst_pattern_that_is_allowed_does_not_stop_the_operator(text):
    worst = masks.Masks((r"[\s\S]{1,500}z", *["[a-z]"] * 19))
    began = time.thread_time()
    worst.text(text)
    assert time.thread_time() - began < 1.0
