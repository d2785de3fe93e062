"""What words of built-in types mean: numbers, dates, times, durations, money, telephones, e-mail."""

import re
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from statewise.tasks.dialogue.libraries import library
from statewise.tasks.shared.month_names import MONTHS

MOST_DIGITS = 15
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTH = rf"(?:{'|'.join(f'{month[:3]}(?:{month[3:]})?' if len(month) > 3 else month for month in MONTHS)}|sept)"
UNITS = {"second": "S", "minute": "M", "hour": "H", "day": "D", "week": "W", "month": "M", "year": "Y", "night": "D"}
FRACTIONS = {"half": 0.5, "quarter": 0.25}
CURRENCIES = {
    "$": "USD",
    "usd": "USD",
    "dollar": "USD",
    "dollars": "USD",
    "buck": "USD",
    "bucks": "USD",
    "€": "EUR",
    "eur": "EUR",
    "euro": "EUR",
    "euros": "EUR",
    "£": "GBP",
    "gbp": "GBP",
    "pound": "GBP",
    "pounds": "GBP",
}
EMAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,8}", re.ASCII)
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w])")
EVENING = ("pm", "p.m", "evening", "tonight", "afternoon", "night")
CLOCK = re.compile(r"\b(\d{1,2})(?:[:.h](\d{2}))?\s*(a\.?\s?m|p\.?\s?m)?\b(?!\s*(?:st|nd|rd|th)\b)")
PAST = re.compile(r"\b(half|quarter|\d{1,2})(?: minutes?)? (past|to|after|before) (\d{1,2}|noon|midnight)\b")


class Resolved(NamedTuple):
    """What some words mean: the value, None where they mean none, and all that may be meant, the likeliest first."""

    value: str | None
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, *values: str) -> "Resolved":
        """Return what may be meant, the likeliest first."""
        return cls(values[0], values)

    @classmethod
    def nothing(cls) -> "Resolved":
        """Return that nothing is meant."""
        return cls(None)


def resolved_built_in(kind: str, text: str, now: datetime, region: str) -> Resolved:
    """Return what some words mean as a value of a built-in type."""
    plain = " ".join(text.split())
    if kind == "text":
        return Resolved.of(plain) if plain else Resolved.nothing()
    if kind == "phone":
        return _phone(plain, region)
    if kind == "email":
        return _email(plain)
    small = with_digits(plain.casefold())
    if kind == "date":
        return _date(small, now)
    reads: dict[str, Callable[[str], Resolved]] = {
        "number": _number,
        "ordinal": _ordinal,
        "time": _time,
        "duration": _duration,
        "money": _money,
    }
    return reads[kind](small)


def with_digits(text: str) -> str:
    """Return a text whose numbers are written in digits.

    >>> with_digits("two and a half hours"), with_digits("a couple of tickets"), with_digits("half past six")
    ('2.5 hours', '2 tickets', 'half past 6')
    """
    known = text.replace("a couple of", "two").replace("a couple", "two")
    known = re.sub(r"\b(?:half a|a half) dozen\b", "six", known)
    known = re.sub(r"\b(?:a )?dozen\b", "twelve", known)
    found = str(library("text_to_num", "text2num").alpha2digit(known, "en", 0))
    found = re.sub(r"(?<=\d),(?=\d{3}\b)", "", found)

    def joined(match: re.Match[str]) -> str:
        whole = 1 if match[1] in ("a", "an") else int(match[1])
        return f"{whole + FRACTIONS[match[2]]:g}"

    return re.sub(r"\b(\d{1,9}) and (?:a |one )?(half|quarter)\b", joined, found)


def _numbers(text: str) -> Iterator[float]:
    for found in NUMBER.findall(text):
        if len(found) <= MOST_DIGITS:
            yield float(found.replace(",", ""))


def _written(number: float) -> str:
    return f"{number:.10g}"


def _number(text: str) -> Resolved:
    """Return the only number of a text; none where there are several.

    >>> _number("2 people").value, _number("2 or 3").value, _number("half").value
    ('2', None, '0.5')
    """
    found = list(_numbers(text))
    if not found and text.strip() in FRACTIONS:
        return Resolved.of(_written(FRACTIONS[text.strip()]))
    if not found and text.strip() in ("a", "an", "one"):
        return Resolved.of("1")
    return Resolved.of(_written(found[0])) if len(found) == 1 else Resolved.nothing()


def _ordinal(text: str) -> Resolved:
    found = re.findall(r"\b(\d{1,9})(?:st|nd|rd|th)\b", text)
    if len(found) == 1:
        return Resolved.of(str(int(found[0])))
    if re.search(r"\blast\b", text):
        return Resolved.of("-1")
    return _number(text)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _date(text: str, now: datetime) -> Resolved:
    """Return the day that a text means: one that comes, where it does not say which.

    A month alone is not a day, nor is a number alone, and a day that no month has is none.
    """
    today = now.date()
    ahead = {"day after tomorrow": 2, "tomorrow": 1, "yesterday": -1, "today": 0, "tonight": 0, "now": 0}
    for word, days in ahead.items():
        if re.search(rf"\b{word}\b", text):
            return Resolved.of((today + timedelta(days=days)).isoformat())
    if found := re.search(r"\b(?:(next|this|coming) )?(" + "|".join(WEEKDAYS) + r")\b", text):
        away = (WEEKDAYS.index(found[2]) - today.weekday()) % 7
        away = away or (0 if found[1] == "this" else 7)
        return Resolved.of((today + timedelta(days=away)).isoformat())
    if found := re.search(r"\bin (\d{1,4}|an?) (day|week)s?\b", text):
        count = 1 if found[1].startswith("a") else int(found[1])
        return Resolved.of((today + timedelta(days=count * (7 if found[2] == "week" else 1))).isoformat())
    if found := re.search(r"\b(\d{4})-(\d{1,2})-(\d{1,2})\b", text):
        day = _day(*(int(part) for part in found.groups()))
        return Resolved.of(day.isoformat()) if day else Resolved.nothing()
    return _of_month(text, now)


def _of_month(text: str, now: datetime) -> Resolved:
    named = re.search(rf"\b({MONTH})\b", text)
    number = re.search(r"\b(\d{1,2})(?:st|nd|rd|th)?\b", text)
    if named and number:
        month = next(n for n, name in enumerate(MONTHS, start=1) if name.startswith(named[1][:3]))
        year = re.search(r"\b(\d{4})\b", text)
        day = _day(int(year[1]) if year else now.year, month, int(number[1]))
        if day is None and month == 2 and int(number[1]) == 29 and not year:
            day = next((d for y in range(now.year, now.year + 9) if (d := _day(y, 2, 29)) and d >= now.date()), None)
        if day is not None and not year and day < now.date():
            day = _day(now.year + 1, month, int(number[1]))
        return Resolved.of(day.isoformat()) if day else Resolved.nothing()
    if found := re.search(r"\bthe (\d{1,2})(?:st|nd|rd|th)\b", text):
        return _next_of_month(int(found[1]), now)
    if named or (re.fullmatch(r"[\W\d]*", text) and not re.search(r"\d\s*[/.\-]\s*\d", text)):
        return Resolved.nothing()
    settings = {
        "RELATIVE_BASE": now.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future",
        "RETURN_AS_TIMEZONE_AWARE": False,
        "STRICT_PARSING": False,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        day_found = library("dateparser", "dateparser").parse(text, languages=["en"], settings=settings)
    return Resolved.of(day_found.date().isoformat()) if day_found else Resolved.nothing()


def _next_of_month(day: int, now: datetime) -> Resolved:
    year, month = now.year, now.month
    for _ in range(13):
        found = _day(year, month, day)
        if found is not None and found >= now.date():
            return Resolved.of(found.isoformat())
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return Resolved.nothing()


def _time(text: str) -> Resolved:
    """Return the time of day; both where it may be in the morning or in the evening.

    >>> _time("8"), _time("tonight at 8").value, _time("half past 6 in the morning").value, _time("noon").value
    (Resolved(value='08:00', values=('08:00', '20:00')), '20:00', '06:30', '12:00')
    """
    is_evening = any(re.search(rf"\b{re.escape(word)}\b", text) for word in EVENING) or bool(
        re.search(r"\d\s*p\.?\s?m", text)
    )
    is_morning = bool(re.search(r"\bmorning\b|\ba\.m\b|\bam\b|\d\s*a\.?\s?m\b", text))
    if found := PAST.search(text):
        base = {"noon": 12, "midnight": 0}.get(found[3], -1)
        hour = base if base >= 0 else int(found[3])
        minutes = {"half": 30, "quarter": 15}.get(found[1], -1)
        minutes = minutes if minutes >= 0 else int(found[1])
        total = 60 * hour + (minutes if found[2] in ("past", "after") else -minutes)
        if hour > 24 or minutes > 59:
            return Resolved.nothing()
        return _of_day(total // 60 % 24, total % 60, is_morning, is_evening and base < 0, told=base >= 0)
    if "noon" in text.split() or "midday" in text:
        return Resolved.of("12:00")
    if "midnight" in text:
        return Resolved.of("00:00")
    for found in CLOCK.finditer(text):
        hour, minute = int(found[1]), int(found[2] or 0)
        if hour > 24 or minute > 59:
            continue
        return _of_day(
            hour % 24, minute, is_morning, is_evening, told=found[2] is not None and found[1].startswith("0")
        )
    return Resolved.nothing()


def _of_day(hour: int, minute: int, is_morning: bool, is_evening: bool, *, told: bool) -> Resolved:
    late = hour + 12 if hour < 12 else hour
    if is_evening and not is_morning:
        return Resolved.of(f"{late if hour else 0:02d}:{minute:02d}")
    if is_morning:
        return Resolved.of(f"{hour % 12:02d}:{minute:02d}")
    if told or hour > 12 or not hour:
        return Resolved.of(f"{hour:02d}:{minute:02d}")
    early, evening = f"{hour % 12 or 12:02d}:{minute:02d}", f"{late:02d}:{minute:02d}"
    return Resolved.of("12:" + early[3:], "00:" + early[3:]) if hour == 12 else Resolved.of(early, evening)


def _duration(text: str) -> Resolved:
    """Return a duration as ISO 8601 has it.

    >>> _duration("2.5 hours").value, _duration("a week").value, _duration("an hour and 10 minutes").value
    ('PT2H30M', 'P1W', 'PT1H10M')
    """
    known = re.sub(r"\bhalf an? (hour|day|minute|year)\b", r"0.5 \1", text)
    known = re.sub(r"\b(hour|day|week|year) and a half\b", r"\1 0.5 \1", known)
    found = re.findall(r"\b(\d{1,6}(?:\.\d+)?|an?) (second|minute|hour|day|week|month|year|night)s?\b", known)
    if not found:
        return Resolved.nothing()
    seconds, parts = 0.0, dict.fromkeys(("Y", "MO", "W", "D"), 0.0)
    for count, unit in found:
        number = 1.0 if count.startswith("a") else float(count)
        if unit in ("second", "minute", "hour"):
            seconds += number * {"second": 1, "minute": 60, "hour": 3600}[unit]
        elif number == int(number):
            parts["MO" if unit == "month" else UNITS[unit]] += number
        else:
            seconds += (
                number * {"day": 86_400, "night": 86_400, "week": 604_800, "month": 2_592_000, "year": 31_536_000}[unit]
            )
    written = "P" + "".join(f"{int(n)}{unit[0]}" for unit, n in parts.items() if n)
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    clock = "".join(f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (left, "S")) if n)
    return Resolved.of(written + (f"T{clock}" if clock else "")) if clock or len(written) > 1 else Resolved.nothing()


def _money(text: str) -> Resolved:
    """Return an amount and its currency, where one is said.

    >>> _money("20 dollars").value, _money("€9.99").value, _money("5 dollars and 20 cents").value
    ('20.00 USD', '9.99 EUR', '5.20 USD')
    """
    cents = re.search(r"\b(\d{1,2}) cents?\b", text)
    without = text.replace(cents[0], "") if cents else text
    price = library("price_parser", "price-parser").Price.fromstring(without)
    words = re.findall(r"[$€£]|[a-z]+", text)
    code = next((CURRENCIES[word] for word in words if word in CURRENCIES), "USD" if cents else "")
    amount = float(price.amount_float or 0.0) + (int(cents[1]) / 100 if cents else 0.0)
    if price.amount is None and cents is None:
        return Resolved.nothing()
    return Resolved.of(f"{amount:.2f} {code}".strip())


def _phone(text: str, region: str) -> Resolved:
    phones = library("phonenumbers", "phonenumbers")
    said = re.sub(r"\bdouble (\w+)", r"\1 \1", text.casefold()).replace(" plus ", "+")
    digits = str(library("text_to_num", "text2num").alpha2digit(re.sub(r"\boh\b", "zero", said), "en", 0))
    try:
        found = phones.parse(digits, region)
    except phones.NumberParseException:
        return Resolved.nothing()
    if phones.is_valid_number(found) or phones.is_possible_number(found):
        return Resolved.of(str(phones.format_number(found, phones.PhoneNumberFormat.E164)))
    bare = re.sub(r"\D", "", digits)
    return Resolved.of(bare) if 3 <= len(bare) <= 4 else Resolved.nothing()


def _email(text: str) -> Resolved:
    said = re.sub(r"\s+(?:at|@)\s+", "@", text.casefold())
    said = re.sub(r"\s+dot\s+", ".", said)
    found = EMAIL.findall(said)
    return Resolved.of(found[0]) if len(found) == 1 else Resolved.nothing()
