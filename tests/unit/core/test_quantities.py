"""Amounts of resources are read as Kubernetes reads them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kubedag.core import quantities


@pytest.mark.parametrize(
    ("value", "number"),
    [
        pytest.param("1", "1", id="a number"),
        pytest.param(2, "2", id="a number without quotes"),
        pytest.param(0.5, "0.5", id="a fraction without quotes"),
        pytest.param("500m", "0.5", id="thousandths"),
        pytest.param("250n", "0.00000025", id="thousand-millionths"),
        pytest.param("1.5Gi", "1610612736", id="powers of 1024"),
        pytest.param("1.5Ki", "1536", id="the first of them, whose K is no suffix alone"),
        pytest.param("1.5G", "1500000000", id="powers of 1000"),
        pytest.param("2k", "2000", id="the only small letter among them"),
        pytest.param("1E", "1000000000000000000", id="an E alone is a suffix"),
        pytest.param("1E3", "1000", id="an E before digits is an exponent"),
        pytest.param("12e-1", "1.2", id="which may be negative"),
        pytest.param("-1", "-1", id="a negative amount is one"),
    ],
)
def test_an_amount_is_read(value, number):
    assert quantities.parse(value) == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="nothing"),
        pytest.param("1 Gi", id="a space"),
        pytest.param("1gi", id="a suffix that does not exist"),
        pytest.param("1ki", id="or only with a capital"),
        pytest.param("two", id="a word"),
        pytest.param("1.2.3", id="two points"),
        pytest.param(True, id="a truth value"),
        pytest.param(None, id="null"),
        pytest.param([], id="a list"),
        pytest.param(float("nan"), id="what is not a number"),
        pytest.param(float("inf"), id="infinity"),
        pytest.param(10**5000, id="a number without end"),
        pytest.param("9" * 100, id="digits without end"),
        pytest.param("1e999999999", id="an exponent that nobody means"),
    ],
)
def test_anything_else_is_no_amount(value):
    assert quantities.parse(value) is None


@pytest.mark.parametrize(
    ("requests", "limits", "names"),
    [
        pytest.param({"cpu": "500m"}, {"cpu": 0.5}, [], id="equal amounts written otherwise"),
        pytest.param({"cpu": "501m"}, {"cpu": "0.5"}, ["cpu"], id="a thousandth more"),
        pytest.param({"memory": "1Gi"}, {"memory": "1G"}, ["memory"], id="1024 is more than 1000"),
        pytest.param({"cpu": "1"}, None, [], id="no limits"),
        pytest.param({"cpu": "1"}, {"memory": "1"}, [], id="a limit of something else"),
        pytest.param({"cpu": "x"}, {"cpu": "1"}, [], id="what cannot be read is told elsewhere"),
    ],
)
def test_a_request_must_not_be_more_than_the_limit(requests, limits, names):
    found = quantities.excessive({"requests": requests, "limits": limits})
    assert list(found) == names
