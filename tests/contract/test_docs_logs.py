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
        "-----BEGIN PRIVATE KEY-----\nMIIE\nab==\n-----END-----",
        "password=hunter2",
        "password: 'hunter2 and more'",
        'PASSWORD="hunter2 and more"',
        "aws_secret_access_key = hunter2",
        "AWS_SECRET_ACCESS_KEY=hunter2",
        "client_secret: hunter2",
        "--password hunter2",
        "--db-password='hunter2 and more'",
        "--token hunter2",
        "Authorization: Bearer hunter2",
        "authorization: bearer abc.def-ghi_jkl=",
        "API_KEY: abc",
        '"token": "abc"',
        "://me:hunter2@",
        "postgres://me:p@hunter2@db/x",
        "redis://:hunter2@db",
    ],
)
def test_a_well_known_secret_is_masked(secret):
    said = masks.Masks(PATTERNS).text(f"before {secret} after\nnext line")
    assert secret not in said
    assert "hunter2" not in said
    assert "more" not in said
    assert said.endswith("next line")


def test_a_key_whose_end_is_not_in_the_log_is_masked_to_the_end():
    text = "before\n-----BEGIN RSA PRIVATE KEY-----\nMIIE\nab==\n"
    assert masks.Masks(PATTERNS).text(text) == "before\n***"


def test_what_follows_a_key_is_told():
    key = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----"
    assert masks.Masks(PATTERNS).text(f"{key}\nafter\n{key}\nlast") == "***\nafter\n***\nlast"


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.com/a:b",
        "3 tokens counted",
        "task failed: exit code 1",
        "wrong password for user me",
        "see http://host:8080/ and mail me@example.com",
        "-----BEGIN CERTIFICATE-----",
    ],
)
def test_what_is_no_secret_stays(text):
    assert masks.Masks(PATTERNS).text(text) == text
