"""A codec of a forecast is read only where each part is of its type and they fit each other: it may be a stranger's."""

import json
import math
from typing import Any

import pytest

from statewise.data.series.frequency import Frequency
from statewise.data.series.series_columns import SeriesColumns
from statewise.errors import DataError, UsageError
from statewise.tasks.forecast.features import SeriesCodec

CODEC = SeriesCodec(
    columns=SeriesColumns("when", ("cars", "lorries"), "town", ("rain",), ("wind", "fog"), ("road",)),
    frequency=Frequency("s", 3600),
    context=24,
    horizon=6,
    lags=(1, 2, 24),
    pace=0.25,
    level_pace=1.0,
    years=False,
    counts=False,
    names=("a cars", "b cars"),
    vocabularies=(("main", "side"),),
    covariates=((0.5, 2.0), (0.0, 1.0), (-3.0, 0.25)),
    holidays=None,
    zone="Europe/Berlin",
    day_first=True,
)
ODD: list[Any] = [
    {},
    {"a": 1},
    -1,
    10**15,
    0.5,
    1e308,
    "x",
    [[]],
    ["x", 3],
    [0],
    [[1, 0]],
    [[1, 2, 3]],
    [None],
    "\x1b[2J",
]
FITTING: dict[str, list[Any]] = {
    "pace": [0.5],
    "level_pace": [0.5],
    "holidays": ["x", "\x1b[2J"],
    "vocabularies": [[[]]],
    "usual_spread": [0.5],
}
"Odd values that a part may have: what they mean is checked where it is used."


def written() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(CODEC.as_json()))
    return told


def test_a_codec_survives_being_written() -> None:
    assert SeriesCodec.read(written()) == CODEC
    older = {name: value for name, value in written().items() if name not in ("holidays", "zone", "day_first")}
    assert SeriesCodec.read(older).zone is None


@pytest.mark.parametrize("name", CODEC.as_json())
def test_a_part_that_is_odd_or_missing_is_refused_in_one_line(name: str) -> None:
    odd = [value for value in ODD if value not in FITTING.get(name, [])]
    for value in odd:
        with pytest.raises(DataError, match=r"^codec.json is not that of a forecast \(.*\): the run is damaged$"):
            SeriesCodec.read({**written(), name: value})
    if name not in ("holidays", "zone", "day_first", "values", "usual_spread"):
        with pytest.raises(DataError, match=rf"its '{name}' is missing"):
            SeriesCodec.read({key: value for key, value in written().items() if key != name})


@pytest.mark.parametrize("name", vars(CODEC.columns))
def test_so_is_an_odd_role_of_a_column(name: str) -> None:
    odd: list[Any] = [3, {}, [3], [[]], 0.5, True]
    for value in odd:
        columns = {**written()["columns"], name: value}
        with pytest.raises(DataError, match="is not that of a forecast"):
            SeriesCodec.read({**written(), "columns": columns})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"covariates": [[0.5, 2.0]]}, "it has 1 scales for 3 covariates"),
        ({"covariates": [[0.5, 2.0], [0.0, 0.0], [1.0, 1.0]]}, "its 'covariates' is missing or of another type"),
        ({"covariates": [[0.5, 2.0], [math.nan, 1.0], [1.0, 1.0]]}, "its 'covariates' is missing or of another type"),
        ({"vocabularies": []}, "it does not have a vocabulary for each static column"),
        ({"frequency": "999999999y"}, "a value every 999999999y is less than one in 100 years"),
        ({"zone": "../../etc/passwd"}, "unknown time zone"),
        ({"horizon": 2**40}, "its 'horizon' is missing or of another type"),
        ({"lags": [1] * 2000}, "its 'lags' is missing or of another type"),
        ({"more": 1}, "unexpected keyword argument 'more'"),
    ],
)
def test_parts_that_do_not_fit_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as raised:
        SeriesCodec.read({**written(), **changes})
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", ["999999999y", "101y", "405q", "36600d", "30000b"])
def test_a_value_in_more_than_a_hundred_years_is_no_frequency(text: str) -> None:
    with pytest.raises(UsageError, match="is less than one in 100 years: give a shorter time"):
        Frequency.read(text)
    assert str(Frequency.read("100y")) == "1200 mo"
