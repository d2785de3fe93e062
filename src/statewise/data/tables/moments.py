"""One time out of a text, in each of the ways in which people write times."""

import re
from calendar import monthrange
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, NamedTuple

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
CLOCK = (
    r"(?:(?:t|,? +)(?P<hour>\d{1,2})(?:(?P<colon>[:.]?)(?P<minute>\d\d)(?:(?P=colon)(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)? ?(?P<half>[ap]\.?m\.?)? ?(?P<offset>z|utc|gmt|[+-]\d\d:?\d\d|[+-]\d\d)?)?"
)
WEEKDAY = rf"(?:(?:{'|'.join(f'{day[:3]}(?:{day[3:]})?' for day in DAYS)})\.?,? +)?"
YEAR = r"(?P<year>\d{4})"


class Form(NamedTuple):
    """One way of writing a time, and what else must be read out of a match."""

    pattern: re.Pattern[str]
    fields: Callable[[re.Match[str], bool], dict[str, int]] | None = None


def _form(pattern: str, fields: Callable[[re.Match[str], bool], dict[str, int]] | None = None) -> Form:
    return Form(re.compile(WEEKDAY + pattern + CLOCK, re.IGNORECASE), fields)


def _in_order(found: re.Match[str], day_first: bool) -> dict[str, int]:
    one, two = int(found["one"]), int(found["two"])
    return {"day": one, "month": two} if day_first else {"day": two, "month": one}


def _week(found: re.Match[str], _: bool) -> dict[str, int]:
    day = datetime.fromisocalendar(int(found["year"]), int(found["week"]), int(found["weekday"] or 1))
    return {"year": day.year, "month": day.month, "day": day.day}


NUMBERS = _form(r"(?P<one>\d{1,2})(?P<mark>[./-])(?P<two>\d{1,2})(?P=mark)" + YEAR, _in_order)
"Day and month, or month and day: with dots the day comes first."

FORMS = (
    _form(YEAR + r"(?P<mark>[./-])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})"),
    NUMBERS,
    _form(YEAR + r"[./-](?P<month>\d{1,2})"),
    _form(r"(?P<month>\d{1,2})[./-]" + YEAR),
    _form(r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\.?[ /-]?" + MONTH + r"[ ,/-]*" + YEAR),
    _form(MONTH + r"[ -](?P<day>\d{1,2})(?:st|nd|rd|th)?,? +" + YEAR),
    _form(YEAR + r"[ /-]" + MONTH + r"(?:[ /-](?P<day>\d{1,2}))?"),
    _form(MONTH + r"[ ,/-]*" + YEAR),
    _form(YEAR + r"[ /-]?q(?P<quarter>[1-4])"),
    _form(r"q(?P<quarter>[1-4])[ /-]?" + YEAR),
    _form(YEAR + r"[ /-]?m(?P<month>\d{1,2})"),
    _form(YEAR + r"-?w(?P<week>\d\d)(?:-?(?P<weekday>[1-7]))?", _week),
    _form(YEAR + r"(?P<month>\d\d)(?P<day>\d\d)"),
)
SHORT_YEAR = re.compile(r"\d{1,2}[./-](?:\d{1,2}|[a-z]{3})[./-]\d\d(?!\d)", re.IGNORECASE)


def read_moment(text: str, *, day_first: bool) -> datetime:
    """Return the time that a text says; one with an offset is aware. Raises `ValueError` where it is none.

    >>> read_moment("1980Q3", day_first=True).isoformat()
    '1980-07-01T00:00:00'
    >>> read_moment("1/13/2021 3:05 pm", day_first=False).isoformat()
    '2021-01-13T15:05:00'
    """
    text = text.strip()
    for form in FORMS:
        if found := form.pattern.fullmatch(text):
            return _moment(found, form, day_first)
    raise ValueError(text)


def is_time(text: str) -> bool:
    """Tell a text that says a time, and is more than a plain number."""
    if text.strip().isdigit():
        return False
    for day_first in (True, False):
        with suppress(ValueError, OverflowError):
            return bool(read_moment(text, day_first=day_first))
    return False


def day_and_month(text: str) -> tuple[int, int, str] | None:
    """Return the two numbers before the year of a date, of which either may be the day, and the mark between them.

    >>> day_and_month("03/04/2021 10:00"), day_and_month("2021-04-03")
    ((3, 4, '/'), None)
    """
    found = NUMBERS.pattern.fullmatch(text.strip())
    return (int(found["one"]), int(found["two"]), found["mark"]) if found else None


def format_of(text: str, *, day_first: bool) -> str:
    """Return the format, as `strptime` takes it, of a date whose day and month are numbers before the year.

    >>> format_of("3/4/2021 9:05 PM", day_first=True)
    '%d/%m/%Y %I:%M %p'
    """
    found = NUMBERS.pattern.fullmatch(text.strip())
    if found is None:
        return "%d/%m/%Y"
    date = found["mark"].join(("%d", "%m", "%Y") if day_first else ("%m", "%d", "%Y"))
    if found["hour"] is None:
        return date
    clock = ["%I" if found["half"] else "%H"] + ["%M"] * bool(found["minute"]) + ["%S"] * bool(found["second"])
    return (
        f"{date} {(found['colon'] or '').join(clock)}{' %p' if found['half'] else ''}{'%z' if found['offset'] else ''}"
    )


def _moment(found: re.Match[str], form: Form, day_first: bool) -> datetime:
    said: dict[str, Any] = found.groupdict()
    fields = {"day": 1, **({"year": int(said["year"])} if said["year"] else {})}
    if said.get("quarter"):
        fields["month"] = 3 * int(said["quarter"]) - 2
    elif said.get("month"):
        name = said["month"].lower()
        fields["month"] = int(name) if name.isdigit() else 1 + MONTHS.index(name[:3])
    if said.get("day"):
        fields["day"] = int(said["day"])
    fields |= form.fields(found, day_first) if form.fields else {}
    fields.setdefault("month", 1)
    if not 1 <= fields["month"] <= 12 or not 1 <= fields["day"] <= monthrange(fields["year"], fields["month"])[1]:
        raise ValueError("no such day")
    return _at_clock(datetime(fields["year"], fields["month"], fields["day"]), said)


def _at_clock(day: datetime, said: dict[str, Any]) -> datetime:
    hour, minute, second = (int(said[name] or 0) for name in ("hour", "minute", "second"))
    if said["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + 12 * (said["half"][0].lower() == "p")
    if hour > 24 or minute > 59 or second > 59 or (hour == 24 and (minute or second)):
        raise ValueError("no such time of a day")
    fraction = int((said["fraction"] or "0").ljust(9, "0")[:9]) // 1000
    moment = day + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=fraction)
    return moment if said["offset"] is None else moment.replace(tzinfo=_offset(said["offset"].lower()))


def _offset(text: str) -> timezone:
    if text in ("z", "utc", "gmt"):
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-size if text[0] == "-" else size)
