"""Whatever a table holds, it is read, or refused in one line: no file, however it is damaged, ends in a traceback."""

import contextlib
import random
from pathlib import Path

import numpy as np
import pytest

from statewise.data.interactions.event_log import LogColumns, Names, read_events, read_titles
from statewise.data.series.frequency import Frequency
from statewise.data.series.panel import read_panel
from statewise.data.series.series_columns import guess_columns
from statewise.data.tables.table_format import TableFormat
from statewise.errors import StatewiseError

HOURS = np.datetime64("2026-10-24T12", "s") + np.arange(40) * np.timedelta64(3600, "s")
SOUND = (
    "time,load,wind\n" + "".join(f"{hour},{i * 1.5},{i % 3}\n" for i, hour in enumerate(HOURS)),
    "Zeit;Last\n" + "".join(f"{i // 24 + 1:02d}.11.2026 {i % 24:02d}:00;{i}.5\n" for i in range(40)),
    "# x\ntime\tload\n" + "".join(f"{int(hour.astype(np.int64)) * 1000}\t{i}\n" for i, hour in enumerate(HOURS)),
    "year,month,v\n" + "".join(f"{1990 + i // 12},{i % 12 + 1},{i}\n" for i in range(40)),
    "user,item,time\n" + "".join(f"u{i % 5},i{i % 7},{hour}\n" for i, hour in enumerate(HOURS)),
    "d,v\n" + "".join(f"11/{i // 2 + 1}/2026 {1 + 10 * (i % 2)}:30 PM,{i}\n" for i in range(40)),
)
SPLINTERS = [*'",;\n\r#\0é-Z\t .T٣', "9999", "1e300", "nan", "+01:00", "24:00", "2026-10-25 02:00:00", "0001-01-01"]
SPLINTERS += ["9" * 20, "Q3", "feb 30 2021", "sep=,\n", "\ufeff", "1/2/2026"]
FORMATS = (
    *[TableFormat()] * 8,
    TableFormat(decimal=",", thousands="."),
    TableFormat(header="no"),
    TableFormat(time_zone="Europe/Berlin"),
    TableFormat(time_format="%Y-%m-%dT%H:%M:%S"),
)


def damaged(text: str, dice: random.Random) -> bytes:
    for _ in range(dice.randint(0, 2)):
        begin = dice.randrange(len(text) + 1)
        end = begin + dice.choice((0, 0, 1, 3, 10, 100))
        text = text[:begin] + dice.choice(SPLINTERS) * dice.choice((1, 1, 3)) + text[end:]
    content = text.encode()
    return content[: dice.randrange(len(content) + 1)] if dice.random() < 0.1 else content


def read_in_any_way(path: Path, dice: random.Random) -> None:
    how = dice.choice(FORMATS)
    with contextlib.suppress(StatewiseError):
        list(read_events(path, LogColumns(how=how), Names()))
        read_titles(path, None, how)
    every = dice.choice((None, None, None, Frequency.read("1d"), Frequency.read("1mo")))
    panel = read_panel(path, guess_columns(path, {}, how), every, how, dice.choice((None, None, "sum", "last")))
    assert np.isfinite(panel.values[~np.isnan(panel.values)]).all()
    assert len(panel.values) < 2_000_000


@pytest.mark.parametrize("seed", range(4))
def test_a_damaged_table_is_read_or_refused_in_one_line(seed: int) -> None:
    dice, path, said = random.Random(seed), Path("t.csv"), []
    for _ in range(150):
        path.write_bytes(damaged(dice.choice(SOUND), dice))
        try:
            read_in_any_way(path, dice)
        except StatewiseError as error:
            said.append(str(error))
    assert 50 < len(said) < 140
    assert not [line for line in said if "\n" in line]
