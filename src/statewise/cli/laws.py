"""`statewise laws`: every recurrence held to every law, as one page of ticks."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from statewise import registry
from statewise.cells import Recurrent
from statewise.testing import LAWS, LawResult, judge_cell
from statewise.testing.recurrences import RECURRENCES, small

Make = Callable[[], Recurrent[Any]]
DTYPES = (torch.float32, torch.float64)
GRADIENTS = 8
"The law of finite differences, which only double precision can show."


def show_laws(names: Sequence[str]) -> int:
    """Print the table and what is broken; return 1 where a law does not hold, else 0."""
    makes = {name: _make(name) for name in names} if names else RECURRENCES
    failures = []
    _print_head()
    for name, make in makes.items():
        print(f"judging {name}", file=sys.stderr)
        by_type = [judge_cell(make, dtypes=[dtype]) for dtype in DTYPES]
        print(f"| {name} | {' | '.join(_ticks(number, by_type) for number in LAWS)} |", flush=True)
        failures += [verdict.failure for verdicts in by_type for verdict in verdicts.values() if not verdict.holds]
    print(f"\n{len(makes)} recurrences, {len(failures)} laws broken.")
    for failure in dict.fromkeys(failures):
        print(f"- {failure}")
    return 1 if failures else 0


def _make(name: str) -> Make:
    if name in RECURRENCES:
        return RECURRENCES[name]
    registry.find("cells", name)  # refused before anything is printed
    return small(name)


def _print_head() -> None:
    print("# The laws, and which cells keep them\n")
    print("Left tick float32, right tick float64, each on every kernel of the cell. Law 8 is for float64 alone;")
    print("law 9 has a dot where there is no kernel but the reference.\n")
    for number, law in LAWS.items():
        print(f"{number}. {law.statement}")
    print(f"\n| recurrence | {' | '.join(str(number) for number in LAWS)} |")
    print(f"|---|{':-:|' * len(LAWS)}")


def _ticks(number: int, by_type: Sequence[Mapping[int, LawResult]]) -> str:
    shown = {True: "✓", False: "✗"}
    ticks = [shown[v[number].holds] if v[number].trials else "·" for v in by_type]
    return ticks[1] if number == GRADIENTS else "".join(ticks)
