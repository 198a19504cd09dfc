"""What holds of every manifest with one change, without a cluster: it is judged, and nothing breaks."""

from __future__ import annotations

import json

from hypothesis import event, given

from kubedag.cli import validate
from kubedag.shell import definitions
from support.hostile import mutants


@given(mutants.mutants())
def test_a_mutant_is_judged_by_kubedag_validate(mutant):
    problems = validate.problems_of(json.loads(mutant.called("m").text))
    event("with problems" if problems else "sound")
    assert all(problem.message.startswith("must ") for problem in problems)
    assert all("\n" not in str(problem) for problem in problems)


@given(mutants.mutants())
def test_a_mutant_meets_no_bug_of_the_operator(mutant):
    document = json.loads(mutant.called("m").text)
    if mutant.plural == "dags":
        stored = {
            "name": "m", "namespace": "ns", "uid": "uid", "generation": 1,
            "creationTimestamp": "2026-01-01T00:00:00Z",
        }  # fmt: skip
        _, found = definitions.of_dag({**document, "metadata": stored})
        assert "NotJudged" not in [problem.reason for problem in found.problems]
