"""The page on retries says what the operator does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from msgspec.structs import replace

from kubedag.api import defaults
from kubedag.api.enums import AvoidNodes, FailureClass, RetryAction
from kubedag.api.retry import RetryRule
from kubedag.core import attempts, memory, plan, podretry, pods, reasons, rows
from support import builders
from support.objects import a_task

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "retries.md").read_text(encoding="utf-8")
SPECS = [
    yaml.safe_load(block)["spec"] for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


RULES = next(spec for spec in SPECS if "onFailure" in str(spec))
GROWS = next(spec for spec in SPECS if "memoryFactor" in str(spec))


def table(title):
    """The rows of the table below the line that begins so."""
    body = PAGE[PAGE.index(f"\n{title}") :].split("\n|---", 1)[1].split("\n\n", 1)[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in body.split("\n")[1:]]


@pytest.mark.parametrize("raw", SPECS, ids=str)
def test_what_it_shows_is_valid(raw):
    tasks = raw.get("tasks") or [a_task()]
    common = {"image": "busybox"} | raw.get("taskDefaults", {})
    assert plan.validate(builders.a_spec(*tasks, taskDefaults=common)) == ()


def test_the_numbers_are_those_that_hold_if_nothing_is_said():
    pauses = f"`backoffSeconds` ({defaults.RETRY_BACKOFF_SECONDS})"
    assert pauses in PAGE
    assert f"as long ({defaults.RETRY_BACKOFF_FACTOR})" in PAGE
    assert f"`backoffSecondsMax` ({defaults.RETRY_BACKOFF_SECONDS_MAX})" in PAGE
    assert f"`limit` times, {defaults.RETRY_LIMIT} if you say nothing" in PAGE
    assert f"`infraLimit` times, {defaults.RETRY_INFRA_LIMIT} if you say nothing" in PAGE
    assert (podretry.ATTEMPTS_LOOKED_AT, memory.GROWS_TO_MAX) == (5, 8)
    assert rows.LOG_TAIL_BYTES_MAX == 2048


def test_each_reason_has_the_class_that_the_page_says():
    said = {
        name: row[0].strip("`")
        for row in table("| class")
        for name in re.findall("`(.*?)`", row[1])
    }
    assert len(said) == 9
    assert {name: reasons.failure_class(name) for name in said} == said


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("| class", [str(one) for one in FailureClass]),
        ("| action", [str(one) for one in RetryAction]),
        ("| | the Pod", [str(one) for one in AvoidNodes]),
        ("| a rule says", ["exitCodes", "reasons", "classes", "messagePattern"]),
    ],
)
def test_its_tables_have_each_word_there_is(title, words):
    assert [row[0].strip("`") for row in table(title)] == words


def test_a_rule_can_say_nothing_else():
    conditions = [row[0].strip("`") for row in table("| a rule says")]
    fields = {field.alias or name for name, field in RetryRule.model_fields.items()}
    assert fields == {*conditions, "action", "delaySeconds"}


def test_memory_grows_as_the_table_says():
    compiled = plan.compile_plan("train", builders.a_spec(*GROWS["tasks"]))
    (task,) = compiled.tasks
    said = {int(times): amount for times, amount in table("| times")}
    assert {times: memory.of_attempt(compiled, task, times) for times in said} == said


def folded(raw, pod):
    compiled = plan.compile_plan("d", builders.a_spec(*raw["tasks"]))
    name = compiled.tasks[0].name
    snap = builders.a_snapshot(compiled, pod, gone={pod.metadata.uid})
    return attempts.fold(builders.a_row(name), compiled.tasks[0], (pod,), snap, builders.stamp(20))


def test_the_messages_are_those_that_rows_have():
    by_rule = folded(RULES, builders.a_pod("load", phase="Failed", exit_code=42))
    assert (by_rule.state, by_rule.reason) == ("Skipped", "RetryRule")
    assert f"\n{by_rule.message}\n" in PAGE

    killed = builders.a_pod("train", phase="Failed", main=builders.ended(137, "OOMKilled"))
    resources = pods.Resources(pods.Limits("1Gi"))
    killed = replace(
        killed,
        spec=replace(killed.spec, containers=(pods.Container("main", resources=resources),)),
    )
    grows = folded(GROWS, killed)
    assert f"`{grows.message}`" in PAGE
