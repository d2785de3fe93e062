"""Lay out the pages of the site: those of `docs`, what they link to outside of it, and the reference that is generated.

    python docs/site/stage.py build

writes `build/pages` and `build/mkdocs.yml`, which names every page; `make site` then runs MkDocs on them. Nothing here
needs MkDocs or a network.
"""

import os
import posixpath
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import command_pages
import measure_pages
import python_pages
import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOT_SHOWN = {".py", ".toml", ".yml", ".css"}
OUTSIDE = "project"
"The folder of the site in which lies what pages link to outside of docs, under the path that it has in the repository."
LINK = re.compile(r"(\]\(|\bsrc=\"|\bhref=\")([^)\s\"#]+)")
HEADS = {"README.md": "---\ntitle: statewise\nhide: [navigation, toc]\n---\n\n"}
"What stands before a page of the site alone."
MODULE_HEAD = "---\nsearch:\n  boost: 0.4\n---\n\n"
"Before the page of a module: of two pages with the same words, the one that explains them is found first."
Nav = list[Any]


def stage(build: Path) -> None:
    """Write all pages and the configuration of the site into a folder, in place of what was there."""
    pages = build / "pages"
    shutil.rmtree(pages, ignore_errors=True)
    waiting = [path for path in sorted(DOCS.rglob("*")) if path.is_file() and path.suffix not in NOT_SHOWN]
    waiting += sorted(ROOT.glob("*.md"))
    done: set[Path] = set()
    while waiting:
        source = waiting.pop()
        if source not in done:
            done.add(source)
            waiting += list(_put(source, pages))
    _write(pages / "style.css", (DOCS / "site" / "style.css").read_text())
    nav: Nav = [{"Start": "README.md"}, *_sections(), {"Reference": _reference(pages)}]
    written = {"INHERIT": os.path.relpath(DOCS / "site" / "mkdocs.yml", build), "nav": nav}
    _write(build / "mkdocs.yml", yaml.safe_dump(written, sort_keys=False, allow_unicode=True))


def _sections() -> Iterator[dict[str, Nav]]:
    """Yield the parts of the navigation: the first page of docs names all of them, a heading and links each."""
    start = DOCS / "README.md"
    for part in re.split(r"^## ", start.read_text(), flags=re.MULTILINE)[1:]:
        links = [(title, _target(link, start)) for title, link in re.findall(r"\[([^\]]+)\]\(([^)#]+\.md)\)", part)]
        yield {part.partition("\n")[0]: [{title: place(path)} for title, path in links if path is not None]}


def _reference(pages: Path) -> Nav:
    nav: Nav = []
    for title, made in (
        ("Python", python_pages),
        ("Commands", command_pages),
        ("Scores", measure_pages),
    ):
        part, written = made.pages()
        for name, text in written.items():
            head = MODULE_HEAD if name.startswith("python/") else ""
            _write(pages / "reference" / name, head + text)
        nav.append({title: part})
    return nav


def _put(source: Path, pages: Path) -> Iterator[Path]:
    """Copy one file, its links fitted to where it will lie, and yield what it links to outside of docs."""
    target = pages / place(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix != ".md":
        shutil.copyfile(source, target)
        return
    text = source.read_text()
    for linked in _linked(text, source):
        if not linked.is_relative_to(DOCS):
            yield linked
    _write(target, HEADS.get(place(source), "") + LINK.sub(lambda found: found[1] + _fitted(found[2], source), text))


def place(source: Path) -> str:
    """Return where a file of the repository lies in the site.

    >>> place(DOCS / "tutorials" / "text.md"), place(ROOT / "ARCHITECTURE.md")
    ('tutorials/text.md', 'project/ARCHITECTURE.md')
    """
    if source.is_relative_to(DOCS):
        return source.relative_to(DOCS).as_posix()
    return "/".join([OUTSIDE, *(part.lstrip(".") for part in source.relative_to(ROOT).parts)])  # MkDocs hides .folders


def _linked(text: str, source: Path) -> Iterator[Path]:
    for _, link in LINK.findall(text):
        path = _target(link, source)
        if path is not None and path.is_file():
            yield path


def _target(link: str, source: Path) -> Path | None:
    if re.match(r"[a-z]+:", link):
        return None
    path = (source.parent / link).resolve()
    return path if path.is_relative_to(ROOT) else None


def _fitted(link: str, source: Path) -> str:
    path = _target(link, source)
    if path is None or not path.is_file():
        return link
    return posixpath.relpath(place(path), posixpath.dirname(place(source)) or ".")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


if __name__ == "__main__":
    stage(Path(sys.argv[1]))
