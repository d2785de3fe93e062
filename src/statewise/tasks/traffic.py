"""Traffic: the cars of the next day, hour by hour."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_doc import Doc

from statewise.tasks.forecast import Forecast


@dataclass(frozen=True, kw_only=True)
class Traffic(Forecast):
    """Learn how many cars pass in an hour, and forecast a day.

    >>> Traffic().horizon
    '24h'
    """

    name: ClassVar[str] = "traffic"
    title: ClassVar[str] = "Forecast the cars of the next day, hour by hour"
    example: ClassVar[str] = "traffic"

    source: Annotated[str | tuple[str, ...], Doc("a table of cars an hour, or the name of a corpus")] = "traffic"
    target: Annotated[tuple[str, ...], Doc("columns to forecast; several are series of their own")] = (
        "traffic_volume",
    )
    yearly: Annotated[bool | None, Doc("read the season of the year; none does from three years on")] = True
    horizon: Annotated[str | None, Doc("how far to forecast")] = "24h"
    held_out: Annotated[str | None, Doc("the end that is kept from training")] = "60d"
