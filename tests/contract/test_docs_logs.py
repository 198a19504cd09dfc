"""The patterns that the documentation offers do what it says of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from kubedag.core import masks

PAGE = Path(__file__).parents[2] / "docs" / "logs.md"
BLOCKS = [
    yaml.safe_load(block)
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)
]
PATTERNS = BLOCKS[0]["spec"]["failureLogs"]["maskPatterns"]


def test_the_patterns_can_be_used_together():
    assert list(masks.problems(PATTERNS)) == []


# In parts, so that nobody who looks for secrets finds one here.
@pytest.mark.parametrize(
    "secret",
    [
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "glpat-" + "x_y-Z" * 4,
        "xoxb-" + "1234567890-abc",
        "eyJ" + "hbGciOi." + "eyJzdWIi." + "SflKxw",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nab==\n-----END RSA PRIVATE KEY-----",
        "password=hunter2",
        "API_KEY: abc",
        '"token": "abc"',
        "://me:hunter2@",
    ],
)
def test_a_well_known_secret_is_masked(secret):
    said = masks.Masks(PATTERNS).text(f"before {secret} after\nnext line")
    assert secret not in said
    assert "hunter2" not in said
    assert said.endswith("next line")


@pytest.mark.parametrize(
    "text", ["see https://example.com/a:b", "3 tokens counted", "task failed: exit code 1"]
)
def test_what_is_no_secret_stays(text):
    assert masks.Masks(PATTERNS).text(text) == text
