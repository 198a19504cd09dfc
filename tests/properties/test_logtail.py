"""What holds of every log tail, whatever a program has written."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from kubedag.core import logtail, masks, rows

LINES = st.lists(st.text(max_size=120), max_size=80).map("\n".join)
NOISE = st.lists(
    st.sampled_from(
        [b"\x1b[31m", b"\x1b", b"\r", b"\r\n", b"\x00", b"\xff", b"\xe6\xa2", b"\n", b"x"]
    )
    | st.binary(max_size=60)
    | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
    max_size=200,
).map(b"".join)
ANYTHING = st.binary(max_size=5000) | LINES.map(lambda text: text.encode()) | NOISE
MAX = rows.LOG_TAIL_BYTES_MAX


def trim(raw, most=MAX):
    return logtail.trim(raw, logtail.POD_LOG, most)


@given(ANYTHING | st.text(st.characters(codec=None), max_size=3000))
@example(b"\xff" * 5000)
@example("\ud800" * 3000)
def test_a_tail_is_valid_bounded_and_does_nothing_to_its_reader(raw):
    tail = trim(raw).tail
    assert len(tail.encode("utf-8", "strict")) <= MAX
    assert {unicodedata.category(letter) for letter in set(tail) - {"\n", "\t"}}.isdisjoint(
        {"Cc", "Cs", "Zl", "Zp"}
    )


@given(ANYTHING)
def test_a_tail_of_a_tail_is_the_tail(raw):
    tail = trim(raw).tail
    assert trim(tail).tail == tail


@given(LINES, st.integers(10, 400))
def test_a_tail_is_the_end_of_the_log_and_begins_at_a_line_if_one_is_near(text, most):
    found = trim(text, most)
    cleaned = logtail.clean(text).rstrip()
    assert cleaned.endswith(found.tail)
    assert found.truncated == (found.tail != cleaned)
    before = cleaned[: len(cleaned) - len(found.tail)]
    if before and not before.endswith("\n"):
        assert "\n" not in found.tail[: len(found.tail) // 2]


@given(LINES, st.binary(max_size=3000))
def test_text_and_its_bytes_have_the_same_tail(text, junk):
    assert trim(text) == trim(text.encode())
    assert trim(junk) == trim(junk.decode("utf-8", "replace"))


SECRETS = st.sampled_from(["sk-ab12", "sk-ffffff", "sk-0"])
PIECES = st.lists(
    st.sampled_from(["\n", " ", "word", "sk", "-", "päss", "***"]) | SECRETS, max_size=900
)


@given(PIECES, st.booleans())
def test_no_secret_is_left_in_what_is_masked(pieces, cut):
    text = "".join(pieces)
    found = masks.Masks((r"sk-[0-9a-z]+",)).text(text, cut=cut)
    assert masks.Masks((r"sk-[0-9a-z]+",)).text(found) == found
    if not cut and len(text.encode()) <= masks.LOOKED_AT_BYTES_MAX and "sk-" not in text:
        assert found == text


@given(st.text(max_size=300), st.text(max_size=300), st.integers(0, 70_000))
def test_a_secret_is_masked_wherever_it_lies(before, after, padding):
    secret = "KEY" + "s3cr3t" * 30 + "YEK"
    text = before + "." * padding + "\n" + secret + "\n" + after
    assert "s3cr3t" not in masks.Masks(("(?s)KEY.*?YEK",)).text(text)
