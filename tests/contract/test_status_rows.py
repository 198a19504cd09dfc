"""What the operator writes as a status is what the API takes: it refuses or prunes the rest."""

from __future__ import annotations

import msgspec
import pytest

from kubedag.api import common, dag, dagrun
from kubedag.core import rows

SAME = {
    rows.LogTail: dagrun.LogTail,
    rows.Attempt: dagrun.AttemptStatus,
    rows.TaskRow: dagrun.TaskStatus,
    rows.Counts: dagrun.Counts,
    rows.RunStatus: dagrun.DAGRunStatus,
    rows.LastRun: dag.LastRun,
    rows.DAGStatus: dag.DAGStatus,
    rows.Condition: common.Condition,
}

each_record = pytest.mark.parametrize(
    ("record", "model"), SAME.items(), ids=[record.__name__ for record in SAME]
)


def api_names(model, *, required=False):
    return {
        field.alias or name
        for name, field in model.model_fields.items()
        if field.is_required() or not required
    }


@each_record
def test_every_field_that_is_written_is_one_of_the_api(record, model):
    written = {field.encode_name for field in msgspec.structs.fields(record)}

    assert written <= api_names(model)


@each_record
def test_what_the_api_requires_is_written_also_when_it_is_empty(record, model):
    fields = msgspec.structs.fields(record)
    always = {
        field.encode_name
        for field in fields
        if not record.__struct_config__.omit_defaults
        or (field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT)
    }

    assert api_names(model, required=True) <= always
