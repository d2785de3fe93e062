"""The path through the notes: every stop shows a picture that is there, and commands that its tutorial runs."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "notes.md").read_text()
ROW = re.compile(r"^\| [^|]+ \| \[[^]]+\]\(([^)#]+)[^)]*\) \| `([^`]+)` \| ([^|]*)\|$", re.MULTILINE)


def test_every_application_names_a_command_of_its_page() -> None:
    rows = ROW.findall(PAGE)
    assert len(rows) == PAGE.count("](tutorials/") - PAGE.partition("## What it is good for")[0].count("](tutorials/")
    for page, command, _ in rows:
        assert command in (DOCS / page).read_text(), command


def test_every_tutorial_is_on_the_path() -> None:
    named = set(re.findall(r"\(tutorials/(\w+)\.md", PAGE))
    assert named == {path.stem for path in (DOCS / "tutorials").glob("*.md")} - {"listening"}  # a part of sound


def test_every_stop_of_a_network_has_a_page_and_most_have_a_picture_and_a_command() -> None:
    stops = re.split(r"^\*\*", PAGE.partition("## What it is good for")[0], flags=re.MULTILINE)[1:]
    assert len(stops) == 12
    assert all("](" in stop for stop in stops)
    assert sum("![" in stop for stop in stops) >= 8
    assert sum("$ statewise" in stop for stop in stops) >= 8
