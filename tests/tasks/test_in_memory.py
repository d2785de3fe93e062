"""From Python, tables in memory are learned from, resumed and forecast beyond; numbers are pushed as numbers."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import statewise
from statewise.errors import DataError, UsageError
from statewise.learning.events import Updated
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.recommend.task import Recommend
from statewise.tasks.text.task import Text

N = 220
HOURS = np.datetime64("2026-11-02T00", "ms") + np.arange(N) * np.timedelta64(3600, "s")
LOADS = np.array([round(50 + 20 * math.sin(2 * math.pi * t / 24) + (t * 37 % 11), 3) for t in range(N)])
TINY: dict[str, Any] = {"hidden_size": 6, "batch_size": 4, "updates": 4, "threads": 1, "context": "24h"}
HELD: dict[str, Any] = {**TINY, "horizon": 6, "held_out": 24, "target": "load"}


def in_pandas(columns: dict[str, Any]) -> Any:
    return pytest.importorskip("pandas").DataFrame(columns)


def in_polars(columns: dict[str, Any]) -> Any:
    return pytest.importorskip("polars").DataFrame(columns)


def in_numpy(columns: dict[str, Any]) -> Any:
    kinds = [(name, np.asarray(column).dtype) for name, column in columns.items()]
    return np.array(list(zip(*columns.values(), strict=True)), dtype=kinds)


@pytest.mark.parametrize("make", [in_pandas, in_polars, in_numpy])
def test_a_run_of_a_table_in_memory_is_that_of_the_file_and_goes_on_without_the_frame(
    make: Callable[..., Any],
) -> None:
    Path("t.csv").write_text("time,load\n" + "".join(f"{h},{v}\n" for h, v in zip(HOURS, LOADS, strict=True)))
    frame = make({"time": HOURS, "load": LOADS})
    wanted = statewise.train(Forecast(source=Path("t.csv"), **HELD), run="of-file").metrics
    events = statewise.training(Forecast(source=frame, **HELD), run="runs/of-frame")
    next(event for event in events if isinstance(event, Updated) and event.update == 2)
    events.close()
    del frame
    assert statewise.resume("runs/of-frame").metrics == pytest.approx(wanted)
    assert statewise.evaluate("runs/of-frame").metrics == pytest.approx(wanted)
    longer = make({"time": HOURS, "load": LOADS + 1})
    shifted = statewise.evaluate("runs/of-frame", longer).metrics
    assert shifted != wanted
    (ahead,) = statewise.predict("runs/of-frame", longer, samples=20, only="load")
    assert ahead.history[-1] == pytest.approx(LOADS[-1] + 1)
    assert statewise.evaluate("runs/of-frame", Path("t.csv")).metrics == pytest.approx(wanted)


@pytest.mark.parametrize("series", [1, 2])
def test_plain_numbers_are_series_that_come_step_by_step(series: int) -> None:
    columns = [LOADS + shift for shift in range(series)]
    array = LOADS if series == 1 else np.stack(columns, axis=1)
    settings = {**HELD, "target": (), "context": 24}
    run = statewise.train(Forecast(source=array, **settings), run="runs/r")
    names = ["value"] if series == 1 else ["value_1", "value_2"]
    ahead = list(run.load().predict(samples=9))
    assert [one.series for one in ahead] == (names if series > 1 else [ahead[0].series])
    for one, column in zip(ahead, columns, strict=True):
        assert one.history[-1] == pytest.approx(column[-1])
    assert statewise.evaluate("runs/r").metrics == pytest.approx(run.metrics)


def test_a_log_of_events_in_memory_is_learned_from_with_its_titles() -> None:
    rows = [(s, (s + 3 * e) % 7, 1000 * s + e) for s in range(60) for e in range(4)]
    sessions, items, times = (list(column) for column in zip(*rows, strict=True))
    log = in_polars({"session_id": sessions, "item_id": items, "timestamp": times})
    films = in_pandas({"item_id": range(7), "title": [f"Film {chr(65 + i)}" for i in range(7)]})
    task = Recommend(source=(log, films), k=3, hidden_size=8, embedding=4, batch_size=4, updates=3, threads=1)
    run = statewise.train(task, run="runs/films")
    assert next(iter(run.load().predict(session=[0, "film d"], k=1))).title.startswith("Film ")
    assert statewise.evaluate("runs/films", log).metrics.keys() == run.metrics.keys()
    sources = statewise.inspect("runs/films")["settings"]["source"]
    shutil.rmtree("runs/.data")
    with pytest.raises(UsageError, match="is neither a file"):
        statewise.evaluate("runs/films")
    assert len(sources) == 2


def test_a_number_a_mapping_and_a_list_of_cells_are_pushed_as_lines_are() -> None:
    frame = in_numpy({"time": HOURS, "load": LOADS})
    model = statewise.train(Forecast(source=frame, **HELD), run="runs/r").load()
    when = HOURS[-1] + np.timedelta64(3600, "s")
    lines = ["70.5", 70.5, np.float64(70.5), {"time": str(when), "load": 70.5}, {"load": 70.5}, [when, 70.5]]
    heard = [model.live(samples=9).push(line).as_json() for line in lines]
    assert all(one == heard[0] for one in heard)
    assert heard[0]["value"] == 70.5
    with pytest.raises(UsageError, match="unknown column 'laod'"):
        model.live(samples=9).push({"laod": 70.5})
    with pytest.raises(DataError, match="column 'load' holds"):
        model.live(samples=9).push({"load": "a"})


def test_what_a_task_cannot_read_is_refused_in_one_line(run_path: Path) -> None:
    frame = in_numpy({"time": HOURS, "load": LOADS})
    with pytest.raises(UsageError, match="setting hidden_size of forecast cannot be -1"):
        Forecast(source=frame, **{**HELD, "hidden_size": -1})
    for task, words in (
        (Text(source=frame), "text reads no ndarray: give a path, or the name of a corpus"),
        (Forecast(source=3.5, **HELD), "a float is not a table"),
        (Forecast(source=np.zeros((2, 2, 2)), **HELD), "an array float64"),
    ):
        with pytest.raises((UsageError, DataError), match=words) as raised:
            statewise.train(task, run="runs/none")
        assert "\n" not in str(raised.value)
    assert not Path("runs").exists()
    with pytest.raises(UsageError, match="text reads no ndarray"):
        statewise.evaluate(run_path, frame)
    model = statewise.load(run_path)
    with pytest.raises(UsageError, match=r"^70.5 is not a line of text: push a string$"):
        model.live().push(70.5)
    for ask in (lambda: list(model.predict(5)), lambda: model.answer(5)):
        with pytest.raises(UsageError, match=r"^the prompt 5 is not text: give a string$"):
            ask()


def test_a_cell_of_a_frame_that_is_no_number_is_said_to_be_of_the_table_in_memory() -> None:
    table = np.array([("2026-11-02", "many"), ("2026-11-03", "few")], dtype=[("time", "U10"), ("load", "U4")])
    with pytest.raises(DataError, match=r"^the table in memory \(.*/frame-.*\.csv\) row 2: column 'load' holds 'many'"):
        statewise.train(Forecast(source=table, **HELD), run="runs/words")
