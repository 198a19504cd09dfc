from __future__ import annotations

import json
import logging
import sys

import pytest

from kubedag.shell import logs


@pytest.fixture(autouse=True)
def _as_before():
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], root.level = before


def a_record(message="said %s", *args, error=None):
    info = (type(error), error, None) if error else None
    return logging.LogRecord("kubedag.x", logging.WARNING, __file__, 1, message, args, info)


def test_a_json_line_is_one_object_on_one_line():
    record = a_record("said %s", "two\nlines, ümläut")
    record.created = 0.25
    line = logs.JSONFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:00.250+00:00",
        "level": "warning",
        "logger": "kubedag.x",
        "message": "said two\nlines, ümläut",
    }


def test_a_json_line_has_the_trace_of_an_error():
    line = logs.JSONFormatter().format(a_record("failed", error=ValueError("why")))
    assert json.loads(line)["exception"] == "ValueError: why"


@pytest.mark.parametrize(
    ("form", "kind"), [("json", logs.JSONFormatter), ("text", logging.Formatter)]
)
def test_log_lines_go_to_standard_error_in_the_chosen_form(form, kind):
    logs.configure("INFO", form)
    (handler,) = logging.getLogger().handlers
    assert handler.stream is sys.stderr
    assert type(handler.formatter) is kind


@pytest.mark.parametrize(
    ("level", "expected"), [("DEBUG", "WARNING"), ("INFO", "WARNING"), ("ERROR", "ERROR")]
)
def test_libraries_are_quieter_than_we_are(level, expected):
    logs.configure(level, "text")
    assert logging.getLevelName(logging.getLogger().level) == level
    assert logging.getLevelName(logging.getLogger("kopf").level) == expected
