"""Traffic: the cars of the next day, hour by hour."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Le, Lt

from statewise.bounds import MOST_LAYERS, MOST_UNITS
from statewise.task import Amount, Several, Sources
from statewise.tasks.forecast.task import Forecast


@dataclass(frozen=True, kw_only=True)
class Traffic(Forecast):
    """Learn how many cars pass in an hour, and forecast a day.

    Its settings were chosen on the sixty days before the held-out ones: by `recipes/traffic-search.yaml`, then one by
    one (proofs/traffic_choices.py). Of a table from elsewhere, give the country by `holidays`.

    >>> Traffic().horizon
    '24h'
    """

    name: ClassVar[str] = "traffic"
    title: ClassVar[str] = "Forecast the cars of the next day, hour by hour"
    example: ClassVar[str] = "traffic"
    usual_epochs: ClassVar[float] = 3

    source: Annotated[Sources, Doc("a table of cars an hour, or the name of a corpus")] = "traffic"
    target: Annotated[Several, Doc("columns to forecast; several are series of their own")] = ("traffic_volume",)
    horizon: Annotated[Amount | None, Doc("how far to forecast")] = "24h"
    blend: Annotated[
        bool, Doc("mix the network with simple methods and calibrate it, by what lies before the held-out end")
    ] = False
    yearly: Annotated[bool | None, Doc("read the season of the year")] = True
    holidays: Annotated[str | None, Doc("country whose holidays to read, or a part of one, such as US-MN")] = "US"
    held_out: Annotated[Amount | None, Doc("the end that is kept from training")] = "60d"
    members: Annotated[
        int, Doc("ensemble size: networks that are averaged in the forecast"), Ge(1), Le(MOST_LAYERS)
    ] = 3
    dropout: Annotated[float, Doc("dropout of the cells' outputs"), Ge(0), Lt(1)] = 0.01
    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(MOST_UNITS)] = 96
    average: Annotated[
        float, Doc("decay of the moving average of the weights; 1 is a plain mean, 0 turns it off"), Ge(0), Le(1)
    ] = 0.99
