"""An account of what data are left out, why, and where the first of each stands."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from statewise.shown import counted, in_line


@dataclass
class LeftOutCount:
    """How many things of one unit were left out for which reason, and where the first of each stands."""

    unit: str
    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, why: str, where: str) -> None:
        """Count one."""
        self.counts[why] += 1
        self.first.setdefault(why, where)

    def facts(self) -> dict[str, Any]:
        """Return it as facts of data, of which `of` makes the account again."""
        return {"left_out": dict(self.counts), "left_out_first": self.first}

    @classmethod
    def of(cls, unit: str, facts: Mapping[str, Any]) -> "LeftOutCount":
        """Return the account that facts of data give."""
        return cls(unit, Counter(facts["left_out"]), dict(facts["left_out_first"]))

    def told(self) -> list[str]:
        """Return a line for each reason.

        >>> left_out = LeftOutCount("pair")
        >>> left_out.add("with an empty side", "line 7 of a.tsv")
        >>> left_out.told()
        ['1 pair left out: with an empty side (the first: line 7 of a.tsv)']
        """
        return [
            f"{counted(count, self.unit)} left out: {why} (the first: {in_line(self.first[why])})"
            for why, count in self.counts.items()
        ]
