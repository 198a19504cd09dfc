"""Each way in which pydantic's schema is not what the API server takes, and what becomes of it."""

from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from kubedag.api import schema
from kubedag.api.common import Opaque, Spec
from kubedag.api.lists import atomic_list, map_list, set_list
from kubedag.api.rules import Rule, Ruled, matching


class Colour(StrEnum):
    RED = "Red"
    BLUE = "Blue"


class Inner(Spec):
    """An inner thing."""

    size_bytes: Annotated[int, Field(ge=1, le=10)] = 3
    """sizeBytes is how large it is.

    And a second
    paragraph."""


def of(annotation: Any, default: Any = ..., *, defaults: bool = True) -> Any:
    class Model(BaseModel):
        model_config = Spec.model_config
        field: annotation = default

    return schema.structural(Model, defaults=defaults)["properties"]["field"]


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (
            Annotated[int, Field(ge=0, le=5)] | None,
            None,
            {"type": "integer", "minimum": 0, "maximum": 5, "format": "int32"},
        ),
        (
            Annotated[int, Field(ge=0, le=2**40)],
            7,
            {"type": "integer", "minimum": 0, "maximum": 2**40, "format": "int64", "default": 7},
        ),
        (Colour, Colour.RED, {"type": "string", "enum": ["Red", "Blue"], "default": "Red"}),
        (Literal["x"], "x", {"type": "string", "enum": ["x"], "default": "x"}),
        (
            Opaque | None,
            None,
            {
                "type": "object",
                "maxProperties": 100,
                "x-kubernetes-preserve-unknown-fields": True,
            },
        ),
        (
            Annotated[dict[str, Annotated[str, Field(max_length=9)]], Field(max_length=4)],
            ...,
            {
                "type": "object",
                "maxProperties": 4,
                "additionalProperties": {"type": "string", "maxLength": 9},
            },
        ),
        (
            Annotated[tuple[Colour, ...], *set_list(most=2)],
            (),
            {
                "type": "array",
                "maxItems": 2,
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "enum": ["Red", "Blue"]},
            },
        ),
    ],
    ids=[
        "an optional field loses its null",
        "a default is kept, and a large number is one of 64 bits",
        "an enum is inlined without its docstring",
        "a constant is an enum of one",
        "an object of Kubernetes' own",
        "a map",
        "an empty list is no default",
    ],
)
def test_what_pydantic_says_becomes_what_the_api_server_takes(annotation, default, expected):
    found = of(annotation, default)
    found.pop("description", None)
    assert found == expected


def test_a_default_inside_a_list_is_left_to_the_operator():
    items = of(Annotated[tuple[Inner, ...], *atomic_list(most=5)], ())["items"]
    assert items["properties"]["sizeBytes"] == {
        "type": "integer",
        "format": "int32",
        "description": "sizeBytes is how large it is.\n\nAnd a second paragraph.",
        "minimum": 1,
        "maximum": 10,
    }


def test_a_default_inside_an_object_is_kept():
    assert of(Inner)["properties"]["sizeBytes"]["default"] == 3


def test_there_are_no_defaults_where_none_are_asked_for():
    assert "default" not in of(Inner, defaults=False)["properties"]["sizeBytes"]


def test_the_description_of_a_field_wins_over_that_of_its_type():
    class Model(Spec):
        inner: Inner
        """inner is what this field is for."""

    found = schema.structural(Model, defaults=True)["properties"]["inner"]
    assert found["description"] == "inner is what this field is for."


def test_a_rule_is_written_in_cel_where_it_belongs():
    class Model(Ruled, Spec):
        name: Annotated[str, Field(max_length=9), matching(r"^a\.b$", "be a.b")]
        rules = (Rule("be short", cel="self.name.size() < 5", field="name"),)

    found = schema.structural(Model, defaults=True)
    assert found["x-kubernetes-validations"] == [
        {"rule": "self.name.size() < 5", "message": "must be short", "fieldPath": ".name"}
    ]
    assert found["properties"]["name"]["x-kubernetes-validations"] == [
        {"rule": r"self.matches('^a\\.b$')", "message": "must be a.b"}
    ]


def test_a_map_list_keeps_its_bounds_and_its_key():
    found = of(Annotated[tuple[Inner, ...], *map_list("sizeBytes", least=1, most=5)])
    assert {key: found[key] for key in found if key not in ("items", "type")} == {
        "minItems": 1,
        "maxItems": 5,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["sizeBytes"],
    }


class Tree(Spec):
    children: tuple["Tree", ...] = ()


@pytest.mark.parametrize(
    "annotation",
    [
        int | str,
        Annotated[int, Field(gt=0, le=5)],
        tuple[int, str],
        frozenset[str],
        Tree,
    ],
    ids=["a union", "an exclusive bound", "a tuple of two types", "a set", "a tree"],
)
def test_what_the_api_server_would_not_take_is_refused(annotation):
    with pytest.raises(ValueError, match=r"no translation|refers to itself"):
        of(annotation)


def test_every_field_is_found_at_its_path():
    class Model(Spec):
        rows: Annotated[tuple[Inner, ...], *atomic_list(most=5)] = ()
        by_name: Annotated[dict[str, Inner], Field(max_length=5)]

    found = schema.fields(schema.structural(Model, defaults=True), "spec")
    assert [path for path, _ in found] == [
        "spec",
        "spec.rows",
        "spec.rows[]",
        "spec.rows[].sizeBytes",
        "spec.byName",
        "spec.byName{}",
        "spec.byName{}.sizeBytes",
    ]
