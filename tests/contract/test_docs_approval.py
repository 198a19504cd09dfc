"""What the page on approval shows is what is said and taken."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from kubedag.api import parse
from kubedag.api.dag import DAGSpec
from kubedag.api.dagrun import DAGRunSpec
from kubedag.core import decide_run, plan, reasons_elsewhere
from support import builders, chart, pages

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "approval.md").read_text(encoding="utf-8")
DAG, ANSWER, ROLE = (
    yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
)
SHOWN = {
    command: said
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for command, said in re.findall(r"^\$ (.*)\n(.*)\n", block)
}


def test_the_dag_of_the_page_asks_as_the_page_shows():
    spec = parse.parse(DAGSpec, DAG["spec"])
    assert plan.validate(spec) == ()
    of = plan.compile_plan("report", spec)
    seen = builders.a_snapshot(of, builders.a_pod("build", phase="Succeeded"))
    told = decide_run.decide(seen, builders.at(20)).status.condition("Succeeded")
    (shown,) = (said for command, said in SHOWN.items() if command.startswith("kubectl get"))
    assert (told.reason, told.message) == ("AwaitingApproval", shown)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(ANSWER["spec"], id="as-yaml"),
        pytest.param(
            json.loads(re.search(r"-p '(.*)'$", "".join(SHOWN), re.MULTILINE)[1])["spec"],
            id="as-a-patch",
        ),
    ],
)
def test_the_answers_of_the_page_are_answers_to_its_question(spec):
    run = parse.parse(DAGRunSpec, {"dagName": "report", **spec})
    assert [answer.task for answer in run.approvals] == [DAG["spec"]["tasks"][1]["name"]]


def test_the_role_of_the_page_is_about_the_dag_of_the_page():
    assert ROLE["rules"][0] == {
        "apiGroups": ["kubedag.dev"],
        "resources": ["dags"],
        "resourceNames": [DAG["metadata"]["name"]],
        "verbs": ["approve"],
    }


def test_the_refusal_of_the_page_is_in_the_words_of_the_policy():
    (shown,) = (said for command, said in SHOWN.items() if command.startswith("kubectl patch"))
    (policy,) = chart.kind("defaults", "ValidatingAdmissionPolicy")
    said = policy["spec"]["validations"][0]["messageExpression"]
    spelt = said.replace("variables.quotedUser", "'\"bob\"'")
    spelt = spelt.replace("object.spec.dagName", "'report'")
    assert shown.endswith(re.sub(r"'\s*\+\s*'", "", spelt).strip("'"))


def test_the_ends_of_a_question_are_all_that_there_are():
    named = {word for row in pages.table(PAGE, "the answer").rows for word in pages.code(row[1])}
    known = {reason.name for reason in reasons_elsewhere.ALL}
    assert named & known == {"Approved", "Rejected", "ApprovalTimedOut"}
