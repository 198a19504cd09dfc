"""A problem in one line, whatever somebody has written."""

from __future__ import annotations

import pytest

from kubedag.api.problems import Problem

LONG = "spec." + "x" * 1000 + ".end"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("spec.tasks[0].name", "spec.tasks[0].name"),
        ("metadata.labels[größe]", "metadata.labels[größe]"),
        ("labels[a\nb\u202ec\x1b]", "labels[a\\u000ab\\u202ec\\u001b]"),
        (LONG, LONG[:150] + "…" + LONG[-150:]),
    ],
    ids=["a path", "a letter of another language", "what cannot be read", "a long one"],
)
def test_a_problem_says_where_and_what_on_one_line(path, shown):
    assert str(Problem(path, "Reason", "must be better")) == f"{shown}: must be better"
