"""How translations are shown: line by line, as a file has them, or word by word as they come."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from statewise.data.naming import path_of
from statewise.data.pairs.line_files import lines_of
from statewise.data.pairs.pair import cleaned
from statewise.data.pairs.pairs_codec import PairsCodec
from statewise.errors import DataError, UsageError
from statewise.shown import in_line
from statewise.task import Answer
from statewise.tasks.translate.alignment_picture import draw_alignment
from statewise.tasks.translate.translator import Translated, Translator

MOST_WORDS = 5
"So many words are named at most."


def answer_of(found: Iterable[Translated], notices: Sequence[str] = ()) -> Answer:
    """Return translations, each on a line of its own, or one object."""
    each = iter(found)
    return Answer(
        (f"{one}\n" for one in each), lambda: {"answer": [one.as_json() for one in each]}, end="", notices=notices
    )


def guessed(codec: PairsCodec, lines: Sequence[str]) -> list[str]:
    """Return a sentence on the words that training never saw, where there are any."""
    found = [codec.unseen(cleaned(line)) for line in lines]
    words = list(dict.fromkeys(word for each in found for word in each))
    if not words:
        return []
    count = sum(map(bool, found))
    where = f" in {count:,} of {len(lines):,} lines" if len(lines) > 1 else ""
    more = f" and {len(words) - MOST_WORDS:,} more" if len(words) > MOST_WORDS else ""
    named = ", ".join(in_line(word, 40) for word in words[:MOST_WORDS])
    return [
        f"training never saw {named}{more}{where}: what stands for {'it' if len(words) == 1 else 'them'} is a guess"
    ]


def word_by_word(translator: Translator, text: str) -> Answer:
    """Return the translation of one sentence, its words shown as they come."""
    translator.coded(text)

    def pieces() -> Iterator[str]:
        for number, word in enumerate(translator.words(text)):
            yield f" {word}" if number else word

    def as_json() -> dict[str, Any]:
        return {"answer": [one.as_json() for one in translator.translations([text])]}

    return Answer(pieces(), as_json, notices=guessed(translator.codec, [text]))


def lines_of_file(name: str) -> list[str]:
    """Return the lines of a file. Raises `DataError` where it cannot be read or has none."""
    path: Path = path_of(name)
    lines = list(lines_of(path))
    if not lines:
        raise DataError(f"{path} is empty: give a file with a sentence a line")
    return lines


def scored_lines(
    translator: Translator, sources: Sequence[str], targets: Sequence[str], one: str, other: str
) -> Iterator[Translated]:
    """Yield each line with the line of another file as its translation, and what the model says of that."""
    if len(sources) != len(targets):
        raise UsageError(f"{one} has {len(sources):,} lines and {other} {len(targets):,}: they must be as many")
    return (
        Translated(source, [translator.given(source, target)], is_given=True)
        for source, target in zip(sources, targets, strict=True)
    )


def draw_first(path: str, translator: Translator, found: Sequence[Translated]) -> str:
    """Draw what the best translation of the first sentence looked at, and say so."""
    one = found[0]
    draw_alignment(path, *translator.alignment(one.source, one.candidates[0].codes))
    return f"{path} shows what each word of the translation looked at"
