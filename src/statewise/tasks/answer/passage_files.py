"""Passages with questions whose answers are words of them: SQuAD's JSON, and files line by line."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statewise.data.left_out import LeftOutCount
from statewise.data.naming import path_of
from statewise.data.pairs.line_files import lines_of
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

TOKEN = re.compile(r"\w+|[^\w\s]")
LARGEST_FILE = 1 << 28
MOST_VALUES = 20_000_000
ENDINGS = (".context", ".question", ".answer", ".span")
PASSAGES_A_BLOCK = 25
"Files line by line name no article: so many passages that follow each other stay in one part, as they may be of one."
FORM = 'give {"data": [{"paragraphs": [{"context": "...", "qas": [...]}]}]}, as SQuAD has it'


@dataclass(frozen=True)
class PassageQuestion:
    """A question about a passage, its right answers, and where the first of them stands, in characters.

    `source` is the article that the passage is of, by which passages are split.
    """

    passage: str
    text: str
    answers: tuple[str, ...]
    begin: int
    source: str


def tokens_of(text: str) -> list[tuple[str, int, int]]:
    """Return the words and marks of a text, each with where it begins and ends.

    >>> tokens_of("In 1914, no.")
    [('In', 0, 2), ('1914', 3, 7), (',', 7, 8), ('no', 9, 11), ('.', 11, 12)]
    """
    return [(found[0], found.start(), found.end()) for found in TOKEN.finditer(text)]


def are_passages(sources: Sequence[str]) -> bool:
    """Say whether some sources are passages, by the endings of their names, or of what a folder has."""
    path = path_of(sources[0])
    names = [each.name for each in path.iterdir()] if path.is_dir() else [sources[0]]
    return any(name.endswith((".json", ENDINGS[0])) for name in names)


def read_passages(files: Sequence[Path], longest: int, left_out: LeftOutCount) -> Iterator[PassageQuestion]:
    """Yield the questions of files; those without an answer in the passage are left out and counted.

    Raises `DataError` where a file is something else.
    """
    kept: dict[str, int] = {}
    for path in files:
        if path.suffix != ".json" and path.suffix != ENDINGS[0]:
            continue
        found = _of_json(path, left_out) if path.suffix == ".json" else _of_lines(path, left_out)
        for where, one in found:
            if one.passage not in kept:
                kept[one.passage] = len(tokens_of(one.passage))
            if kept[one.passage] > longest:
                left_out.add(f"about passages of more than {longest:,} words", where)
            elif not tokens_of(one.text):
                left_out.add("without a word", where)
            else:
                yield one


def _of_json(path: Path, left_out: LeftOutCount) -> Iterator[tuple[str, PassageQuestion]]:
    try:
        told: Any = read_json(read_file(path, LARGEST_FILE, DataError), most_values=MOST_VALUES)
        paragraphs = [
            (str(article.get("title", number)), paragraph["context"], each)
            for number, article in enumerate(told["data"])
            for paragraph in article["paragraphs"]
            for each in paragraph["qas"]
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} holds no passages with questions ({error}): {FORM}") from None
    for title, passage, each in paragraphs:
        where = f"a question of {title!r} in {path.name}"
        try:
            question, answers = each["question"], each.get("answers", [])
            texts = [one["text"] for one in answers]
            begin = answers[0]["answer_start"] if answers else -1
            is_sound = all(isinstance(text, str) for text in (passage, question, *texts)) and type(begin) is int
        except (KeyError, TypeError, AttributeError):
            is_sound = False
        if not is_sound:
            raise DataError(f"{where} is not one of SQuAD: {FORM}")
        if not texts:
            left_out.add("without an answer in the passage", where)
        elif passage[begin : begin + len(texts[0])] != texts[0] or not texts[0].strip():
            left_out.add("whose answer does not stand where it says", where)
        else:
            yield where, PassageQuestion(passage, question, tuple(dict.fromkeys(texts)), begin, title)


def _of_lines(path: Path, left_out: LeftOutCount) -> Iterator[tuple[str, PassageQuestion]]:
    """Yield the questions of files NAME.context, .question and .span, or .answer where there is no .span."""
    others = {ending: path.with_suffix(ending) for ending in ENDINGS[1:]}
    answers = others[".span"] if others[".span"].exists() else others[".answer"]
    sides = [list(lines_of(each)) for each in (path, others[".question"], answers)]
    if len({len(side) for side in sides}) > 1:
        counts = ", ".join(f"{len(side):,}" for side in sides)
        raise DataError(f"{path}, its questions and its answers have {counts} lines: they must be as many")
    numbers: dict[str, int] = {}
    for number, (passage, question, told) in enumerate(zip(*sides, strict=True), start=1):
        where = f"line {number} of {path.name}"
        block = numbers.setdefault(passage, len(numbers)) // PASSAGES_A_BLOCK
        span = _span(passage, told) if answers.suffix == ".span" else _found(passage, told)
        if span is None:
            left_out.add("whose answer does not stand where it says", where)
        else:
            yield where, PassageQuestion(passage, question, (passage[slice(*span)],), span[0], f"{path.stem} {block}")


def _span(passage: str, told: str) -> tuple[int, int] | None:
    """Return where the words from one number to another stand in a passage whose words have spaces between them."""
    words = told.split()
    if len(words) != 2 or not all(word.isdecimal() and len(word) < 7 for word in words):
        return None
    places = [(found.start(), found.end()) for found in re.finditer(r"\S+", passage)]
    first, last = map(int, words)
    return (places[first][0], places[last][1]) if first <= last < len(places) else None


def _found(passage: str, told: str) -> tuple[int, int] | None:
    begin = passage.find(told.strip())
    return None if begin < 0 or not told.strip() else (begin, begin + len(told.strip()))
