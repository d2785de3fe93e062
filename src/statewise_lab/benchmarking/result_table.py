"""Rows as a table in Markdown: the case, ours, the best peer, the floor, then every way."""

from collections.abc import Iterator, Sequence

from statewise_lab.benchmarking.question import Question
from statewise_lab.benchmarking.row import OURS, Row

NONE = "-"
SHOWN_DIGITS = 3


def table(question: Question, rows: Sequence[Row]) -> str:
    """Return the table, and under it each way that was not measured, with the reason."""
    ways = list(dict.fromkeys(name for row in rows for name in (*row.seconds, *row.absent)))
    ours = [name for name in ways if name.startswith(OURS) and ", " not in name]
    heads = list(dict.fromkeys(name for row in rows for name in row.case))
    extras = list(dict.fromkeys(name for row in rows for name, value in row.extra.items() if _is_shown(value)))
    floored = any(row.floor_seconds is not None for row in rows)
    lines = [[*heads, *_compared(ours, floored), *ways, *extras]]
    for row in rows:
        shown = [str(row.case.get(name, NONE)) for name in heads]
        shown += list(_comparisons(row, ours, floored))
        shown += [number(row.median(way) * question.per_second) if way in row.seconds else NONE for way in ways]
        shown += [_shown(row.extra[name]) if name in row.extra else NONE for name in extras]
        lines.append(shown)
    return "\n".join([f"### {question.asks} ({question.unit})", "", *_aligned(lines), *_reasons(rows)])


def number(value: float) -> str:
    """Return a number with three digits that count.

    >>> number(1234.5), number(0.012345), number(7.0)
    ('1,234', '0.0123', '7.00')
    """
    if value >= 10**SHOWN_DIGITS:
        return f"{value:,.0f}"
    return f"{value:#.{SHOWN_DIGITS}g}".rstrip(".")


def _compared(ours: Sequence[str], floored: bool) -> list[str]:
    heads = []
    for own in ours:
        heads += [f"best peer of {own}", "x", *(["of floor"] if floored else [])]
    return heads


def _comparisons(row: Row, ours: Sequence[str], floored: bool) -> Iterator[str]:
    for own in ours:
        peer = row.best_peer(own) if own in row.seconds else None
        yield peer or NONE
        yield NONE if peer is None else f"{row.ratio(own, peer):.2f}"
        if floored:
            share = row.of_floor(own) if own in row.seconds else None
            yield NONE if share is None else f"{share:.2f}"


def _is_shown(value: object) -> bool:
    return isinstance(value, str | int | float)


def _shown(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def _aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines]
    return [rows[0], f"|{'|'.join('-' * (width + 2) for width in widths)}|", *rows[1:]]


def _reasons(rows: Sequence[Row]) -> list[str]:
    missing: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for name, reason in row.absent.items():
            missing.setdefault((name, reason), []).append(" ".join(map(str, row.case.values())))
    everywhere = [f"- {name}: {reason}" for (name, reason), cases in missing.items() if len(cases) == len(rows)]
    partly = [
        f"- {name}: {reason} ({'; '.join(cases)})"
        for (name, reason), cases in missing.items()
        if len(cases) < len(rows)
    ]
    return ["", *everywhere, *partly] if missing else []
