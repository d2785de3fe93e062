"""How a table is written, where it may be meant in two ways: decimals, thousands, a head or none, times."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, final

from statewise.errors import UsageError
from statewise.registry import unknown

DECIMALS = (".", ",")
THOUSANDS = ("", ",", ".", " ", "'", "_")
SHOWN = 40
SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " "})
"Spaces that do not break a line, as typesetters put them between thousands."

Header = Literal["yes", "no"]


@final
@dataclass(frozen=True)
class TableFormat:
    """What is said of a table before it is read; what is not said is noticed, or asked for in an error.

    `header` says whether the first row names the columns, `time_format` how times are written (as `strptime` takes
    it), `time_zone` whose clocks they show where they have no offset. A table that is known to have no row of names has
    `names` for its columns, and `mark` between its cells, which are never quoted; `encoding` is another than UTF-8.
    Raises `UsageError` for what is none of these.

    >>> TableFormat(decimal=",", thousands=".").plain("1.234,5")
    '1234.5'
    """

    decimal: str = "."
    thousands: str = ""
    header: Header | None = None
    time_format: str | None = None
    time_zone: str | None = None
    names: tuple[str, ...] = ()
    mark: str = ""
    encoding: str = ""

    def __post_init__(self) -> None:
        if self.decimal not in DECIMALS:
            raise UsageError(f"decimal {self.decimal!r} is not a decimal mark: give . or ,")
        if self.thousands not in THOUSANDS or self.thousands == self.decimal:
            raise UsageError(
                f"thousands {self.thousands!r} cannot go with the decimal mark {self.decimal!r}: "
                "give another of comma, dot, space and '"
            )
        if self.time_format is not None:
            _check_time_format(self.time_format)
        if self.time_zone is not None:
            check_time_zone(self.time_zone)

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return self.decimal == "." and not self.thousands

    def plain(self, text: str) -> str:
        """Return a number as Python writes it. Raises `ValueError` where thousands are not three digits each."""
        text = text.strip().translate(SPACES)
        if self.thousands and self.thousands in text:
            whole = text.partition(self.decimal)[0]
            if not re.fullmatch(rf"[+-]?\d{{1,3}}({re.escape(self.thousands)}\d{{3}})+", whole):
                raise ValueError(text)
            text = text.replace(self.thousands, "")
        if self.decimal != "." and "." in text:
            raise ValueError(text)
        return text.replace(self.decimal, ".")


def meant_by(text: str) -> str | None:
    """Return the flags by which a number that Python does not read may be meant, None where it is none at all.

    >>> meant_by("1.234,5"), meant_by("1,234"), meant_by("soon")
    ('--decimal , --thousands .', '--decimal , or --thousands ,', None)
    """
    text = text.strip().translate(SPACES)
    groups = r"[+-]?\d{1,3}(M\d{3})+"
    for mark in (".", " ", "'"):
        if re.fullmatch(groups.replace("M", re.escape(mark)) + r",\d+", text):
            return f"--decimal , --thousands {mark if mark == '.' else repr(mark)}"
    if re.fullmatch(groups.replace("M", ",") + r"(\.\d+)?", text):
        return "--thousands ," if "." in text or text.count(",") > 1 else "--decimal , or --thousands ,"
    if re.fullmatch(groups.replace("M", r"\.") + r"(\.\d{3})", text):
        return "--thousands . --decimal ,"
    for mark in (" ", "'"):
        if re.fullmatch(groups.replace("M", mark) + r"(\.\d+)?", text):
            return f"--thousands {mark!r}"
    return "--decimal ," if re.fullmatch(r"[+-]?\d*,\d+([eE][+-]?\d+)?", text) else None


def _check_time_format(pattern: str) -> None:
    try:
        datetime.strptime("", pattern)
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            raise UsageError(f"time format {pattern!r} cannot be ({error}): give one as '%d/%m/%Y %H:%M'") from None
    except re.error as error:
        raise UsageError(f"time format {pattern!r} cannot be ({error}): give one as '%d/%m/%Y %H:%M'") from None
    if not re.search(r"%[YyGcx]", pattern.replace("%%", "")):
        raise UsageError(f"time format {pattern!r} has no year: give one as '%d/%m/%Y %H:%M'")


def check_time_zone(name: str) -> None:
    """Raise `UsageError` for what is not a time zone, naming the nearest."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        known = available_timezones()
        if not known:
            raise UsageError(
                f"time zone '{name}' cannot be looked up, for this machine knows none: pip install tzdata"
            ) from None
        near = unknown("time zone", name[:SHOWN], sorted(known)).partition(" (known")[0].partition(" known are")[0]
        raise UsageError(f"{near.rstrip(':')} (zones are called as Europe/Berlin or America/New_York)") from None
