"""Where the book is published stands in pyproject.toml; others say the same."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from transformer_path.workshop import where

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
PAGES = [*ROOT.glob("*.md"), ROOT / "conf.py", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("url", PROJECT["urls"]["Book"]),
        ("repository-code", PROJECT["urls"]["Source"]),
        ("version", PROJECT["version"]),
    ],
)
def test_the_citation_says_what_the_project_says(key, wanted):
    assert str(CITATION[key]) == wanted, f"CITATION.cff should read: {key}: {wanted}"


def test_the_citation_names_the_same_authors():
    names = [author["name"] for author in PROJECT["authors"]]
    assert [author["name"] for author in CITATION["authors"]] == names


def test_the_package_leads_to_the_same_place():
    """An installed package has no pyproject.toml to ask."""
    source = PROJECT["urls"]["Source"]
    assert where.FILES.removeprefix(source) == "/blob/main/src/"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_repeats_the_address(page):
    urls = "|".join(re.escape(url.rstrip("/")) for url in PROJECT["urls"].values())
    found = re.search(urls, page.read_text("utf-8"))
    assert not found, f"{found[0]}: write {{repository}}`words <path>`, or link a page"
