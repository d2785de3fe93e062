"""XML of a file that may not be trusted: no entities, nothing fetched, and no more than can be held."""

from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from statewise.errors import DataError
from statewise.shown import in_line

MOST_ELEMENTS = 200_000
DEEPEST = 100
LARGEST_XML = 1 << 26


def read_xml(content: bytes, where: str) -> Element:
    """Return the root of some XML, its names without their namespaces.

    Raises `DataError` where it is none, declares an entity (which may stand for any amount of text, or for a file), is
    nested deeper than 100 elements, or has more than 200,000.
    """
    builder, depth, count = TreeBuilder(), 0, 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, count
        depth, count = depth + 1, count + 1
        if depth > DEEPEST or count > MOST_ELEMENTS:
            raise DataError(f"{where} has more than {MOST_ELEMENTS:,} elements, or more than {DEEPEST} in each other")
        builder.start(_plain(name), {_plain(key): value for key, value in attributes.items()})

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(_plain(name))

    def refuse(*_: object) -> NoReturn:
        raise DataError(f"{where} declares an entity, which is not read: write out what it stands for")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, builder.data
    parser.EntityDeclHandler = parser.UnparsedEntityDeclHandler = refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.buffer_text = True
    try:
        parser.Parse(content, True)
        return builder.close()
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        raise DataError(f"{where} is no XML ({in_line(error, 80)}): it is damaged, or something else") from None


def _plain(name: str) -> str:
    """Return a name without its namespace."""
    return name.rpartition(" ")[2]
