"""Traffic: the cars of the next day, hour by hour."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_doc import Doc

from statewise.tasks.forecast import Forecast


@dataclass(frozen=True, kw_only=True)
class Traffic(Forecast):
    """Learn how many cars pass in an hour, with the weather that was, and forecast a day.

    >>> Traffic().horizon
    '24h'
    """

    name: ClassVar[str] = "traffic"
    title: ClassVar[str] = "Forecast the cars of the next day, hour by hour, with the weather that was"
    example: ClassVar[str] = "traffic"

    source: Annotated[str | tuple[str, ...], Doc("a table of cars an hour, or the name of a corpus")] = "traffic"
    target: Annotated[tuple[str, ...], Doc("columns to forecast; several are series of their own")] = (
        "traffic_volume",
    )
    past: Annotated[tuple[str, ...], Doc("columns of numbers that are known once they were seen")] = (
        "temp",
        "clouds_all",
        "rain_1h",
        "snow_1h",
    )
    horizon: Annotated[str | None, Doc("how far to forecast")] = "24h"
    held_out: Annotated[str | None, Doc("the end that is kept from training")] = "60d"
