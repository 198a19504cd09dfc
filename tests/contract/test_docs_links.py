"""Every link of a document leads to a file, and to a heading of it; and every document is led to."""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _pages():
    """The documents, without those of tools: a folder whose name begins with a dot is theirs."""
    for folder, below, files in os.walk(ROOT):
        below[:] = [name for name in below if not name.startswith((".", "_"))]
        yield from (Path(folder, name) for name in files if name.endswith(".md"))


PAGES = sorted(_pages())
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def prose(text: str) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^ *(```|~~~).*?^ *\1 *$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """What can be named behind a `#`, as GitHub makes it of headings; of equal ones the later count."""
    seen: Counter[str] = Counter()
    found = set()
    for heading in re.findall(r"^#{1,6} +(.+?)[ #]*$", prose(text), re.MULTILINE):
        shown = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


@functools.cache
def _anchors_of(page: Path) -> set[str]:
    return anchors(page.read_text(encoding="utf-8"))


def links(page: Path) -> list[tuple[str, Path, str]]:
    """The links of a page into the repository: as written, and the file and the anchor they mean."""
    found = re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text(encoding="utf-8")))
    here = [link for link in found if not re.match(r"[a-z]+:", link)]
    parts = [(link, *link.partition("#")[::2]) for link in here]
    return [
        (link, (page.parent / file).resolve() if file else page, anchor)
        for link, file, anchor in parts
    ]


def _leads_somewhere(target: Path, anchor: str) -> bool:
    if target.suffix == ".md" and target.exists():
        return not anchor or anchor in _anchors_of(target)
    return target.exists()


@each_page
def test_every_link_leads_somewhere(page):
    astray = [link for link, target, anchor in links(page) if not _leads_somewhere(target, anchor)]
    assert astray == []


def test_a_reader_of_the_readme_can_come_to_every_document():
    reached, heap = set(), [ROOT / "README.md"]
    while heap:
        page = heap.pop()
        if page in reached:
            continue
        reached.add(page)
        for _, target, _ in links(page):
            heap += sorted(target.rglob("*.md")) if target.is_dir() else []
            heap += [target] if target.suffix == ".md" else []
    documents = {page for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert sorted(str(page.relative_to(ROOT)) for page in documents - reached) == []


def test_headings_are_named_as_github_does_it():
    text = (
        "# A `b` (c), d\n## Back_fill & *more*\n```sh\n# no heading\n```\n## [X](y.md)\n## X ##\n"
    )
    assert anchors(text) == {"a-b-c-d", "back_fill--more", "x", "x-1"}
