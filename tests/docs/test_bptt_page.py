"""The page on backpropagation through time: its figure's figures, and the sources of its time line."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "ideas" / "truncated-bptt.md"
WORDS = " ".join(PAGE.read_text().split())


def test_the_shares_that_the_page_quotes_are_those_that_are_drawn() -> None:
    drawing = runpy.run_path(str(ROOT / "docs" / "pictures" / "draw_bptt.py"))
    shares = drawing["shares"](drawing["example"]())
    assert sum(shares) == pytest.approx(1)
    last, first = (f"{share:.1%}".replace("%", " %") for share in (shares[-1], shares[0]))
    assert f"the term of the last step has {last}, that of the first {first}" in WORDS
    assert len(shares) == drawing["STEPS"] == 6
    assert (ROOT / "docs" / "pictures" / "contributions.png").read_bytes().startswith(b"\x89PNG")


def test_the_figure_can_be_drawn() -> None:
    pytest.importorskip("matplotlib")
    drawing = runpy.run_path(str(ROOT / "docs" / "pictures" / "draw_bptt.py"))
    assert drawing["png"](drawing["drawn"](drawing["example"]())).startswith(b"\x89PNG")


def test_the_time_line_goes_forward_and_leads_to_pages_and_sections_that_are_there() -> None:
    table = PAGE.read_text().split("## A time line")[1]
    rows = re.findall(r"^\| (\d{4}).*?\|.*\|(.*)\|$", table, flags=re.MULTILINE)
    years = [int(year) for year, _ in rows]
    assert years == sorted(years)
    assert len(years) > 12
    for page, section in re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", " ".join(links for _, links in rows)):
        path = (PAGE.parent / page).resolve() if page else PAGE
        headings = [_anchor(line) for line in path.read_text().splitlines() if line.startswith("#")]
        assert not section or section in headings, f"{path.name} has no section {section}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lstrip("#").strip().lower()).replace(" ", "-")
