"""Translation memories (TMX), read a piece at a time: nothing is fetched, no entity is expanded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn
from xml.parsers import expat

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.pair import LONGEST_TEXT, Pair
from statewise.disk.reading import open_file
from statewise.errors import DataError
from statewise.shown import in_line

PIECE = 1 << 16
DEEPEST = 100
CODES_OF_FORMAT = {"bpt", "ept", "ph", "it", "ut"}
"Elements inside of a segment that hold marks of a format, not words."


class _Units:
    """The units of a TMX file as the parser meets them."""

    def __init__(self, where: str) -> None:
        self.where, self.depth, self.silent = where, 0, 0
        self.is_tmx = False
        self.unit: dict[str, str] | None = None
        self.language, self.segment, self.length = "", list[str](), 0
        self.in_segment = False
        self.done: list[dict[str, str]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Begin an element."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise DataError(f"{self.where} has more than {DEEPEST} elements in each other: it is not TMX")
        if self.depth == 1:
            self.is_tmx = name == "tmx"
        if name == "tu":
            self.unit = {}
        elif name == "tuv":
            self.language = attributes.get("xml:lang", attributes.get("lang", "")).lower()
        elif name == "seg":
            self.in_segment, self.segment, self.length = True, [], 0
        elif self.in_segment and name in CODES_OF_FORMAT:
            self.silent += 1

    def end(self, name: str) -> None:
        """End an element."""
        self.depth -= 1
        if name == "seg" and self.unit is not None:
            self.unit.setdefault(self.language, "".join(self.segment))
            self.in_segment = False
        elif name == "tu" and self.unit is not None:
            self.done.append(self.unit)
            self.unit = None
        elif self.in_segment and name in CODES_OF_FORMAT:
            self.silent -= 1

    def text(self, piece: str) -> None:
        """Take characters; of a segment that is too long to be a sentence no more than shows that it is."""
        if self.in_segment and not self.silent and self.length <= LONGEST_TEXT:
            self.segment.append(piece)
            self.length += len(piece)


def read_tmx(path: Path, languages: tuple[str, str], left_out: LeftOutCount) -> Iterator[tuple[str, Pair]]:
    """Yield the pairs of a translation memory; `en` is also a unit in `en-US`, where there is none in `en` itself.

    Units without one of the languages are left out and counted. Raises `DataError` where it is no TMX, or declares an
    entity.
    """
    units = _Units(str(path))

    def refuse(*_: object) -> NoReturn:
        raise DataError(f"{path} declares an entity, which is not read: write out what it stands for")

    parser: Any = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = units.start, units.end
    parser.CharacterDataHandler = units.text
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    number = 0
    with open_file(path, DataError) as file:
        is_last = False
        while not is_last:
            piece = file.read(PIECE)
            is_last = not piece
            try:
                parser.Parse(piece, is_last)
            except (expat.ExpatError, ValueError, LookupError) as error:
                if isinstance(error, DataError):
                    raise
                raise DataError(f"{path} is not XML ({in_line(error, 80)}): it is damaged, or something else") from None
            for unit in units.done:
                number += 1
                where = f"unit {number} of {path.name}"
                sides = [_in_language(unit, language) for language in languages]
                if None in sides:
                    left_out.add(f"without {languages[0]} and {languages[1]}", where)
                else:
                    yield where, Pair(str(sides[0]), str(sides[1]), path.name)
            units.done.clear()
    if not units.is_tmx:
        raise DataError(f"{path} is XML, but no TMX: give a translation memory, or tabs, two files or JSON lines")


def _in_language(unit: dict[str, str], language: str) -> str | None:
    """Return the text of a unit in a language, or in a variety of it."""
    wanted = language.lower()
    if wanted in unit:
        return unit[wanted]
    return next((text for name, text in unit.items() if name.replace("_", "-").split("-")[0] == wanted), None)
