"""YAML as kubectl reads it; the words were asked of a real API server (Kubernetes 1.35)."""

from __future__ import annotations

import pytest

from kubedag.api.problems import Problem
from kubedag.cli import documents

WORDS = {
    "on": True, "off": False, "Yes": True, "no": False, "y": True, "n": False, "TRUE": True,
    "~": None, "null": None, "NULL": None, "nULL": "nULL",
    "1e3": 1000, "1.e3": 1000, "1.5e3": 1500, "1e+3": 1000, ".5e3": 500, ".e3": ".e3", "1e": "1e",
    "0o7": 7, "0O7": 7, "-0o7": -7, "007": 7, "08": 8, "0777": 511, "-0777": -511, "0o8": "0o8",
    "0x1F": 31, "-0x1f": -31, "0x": "0x", "0b11": 3, "-0b1": -1,
    "1_000": 1000, "1__0": 10, "_1": "_1", "1_": 1, "0_7": 7, "1,000": "1,000",
    "12:30": "12:30", "12:30:45": "12:30:45",
    ".5": 0.5, "+.5": 0.5, "-.5": -0.5, "5.": 5, "0.0": 0, "1.0": 1, "+12": 12, "-0": 0,
    "2026-01-01": "2026-01-01", "2026-01-01T00:00:00Z": "2026-01-01T00:00:00Z",
    "=": "=", "NaN": "NaN", "1e400": "1e400", "0.1e400": "0.1e400",
    "9223372036854775807": 2**63 - 1, "9223372036854775808": float(2**63),
    "99999999999999999999": 1e20, "1.2.3": "1.2.3", "-": "-", "python": "python",
}  # fmt: skip


@pytest.mark.parametrize(("word", "value"), WORDS.items(), ids=WORDS)
def test_a_word_says_what_it_says_to_kubectl(word, value):
    (found,) = documents.read(f"k: {word} # a comment" if word != "-" else "k: '-'")
    assert found == {"k": value}
    assert type(found["k"]) is type(value)


@pytest.mark.parametrize("text", ["'on'", '"on"', "!!str on", "|-\n  on", ">-\n  on"])
def test_quotes_make_a_string_of_any_word(text):
    assert documents.read(f"k: {text}") == [{"k": "on"}]


def test_keys_are_strings_whatever_they_look_like():
    assert documents.read("{on: 1, 7: 2, 1e3: 3, ~: 4, 'on': 5}"[:-9] + "}") == [
        {"true": 1, "7": 2, "1000": 3, "null": 4}
    ]


def test_aliases_and_merged_keys_are_followed():
    text = "a: &a {x: 1, z: 2}\nb: {<<: *a, x: 3}\nc: *a"
    assert documents.read(text) == [
        {"a": {"x": 1, "z": 2}, "b": {"x": 3, "z": 2}, "c": {"x": 1, "z": 2}}
    ]


def test_merged_keys_of_merged_keys_bring_in_each_key_once():
    """Ten of each, ten levels deep: whoever repeated them would not come to an end."""
    levels = [f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 10)}]}}" for n in range(1, 11)]
    (found,) = documents.read("\n".join(["a0: &a0 {x: 1, z: 2}", *levels]))
    assert found["a10"] == {"x": 1, "z": 2}


def test_keys_are_merged_in_the_same_way_however_deep_their_source_lies():
    text = "q: {a: &a {<<: &z {x: 1, z: 2}, x: 3}}\nb: {<<: *a}"
    assert documents.read(text) == [{"q": {"a": {"x": 3, "z": 2}}, "b": {"x": 3, "z": 2}}]


def test_of_two_sources_the_first_counts_and_of_two_keys_that_look_alike_both():
    text = "a: {<<: [{x: 1, 'on': 2}, {x: 3, w: 4}], on: 5}"
    assert documents.read(text) == [{"a": {"x": 1, "w": 4, "on": 2, "true": 5}}]


MERGES = "a: &a {" + ",".join(f"k{n}: 1" for n in range(1000)) + "}\nb: {<<: [%s]}"
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "\n".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "where", "must"),
    [
        pytest.param("a: [1,\nb: }", "YAML in line 2", "must be valid: ", id="no YAML"),
        pytest.param("a: .inf", "YAML in line 1", "must be valid: .inf is no", id="infinity"),
        pytest.param("a: 1\nb: 2\na: 3", "YAML in line 3", "must be valid: 'a' is there twice",
                     id="a key twice"),
        pytest.param('{"a": [{\n"b": 1,\n"b": 2}]}', "YAML in line 3",
                     "must be valid: 'b' is there twice", id="a key twice in JSON"),
        pytest.param("{[1]: 2}", "YAML in line 1", "must be valid: a key must be a word", id="a key"),
        pytest.param("a: !!python/name:os.system x", "YAML in line 1", "must be valid: ", id="code"),
        pytest.param("[" * 5000 + "]" * 5000, "YAML", "must have at most 300 levels", id="deep YAML"),
        pytest.param('{"a":' * 900 + "1" + "}" * 900, "YAML", "must have at most 300 levels",
                     id="deep JSON"),
        pytest.param("&a [*a]", "YAML", "must have at most 300 levels", id="a loop"),
        pytest.param("&a {<<: *a}", "YAML", "must have at most 300 levels", id="a merged loop"),
        pytest.param("a: {<<: {x: 1, x: 2}}", "YAML in line 1", "must be valid: 'x' is there twice",
                     id="a merged key twice"),
        pytest.param(MERGES % ",".join(["*a"] * 101), "YAML in line 2",
                     "must be valid: its merge keys (<<) bring in more than 100000 keys",
                     id="many merges"),
        pytest.param(LAUGHS, "YAML", "must have at most 2000000 values", id="a billion laughs"),
    ],
)  # fmt: skip
def test_what_cannot_be_judged_is_told(text, where, must):
    found = documents.read(text)
    assert isinstance(found, Problem)
    assert (found.path, found.message[: len(must)]) == (where, must)


@pytest.mark.parametrize("word", [*WORDS, "", "- a", "a: b", "#", "two\nlines\n", "é", ".inf"])
def test_a_string_is_written_so_that_kubectl_reads_that_string(word):
    same = {"k": word}
    found = {"metadata": same, "a": [word, same, same, None, True, 1, 0.5], word: {}}
    written = documents.write(found)
    assert documents.read(written) == [found]
    assert "&" not in written


def test_what_needs_no_quotes_has_none():
    assert (
        documents.write({"kind": "DAG", "a": {"b": ["x y"]}}) == "kind: DAG\na:\n  b:\n  - x y\n"
    )


def test_json_is_yaml_and_so_is_what_only_begins_like_it():
    assert documents.read(' {"a": [1.0, "on"]}') == [{"a": [1.0, "on"]}]
    assert documents.read("{a: on}") == [{"a": True}]
