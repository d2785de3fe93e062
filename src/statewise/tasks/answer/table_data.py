"""What a network of tables learns from: generated questions about generated tables, and others to be scored on."""

import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.batches import Batches, Example
from statewise.data.pairs.line_files import lines_of
from statewise.data.texts import digest, find_files
from statewise.data.window import Window
from statewise.errors import DataError, UsageError
from statewise.task import Data, Part
from statewise.tasks.answer.asked_table import AskedTable, Value, read_asked_table
from statewise.tasks.answer.generated import GeneratedQuestion, Generator
from statewise.tasks.answer.generated_parts import NOTHING, ROW
from statewise.tasks.answer.keywords import rows_by_keywords
from statewise.tasks.answer.linking import SLOTS, Linker
from statewise.tasks.answer.metrics import accuracy
from statewise.tasks.answer.query import same_rows
from statewise.tasks.answer.table_codec import MOST_CELLS, TAGS, UNKNOWN, TableCodec, ahead

FORMAT = 1
"What is generated for the same seed differs where this is another number."
PER_TABLE = 20
SEED, HELD_OUT_SEED, CHECKED_SEED = 20251, 20252, 20253
FEWEST = 5
"A word that fewer generated questions have is read as unknown."
SHARE_UNKNOWN = 0.03
"The share of words that training reads as unknown, so that others do no harm."
SCORED_ROWS = 128


class TableQuestion(NamedTuple):
    """A question about a table and the rows that answer it; None where the table cannot answer."""

    table: AskedTable
    text: str
    rows: Sequence[Sequence[Value]] | None


class Tagged(NamedTuple):
    """What a network reads of a question, and what is to be said of each word."""

    kinds: list[str]
    tags: list[int]


def tagged(asked: GeneratedQuestion, linker: Linker) -> Tagged | None:
    """Return a generated question as what is read and said; None where pieces together name something else."""
    linked = [(linker.linked(text), role) for text, role in asked.pieces]
    whole = linker.linked(asked.text)
    if [(one.kind, one.column, one.value) for each, _ in linked for one in each] != [
        (one.kind, one.column, one.value) for one in whole
    ]:
        return None
    kinds, tags = list[str](), list[int]()
    for each, role in linked:
        for place, one in enumerate(each):
            is_last = place == len(each) - 1
            kinds.append("" if role != NOTHING and one.kind not in SLOTS else one.kind)
            tags.append(TAGS.index(role if is_last and role != ROW else NOTHING))
    return Tagged(kinds, tags)


def generated_questions(count: int, seed: int, *, is_held_out: bool) -> Iterator[tuple[GeneratedQuestion, AskedTable]]:
    """Yield generated questions, twenty about each table; each even one of the names of columns, or each odd one."""
    made = Generator(random.Random(seed), is_held_out)
    for number in range(count):
        if number % PER_TABLE == 0:
            made.new_table()
        yield made.question(), made.table


def training_questions(count: int) -> list[Tagged]:
    """Return generated questions to learn from, with the two ends of each."""
    found = list[Tagged]()
    linkers: dict[int, Linker] = {}
    for asked, table in generated_questions(count, SEED, is_held_out=False):
        linker = linkers.setdefault(id(table), Linker(table))
        if (one := tagged(asked, linker)) is not None:
            query = asked.query
            ends = [TAGS.index(f"aggregate {query.aggregate}"), TAGS.index(f"order {query.order}")]
            found.append(Tagged(one.kinds, [*one.tags, *ends]))
    return found


def asked_questions(count: int, seed: int) -> list[TableQuestion]:
    """Return generated questions about tables whose columns training never saw, with the rows that answer them."""
    return [
        TableQuestion(table, asked.text, asked.query.run(table) if asked.is_there else None)
        for asked, table in generated_questions(count, seed, is_held_out=True)
    ]


@dataclass(frozen=True)
class TableData(Data):
    """Generated questions in three parts, and the table that a run is about."""

    task: Any  # a QuestionAnswering, whose module imports this one
    own: TableCodec
    training: list[Tagged]
    asked: list[TableQuestion]
    told: dict[str, Any]
    found: dict[str, NDArray[np.bool_]] = field(default_factory=dict, compare=False)

    @property
    def codec(self) -> TableCodec:
        """The words that are known, and the table."""
        return self.own

    @property
    def facts(self) -> dict[str, Any]:
        """How many questions there are, and the digest."""
        return self.told

    @cached_property
    def files(self) -> list[str]:
        """What the questions that are scored come from: all of one place."""
        return ["questions"] * len(self.asked)

    def windows(self, part: Part, *, rows: int | None = None, steps: int | None = None) -> Sequence[Window]:
        """Return batches of questions; those that are scored are of what training generates, with other numbers."""
        is_training = part == "training"
        some = self.training if is_training else self.training[: max(1, len(self.training) // 20)]
        examples = [_example(one, self.own, number if is_training else None) for number, one in enumerate(some)]
        most = rows or (self.task.batch_size if is_training else SCORED_ROWS)
        seed = self.task.seed if is_training else None
        return Batches(examples, [len(one.inputs) for one in examples], min(most, len(some)), seed=seed)

    def baselines(self) -> Mapping[str, dict[str, float]]:
        """Return what keywords score on the same questions."""
        if not self.found:
            linkers: dict[int, Linker] = {}
            right = []
            for one in self.asked:
                linker = linkers.setdefault(id(one.table), Linker(one.table))
                right.append(is_right(rows_by_keywords(one.text, linker), one.rows))
            self.found["keywords"] = np.array(right)
        return {name: accuracy(right, self.files) for name, right in self.found.items()}

    def validating(self) -> "TableData":
        """Return other generated questions to be checked on."""
        return replace(self, asked=asked_questions(max(1, len(self.asked) // 4), CHECKED_SEED), found={})

    def on(self, source: Sequence[str], cache: Path) -> "TableData":
        """Return questions about the table of a run that a person wrote: lines QUESTION<tab>ROWS, rows in JSON."""
        files = find_files(source, "stories")
        asked = [one for path in files for one in _written(path, self.own.table)]
        told = {**self.told, "held_out": len(asked), "sha256": digest(files)}
        return replace(self, asked=asked, told=told, found={})


def is_right(found: Sequence[Sequence[Value]] | None, wanted: Sequence[Sequence[Value]] | None) -> bool:
    """Say whether an answer has the wanted rows, or there is none where there is none."""
    if found is None or wanted is None:
        return found is wanted
    return same_rows(found, wanted)


def _written(path: Path, table: AskedTable) -> Iterator[TableQuestion]:
    has_one = False
    for number, line in enumerate(lines_of(path), start=1):
        if not line.strip():
            continue
        text, _, rows = line.partition("\t")
        try:
            told = json.loads(rows)
            is_sound = told is None or (isinstance(told, list) and all(isinstance(row, list) for row in told))
        except ValueError:
            is_sound = False
        if not is_sound or not text.strip():
            raise DataError(
                f"line {number} of {path} is not a question with its rows: give QUESTION<tab>[[VALUE, ...]]"
            )
        has_one = True
        yield TableQuestion(table, text, told)
    if not has_one:
        raise DataError(f"{path} has no question: give lines QUESTION<tab>[[VALUE, ...]]")


def _example(one: Tagged, codec: TableCodec, number: int | None) -> Example:
    codes = [codec.codes.get(kind, UNKNOWN) for kind in one.kinds]
    if number is not None:
        dice = random.Random(number)
        codes = [UNKNOWN if code > len(SLOTS) and dice.random() < SHARE_UNKNOWN else code for code in codes]
    ends = [len(SLOTS) + 1, len(SLOTS) + 2]
    return Example(torch.tensor(ahead([*codes, *ends]), dtype=torch.float32), torch.tensor(one.tags))


def table_data(task: Any) -> TableData:
    """Read the table and generate questions. Raises `DataError` for a table that cannot be asked or is too large."""
    if len(task.sources) != 1:
        raise UsageError(f"--table asks one table and {len(task.sources)} were given: give one")
    table = read_asked_table(task.sources[0])
    if table.rows * len(table.columns) > MOST_CELLS:
        raise DataError(f"{task.sources[0]} has more than {MOST_CELLS:,} cells: give a smaller table")
    training = training_questions(task.questions)
    counts = Counter(kind for one in training for kind in set(one.kinds) if kind and kind not in SLOTS)
    words = tuple(sorted(word for word, count in counts.items() if count >= FEWEST and not word[0].isdigit()))
    asked = asked_questions(max(10, task.questions // 20), HELD_OUT_SEED)
    facts = {
        "unit": "question",
        "training": len(training),
        "held_out": len(asked),
        "generated": True,
        "words": len(words),
        "answers": len(TAGS),
        "columns": [column.name for column in table.columns],
        "rows": table.rows,
        "sha256": digest(find_files(task.sources, "events")),
    }
    return TableData(task, TableCodec(words, table), training, asked, facts)
