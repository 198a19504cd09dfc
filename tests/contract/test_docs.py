"""What the documents say is there, and what is there is what they say."""

import re
from pathlib import Path

import pytest
import yaml

from dev.demo import install
from kubedag.api import crds, enums
from kubedag.shell import settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").rglob("*.md")]
)
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))
PACKAGE = ROOT / "operator" / "kubedag"

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def _read(*parts: str) -> str:
    return ROOT.joinpath(*parts).read_text(encoding="utf-8")


@each_page
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z0-9-]+):", _read("Makefile"), re.MULTILINE))
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"(?:^|`)make ([a-z][a-z0-9-]*)", text, re.MULTILINE)
    assert set(named) - targets == set()


COLUMNS = {
    (
        "NAME",
        *(
            column["name"].upper()
            for column in version["additionalPrinterColumns"]
            if not column.get("priority")
        ),
    )
    for crd in crds.all_manifests().values()
    for version in crd["spec"]["versions"]
}


@each_page
def test_what_kubectl_is_shown_to_say_has_the_columns_that_there_are(page):
    heads = re.findall(r"^NAME {2,}.*$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert {tuple(re.split(r" {2,}", head.strip())) for head in heads} - COLUMNS == set()


def test_the_readme_can_be_read_in_one_go():
    assert len(_read("README.md").splitlines()) <= 150


def test_the_pipeline_of_the_readme_is_the_first_example_to_the_letter():
    blocks = re.findall(r"```yaml\n(.*?)```", _read("README.md"), re.DOTALL)
    example = _read("examples", "hello", "dag.yaml")
    assert blocks == [example]
    assert yaml.safe_load(example)["kind"] == "DAG"


def test_every_page_has_the_operator_in_one_namespace():
    """Two would be two releases, of which the second may not have the CRDs of the first."""
    named = [
        (str(page.relative_to(ROOT)), *found)
        for page in PAGES
        for found in re.findall(
            r"helm [^\n]*\bkubedag\b[^\n]* (?:-n|--namespace)[ =](\S+)"
            r"|\n  name: kubedag(?:-receivers)?\n  namespace: (\S+)",
            page.read_text(encoding="utf-8"),
        )
    ]
    assert {page for page, *_ in named} >= {
        "README.md",
        "docs/install.md",
        "docs/notifications.md",
    }
    assert {name for _, *both in named for name in both if name} == {install.NAMESPACE}


def test_the_decisions_are_numbered_without_a_gap():
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem)
def test_a_decision_is_one_page_with_its_reasons_and_its_costs(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.name[:4])}. ")
    assert re.match(r"Accepted, \d{4}-\d\d-\d\d\.$", text.splitlines()[2])
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(text.splitlines()) <= 60


def test_every_module_that_the_architecture_names_exists():
    text = _read("docs", "architecture.md")
    known = {path.name for path in PACKAGE.rglob("*.py")}
    named = set(re.findall(r"\b([a-z_]+\.py)\b", text))
    assert named - known == set()
    placed = set(re.findall(r"\b((?:api|core|shell|cli)/[a-z_]+\.py)\b", text))
    assert {path for path in placed if not (PACKAGE / path).is_file()} == set()


@pytest.mark.parametrize("words", [enums.TaskState, enums.FailureClass], ids=lambda e: e.__name__)
def test_the_glossary_has_every_word_of_the_api_that_a_user_meets(words):
    explained = set(
        re.findall(r"^\| \*\*([A-Za-z]+)\*\*", _read("docs", "glossary.md"), re.MULTILINE)
    )
    assert {str(word) for word in words} - explained == set()


def test_every_setting_is_described_and_no_other():
    described = set(
        re.findall(r"^\| `(KUBEDAG_\w+)`", _read("docs", "reference", "settings.md"), re.MULTILINE)
    )
    read = set(re.findall(r'"(KUBEDAG_\w+)"', Path(settings.__file__).read_text(encoding="utf-8")))
    assert described == read
