"""Published sets of series are read as they are, by layout; what is nearly such a layout is refused in one line."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.data.series.panel import Panel
from statewise.errors import StatewiseError

M4 = '"V1","V2","V3","V4","V5"\n"Y1",5172.1,5133.5,5186.9,\n"Y2",2070,2104,2394,1651\n"Y3",7,,9,\n'
ETT = (
    "date,HUFL,HULL,MUFL,MULL,LUFL,LULL,OT\n"
    "2016-07-01 00:00:00,5.827,2.009,1.599,0.462,4.203,1.340,30.531\n"
    "2016-07-01 01:00:00,5.693,2.076,1.492,0.426,4.142,1.371,27.787\n"
    "2016-07-01 02:00:00,5.157,1.741,1.279,0.355,3.777,1.218,27.787\n"
)
ELECTRICITY = (
    '"";"MT_001";"MT_002"\n"2011-01-01 00:15:00";0;2,53807106598985\n'
    '"2011-01-01 00:30:00";0;22,8662873399716\n"2011-01-01 00:45:00";1,269;0\n'
)
LINES: list[dict[str, Any]] = [
    {"start": "2012-01-01 00:00:00", "target": [1.0, "NaN", 3, None, 5.5], "item_id": "T1", "feat_static_cat": [0]},
    {"start": "2012-01-01 02:00:00", "target": [7, 8, 9], "item_id": 4},
]


def kept(text: str, name: str = "set") -> Path:
    Path(name).write_text(text)
    return Path(name)


def lines(*told: Any) -> str:
    return "".join(json.dumps(one) + "\n" for one in told)


def read(path: Path, **how: Any) -> Panel:
    return statewise.Forecast(source=str(path), **how).columns_of(path)


def values(panel: Panel) -> dict[str, list[float | None]]:
    return {
        name: [None if np.isnan(one) else round(float(one), 3) for one in panel.values[panel.part(i)]]
        for i, name in enumerate(panel.names)
    }


def test_a_wide_table_as_of_m4_has_a_series_in_each_row() -> None:
    panel = read(kept(M4))
    assert values(panel) == {"Y1": [5172.1, 5133.5, 5186.9], "Y2": [2070, 2104, 2394, 1651], "Y3": [7, None, 9]}
    assert str(panel.frequency) == "1 step"
    assert "a series in each row: 3 of up to 4 values" in panel.notices
    zipped = Path("set.gz")
    zipped.write_bytes(gzip.compress(M4.encode()))
    assert values(read(zipped)) == values(panel)


def test_columns_called_so_by_a_table_program_are_columns() -> None:
    rows = "".join(f"2026-01-{day:02d},{day},{2 * day}\n" for day in range(1, 9))
    assert read(kept("V1,V2,V3\n" + rows)).names == ("V2", "V3")
    assert read(kept("V1,V2,V3\n1,2,3\n2,5,5\n3,6,1\n")).names == ("V2", "V3")


def test_temperatures_of_transformers_are_seven_series_every_hour() -> None:
    panel = read(kept(ETT))
    assert panel.names == ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
    assert str(panel.frequency) == "1 h"
    assert values(panel)["OT"] == [30.531, 27.787, 27.787]


def test_electricity_is_read_with_its_decimal_commas() -> None:
    panel = read(kept(ELECTRICITY))
    assert values(panel) == {"MT_001": [0, 0, 1.269], "MT_002": [2.538, 22.866, 0]}
    assert str(panel.frequency) == "15 min"
    assert "numbers are read with decimal commas" in panel.notices


def test_lines_as_of_gluonts_are_series_whose_frequency_is_told_or_stands_in_the_metadata() -> None:
    path = kept(lines(*LINES), "data.json")
    panel = read(path, frequency="1h")
    assert values(panel) == {"T1": [1, None, 3, None, 5.5], "4": [7, 8, 9]}
    assert panel.places.tolist() == [0, 2]
    with pytest.raises(StatewiseError, match="says when its series begin, not how often a value comes"):
        read(path)
    for freq, every in (("15min", "15 min"), ("W-SUN", "1 w"), ("QE", "3 mo"), ("2H", "2 h"), ("A", "12 mo")):
        Path("metadata.json").write_text(json.dumps({"freq": freq}))
        begin = [{**one, "start": "2012-01-01"} for one in LINES]
        assert str(read(kept(lines(*begin), "data.json")).frequency) == every


def test_a_byte_order_mark_and_a_series_without_a_name_are_read() -> None:
    given = "\ufeff" + lines(LINES[0], {**LINES[1], "item_id": None})
    assert list(values(read(kept(given), frequency="1h"))) == ["T1", "2"]


def test_a_run_on_such_a_set_forecasts_it_again() -> None:
    rows = [[f"S{s}", *(10 * s + np.sin(np.arange(60 + s) / 3 + s)).round(3), *[""] * (3 - s)] for s in range(3)]
    text = ",".join(f"V{i}" for i in range(1, len(rows[0]) + 1))
    path = kept("\n".join([text, *(",".join(map(str, row)) for row in rows)]) + "\n", "set.csv")
    how: dict[str, Any] = {"updates": 3, "hidden_size": 4, "horizon": 4, "threads": 1, "batch_size": 4}
    run = statewise.train(statewise.Forecast(source=str(path), **how), run="r")
    assert [one.series for one in run.load().predict(samples=3)] == ["S0", "S1", "S2"]
    assert [one.series for one in run.load().predict(str(path), samples=3)] == ["S0", "S1", "S2"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (M4.replace("7,,9,", "7,9"), r"row 4 has 3 cells, not 5"),
        (M4.replace("2394", "soon"), r"row 3: column 'V4' holds 'soon'"),
        (M4.replace("Y3", "Y1"), r"row 4: series 'Y1' is there twice"),
        (M4 + '"Y4",,,,\n', r"row 5 has no values: leave it out"),
        (ELECTRICITY.replace("1,269", "1.5"), r"which is not a number: if it is one, give decimal ,"),
        (lines(LINES[0], {"start": "2012-01-01"}), r"row 2 has no target that is a list of numbers"),
        (lines(LINES[0], {**LINES[1], "target": [[1, 2]]}), r"row 2 has no target that is a list of numbers"),
        (lines(LINES[0], {**LINES[1], "start": "soon"}), r"row 2: start holds 'soon', which is not a time"),
        (lines(LINES[0], LINES[0]), r"row 2: series 'T1' is there twice"),
        (lines(LINES[0]) + "{'start': 1}\n", r"row 2 is not JSON"),
        (lines(LINES[0]) + "[]\n", r"row 2 is not an object"),
        (M4.replace("1651", "inf"), r"row 3: series 'Y2' holds inf, beyond 1e\+30"),
        (M4.replace("7,,9,", "7,,-2e30,"), r"row 4: series 'Y3' holds -2e\+30, beyond 1e\+30"),
        (lines(LINES[0], {**LINES[1], "target": [1, 1e31]}), r"row 2: series '4' holds 1e\+31, beyond 1e\+30"),
        (lines(LINES[0], {**LINES[1], "start": "9998-12-31 23:00"}), r"row 2: its values end in 9999, and years go to"),
    ],
)
def test_what_is_nearly_such_a_set_is_refused_in_one_line(text: str, message: str) -> None:
    with pytest.raises(StatewiseError, match=message) as refused:
        read(kept(text), frequency=None if text.startswith('"') else "1h")
    assert "\n" not in str(refused.value)
