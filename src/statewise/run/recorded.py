"""The format of a run's files: the parts of `run.yaml` and the lines of `events.jsonl`, each with its type."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from statewise.bounds import MOST_PROCESSES
from statewise.plain.strict_json import read_json

LARGEST_EVENT = 1 << 24
MOST_EVENT_VALUES = 1 << 20

Check = Callable[[Any], bool]


def is_count(told: Any) -> bool:
    """Say whether it is a whole number, not below 0."""
    return type(told) is int and told >= 0


def is_number(told: Any) -> bool:
    """Say whether it is a number, which may be infinite: a perplexity can be."""
    return type(told) in (int, float)


def is_size(told: Any) -> bool:
    """Say whether it is a number that a clock or a norm may show."""
    return is_number(told) and 0 <= told < math.inf


def is_text(told: Any) -> bool:
    """Say whether it is text."""
    return isinstance(told, str)


def is_table(told: Any) -> bool:
    """Say whether it is a table, by name."""
    return isinstance(told, dict)


def is_list_of(part: Check) -> Check:
    """Return what says whether something is a list of such parts."""
    return lambda told: isinstance(told, list) and all(map(part, told))


def is_table_of(part: Check) -> Check:
    """Return what says whether something is a table of such parts, by name."""
    return lambda told: isinstance(told, dict) and all(map(part, told.values()))


def may_lack(part: Check) -> Check:
    """Return what says whether something is such a part, or nothing."""
    return lambda told: told is None or part(told)


def _is_pair(told: Any) -> bool:
    return isinstance(told, list) and len(told) == 2 and all(map(is_number, told))


def _is_report(told: Any) -> bool:
    return isinstance(told, dict) and not misfit(told, REPORT, set(REPORT) - {"data", "metrics", "baselines"})


NUMBERS = is_table_of(is_number)
CONFIG: dict[str, Check] = {
    "format": is_count,
    "task": is_text,
    "settings": is_table,
    "sources": is_table_of(is_text),
    "data": is_table,
    "parameters": is_count,
    "versions": is_table_of(is_text),
    "threads": is_count,
    "processes": lambda told: is_count(told) and 1 <= told <= MOST_PROCESSES,
    "kernels": is_list_of(is_text),
    "stepping": is_text,
    "begun_from": is_table,
}
REPORT: dict[str, Check] = {
    "task": is_text,
    "run": is_text,
    "data": is_table,
    "metrics": NUMBERS,
    "baselines": is_table_of(NUMBERS),
    "seconds": is_number,
    "training": NUMBERS,
    "notice": may_lack(is_text),
    "remarks": is_list_of(is_text),
    "tables": is_table_of(is_table_of(is_table_of(may_lack(is_number)))),
}
EVENTS: dict[str, dict[str, Check]] = {
    "started": {"update": is_count, "numerics": may_lack(is_table)},
    "updated": {
        "update": is_count,
        "nats": is_number,
        "norm": is_number,
        "seconds": is_size,
        "fraction": is_size,
        "rate": is_number,
        "places": is_count,
        "clipped": is_number,
        "layers": may_lack(is_table_of(_is_pair)),
    },
    "rolledback": {"update": is_count, "reason": is_text, "seconds": is_size},
    "sampled": {"update": is_count, "sample": is_text, "seconds": is_size},
    "checked": {
        "update": is_count,
        "metrics": NUMBERS,
        "judged": is_number,
        "seconds": is_size,
        "activations": may_lack(is_table_of(is_list_of(is_count))),
    },
    "saved": {"update": is_count, "seconds": is_size},
    "stopped": {"update": is_count, "seconds": is_size},
    "finished": {"update": is_count, "report": _is_report, "seconds": is_size},
}
NEEDED = {
    "started": {"update"},
    "updated": {"update", "nats", "norm"},
    "rolledback": {"update"},
    "sampled": {"update", "sample"},
    "checked": {"update", "metrics", "judged"},
    "saved": {"update"},
    "stopped": {"update"},
    "finished": {"update", "report"},
}
"What an event of each kind has, whatever version wrote it."


def misfit(told: Mapping[str, Any], checks: Mapping[str, Check], optional: set[str]) -> str | None:
    """Return the name of the first part that is missing or of another type; None where all fit. Others are let be."""
    for name, check in checks.items():
        if name in told:
            if not check(told[name]):
                return name
        elif name not in optional:
            return name
    return None


def read_line(line: bytes) -> dict[str, Any] | None:
    """Return the table on a line; None where it is not a whole JSON, as after a cut.

    Raises `ValueError` where it is JSON and yet no table.

    >>> read_line(b'{"event": "saved", "update": 3}\\n'), read_line(b'{"event": "sav')
    ({'event': 'saved', 'update': 3}, None)
    """
    try:
        told = read_json(line, any_number=True, most_values=MOST_EVENT_VALUES)
    except ValueError:
        return None
    if not isinstance(told, dict):
        raise ValueError("it is not an event")  # noqa: TRY004  # it is the file's
    return told


def check_event(told: Mapping[str, Any]) -> None:
    """Raise `ValueError` where a table is not an event, or one of a known kind lacks what it has."""
    kind = told.get("event")
    if not isinstance(kind, str):
        raise ValueError("it is not an event")  # noqa: TRY004  # it is the file's
    checks = EVENTS.get(kind, {})
    if odd := misfit(told, checks, set(checks) - NEEDED.get(kind, set())):
        raise ValueError(f"its '{odd}' is missing or of another type")
