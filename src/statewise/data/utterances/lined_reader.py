"""Values out of YAML, each checked, with the line of what is wrong."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from statewise.data.pairs.pair import cleaned
from statewise.data.utterances.sample_utterance import LONGEST_UTTERANCE
from statewise.errors import DataError
from statewise.plain.lined_yaml import Lined
from statewise.shown import in_line

NAME = re.compile(r"\w[\w.\-/+]{0,99}")
TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")


class LinedReader:
    """Reads lined values as what they must be; `title` is the file in messages."""

    def __init__(self, title: str) -> None:
        self.title = title

    def wrong(self, at: Lined, told: str) -> NoReturn:
        """Raise `DataError`, with the line."""
        line = f" line {at.line}" if at.line else ""
        raise DataError(f"{self.title}{line}: {told}")

    def fields(self, at: Lined, known: Sequence[str], what: str) -> Mapping[str, Lined]:
        """Return the fields of a mapping, of which all are known."""
        if not isinstance(at.value, dict):
            self.wrong(at, f"{what} is {at.kind} where a mapping is wanted: give {', '.join(known[:4])} ...")
        for name, value in at.value.items():
            if name not in known:
                self.wrong(
                    value, f"{what} has a field '{in_line(name, 40)}' that is not known: give {', '.join(known)}"
                )
        found: Mapping[str, Lined] = at.value
        return found

    def text(self, at: Lined, what: str) -> str:
        """Return a text that is not empty."""
        found = cleaned(at.value) if isinstance(at.value, str) else ""
        if not found or len(found) > LONGEST_UTTERANCE:
            told = at.kind if not found else f"of {len(found):,} characters"
            self.wrong(at, f"{what} is {told} where a text of 1 to {LONGEST_UTTERANCE:,} characters is wanted")
        return found

    def texts(self, at: Lined, what: str) -> tuple[str, ...]:
        """Return one text or several."""
        return tuple(self.text(one, what) for one in (at.value if isinstance(at.value, list) else [at]))

    def name(self, at: Lined, text: str, what: str) -> str:
        """Return a name."""
        if not NAME.fullmatch(text):
            self.wrong(at, f"{what} is named '{in_line(text, 40)}': give letters, digits and _ - . / +")
        return text

    def number(self, at: Lined, what: str, least: float, most: float) -> float:
        """Return a number within bounds."""
        try:
            found = float(at.value) if isinstance(at.value, str) else math.nan
        except ValueError:
            found = math.nan
        if not least <= found <= most:
            given = at.kind if math.isnan(found) else at.value
            self.wrong(at, f"{what} is {given} where a number from {least:g} to {most:g} is wanted")
        return found

    def truth(self, at: Lined, what: str) -> bool:
        """Return yes or no."""
        if not isinstance(at.value, str) or at.value.lower() not in (*TRUE, *FALSE):
            self.wrong(at, f"{what} is {at.kind} where true or false is wanted")
        return at.value.lower() in TRUE

    def each(self, at: Lined, what: str) -> list[Lined]:
        """Return a list."""
        if not isinstance(at.value, list):
            self.wrong(at, f"{what} is {at.kind} where a list is wanted")
        return at.value

    def mapping(self, at: Lined, what: str) -> Mapping[str, Lined]:
        """Return a mapping of names."""
        if not isinstance(at.value, dict):
            self.wrong(at, f"{what} is {at.kind} where a mapping of names is wanted")
        found: Mapping[str, Lined] = at.value
        return found
