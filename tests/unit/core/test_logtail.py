"""The last lines of a log, made safe to keep."""

from __future__ import annotations

import pytest

from kubedag.core import logtail, rows


def tail(raw, most=2048, **options):
    return logtail.trim(raw, logtail.POD_LOG, most, **options)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        pytest.param(b"one\ntwo\n", "one\ntwo", id="lines, without the last line's end"),
        pytest.param(b"", "", id="nothing"),
        pytest.param(b"one\r\ntwo\rthree", "one\ntwo\nthree", id="the line ends of others"),
        pytest.param(b"a\tb", "a\tb", id="tabs stay"),
        pytest.param(b"\x1b[1;31mred\x1b[0m", "red", id="colours go"),
        pytest.param(b"\x1b(B\x1b[mplain", "plain", id="and what tput sgr0 writes"),
        pytest.param(b"\x1b]0;title\x07text", "text", id="a terminal's title goes"),
        pytest.param(b"\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", id="links keep words"),
        pytest.param(b"a\x00b\x08c\x7fd", "abcd", id="control characters go"),
        pytest.param(b"\x1b[2", "2", id="half an escape at least does nothing"),
        pytest.param("a\u202eb\u2066c\u2069\u200fd\u061ce", "abcde", id="nothing turns the text"),
        pytest.param("a\u2028b\u0085c", "abc", id="no line ends that JSON readers stumble over"),
        pytest.param(b"caf\xc3\xa9 \xff", "café \ufffd", id="broken UTF-8 is shown as such"),
        pytest.param("päron 梨 🍐", "päron 梨 🍐", id="letters of all kinds stay"),
    ],
)
def test_a_tail_is_text_that_does_nothing_to_its_reader(raw, text):
    assert tail(raw) == rows.LogTail("PodLog", text)


@pytest.mark.parametrize(
    ("raw", "most", "text"),
    [
        pytest.param(b"12345", 5, "12345", id="just fits"),
        pytest.param(b"123456", 5, "23456", id="one long line"),
        pytest.param(b"aaa\nbbb\nccc", 9, "bbb\nccc", id="cut where a line begins"),
        pytest.param(
            b"aaaaaaa\nb", 8, "aaaaaa\nb", id="a cut that would leave little is not made"
        ),
        pytest.param("éééé", 5, "éé", id="never half a letter"),
        pytest.param(b"123456\n\n\n", 6, "123456", id="empty lines at the end do not count"),
    ],
)
def test_a_long_log_is_cut_at_its_beginning(raw, most, text):
    found = tail(raw, most)
    assert (found.tail, found.truncated) == (text, len(raw.strip()) > most or text == "éé")


def test_a_log_that_was_read_in_part_says_so():
    assert tail(b"end", already_cut=True) == rows.LogTail("PodLog", "end", truncated=True)


def test_no_tail_is_longer_than_its_limit_in_bytes():
    found = tail(("梨\n" * 5000).encode())
    assert len(found.tail.encode()) <= rows.LOG_TAIL_BYTES_MAX
