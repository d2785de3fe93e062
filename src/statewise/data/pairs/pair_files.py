"""Pairs out of files, whatever their form, with what cannot be learned from left out and counted."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.line_files import read_json_pairs, read_tabs, read_two_files
from statewise.data.pairs.pair import LONGEST_TEXT, Pair, cleaned
from statewise.data.pairs.tmx import read_tmx
from statewise.errors import DataError

TABLES = (".tsv", ".tab", ".csv")
OTHERS = {".md", ".html", ".xml", ".ids", ".scores", ".json", ".licence", ".license"}
"Endings of what lies in a folder of pairs and is none: counted, not read."
JAPANESE = {"HIRAGANA", "KATAKANA", "CJK", "KATAKANA-HIRAGANA"}
"The scripts of one language."
MOST_PAIRS = 20_000_000
OF_SCRIPT = 0.5
"A side with a smaller share of letters in the script of its language is in another."


def read_pairs(files: Sequence[Path], languages: tuple[str, str], left_out: LeftOutCount) -> Iterator[tuple[str, Pair]]:
    """Yield where each pair of some files stands, and the pair.

    Two files that end in the two languages, as those of Moses do, are read line by line, and so are two plain files;
    else `.tmx`, `.jsonl`, and tables with tabs. Raises `DataError` for a file that is none of these.
    """
    left = list(files)
    while left:
        path = left.pop(0)
        ending = path.suffix.lower()
        if other := _other_side(path, left, languages):
            left.remove(other)
            sides = (path, other) if _is_in(path, languages[0]) or not _is_in(path, languages[1]) else (other, path)
            yield from read_two_files(*sides, left_out)
        elif ending == ".tmx":
            yield from read_tmx(path, languages, left_out)
        elif ending in (".jsonl", ".ndjson"):
            yield from read_json_pairs(path, languages)
        elif len(files) > 1 and (ending in OTHERS or path.name in ("README", "LICENSE")):
            left_out.add("in files of another kind", path.name)
        else:
            yield from read_tabs(path, languages, left_out)


def _is_in(path: Path, language: str) -> bool:
    return path.suffix.lower() == f".{language.lower()}"


def _other_side(path: Path, others: Sequence[Path], languages: tuple[str, str]) -> Path | None:
    """Return the file that holds the translations of another one's lines, if there is one."""
    for here, there in (languages, languages[::-1]):
        if _is_in(path, here):
            found = [other for other in others if other.stem == path.stem and _is_in(other, there)]
            if found:
                return found[0]
    is_plain = len(others) == 1 and path.suffix.lower() not in (*TABLES, ".tmx", ".jsonl", ".ndjson")
    return others[0] if is_plain and path.suffix.lower() == others[0].suffix.lower() in ("", ".txt") else None


def clean_pairs(
    found: Iterator[tuple[str, Pair]], longest: int, left_out: LeftOutCount, scripts: tuple[str, str] | None = None
) -> Iterator[Pair]:
    """Yield pairs that can be learned from, cleaned; the others are counted.

    Left out are pairs with an empty side, with equal sides, that stood before, with more than `longest` words on a
    side, and, where `scripts` are known, in another script than their language is written in.
    """
    seen: set[int] = set()
    for where, pair in found:
        whole = max(len(pair.source), len(pair.target)) <= LONGEST_TEXT
        source, target = (cleaned(side[:LONGEST_TEXT]) for side in pair[:2])
        key = hash((source, target))
        if not source or not target:
            left_out.add("with an empty side", where)
        elif not whole or max(source.count(" "), target.count(" ")) >= longest:
            left_out.add(f"longer than {longest:,} words", where)
        elif source == target:
            left_out.add("with equal sides", where)
        elif key in seen:
            left_out.add("that stood before", where)
        elif scripts and not all(is_in_script(*side) for side in zip((source, target), scripts, strict=True)):
            left_out.add(f"not written in {scripts[0]} and {scripts[1]} letters", where)
        else:
            seen.add(key)
            if len(seen) > MOST_PAIRS:
                raise DataError(f"there are more than {MOST_PAIRS:,} pairs: give fewer")
            yield Pair(source, target, pair.file)


def is_in_script(text: str, script: str) -> bool:
    """Tell whether at least half of the letters of a text are of a script; one without letters is in any.

    >>> is_in_script("Hello", "LATIN"), is_in_script("Привет", "LATIN"), is_in_script("1 + 1", "LATIN")
    (True, False, True)
    """
    if script == "LATIN" and text.isascii():
        return True
    names = [_name(character) for character in text if character.isalpha()]
    return sum(name == script or {name, script} <= JAPANESE for name in names) >= OF_SCRIPT * len(names)


def script_of(texts: Sequence[str]) -> str:
    """Return the script that most letters of some texts are of.

    >>> script_of(["Hello", "Привет", "Bonjour"])
    'LATIN'
    """
    counts = Counter(_name(character) for text in texts for character in text if character.isalpha())
    return counts.most_common(1)[0][0] if counts else "LATIN"


@cache
def _name(character: str) -> str:
    return unicodedata.name(character, "UNKNOWN").split()[0]
