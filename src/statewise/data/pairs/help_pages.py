"""Pairs out of the help pages of LibreOffice, which have the same paragraphs by the same names in every language."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

from statewise.data.corpora import Content, Corpus
from statewise.data.packages import Package, cache_directory, keeping

PAGES = "usr/share/libreoffice/help"
NAMED = ("par_id", "hd_id")
"What the names of paragraphs and headings begin with."
LARGEST_PAGE = 1 << 24


class _Paragraphs(HTMLParser):
    """Collects the text of each paragraph and heading that has a name."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: dict[str, str] = {}
        self.tag, self.name, self.parts = "", "", list[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a paragraph, unless one is open."""
        name = dict(attrs).get("id") or ""
        if not self.name and name.startswith(NAMED):
            self.tag, self.name, self.parts = tag, name, []

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self.name:
            self.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a paragraph."""
        if self.name and tag == self.tag:
            self.found.setdefault(self.name, " ".join("".join(self.parts).split()))
            self.name = ""


def paragraphs(page: str) -> dict[str, str]:
    """Return the text of each paragraph and heading of a page that has a name, by that.

    >>> paragraphs('<h1 id="hd_id3"> Save</h1><p id="par_id7" class="x">A <b>new</b>\\n file.</p><p>no name</p>')
    {'hd_id3': 'Save', 'par_id7': 'A new file.'}
    """
    parser = _Paragraphs()
    parser.feed(page)
    parser.close()
    return parser.found


@final
@dataclass(frozen=True)
class HelpPages(Corpus):
    """Pages in two languages as pairs of paragraphs, those that are the same in both left out; each names its page."""

    languages: tuple[str, str]
    packages: tuple[Package, Package]
    holds: Content = field(default="pairs", kw_only=True)

    def files(self) -> list[Path]:
        """Return one file of pairs as lines of JSON; it is made where it is not there yet, which takes a minute."""
        folders = [package.fetch() for package in self.packages]
        place = cache_directory() / "corpora" / self.name / f"{self.packages[1].digest[:16]}.jsonl"
        if not place.is_file():
            with keeping(self.title):
                place.parent.mkdir(parents=True, exist_ok=True)
                with TemporaryDirectory(dir=place.parent, prefix=".preparing-") as folder:
                    fresh = Path(folder, place.name)
                    with fresh.open("w", encoding="utf-8") as file:
                        file.writelines(json.dumps(pair, ensure_ascii=False) + "\n" for pair in self._pairs(folders))
                    fresh.replace(place)
        return [place]

    def is_cached(self) -> bool:
        """Say whether both packages are there."""
        return all(package.is_cached() for package in self.packages)

    def _pairs(self, folders: list[Path]) -> Iterator[dict[str, str]]:
        one, other = (
            folder / Path(package.members).parent for folder, package in zip(folders, self.packages, strict=True)
        )
        for page in sorted(one.rglob("*.html")):
            name = page.relative_to(one)
            if not (other / name).is_file() or max(page.stat().st_size, (other / name).stat().st_size) > LARGEST_PAGE:
                continue
            sides = [paragraphs((root / name).read_text("utf-8", "replace")) for root in (one, other)]
            for key, text in sides[0].items():
                translated = sides[1].get(key, "")
                if text and translated and text != translated:
                    yield {self.languages[0]: text, self.languages[1]: translated, "file": name.as_posix()}


def _help(language: str, title: str, size: str, digest: str) -> HelpPages:
    def package(name: str, folder: str, sha256: str) -> Package:
        return Package(
            "debian", f"libreoffice-help-{name}", "7.4.7", members=f"{PAGES}/{folder}/text/*.html", digest=sha256
        )

    english = package("en-us", "en-US", "4b36917ca956d5e389972b79fcd8b038f28b9d8140e4fb96245f6c294cac407d")
    return HelpPages(
        name=f"libreoffice-{language}",
        title=f"Paragraphs of the help of LibreOffice in English and {title}",
        licence="MPL-2.0",
        size=size,
        languages=("en", language),
        packages=(english, package(language, language, digest)),
    )


FRENCH = _help("fr", "French", "50,778 pairs", "4c49166cfb869d1c20bc31dfa800bb50cbb365c61eda825fe284e6ce76eb907e")
GERMAN = _help("de", "German", "52,813 pairs", "6a18c4705d7d7ad7dc68bb6e03aa845ae5f409375c125fbbfbe8d3ea8d998f0e")
