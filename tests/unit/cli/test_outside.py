"""`kubedag operator` where no chart has put it: it says where it would act, and does not."""

from __future__ import annotations

import pytest
import yaml

from kubedag.cli import main, outside
from kubedag.shell import credentials

CONFIG = {
    "current-context": "prod",
    "contexts": [{"name": "prod", "context": {"cluster": "c"}}],
    "clusters": [{"name": "c", "cluster": {"server": "https://prod.example.org"}}],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The environment of a person's shell, with a kubeconfig."""
    monkeypatch.setattr(credentials, "SERVICE_ACCOUNT_DIR", tmp_path / "serviceaccount")
    (tmp_path / "config").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
    return {"KUBECONFIG": str(tmp_path / "config")}


def test_outside_a_pod_it_is_refused_with_the_context_that_it_would_act_on(here):
    assert outside.refusal(here) == (
        "the chart starts this, in a Pod. Here it would act on context 'prod'"
        " (https://prod.example.org), beside the operator that is there. To develop kubedag, name"
        " the context: KUBEDAG_CONTEXT=prod kubedag operator"
    )


def test_a_context_that_is_named_is_meant(here):
    assert outside.refusal(here | {"KUBEDAG_CONTEXT": "prod"}) == ""


def test_in_a_pod_nothing_need_be_said(here, tmp_path):
    token = tmp_path / "serviceaccount" / "token"
    token.parent.mkdir()
    token.write_text("x", encoding="utf-8")
    assert outside.refusal(here) == ""
    assert outside.refusal({}) == ""


def test_that_there_is_no_cluster_at_all_is_told(here, tmp_path):
    config = str(tmp_path / "none")
    assert outside.refusal(here | {"KUBECONFIG": config}) == (
        f"the chart starts this, in a Pod. Here is none, and no cluster either: {config}: must exist"
    )


def test_it_starts_nothing_and_says_why(here, monkeypatch, capsys):
    monkeypatch.delenv("KUBEDAG_CONTEXT", raising=False)
    monkeypatch.setenv("KUBECONFIG", here["KUBECONFIG"])
    assert main.main(["operator"]) == main.MISUSED
    assert capsys.readouterr().err == f"kubedag operator: {outside.refusal(here)}\n"
