"""Logs without a row of names, as published sets of the field have them: recognised by their first rows."""

import re
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from statewise.data.tables.table_format import TableFormat
from statewise.data.tables.tables import first_lines
from statewise.errors import DataError

LOOKED_AT = 20
"So many rows are looked at."
LATIN, MOST_DECODED = "latin-1", 1 << 24
"Titles are in UTF-8 or, in old sets, in Latin-1: so many bytes tell which."

NUMBER, RATING, SECONDS = r"\d+", r"[0-5](?:\.[05])?", r"\d{9,10}"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"
MUSICBRAINZ = r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?"
ANY = ".*"


class LogLayout(NamedTuple):
    """What separates the cells of a row, what each is called, and how it is written."""

    title: str
    mark: str
    cells: dict[str, str]

    def misfit(self, line: str) -> str | None:
        """Return what keeps a row from being one of this layout, None where it is one."""
        cells = line.rstrip("\r\n").split(self.mark)
        if len(cells) != len(self.cells):
            return f"has {len(cells)} cells, not {len(self.cells)}"
        for cell, (name, pattern) in zip(cells, self.cells.items(), strict=True):
            if not re.fullmatch(pattern, cell):
                return f"holds {cell[:40]!r} where {name} was wanted"
        return None


LAYOUTS = (
    LogLayout(
        "clicks as of Yoochoose",
        ",",
        {"session_id": NUMBER, "timestamp": MOMENT, "item_id": NUMBER, "category": r"\w+"},
    ),
    LogLayout(
        "purchases as of Yoochoose",
        ",",
        {"session_id": NUMBER, "timestamp": MOMENT, "item_id": NUMBER, "price": NUMBER, "quantity": NUMBER},
    ),
    LogLayout(
        "ratings as of MovieLens 1M",
        "::",
        {"user_id": NUMBER, "item_id": NUMBER, "rating": RATING, "timestamp": SECONDS},
    ),
    LogLayout("films as of MovieLens 1M", "::", {"item_id": NUMBER, "title": r".*\(\d{4}\)", "genres": ANY}),
    LogLayout(
        "ratings as of MovieLens 100K",
        "\t",
        {"user_id": NUMBER, "item_id": NUMBER, "rating": RATING, "timestamp": SECONDS},
    ),
    LogLayout(
        "films as of MovieLens 100K",
        "|",
        {"item_id": NUMBER, "title": r".+", "released": r"(?:\d\d-[A-Z][a-z]{2}-\d{4})?", "on_video": ANY, "url": ANY}
        | {f"genre_{number}": "[01]" for number in range(19)},
    ),
    LogLayout(
        "listening as of Last.fm 1K",
        "\t",
        {"user_id": r"user_\d+", "timestamp": MOMENT, "artist_mbid": MUSICBRAINZ, "artist": r".+"}
        | {"track_mbid": MUSICBRAINZ, "track": ANY},
    ),
)


def format_of_log(path: Path, how: TableFormat) -> TableFormat:
    """Return how a log is written: with the names of its columns, where it has none and its layout is a known one.

    Raises `DataError` where the first row is of a known layout and one beneath it is not.
    """
    if how.header is not None or how.names:
        return how
    lines = [line for line in first_lines(path, LOOKED_AT) if line.strip()]
    layout = next((known for known in LAYOUTS if lines and known.misfit(lines[0]) is None), None)
    if layout is None:
        return how
    for number, line in enumerate(lines, start=1):
        if (odd := layout.misfit(line)) is not None:
            raise DataError(
                f"{path} row {number} {odd}, and the rows above it are {layout.title} "
                f"({layout.mark.join(layout.cells)}): mend it, or leave the row out"
            )
    return replace(how, names=tuple(layout.cells), mark=layout.mark, encoding=_encoding(path))


def _encoding(path: Path) -> str:
    """Return Latin-1 for a small file of text that is not in UTF-8."""
    if path.stat().st_size > MOST_DECODED:
        return ""
    try:
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return LATIN if path.suffix not in (".gz", ".zip") else ""
    return ""
