"""Texts in place of pictures: what pages of HTML and Markdown lack is proposed as a patch or a table."""

import difflib
import html
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from statewise.disk.reading import read_file
from statewise.errors import DataError, UsageError
from statewise.run.files import saving, write_whole
from statewise.shown import in_line
from statewise.task import Answer
from statewise.tasks.caption.answers import captioned_paths, write_table
from statewise.tasks.caption.captioner import Captioner
from statewise.tasks.caption.seeing import Eyes

PAGES = {".html": "html", ".htm": "html", ".md": "markdown", ".markdown": "markdown"}
LARGEST_PAGE = 1 << 24
MOST_PAGES = 100_000
USUAL_LEAST = 0.5
"Below this mean probability of a subword no text is proposed, unless told otherwise."
IMAGE = re.compile(r"""<img\b(?:[^<>"']|"[^"]{0,4096}"|'[^']{0,4096}'){0,400}>""", re.IGNORECASE)
QUOTED = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
ALT = re.compile(r"""(?<![-\w])alt\s*(=|\s|/?>)""", re.IGNORECASE)
SOURCE = re.compile(r"""(?<![-\w])src\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)
MARKDOWN = re.compile(
    r"(?<!\\)!\[\s{0,9}\]\(\s{0,9}(?:<([^<>\n]{1,2000})>|([^)\s<>\[]{1,2000}))(?:\s[^)\n\[]{0,2000})?\)"
)
OPENS = re.compile(r"<!--|<(script|style|textarea|pre)\b", re.IGNORECASE)
OPENS_IN_MARKDOWN = re.compile(
    r"<!--|<(script|style|textarea|pre)\b|^ {0,3}(```|~~~)|^(?: {4}|\t).*$|(`+)(?!`)", re.IGNORECASE | re.MULTILINE
)
"Where comments begin, code, and elements whose text is no HTML: what stands in them is not shown as a picture."
COLUMNS = ("file", "line", "image", "text", "sureness", "is_sure")


@dataclass(frozen=True)
class MissingText:
    """A picture of a page that has no text in its place, and where: `begin` and `end` of it in the page."""

    page: Path
    line: int
    begin: int
    end: int
    source: str
    picture: Path
    text: str = ""
    sureness: float = 0.0
    is_sure: bool = False


def missing_texts(page: Path, content: str, folder: Path) -> Iterator[MissingText | str]:
    """Yield the pictures of a page without a text, or why one is left alone: it lies elsewhere, or is not there.

    An empty `alt=""` in HTML says that a picture is decoration, and is left as it is.
    """
    kind = PAGES[page.suffix.lower()]
    hidden = list(left_alone(content, kind))
    for begin, end, source in _found(content, kind):
        if any(first <= begin < last for first, last in hidden):
            continue
        line = content.count("\n", 0, begin) + 1
        place = _place(source, page, folder)
        if place is None:
            yield f"{page}:{line}: {in_line(source[:80])} lies elsewhere, or is not there"
        else:
            yield MissingText(page, line, begin, end, source, place)


def left_alone(content: str, kind: str) -> Iterator[tuple[int, int]]:
    """Yield the stretches of a page that are left alone, in order; what is opened and never closed goes to the end.

    >>> list(left_alone("a <!-- b --> c <script>d", "html"))
    [(2, 12), (15, 24)]
    """
    opens, at = OPENS_IN_MARKDOWN if kind == "markdown" else OPENS, 0
    lowered = content.lower()
    while (found := opens.search(content, at)) is not None:
        begin, mark = found.span()[0], found[0].lstrip()
        if mark == "<!--":
            ends = [place + 3 for place in (content.find("-->", begin),) if place >= 0]
            ends += [place + 4 for place in (content.find("--!>", begin),) if place >= 0]
        elif found[1]:
            ends = [place for place in (lowered.find(f"</{found[1].lower()}", begin),) if place >= 0]
        elif kind == "markdown" and found[2]:
            close = re.compile(rf"^ {{0,3}}{found[2]}", re.MULTILINE).search(content, found.end())
            ends = [close.end()] if close else []
        elif kind == "markdown" and found[3]:
            close = re.compile(rf"(?<!`){found[3]}(?!`)").search(content, found.end())
            ends = [close.end() if close else found.end()]  # marks that close nothing are marks
        else:
            ends = [found.end()]
        at = min(ends, default=len(content))
        yield begin, at


def _found(content: str, kind: str) -> Iterator[tuple[int, int, str]]:
    for tag in IMAGE.finditer(content):
        source = SOURCE.search(tag[0])
        if source and not ALT.search(QUOTED.sub("=x", SOURCE.sub("", tag[0]))):
            yield tag.start(), tag.end(), html.unescape(next(part for part in source.groups() if part is not None))
    if kind == "markdown":
        yield from ((found.start(), found.end(), found[1] or found[2]) for found in MARKDOWN.finditer(content))


def _place(source: str, page: Path, folder: Path) -> Path | None:
    parts = urlsplit(source)
    name = unquote(parts.path)
    if parts.scheme or parts.netloc or not name or "\0" in name:
        return None
    place = folder / name.lstrip("/") if name.startswith("/") else page.parent / name
    try:
        is_inside = place.resolve().is_relative_to(folder.resolve()) and place.is_file()
    except (OSError, RuntimeError):
        return None
    return place if is_inside else None


def with_text(found: str, text: str) -> str:
    """Return a picture of a page with a text in its place.

    >>> with_text('<img src="a.png">', 'a "red" dog'), with_text("![](a.png)", "a [red] dog")
    ('<img src="a.png" alt="a &quot;red&quot; dog">', '![a \\\\[red\\\\] dog](a.png)')
    """
    if found.startswith("!["):
        escaped = re.sub(r"([\\\[\]])", r"\\\1", text)
        return f"![{escaped}]{found[found.index(']') + 1 :]}"
    end = -2 if found.endswith("/>") else -1
    space = " " if found.endswith("/>") else ""
    return f'{found[:end].rstrip()} alt="{html.escape(text)}"{space}{found[end:]}'


def patch_of(page: Path, content: str, found: Sequence[MissingText], folder: Path) -> str:
    """Return the change of a page that gives pictures their texts, for `patch -p1`; only those that are sure."""
    changed = content
    for one in sorted(found, key=lambda one: -one.begin):
        if one.is_sure:
            changed = changed[: one.begin] + with_text(content[one.begin : one.end], one.text) + changed[one.end :]
    name = page.relative_to(folder).as_posix()
    before, after = _lines(content), _lines(changed)
    lines = difflib.unified_diff(before, after, _named(f"a/{name}"), _named(f"b/{name}"))
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _lines(content: str) -> list[str]:
    """Return the lines of a page as `patch` counts them, each with its end: nothing but a line feed ends one."""
    return [f"{line}\n" for line in content.split("\n")[:-1]] + [part for part in content.split("\n")[-1:] if part]


def _named(name: str) -> str:
    """Return a file's name as `patch` reads it: what would end it is escaped within quotes, as git does."""
    if any(mark in name for mark in '\t\n"\\'):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n")
        return f'"{escaped}"'
    return f"{name}\t" if " " in name else name


@dataclass
class AltTexts:
    """All pages of a folder, their pictures without a text, and why pages or pictures were left alone."""

    folder: Path
    pages: dict[Path, str]
    missing: list[MissingText]
    left_alone: list[str]

    @classmethod
    def of(cls, folder: Path) -> "AltTexts":
        """Read the pages of a folder. Raises `DataError` where there is none."""
        paths = sorted(
            path
            for path in folder.rglob("*")
            if path.suffix.lower() in PAGES and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        )
        if not paths:
            raise DataError(f"{folder} has no page ({', '.join(PAGES)}): give the folder of a site")
        found = cls(folder, {}, [], [])
        for path in paths[:MOST_PAGES]:
            try:
                found.pages[path] = read_file(path, LARGEST_PAGE, DataError).decode()
            except (DataError, UnicodeDecodeError) as error:
                found.left_alone.append(f"{path}: {' '.join(str(error).split())[:80]}")
                continue
            for one in missing_texts(path, found.pages[path], folder):
                if isinstance(one, str):
                    found.left_alone.append(one)
                else:
                    found.missing.append(one)
        return found

    def proposed(self, captioner: Captioner, eyes: Eyes, least: float) -> Iterator[MissingText]:
        """Yield each picture with the text that is proposed for it, or what can be measured where that is not sure."""
        pictures = sorted({one.picture for one in self.missing})
        for number, said in enumerate(captioned_paths(captioner, pictures, eyes, least)):
            for at, one in enumerate(self.missing):
                if one.picture != pictures[number]:
                    continue
                if isinstance(said, DataError):
                    self.left_alone.append(str(said))
                    continue
                best = said.candidates[0]
                self.missing[at] = replace(one, text=said.text, sureness=best.sureness, is_sure=said.is_sure)
                yield self.missing[at]

    def patch(self) -> str:
        """Return the changes of all pages, for `patch -p1`."""
        own = {page: [one for one in self.missing if one.page == page] for page in self.pages}
        return "".join(patch_of(page, self.pages[page], found, self.folder) for page, found in own.items() if found)


def kind_of_output(output: str | None) -> str | None:
    """Return whether a patch or a table is asked for. Raises `UsageError` for a name that ends in neither."""
    kind = None if output is None else Path(output).suffix.lower()
    if kind not in (None, ".patch", ".diff", ".csv"):
        raise UsageError(f"{output} ends in neither .patch, .diff nor .csv: name what is proposed so")
    return kind


def alt_answer(captioner: Captioner, folder: Path, eyes: Eyes, least: float, output: str | None) -> Answer:
    """Tell the texts that are proposed, and where asked for write them as a patch or a table; no page is changed."""
    kind = kind_of_output(output)
    found = AltTexts.of(folder)

    def row(one: MissingText) -> list[str]:
        name = one.page.relative_to(folder).as_posix()
        return [name, str(one.line), one.source, one.text, f"{one.sureness:.4f}", str(one.is_sure)]

    def lines() -> Iterator[str]:
        for one in found.proposed(captioner, eyes, least):
            yield f"{in_line(':'.join(row(one)[:2]))}\t{in_line(one.source)}\t{one.sureness:.2f}\t{in_line(one.text)}\n"
        yield from (f"left alone: {in_line(words)}\n" for words in found.left_alone)
        sure = sum(one.is_sure for one in found.missing)
        count = f"{len(found.missing):,} pictures on {len(found.pages):,} pages have no text"
        yield f"{count}; {sure:,} are proposed, at least {least:g} sure{_put(found, kind, output, row)}\n"

    def as_json() -> dict[str, Any]:
        for _ in lines():
            pass
        told = [dict(zip(COLUMNS, row(one), strict=True)) for one in found.missing]
        return {"answer": told, "left_alone": found.left_alone}

    return Answer(lines(), as_json, end="")


def _put(found: AltTexts, kind: str | None, output: str | None, row: Callable[[MissingText], list[str]]) -> str:
    if output is None:
        return "; nothing was written: give --output alt.patch or alt.csv"
    if kind == ".csv":
        write_table(Path(output), COLUMNS, [row(one) for one in found.missing])
        return f"; {output} holds them"
    with saving(output, "give another place"):
        write_whole(Path(output), found.patch().encode(errors="surrogateescape"))
    folder = shlex.quote(str(found.folder))
    return f"; {output} gives them to the pages, by `patch -p1 -d {folder} < {shlex.quote(output)}`"
