"""Stories with questions, as the files of bAbI have them: numbered lines, a question with its answer after a tab."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from statewise.data.left_out import LeftOutCount
from statewise.data.pairs.line_files import lines_of
from statewise.errors import DataError

NUMBERED = re.compile(r"(\d{1,9}) (.*)")
WORD = re.compile(r"\w+(?:['’-]\w+)*")
LONGEST_LINE = 10_000
"Characters of a line of a story."
MOST_WORDS = 64
"Words of a sentence or a question; what has more is left out and counted."
FORM = "give lines such as '1 Mary went home.' and '2 Where is Mary?<tab>home<tab>1'"


def words_of(text: str) -> list[str]:
    """Return the words of a text in small letters, without marks.

    >>> words_of("Where is Mary's dog?")
    ['where', 'is', "mary's", 'dog']
    """
    return [*_cut(text)]


@lru_cache(maxsize=1 << 16)
def _cut(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(text.lower()))


@dataclass(frozen=True)
class StoryQuestion:
    """A question about a story: the sentences before it, its answer, and which sentences the answer follows from.

    `story` is the whole story that it stands in, as a text, by which stories are split; `file` is where it was.
    """

    sentences: tuple[str, ...]
    text: str
    answer: str
    support: tuple[int, ...]
    story: str
    file: str


@dataclass
class _Story:
    """A story that is being read: its sentences, which line each has, and its questions."""

    sentences: list[str] = field(default_factory=list)
    places: dict[int, int] = field(default_factory=dict)
    asked: list[tuple[int, str, str, tuple[int, ...]]] = field(default_factory=list)

    def questions(self, file: str) -> Iterator[StoryQuestion]:
        """Yield what was asked, each with the sentences before it."""
        whole = "\n".join([*self.sentences, *(f"{text}\t{answer}" for _, text, answer, _ in self.asked)])
        for before, text, answer, support in self.asked:
            yield StoryQuestion(tuple(self.sentences[:before]), text, answer, support, whole, file)


def read_stories(files: Sequence[Path], longest: int, left_out: LeftOutCount) -> Iterator[StoryQuestion]:
    """Yield the questions of files in their order; what is longer than `longest` sentences is left out and counted.

    Raises `DataError`, naming the line, where a file is something else.
    """
    for path in files:
        found = False
        for number, one in _questions(path):
            found = True
            widest = max(len(_cut(text)) for text in (*one.sentences, one.text))
            where = f"line {number} of {path.name}"
            if len(one.sentences) > longest:
                left_out.add(f"about more than {longest:,} sentences", where)
            elif not one.sentences:
                left_out.add("about no sentence", where)
            elif widest > MOST_WORDS:
                left_out.add(f"with a sentence of more than {MOST_WORDS} words", where)
            else:
                yield one
        if not found:
            raise DataError(f"{path} has no question: {FORM}")


def _questions(path: Path) -> Iterator[tuple[int, StoryQuestion]]:
    story, last, numbers = _Story(), 0, list[int]()
    for number, line in enumerate(lines_of(path), start=1):
        where = f"line {number} of {path}"
        if not line.strip():
            continue
        if len(line) > LONGEST_LINE:
            raise DataError(f"{where} has {len(line):,} characters: it is not a sentence of a story")
        found = NUMBERED.fullmatch(line)
        if found is None:
            raise DataError(f"{where} does not begin with a number: {FORM}")
        place, text = int(found[1]), found[2]
        if place == 1:
            yield from zip(numbers, story.questions(path.stem), strict=True)
            story, numbers = _Story(), []
        elif place != last + 1:
            raise DataError(f"{where} has the number {place:,} after {last:,}: number the lines of a story from 1 on")
        last = place
        if "\t" in text:
            story.asked.append(_asked(text, story, where))
            numbers.append(number)
        else:
            story.places[place] = len(story.sentences)
            story.sentences.append(_sentence(text, where))
    yield from zip(numbers, story.questions(path.stem), strict=True)


def _sentence(text: str, where: str) -> str:
    if not words_of(text):
        raise DataError(f"{where} has no word: {FORM}")
    return text.strip()


def _asked(text: str, story: _Story, where: str) -> tuple[int, str, str, tuple[int, ...]]:
    cells = [cell.strip() for cell in text.split("\t")]
    question, answer, support = cells[0], cells[1], " ".join(cells[2:]).split()
    if not words_of(question) or not answer:
        raise DataError(f"{where} has no {'question' if answer else 'answer'}: {FORM}")
    places = []
    for word in support:
        place = story.places.get(int(word)) if word.isdecimal() and len(word) < 10 else None
        if place is None:
            raise DataError(
                f"{where} follows from {word[:20]!r}, which is not the line of a sentence before it: {FORM}"
            )
        places.append(place)
    return len(story.sentences), question, answer, tuple(places)
