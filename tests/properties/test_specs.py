"""What holds of every spec that the types accept: it is judged, and what is sound makes Pods."""

from __future__ import annotations

import copy

import orjson
from hypothesis import assume, event, given
from hypothesis import strategies as st
from pydantic import ValidationError

from kubedag.api.dag import DAGSpec
from kubedag.api.problems import PROBLEMS_MAX
from kubedag.core import plan, podspec, podtemplate
from properties import strategies

RUN = podspec.RunIdentity("run", "data", "uid", "dag-rev", "Manual", "2026-01-30T00:00:00Z")


def parse(raw):
    try:
        return DAGSpec.model_validate(raw)
    except ValidationError:
        assume(condition=False)
        raise


@given(strategies.specs())
def test_whatever_the_types_accept_is_judged(raw):
    problems = plan.validate(parse(raw))
    assert len(problems) <= PROBLEMS_MAX
    assert len(set(problems)) == len(problems)
    assert all(problem.message.startswith("must ") for problem in problems)
    assert all(problem.path.startswith("spec") for problem in problems)


@given(strategies.spoilt_specs())
def test_what_is_judged_to_be_sound_can_be_compiled_and_sent(raw):
    spec = parse(raw)
    problems = plan.validate(spec)
    event("with problems" if problems else "sound")
    if not problems:
        compiled = plan.compile_plan("dag", spec)
        for task in compiled.tasks:
            check_pod(orjson.loads(orjson.dumps(podspec.build(compiled, task, RUN, 1))))


@given(strategies.sound_specs())
def test_what_is_sound_is_judged_to_be_sound_and_makes_pods(raw):
    spec = DAGSpec.model_validate(raw)
    assert plan.validate(spec) == ()
    compiled = plan.compile_plan("dag", spec)
    for task in compiled.tasks:
        check_pod(orjson.loads(orjson.dumps(podspec.build(compiled, task, RUN, 1))))


def check_pod(pod):
    """What every Pod of kubedag has in common."""
    spec = pod["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    names = [container["name"] for container in containers]
    volumes = [volume["name"] for volume in spec.get("volumes", ())]
    mounts = [mount["name"] for item in containers for mount in item.get("volumeMounts") or ()]
    assert len(names) == len(set(names))
    assert len(volumes) == len(set(volumes))
    assert set(mounts) <= set(volumes)
    assert spec["restartPolicy"] == "Never"
    assert spec["containers"][0]["name"] == "main"
    assert spec["containers"][0]["image"]
    assert pod["metadata"]["labels"]["kubedag.dev/run-uid"] == "uid"
    for container in containers:
        variables = [variable["name"] for variable in container["env"]]
        assert variables[0] == "KUBEDAG_NAMESPACE"
        assert len(variables) == len(set(variables))


@given(strategies.specs())
def test_a_spec_is_judged_the_same_way_each_time(raw):
    assert plan.validate(parse(raw)) == plan.validate(parse(copy.deepcopy(raw)))


items = st.lists(
    st.fixed_dictionaries({"name": strategies.words}, optional={"x": st.integers(0, 3)}),
    max_size=3,
    unique_by=lambda item: item["name"],
)
parts = st.fixed_dictionaries(
    {},
    optional={
        "containers": items,
        "volumes": items,
        "tolerations": st.lists(st.integers(), max_size=2),
        "nodeSelector": st.dictionaries(strategies.words, strategies.words, max_size=3),
    },
)


@given(parts, parts)
def test_merging_the_same_twice_is_merging_it_once(base, patch):
    once = podtemplate.merge(base, patch)
    assert podtemplate.merge(once, patch) == once


@given(parts)
def test_nothing_over_something_and_something_over_nothing_are_that_something(part):
    assert podtemplate.merge(part, {}) == podtemplate.merge({}, part) == part


@given(parts, parts)
def test_merging_changes_neither_side(base, patch):
    before = copy.deepcopy([base, patch])
    podtemplate.merge(base, patch)
    assert [base, patch] == before


@given(parts, parts)
def test_whatever_is_said_last_is_said_in_the_result(base, patch):
    found = podtemplate.merge(base, patch)
    for key in ("containers", "volumes"):
        said = {item["name"]: item for item in patch.get(key, ())}
        result = {item["name"]: item for item in found.get(key, ())}
        assert all(result[name].items() >= item.items() for name, item in said.items())
    assert found.get("nodeSelector", {}).items() >= patch.get("nodeSelector", {}).items()
