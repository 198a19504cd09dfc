"""What is generated says what its sources say; `make generate` mends it."""

import pytest
import yaml

from dev.generate import __main__ as generate
from dev.generate import apidocs, crdcopies, valuesdocs


@pytest.fixture(scope="module")
def expected():
    return generate.outputs()


def test_every_generated_file_is_up_to_date(expected):
    assert [str(path) for path in generate.changed(expected)] == []


def test_no_copy_is_left_of_what_is_not_generated_any_more(expected):
    assert generate.stray(expected) == []


def test_a_template_in_a_description_survives_helm():
    crd = "metadata:\n  name: x\nspec:\n  description: '{{ params.region }}'\n"
    assert """'{{ "{{" }} params.region }}'""" in crdcopies.template(crd)


def test_a_comment_of_several_lines_belongs_to_the_key_below_it():
    text = "# about the file\na:\n  # -- One\n  # two.\n  b: 1\n  c: 2\n# -- Three.\nd: []\n"
    assert valuesdocs.documented(text) == [
        valuesdocs.Value(("a", "b"), "One two.", 1),
        valuesdocs.Value(("d",), "Three.", []),
    ]


def test_a_field_of_a_list_is_found_at_its_path():
    leaf = {"type": "integer", "minimum": 1, "default": 3, "description": "tries."}
    row = {"type": "object", "required": ["n"], "properties": {"n": leaf}}
    part = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    root = {"description": "A thing.", "properties": {"spec": part, "status": part}}
    crd = {
        "spec": {
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"schema": {"openAPIV3Schema": root}}],
        }
    }
    page = apidocs.render([yaml.safe_dump(crd)])
    assert "| `rows[].n` | integer | tries. ≥ 1. Default `3`. Required. |" in page
