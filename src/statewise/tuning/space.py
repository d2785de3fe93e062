"""Where a search may look: `learning-rate=1e-4..1e-2:log`, `layers=1..3`, `cell=lstm,gru`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import yaml

from statewise.errors import UsageError
from statewise.registry import unknown

RANGE = re.compile(r"(?P<low>[^.]+(?:\.\d+[^.]*)?)\.\.(?P<high>[^:]+)(?P<log>:log)?")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)


class Range(NamedTuple):
    """Numbers from `low` to `high`, both among them; whole ones where both are whole."""

    low: float
    high: float
    log: bool = False

    def draw(self, name: str, trial: Any) -> float:
        """Let a trial of Optuna choose."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return int(trial.suggest_int(name, self.low, self.high, log=self.log))
        return float(trial.suggest_float(name, float(self.low), float(self.high), log=self.log))


class Choice(NamedTuple):
    """One of some values."""

    values: tuple[Any, ...]

    def draw(self, name: str, trial: Any) -> Any:
        """Let a trial of Optuna choose."""
        return trial.suggest_categorical(name, list(self.values))


Space = Mapping[str, Range | Choice]


def parse_space(asked: Iterable[str], known: Iterable[str]) -> dict[str, Range | Choice]:
    """Return where to look, as `NAME=LOW..HIGH`, `NAME=LOW..HIGH:log` or `NAME=A,B,C` say it.

    Raises `UsageError` for anything else, and for a name that is not a setting.

    >>> parse_space(["layers=1..3", "cell=lstm,gru"], ["learning_rate", "layers", "cell"])["layers"]
    Range(low=1, high=3, log=False)
    """
    found: dict[str, Range | Choice] = {}
    known = list(known)
    for one in asked:
        name, equals, values = one.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or not values:
            raise UsageError(
                f"'{one}' has no range or choices: give learning-rate=1e-4..1e-2:log, layers=1..3 or cell=lstm,gru"
            )
        if name not in known:
            raise UsageError(unknown("setting", name, known))
        found[name] = _part(name, values)
    return found


def _part(name: str, values: str) -> Range | Choice:
    if ".." not in values:
        return Choice(tuple(_value(value.strip()) for value in values.split(",")))
    match = RANGE.fullmatch(values.strip())
    if not match or not all(NUMBER.fullmatch(match[end].strip()) for end in ("low", "high")):
        raise UsageError(f"'{values}' of {name} is not a range: give it as LOW..HIGH or LOW..HIGH:log, with numbers")
    low, high = _value(match["low"]), _value(match["high"])
    if not low < high or (match["log"] and low <= 0):
        least = "above 0 " if match["log"] else ""
        raise UsageError(f"the range {values} of {name} is empty: give a low end {least}and a high end above it")
    return Range(low, high, bool(match["log"]))


def _value(text: str) -> Any:
    """Return a value as YAML has it, except that 1e-4 is a number too."""
    return float(text) if NUMBER.fullmatch(text) and not text.lstrip("+-").isdigit() else yaml.safe_load(text)


def as_plain(space: Space) -> dict[str, str]:
    """Return a space as one writes it."""
    return {
        name: ",".join(map(str, part.values))
        if isinstance(part, Choice)
        else f"{part.low}..{part.high}" + ":log" * part.log
        for name, part in space.items()
    }
