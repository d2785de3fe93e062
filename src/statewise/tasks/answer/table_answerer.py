"""A trained model at work on a table: a question becomes a query, which is shown, checked and run."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from statewise.errors import UsageError
from statewise.model import Model, evaluating
from statewise.tasks.answer.asked_table import AskedTable, Value
from statewise.tasks.answer.generated_parts import TARGET
from statewise.tasks.answer.linking import COLUMNS, COMPARISONS, Linked, Linker, stem
from statewise.tasks.answer.query import Query
from statewise.tasks.answer.question_words import FILLERS
from statewise.tasks.answer.table_codec import TAGS, ColumnNotThere, QueryReading, TableCodec, query_of

LONGEST_QUESTION = 1000
"Characters of a question about a table."
NOT_KNOWN = "not known"
SHOWN_ROWS = 20
AMBIGUOUS = 0.5
"How likely a value is that of a further column that has the same value."


@dataclass(frozen=True)
class TableAnswered:
    """The answer to a question about a table: the query as SQL, the rows, and how likely this reading is.

    Rows are None where there is no answer: `why` says it, and `readings` are the two likeliest queries where the
    question may mean either.
    """

    question: str
    sql: str | None
    rows: Sequence[Sequence[Value]] | None
    probability: float
    why: str
    readings: Sequence[tuple[str, float]]

    def __str__(self) -> str:
        if self.rows is None:
            told = [f"  {share:4.0%}  {sql}" for sql, share in self.readings]
            return "\n".join([f"{self.why}" if told else f"{NOT_KNOWN}: {self.why}", *told])
        lines = ["\t".join("" if cell is None else _shown(cell) for cell in row) for row in self.rows[:SHOWN_ROWS]]
        more = [f"... and {len(self.rows) - SHOWN_ROWS:,} more rows"] if len(self.rows) > SHOWN_ROWS else []
        return "\n".join([*(lines or ["(no row)"]), *more, f"  {self.sql} ({self.probability:.0%})"])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "question": self.question,
            "query": self.sql,
            "rows": None if self.rows is None else [list(row) for row in self.rows],
            "probability": self.probability,
            "why": self.why,
            "readings": [{"query": sql, "probability": share} for sql, share in self.readings],
        }


def _shown(cell: Value) -> str:
    """Return a cell as a person reads it.

    >>> _shown(2.5000000000000004), _shown(7)
    ('2.5', '7')
    """
    return f"{cell:.10g}" if isinstance(cell, float) else str(cell)


@dataclass(frozen=True)
class TableAnswerer:
    """A model with its codec, the table that is asked, and the probability below which a question is asked back."""

    model: Model[Any]
    codec: TableCodec
    table: AskedTable
    least: float

    @cached_property
    def linker(self) -> Linker:
        """What finds columns and values of the table in questions."""
        return Linker(self.table)

    def asked(self, text: str) -> Iterator[TableAnswered]:
        """Yield the answer to each line of a text. Raises `UsageError` where there is no question."""
        if not isinstance(text, str) or not text.strip():
            raise UsageError("there is no question: ask for something of the table")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        for line in lines:
            if len(line) > LONGEST_QUESTION:
                raise UsageError(f"a question has {len(line):,} characters: give at most {LONGEST_QUESTION:,}")
        return iter([self.answer(line) for line in lines])

    def answer(self, question: str) -> TableAnswered:
        """Return the answer to a question, or why there is none, or what it may mean."""
        linked = self.linker.linked(question)
        if not linked:
            return TableAnswered(question, None, None, 0.0, "the question has no word", ())
        try:
            found = self.readings(linked)
        except ColumnNotThere as missing:
            return TableAnswered(question, None, None, 0.0, f"the table has no column {str(missing)!r}", ())
        except UsageError as error:
            return TableAnswered(question, None, None, 0.0, str(error), ())
        best, strange = found[0], self._strange(linked)
        shown = [(one.query.shown(self.table), one.probability) for one in found]
        if strange:
            return TableAnswered(question, None, None, 0.0, *self._without(strange, linked, shown[:1]))
        if best.probability < self.least:
            why = "the question may mean either: ask again in other words, or give a smaller --least"
            return TableAnswered(question, None, None, best.probability, why, shown)
        return TableAnswered(question, shown[0][0], best.query.run(self.table), best.probability, "", shown[1:])

    def _strange(self, linked: Sequence[Linked]) -> list[str]:
        """Return the words that may change what is asked, and that neither the table nor training knows.

        A comparison is such a word wherever the table has no column that it compares.
        """
        known = self.codec.codes.keys() | FILLERS
        return [
            one.text
            for one in linked
            if (one.kind not in known and stem(one.kind) not in self.linker.row_nouns) or one.kind in COMPARISONS
        ]

    @staticmethod
    def _without(
        strange: Sequence[str], linked: Sequence[Linked], readings: Sequence[tuple[str, float]]
    ) -> tuple[str, Sequence[tuple[str, float]]]:
        """Return why a question with such words has no answer, and what it would mean without them, if anything."""
        named = ", ".join(map(repr, strange))
        why = f"neither the table nor training knows {named}"
        if not any(one.column is not None for one in linked):
            return why, ()
        return f"{NOT_KNOWN}: {why}; without {'it' if len(strange) == 1 else 'them'} the question would be", readings

    def readings(self, linked: Sequence[Linked]) -> list[QueryReading]:
        """Return the likeliest reading, and the next one where there is another that the table can answer.

        Raises `ColumnNotThere` and `UsageError` where the likeliest cannot be answered.
        """
        odds = self._odds(linked)
        tags = [max(one, key=one.__getitem__) for one in odds]
        likely = 1.0
        for one, tag in zip(odds, tags, strict=True):
            likely *= one[tag]
        query = self._query(linked, tags)
        others = [
            (one[tag] / one[best], place, tag)
            for place, (one, best) in enumerate(zip(odds, tags, strict=True))
            for tag in one
            if tag != best
        ]
        found = [*self._of_other_columns(linked, tags, query, likely)]
        for ratio, place, tag in sorted(others, reverse=True)[:8]:
            other = self._checked(linked, [*tags[:place], tag, *tags[place + 1 :]])
            if other is not None and other != query:
                found.append(QueryReading(other, likely * ratio))
        best = QueryReading(query, likely * (AMBIGUOUS if any(one.probability == likely for one in found) else 1.0))
        found = [one._replace(probability=min(one.probability, best.probability)) for one in found]
        return [best, *sorted(found, key=lambda one: -one.probability)[:1]]

    def _of_other_columns(
        self, linked: Sequence[Linked], tags: Sequence[str], query: Query, likely: float
    ) -> Iterator[QueryReading]:
        """Yield the readings in which a value is that of a further column."""
        for place, one in enumerate(linked):
            for column, value in one.others:
                turned = Linked(one.kind, one.text, column, value)
                other = self._checked([*linked[:place], turned, *linked[place + 1 :]], tags)
                if other is not None and other != query:
                    yield QueryReading(other, likely)

    def _query(self, linked: Sequence[Linked], tags: Sequence[str]) -> Query:
        """Return the query; a word for the rows that is asked for is the column that names a row.

        Raises `ColumnNotThere` and `UsageError` where the table cannot answer it.
        """
        key, nouns = self.table.key, self.linker.row_nouns
        named = [
            replace(one, column=key) if one.column is None and tag == TARGET and stem(one.kind) in nouns else one
            for one, tag in zip(linked, tags, strict=False)
        ]
        return self._open(query_of(named, tags, self.table), linked).check(self.table)

    def _open(self, query: Query, linked: Sequence[Linked]) -> Query:
        """Return a query of a list whose value is not told by the question, else of another column that it names.

        Raises `UsageError` where the question tells all that it names.
        """
        told = {one.column for one in query.conditions if one.operator == "="}
        if query.aggregate != "list" or query.order or query.column not in told:
            return query
        for column in (*(one.column for one in linked if one.kind in COLUMNS.values()), self.table.key):
            if column is not None and column not in told:
                return replace(query, column=column)
        name = self.table.columns[query.column or 0].name
        raise UsageError(f"the question tells {name!r} itself: name the column that it asks for")

    def _checked(self, linked: Sequence[Linked], tags: Sequence[str]) -> Query | None:
        try:
            return self._query(linked, tags)
        except (ColumnNotThere, UsageError):
            return None

    def _odds(self, linked: Sequence[Linked]) -> list[dict[str, float]]:
        """Return how likely each tag is of each word and the two ends, among those that may be said of it."""
        allowed = self.codec.allowed(linked)
        weight = next(self.model.parameters())
        xs = torch.tensor(self.codec.coded(linked), dtype=weight.dtype, device=weight.device).unsqueeze(1)
        with evaluating(self.model), torch.no_grad():
            ys, _ = self.model.core.scan(self.model.encoder(xs), self.model.begin(1))
            params = self.model.head(ys)[:, 0].double().cpu()
        found = []
        for row, numbers in zip(params, allowed, strict=True):
            shares = row[list(numbers)].softmax(dim=0).tolist()
            found.append({TAGS[number]: share for number, share in zip(numbers, shares, strict=True)})
        return found
