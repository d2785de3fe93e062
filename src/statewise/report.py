"""Results compared with their baselines: as one object, one table, one page."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from statewise.shown import columns_of_screen, in_code, in_html, in_line, in_markdown

THIS_MODEL = "this model"
DYNAMIC, CACHED, BOTH = "dynamic_", "cached_", "both_"
ASIDE = {
    DYNAMIC: "this model, learning on",
    CACHED: "this model, with a cache",
    BOTH: "this model, learning on with a cache",
    "bfloat16_": "this model, weights in bfloat16",
    "int8_": "this model, weights in int8",
}
"How a model may be scored once more: what such metrics begin with, and what they are called."
ENDS = ("_low", "_high")
"What the names of the ends of an interval end in."
SHORTEST, LONGEST = 0.0005, 1e12
"A number below the one or from the other on is shown with an exponent."


@dataclass(frozen=True)
class Report:
    """What a model scores, and what simple methods score on the same data.

    >>> baselines = {"1-gram": {"bits_per_character": 4.75}}
    >>> report = Report("text", "runs/a", {}, {"bits_per_character": 2.0}, baselines, seconds=1.0)
    >>> print(report.table())
                bits_per_character
    this model               2.000
    1-gram                   4.750
    """

    task: str
    run: str
    data: dict[str, Any]
    metrics: dict[str, float]
    baselines: dict[str, dict[str, float]]
    seconds: float
    training: dict[str, float] = field(default_factory=dict)
    notice: str | None = None
    remarks: list[str] = field(default_factory=list)
    tables: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)

    def rows(self) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Yield each method's name and metrics, this model first."""
        yield THIS_MODEL, {name: value for name, value in self.metrics.items() if not name.startswith(tuple(ASIDE))}
        for aside, words in ASIDE.items():
            found = {name.removeprefix(aside): v for name, v in self.metrics.items() if name.startswith(aside)}
            if found:
                yield words, found
        yield from self.baselines.items()

    def columns(self) -> list[str]:
        """Return the names of the metrics that differ between methods; counts are the same for all.

        The ends of an interval, `NAME_low` and `NAME_high`, stand in brackets after `NAME`.
        """
        return [
            name
            for name, value in self.metrics.items()
            if isinstance(value, float)
            and not name.startswith(tuple(ASIDE))
            and not (name.endswith(ENDS) and name.rpartition("_")[0] in self.metrics)
        ]

    def cells(self) -> list[list[str]]:
        """Return the table as text, its head first."""
        columns = self.columns()
        body = [[name, *(_with_interval(metrics, c) for c in columns)] for name, metrics in self.rows()]
        return [["", *columns], *body]

    def table(self, width: int | None = None) -> str:
        """Return the table in plain text, in lines of at most a `width` where one is given."""
        return aligned(self.cells(), width)

    def shown(self, width: int | None = None) -> str:
        """Return the table in plain text, and beneath it what it means and the tables that go further."""
        further = [f"\n{in_line(title)}\n{aligned(cells_of(rows), width)}" for title, rows in self.tables.items()]
        return "\n".join([self.table(width), *map(in_line, self.remarks), *further])

    def markdown(self) -> str:
        """Return the table in Markdown."""
        return as_markdown(self.cells())

    def page(self) -> str:
        """Return the report as a page in Markdown, with the command that repeats it."""
        unit = f"{self.data.get('unit', 'place')}s"
        named = {name.replace("places", unit).replace("_", " "): value for name, value in self.training.items()}
        training = ", ".join(f"{in_markdown(name)} {_shown(value)}" for name, value in named.items())
        further = [f"{in_markdown(title)}:\n\n{as_markdown(cells_of(rows))}\n\n" for title, rows in self.tables.items()]
        beneath = "".join([*(f"{in_markdown(remark)}\n\n" for remark in self.remarks), *further])
        score = in_code(f"statewise evaluate {shlex.quote(self.run)}")
        train = in_code(f"statewise train {self.task} --config {shlex.quote(f'{self.run}/run.yaml')}")
        head = f"# {in_markdown(self.run)}\n\nTask {in_markdown(self.task)}. Training: {training}."
        again = f"Score it again: {score}. Train it again:\n{train}.\n"
        return f"{head}\n\nOn the held-out part:\n\n{self.markdown()}\n\n{beneath}{again}"

    def in_short(self) -> str:
        """Return what the model scores on one line."""
        return ", ".join(f"{name} {_shown(self.metrics[name])}" for name in self.columns())

    def __repr__(self) -> str:
        return f"<Report of {in_line(self.run)}: {self.in_short()}>"

    def _repr_html_(self) -> str:
        head, *body = self.cells()
        rows = ["".join(f"<th>{in_html(text)}</th>" for text in head)]
        rows += ["".join(f"<td>{in_html(text)}</td>" for text in row) for row in body]
        remarks = "".join(f"<p>{in_html(remark)}</p>" for remark in self.remarks)
        table = "".join(f"<tr>{row}</tr>" for row in rows)
        return f"<p>{in_html(self.run)}</p><table>{table}</table>{remarks}"


def cells_of(rows: Mapping[str, Mapping[str, float]]) -> list[list[str]]:
    """Return rows of columns as text, the head first; a column of whole numbers alone, some above 1, has no decimals.

    >>> cells_of({"1 h": {"error": 0.5, "values": 3.0}, "2 h": {"error": 0.75, "values": 1.0}})
    [['', 'error', 'values'], ['1 h', '0.500', '3'], ['2 h', '0.750', '1']]
    """
    columns = list(next(iter(rows.values()), {}))
    shown = {c: _column([row.get(c) for row in rows.values()]) for c in columns}
    return [["", *columns], *([name, *(shown[c][i] for c in columns)] for i, name in enumerate(rows))]


def _column(values: Sequence[float | None]) -> list[str]:
    are_counts = _are_counts(values)
    return [_shown(int(value) if are_counts and value is not None else value) for value in values]


def _are_counts(values: Sequence[float | None]) -> bool:
    there = [float(value) for value in values if value is not None]
    return all(value.is_integer() for value in there) and max(map(abs, there), default=0) > 1


def aligned(rows: Sequence[Sequence[str]], width: int | None = None) -> str:
    """Return rows of text as lines with aligned columns, the first to the left, numbers to the right.

    Columns that do not fit in a `width` go on in further blocks, each with the first column again.

    >>> print(aligned([["", "error"], ["1 h", "0.5"]]))
         error
    1 h    0.5
    >>> print(aligned([["", "error", "share"], ["1 h", "0.5", "1"]], width=12))
         error
    1 h    0.5
    <BLANKLINE>
         share
    1 h      1
    """
    cells = [[in_line(text) for text in row] for row in rows]
    widths = [max(columns_of_screen(row[i]) for row in cells) for i in range(len(cells[0]))]
    blocks: list[list[int]] = [[]]
    for column in range(1, len(widths)):
        taken = widths[0] + sum(2 + widths[i] for i in [*blocks[-1], column])
        if width is not None and blocks[-1] and taken > width:
            blocks.append([])
        blocks[-1].append(column)
    return "\n\n".join("\n".join(_line(row, widths, block) for row in cells) for block in blocks)


def _line(row: Sequence[str], widths: Sequence[int], columns: Sequence[int]) -> str:
    spaces = {i: " " * (widths[i] - columns_of_screen(row[i])) for i in (0, *columns)}
    return "  ".join([row[0] + spaces[0], *(spaces[i] + row[i] for i in columns)]).rstrip()


def as_markdown(cells: Sequence[Sequence[str]]) -> str:
    """Return rows of text as a table in Markdown, the head first."""
    head, *body = (f"| {' | '.join(map(in_markdown, row))} |" for row in cells)
    return "\n".join([head, f"|---|{'---:|' * (len(cells[0]) - 1)}", *body])


def _with_interval(metrics: Mapping[str, float], name: str) -> str:
    low, high = (metrics.get(name + end) for end in ENDS)
    return _shown(metrics.get(name)) + ("" if low is None or high is None else f" [{_shown(low)}, {_shown(high)}]")


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    size = abs(value)
    if size >= LONGEST or 0 < size < SHORTEST:
        return f"{value:.3g}"
    return f"{value:.3f}" if isinstance(value, float) and size < 1000 else f"{value:,.0f}"
