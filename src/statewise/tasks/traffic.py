"""Traffic: the cars of the next day, hour by hour."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Le

from statewise.tasks.forecast import Forecast


@dataclass(frozen=True, kw_only=True)
class Traffic(Forecast):
    """Learn how many cars pass in an hour, and forecast a day.

    Its settings were chosen by searches on the sixty days before the held-out ones: see `recipes/traffic-search.yaml`.

    >>> Traffic().horizon
    '24h'
    """

    name: ClassVar[str] = "traffic"
    title: ClassVar[str] = "Forecast the cars of the next day, hour by hour"
    example: ClassVar[str] = "traffic"
    usual_epochs: ClassVar[float] = 6

    source: Annotated[str | tuple[str, ...], Doc("a table of cars an hour, or the name of a corpus")] = "traffic"
    target: Annotated[tuple[str, ...], Doc("columns to forecast; several are series of their own")] = (
        "traffic_volume",
    )
    horizon: Annotated[str | None, Doc("how far to forecast")] = "24h"
    held_out: Annotated[str | None, Doc("the end that is kept from training")] = "60d"
    width: Annotated[int, Doc("units in a layer"), Ge(1)] = 96
    average: Annotated[
        float, Doc("share of the mean of the weights that an update keeps; 1 is a plain mean, 0 none"), Ge(0), Le(1)
    ] = 0.99
