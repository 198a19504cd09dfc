"""The Kubernetes API conventions, as far as a program can judge them.

After Kube-API-Linter, which reads Go; this reads the schemas. Whatever is an exception stands in
EXCEPTIONS with its reason, and one that is no longer needed fails.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kubedag.api import crds, schema

Field = tuple[str, dict[str, Any]]

INT_MAX = 2**53
DESCRIPTION_MAX = 400
NULL_DEFAULTS = (None, [], {})
CAMEL = re.compile(r"[a-z][a-zA-Z0-9]*")
WORD = re.compile(r"[A-Z][A-Za-z0-9]*")

_OURS = "spec.taskDefaults|spec.tasks[]|spec.finally[]"

# The rule, the kind, the field, and why it may. A path may begin with alternatives.
EXCEPTIONS: tuple[tuple[str, str, str, str], ...] = (
    ("bools_are_rare", "DAG", "spec.suspend", "CronJob and Job have it under this name"),
    ("bools_are_rare", "DAGRun", "spec.suspend", "CronJob and Job have it under this name"),
    ("bools_are_rare", "Backfill", "spec.suspend", "CronJob and Job have it under this name"),
    ("bools_are_rare", "Backfill", "spec.dryRun", "the API and kubectl have it under this name"),
    ("bools_are_rare", "Backfill", "spec.cancel", "it is once and for all"),
    ("bools_are_rare", "DAG", "spec.dependsOnPast", "Airflow users know it as this switch"),
    ("bools_are_rare", "DAG", "spec.failFast", "Airflow and Argo have it under this name"),
    ("bools_are_rare", "DAGRun", "spec.rerun.dryRun", "the API and kubectl have it by this name"),
    ("bools_are_rare", "DAG", f"{_OURS}.idempotent", "a promise, which is made or is not"),
    ("bools_are_rare", "DAGRun", "status.tasks[].attempts[].log.truncated", "a fact, no choice"),
    ("bools_are_rare", "DAGRunSlice", "tasks[].attempts[].log.truncated", "a fact, no choice"),
    ("bools_are_rare", "DAG", f"{_OURS}.envFrom[].configMapRef.optional", "Kubernetes' own"),
    ("bools_are_rare", "DAG", f"{_OURS}.envFrom[].secretRef.optional", "Kubernetes' own"),
    ("bools_are_rare", "DAG", f"{_OURS}.volumeMounts[].readOnly", "Kubernetes' own"),
    ("durations_say_their_unit", "DAGRun", "status.duration", "for people, such as 3m7s"),
    ("durations_say_their_unit", "DAG", "spec.tasks[].approval.onDeadline", "what then happens"),
    ("durations_say_their_unit", "DAG", "spec.finally[].approval.onDeadline", "what then happens"),
    ("maps_are_lists", "DAG", f"{_OURS}.resources.limits", "Kubernetes' own"),
    ("maps_are_lists", "DAG", f"{_OURS}.resources.requests", "Kubernetes' own"),
    ("types_are_said", "DAG", f"{_OURS}.resources.limits{{}}", "a string or any number"),
    ("types_are_said", "DAG", f"{_OURS}.resources.requests{{}}", "a string or any number"),
)


def _expanded() -> set[tuple[str, str, str]]:
    found = set()
    for rule, kind, path, reason in EXCEPTIONS:
        assert reason
        if path.startswith(_OURS):
            rest = path.removeprefix(_OURS)
            found |= {(rule, kind, f"{place}{rest}") for place in _OURS.split("|")}
        else:
            found.add((rule, kind, path))
    return found


def _name(path: str) -> str:
    return path.rsplit(".", 1)[-1]


def _is_item(path: str) -> bool:
    return path.endswith(("[]", "{}"))


def bools_are_rare(path: str, node: dict[str, Any]) -> bool:
    """A third value always comes: an enum can take it."""
    del path
    return node.get("type") != "boolean"


def floats_are_not(path: str, node: dict[str, Any]) -> bool:
    """They do not survive a round trip through every language."""
    del path
    return node.get("type") != "number"


def integers_are_bounded(path: str, node: dict[str, Any]) -> bool:
    """JavaScript reads no larger ones, and no unsigned ones exist."""
    del path
    if node.get("type") != "integer":
        return True
    if node.get("format") not in {"int32", "int64"}:
        return False
    return (
        -INT_MAX
        <= node.get("minimum", -INT_MAX - 1)
        <= node.get("maximum", INT_MAX + 1)
        <= INT_MAX
    )


def strings_are_bounded(path: str, node: dict[str, Any]) -> bool:
    """An unbounded field fills etcd, and CEL over it is refused."""
    del path
    return node.get("type") != "string" or "maxLength" in node or "enum" in node


def lists_are_bounded(path: str, node: dict[str, Any]) -> bool:
    del path
    return node.get("type") != "array" or "maxItems" in node


def lists_say_how_they_merge(path: str, node: dict[str, Any]) -> bool:
    """Server-side apply has to know."""
    del path
    if node.get("type") != "array":
        return True
    kind = node.get("x-kubernetes-list-type")
    return kind in {"atomic", "set", "map"} and (kind == "map") == (
        "x-kubernetes-list-map-keys" in node
    )


def list_keys_are_required(path: str, node: dict[str, Any]) -> bool:
    del path
    keys = node.get("x-kubernetes-list-map-keys", [])
    return set(keys) <= set(node.get("items", {}).get("required", keys))


def lists_name_their_values(path: str, node: dict[str, Any]) -> bool:
    """`kubectl explain` shows what one value may be, but of a list only its description."""
    del path
    values = node.get("items", {}).get("enum", ()) if node.get("type") == "array" else ()
    said = re.findall(r"\w+", node.get("description", ""))
    return set(values) <= set(said)


def maps_are_lists(path: str, node: dict[str, Any]) -> bool:
    """A list keyed by a name can be ordered, and says what the key is."""
    del path
    return "additionalProperties" not in node


def maps_are_bounded(path: str, node: dict[str, Any]) -> bool:
    del path
    open_ended = "additionalProperties" in node or (
        node.get("type") == "object" and "x-kubernetes-preserve-unknown-fields" in node
    )
    return not open_ended or "maxProperties" in node


def types_are_said(path: str, node: dict[str, Any]) -> bool:
    del path
    return "type" in node


def names_are_camel_case(path: str, node: dict[str, Any]) -> bool:
    del node
    return _is_item(path) or CAMEL.fullmatch(_name(path)) is not None


def nothing_is_called_phase(path: str, node: dict[str, Any]) -> bool:
    """Conditions say more, and can be added to."""
    del node
    return _name(path).lower() != "phase"


def times_end_in_time(path: str, node: dict[str, Any]) -> bool:
    name = _name(path)
    is_time = node.get("format") == "date-time"
    return is_time == name.endswith("Time") and not name.lower().endswith("timestamp")


def durations_say_their_unit(path: str, node: dict[str, Any]) -> bool:
    """A number of seconds needs no parser."""
    name = _name(path)
    lasts = re.search(r"(?i)(timeout|duration|backoff|ttl|period|delay|deadline)", name)
    if not lasts or name == "backoffFactor":
        return True
    return "Seconds" in name and node.get("type") == "integer"


def enums_are_words(path: str, node: dict[str, Any]) -> bool:
    del path
    return all(WORD.fullmatch(value) for value in node.get("enum", ()))


def nothing_is_null(path: str, node: dict[str, Any]) -> bool:
    del path
    return "nullable" not in node and node.get("default", 0) not in NULL_DEFAULTS


def a_field_is_optional_or_has_no_default(path: str, node: dict[str, Any]) -> bool:
    del path
    required = node.get("required", ())
    return not any("default" in node["properties"][name] for name in required)


def everything_in_the_status_is_optional(path: str, node: dict[str, Any]) -> bool:
    return path != "status" or "required" not in node


def a_field_is_described(path: str, node: dict[str, Any]) -> bool:
    """`kubectl explain` shows it, and begins as Kubernetes' own do: with the field's name."""
    if _is_item(path):
        return True
    text = node.get("description", "")
    return text.startswith(f"{_name(path)} ") and len(text) <= DESCRIPTION_MAX


def a_description_is_a_sentence(path: str, node: dict[str, Any]) -> bool:
    text = node.get("description", "x.")
    return text.endswith((".", "…")) and "\n" not in text and "  " not in text and bool(path)


def a_rule_says_what_must_be(path: str, node: dict[str, Any]) -> bool:
    del path
    rules = node.get("x-kubernetes-validations", ())
    return all(rule["message"].startswith("must ") for rule in rules)


RULES: tuple[Callable[[str, dict[str, Any]], bool], ...] = (
    bools_are_rare,
    floats_are_not,
    integers_are_bounded,
    strings_are_bounded,
    lists_are_bounded,
    lists_say_how_they_merge,
    list_keys_are_required,
    lists_name_their_values,
    maps_are_lists,
    maps_are_bounded,
    types_are_said,
    names_are_camel_case,
    nothing_is_called_phase,
    times_end_in_time,
    durations_say_their_unit,
    enums_are_words,
    nothing_is_null,
    a_field_is_optional_or_has_no_default,
    everything_in_the_status_is_optional,
    a_field_is_described,
    a_description_is_a_sentence,
    a_rule_says_what_must_be,
)


def every_field() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for crd in crds.all_manifests().values():
        root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for part in root["properties"].keys() - {"apiVersion", "kind", "metadata"}:
            for path, node in schema.fields(root["properties"][part], part):
                yield crd["spec"]["names"]["kind"], path, node


def kinds_with_a_spec() -> Iterator[dict[str, Any]]:
    """All but those that users only read."""
    for crd in crds.all_manifests().values():
        if crd["spec"]["names"]["kind"] != "DAGRunSlice":
            yield crd


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_all_fields_keep_to_the_convention(rule):
    against = {(kind, path) for kind, path, node in every_field() if not rule(path, node)}
    excused = {(kind, path) for name, kind, path in _expanded() if name == rule.__name__}
    assert against - excused == set()
    assert excused - against == set(), "these exceptions are not needed any more"


@pytest.mark.parametrize(
    ("rule", "path", "node"),
    [
        (bools_are_rare, "spec.x", {"type": "boolean"}),
        (floats_are_not, "spec.x", {"type": "number"}),
        (integers_are_bounded, "spec.x", {"type": "integer", "format": "int32", "minimum": 0}),
        (integers_are_bounded, "spec.x", {"type": "integer", "minimum": 0, "maximum": 1}),
        (strings_are_bounded, "spec.x", {"type": "string"}),
        (lists_are_bounded, "spec.x", {"type": "array"}),
        (lists_say_how_they_merge, "spec.x", {"type": "array"}),
        (lists_say_how_they_merge, "spec.x", {"type": "array", "x-kubernetes-list-type": "map"}),
        (
            list_keys_are_required,
            "spec.x",
            {"x-kubernetes-list-map-keys": ["a"], "items": {"required": ["b"]}},
        ),
        (
            lists_name_their_values,
            "spec.x",
            {"type": "array", "items": {"enum": ["A"]}, "description": "x is All."},
        ),
        (maps_are_lists, "spec.x", {"additionalProperties": {}}),
        (maps_are_bounded, "spec.x", {"additionalProperties": {}}),
        (
            maps_are_bounded,
            "spec.x",
            {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        ),
        (types_are_said, "spec.x", {}),
        (names_are_camel_case, "spec.Some_thing", {}),
        (nothing_is_called_phase, "status.phase", {}),
        (times_end_in_time, "status.started", {"format": "date-time"}),
        (times_end_in_time, "status.startTime", {"type": "string"}),
        (times_end_in_time, "status.startTimestamp", {"type": "string"}),
        (durations_say_their_unit, "spec.timeout", {"type": "string"}),
        (durations_say_their_unit, "spec.timeoutSeconds", {"type": "string"}),
        (enums_are_words, "spec.x", {"enum": ["all_success"]}),
        (nothing_is_null, "spec.x", {"nullable": True}),
        (nothing_is_null, "spec.x", {"default": None}),
        (
            a_field_is_optional_or_has_no_default,
            "spec",
            {"required": ["x"], "properties": {"x": {"default": 1}}},
        ),
        (everything_in_the_status_is_optional, "status", {"required": ["x"]}),
        (a_field_is_described, "spec.x", {}),
        (a_field_is_described, "spec.x", {"description": "The x of it."}),
        (a_description_is_a_sentence, "spec.x", {"description": "x is it"}),
        (
            a_rule_says_what_must_be,
            "spec.x",
            {"x-kubernetes-validations": [{"message": "Bad x"}]},
        ),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_convention_can_be_broken(rule, path, node):
    assert not rule(path, node)


def test_every_kind_has_a_status_that_users_cannot_write():
    for crd in kinds_with_a_spec():
        (version,) = crd["spec"]["versions"]
        assert version["subresources"] == {"status": {}}
        root = version["schema"]["openAPIV3Schema"]
        assert list(root["properties"]) == ["apiVersion", "kind", "metadata", "spec", "status"]


def test_what_a_status_is_about_and_its_conditions_come_first():
    for crd in kinds_with_a_spec():
        (version,) = crd["spec"]["versions"]
        status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
        assert list(status["properties"])[:2] == ["observedGeneration", "conditions"]


def test_every_column_is_described():
    for crd in crds.all_manifests().values():
        (version,) = crd["spec"]["versions"]
        for column in version["additionalPrinterColumns"]:
            assert column["description"].endswith((".", "?")), column["name"]
