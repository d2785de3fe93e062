"""What may stand in the `codec.json` of a forecast: each part of its type, in bounds, and of as many as the others."""

import math
from collections.abc import Mapping
from typing import Any

from statewise.bounds import MOST_STEPS
from statewise.data.tables.table_format import check_time_zone
from statewise.run.recorded import Check, is_list_of, is_number, is_table, is_text, may_lack, misfit

MOST_LAGS = 1000


def is_flag(told: Any) -> bool:
    """Say whether it is true or false."""
    return isinstance(told, bool)


def is_steps(told: Any) -> bool:
    """Say whether it is a number of steps."""
    return type(told) is int and 1 <= told <= MOST_STEPS


def is_pace(told: Any) -> bool:
    """Say whether it is the share by which a running mean moves."""
    return is_number(told) and 0 <= told <= 1


def is_scale(told: Any) -> bool:
    """Say whether it is a mean with a spread."""
    return is_list_of(is_number)(told) and len(told) == 2 and math.isfinite(told[0]) and 0 < told[1] < math.inf


TEXTS = is_list_of(is_text)
CODEC: dict[str, Check] = {
    "columns": is_table,
    "frequency": is_text,
    "context": is_steps,
    "horizon": is_steps,
    "lags": lambda told: is_list_of(is_steps)(told) and len(told) <= MOST_LAGS,
    "pace": is_pace,
    "level_pace": is_pace,
    "years": is_flag,
    "counts": is_flag,
    "names": lambda told: TEXTS(told) and len(told) > 0,
    "vocabularies": is_list_of(TEXTS),
    "covariates": is_list_of(is_scale),
    "holidays": may_lack(is_text),
    "zone": may_lack(is_text),
    "day_first": may_lack(is_flag),
    "usual_spread": lambda told: is_number(told) and 0 <= told < 1e9,
    "values": lambda told: type(told) is int and 0 <= told < 10**14,
}
COLUMNS: dict[str, Check] = {
    "time": is_text,
    "targets": lambda told: TEXTS(told) and len(told) > 0,
    "series": may_lack(is_text),
    **dict.fromkeys(("known", "past", "static", "together"), TEXTS),
}


def check_written(written: Mapping[str, Any]) -> None:
    """Raise `ValueError` where what was written is not a codec of a forecast, or its parts do not fit each other.

    >>> check_written({"context": 24, "horizon": "6"})
    Traceback (most recent call last):
    ValueError: its 'columns' is missing or of another type
    """
    odd = misfit(written, CODEC, {"holidays", "zone", "day_first", "values", "usual_spread"})
    if odd is None:
        columns = written["columns"]
        odd = misfit(columns, COLUMNS, set(COLUMNS) - {"time", "targets"})
    if odd is not None:
        raise ValueError(f"its '{odd}' is missing or of another type")
    covariates = [*columns.get("known", ()), *columns.get("past", ())]
    if len(written["covariates"]) != len(covariates):
        raise ValueError(f"it has {len(written['covariates'])} scales for {len(covariates)} covariates")
    if len(written["vocabularies"]) != len(columns.get("static", ())):
        raise ValueError("it does not have a vocabulary for each static column")
    if written.get("zone") is not None:
        check_time_zone(written["zone"])
