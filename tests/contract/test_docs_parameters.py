"""What docs/parameters.md says of parameters is what becomes of them."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from kubedag.api import dag, dagrun, parse
from kubedag.cli import main, wishes
from kubedag.core import podspec
from support import builders, pages
from support.objects import a_task

PAGE = (Path(__file__).parents[2] / "docs" / "parameters.md").read_text(encoding="utf-8")
RUN, TASKS = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL))
PARAMS = tuple((one["name"], one["value"]) for one in RUN["spec"]["params"])


def environments(params, **task):
    """The environment of each container of a task."""
    plan = builders.a_plan(a_task("load", **task))
    run = podspec.RunIdentity(
        "sales-1", "ns", "uid", "revision-1", "Manual", "2026-01-01T00:00:00Z", params=params
    )
    spec = podspec.build(plan, plan.tasks[0], run, 1)["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    return [{one["name"]: one["value"] for one in found["env"]} for found in containers]


def test_its_examples_are_in_order():
    assert isinstance(parse.parse(dagrun.DAGRunSpec, RUN["spec"]), dagrun.DAGRunSpec)
    assert isinstance(parse.parse(dag.DAGSpec, TASKS), dag.DAGSpec)


def test_every_container_finds_what_the_table_says():
    sidecar = {"containers": [{"name": "more", "image": "busybox:1.37"}],
               "initContainers": [{"name": "first", "image": "busybox:1.37"}]}  # fmt: skip
    found = environments(PARAMS, podTemplate={"spec": sidecar})
    told = pages.table(PAGE, "parameter", "variable").rows
    assert [name for name, _ in PARAMS] == [pages.code(row[0])[0] for row in told]
    for environment in found:
        for _, variable, value in told:
            assert environment[pages.code(variable)[0]] == pages.code(value)[0]
    assert len(found) == 3


def test_of_two_that_differ_in_case_the_later_one_counts():
    (found,) = environments((("region", "eu"), ("Region", "us")))
    assert found["KUBEDAG_PARAM_REGION"] == "us"


def test_a_run_without_any_has_none():
    (found,) = environments(())
    assert not [name for name in found if name.startswith("KUBEDAG_PARAM_")]


def test_a_value_is_left_to_kubernetes_to_fill_in():
    (found,) = environments((("a", "$(KUBEDAG_RUN) $HOME"),))
    assert found["KUBEDAG_PARAM_A"] == "$(KUBEDAG_RUN) $HOME"
    assert list(found).index("KUBEDAG_RUN") < list(found).index("KUBEDAG_PARAM_A")


@pytest.mark.parametrize("verb", ["trigger", "clone"])
def test_the_commands_can_be_typed(verb):
    (command,) = re.findall(rf"`kubedag ({verb} [^`]+)`", PAGE)
    typed = main.parser().parse_args(shlex.split(command.lower()))
    assert [name for name, _ in typed.params] == ["region"]


def test_a_clone_has_those_of_the_run_but_for_those_that_are_named():
    run = {"spec": {"dagName": "sales", "params": RUN["spec"]["params"]}}
    assert wishes.clone(run, [("region", "us")])["params"] == [
        {"name": "region", "value": "us"},
        {"name": "dry_run", "value": "true"},
    ]


def test_a_dag_declares_none():
    assert "params" not in dag.DAGSpec.model_fields


def test_its_numbers_are_those_of_the_api():
    schema = dagrun.DAGRunSpec.model_json_schema()
    value = schema["$defs"]["Param"]["properties"]["value"]
    assert f"at most {value['maxLength']} characters" in PAGE
    assert f"at most {schema['properties']['params']['maxItems']} parameters" in PAGE
