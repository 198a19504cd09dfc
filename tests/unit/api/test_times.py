"""Which texts name an instant."""

import pytest

from kubedag.api import common


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        pytest.param("2026-01-01T00:00:00Z", True, id="in UTC"),
        pytest.param("2026-01-01T00:00:00.5+05:45", True, id="with an offset and a fraction"),
        pytest.param("2026-01-01T00:00:00", False, id="without an offset"),
        pytest.param("2026-01-01", False, id="a date"),
        pytest.param("2026-02-30T00:00:00Z", False, id="a day that there is not"),
        pytest.param("0001-01-01T00:00:00Z", True, id="the first one"),
        pytest.param("0001-01-01T00:00:00+01:00", False, id="in UTC before the first year"),
        pytest.param("9999-12-31T23:59:59-01:00", False, id="in UTC after the last year"),
    ],
)
def test_a_time_can_be_computed_with(text, is_one):
    assert common.is_time(text) == is_one
