"""The documents' links lead somewhere, and the files that they name exist."""

import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    REPO / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "conf/README.md", "bench/README.md")
]
DOCUMENTS += sorted((REPO / "docs").rglob("*.md"))
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_PATH = re.compile(r"`((?:contract|dags|jobs|plugins|sql|stack|tests|bench|docs)/[\w./-]+)`")
DECISIONS = sorted((REPO / "docs" / "decisions").glob("[0-9]*.md"))


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = [line.lstrip("#").strip() for line in document.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_every_link_of_a_document_leads_to_a_file_and_a_heading(document: Path) -> None:
    for path, anchor in _LINK.findall(document.read_text()):
        target = document.parent / path if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPO)))
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = {path for path in _PATH.findall(document.read_text()) if "NAME" not in path}
    assert [path for path in sorted(named) if not (REPO / path).exists()] == []


def test_the_index_of_decisions_lists_each_page() -> None:
    index = (REPO / "docs" / "decisions" / "README.md").read_text()
    assert [page.name for page in DECISIONS if f"({page.name})" not in index] == []


def test_a_superseded_decision_and_its_successor_name_each_other() -> None:
    for page in DECISIONS:
        if found := re.search(r"superseded by \[\d+\]\(([^)]+)\)", page.read_text()):
            assert f"]({page.name})" in (page.parent / found[1]).read_text(), page.name


@pytest.mark.parametrize("package", ["jobs", "plugins", "stack"])
def test_the_architecture_describes_every_package(package: str) -> None:
    text = (REPO / "docs" / "architecture.md").read_text()
    folders = sorted(path.parent.name for path in (REPO / package).glob("*/__init__.py"))
    assert [folder for folder in folders if f"{folder}/" not in text] == []
