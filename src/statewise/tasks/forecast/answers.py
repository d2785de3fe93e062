"""Forecasts as they are answered: shown, written to a file, drawn."""

import csv as csv_format
import io
from collections.abc import Sequence
from pathlib import Path

from statewise.run.files import saving, write_whole
from statewise.task import Answer
from statewise.tasks.forecast.chart import draw_chart
from statewise.tasks.forecast.prediction import SHOWN, SeriesForecast


def answer_of(
    found: Sequence[SeriesForecast], *, csv: str | None, chart: str | None, said: Sequence[str] = ()
) -> Answer:
    """Return forecasts as tables, written and drawn where asked, after what is `said` of them."""
    notices = [*said]
    if csv:
        with saving(csv, "give another --csv"):
            write_whole(Path(csv), _as_csv(found).encode())
        notices.append(f"{csv} holds the forecast")
    if chart:
        draw_chart(found, Path(chart))
        notices.append(f"{chart} shows it")
    return Answer(
        iter(["\n\n".join(map(str, found))]), lambda: {"answer": [a.as_json() for a in found]}, notices=notices
    )


def _as_csv(found: Sequence[SeriesForecast]) -> str:
    text = io.StringIO()
    writer = csv_format.writer(text, lineterminator="\n")
    writer.writerow(["series", "time", *(f"{level:g}" for level in SHOWN)])
    writer.writerows([ahead.series, *row] for ahead in found for row in ahead.rows())
    return text.getvalue()
