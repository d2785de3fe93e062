"""Settings of every task over a table of series: its columns, how far to look, and the size of the network."""

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_doc import Doc
from annotated_types import Ge, Le, Lt

from statewise.bounds import MOST_LAYERS, MOST_SEQUENCES, MOST_STEPS, MOST_UNITS
from statewise.task import Amount, Several, Sources
from statewise.tasks.shared.table_settings import TableSettings


@dataclass(frozen=True, kw_only=True)
class SeriesSettings(TableSettings):
    """What the columns of a table are, how far to look back and ahead, and the network that reads them."""

    source: Annotated[Sources, Doc("a table: CSV, TSV or Parquet, or the name of a corpus")]
    target: Annotated[Several, Doc("columns to forecast; several are series of their own")] = ()
    time: Annotated[
        str | None,
        Doc(
            "column of times, or several as date+hour, or row: each is a step; if not given, it is found from the data"
        ),
    ] = None
    series: Annotated[
        str | None, Doc("column that tells series apart, in a long table; if not given, each target is a series")
    ] = None
    known: Annotated[Several, Doc("columns of numbers that are known ahead of time")] = ()
    past: Annotated[Several, Doc("columns of numbers that are known once they were seen")] = ()
    static: Annotated[Several, Doc("columns of words that are the same throughout a series")] = ()
    frequency: Annotated[
        str | None, Doc("how often a value comes, such as 1h; if not given, it is found from the times")
    ] = None
    aggregate: Annotated[
        Literal["sum", "mean", "last"] | None,
        Doc("how rows within one step of --frequency are joined; if not given, they are refused"),
    ] = None
    horizon: Annotated[
        Amount | None, Doc("how far to forecast, such as 24h, 7d or 12 (steps); if not given, one season")
    ] = None
    context: Annotated[Amount | None, Doc("how far to look back first; if not given, the longest season")] = None
    yearly: Annotated[bool | None, Doc("read the season of the year; if not given, from three years of data on")] = None
    holidays: Annotated[
        str | None,
        Doc("country whose holidays to read, such as US, or a part of one, such as US-MN; if not given, no holidays"),
    ] = None
    held_out: Annotated[
        Amount | None, Doc("the end of each series that is kept from training; if not given, a tenth")
    ] = None
    validation: Annotated[
        Amount | None,
        Doc("the part before the held-out one that --checks score; if not given, as long as the held-out part"),
    ] = None
    between: Annotated[Amount | None, Doc("time between two origins of the backtest; if not given, the horizon")] = None
    around: Annotated[
        Literal["level", "last"] | None,
        Doc("forecast values relative to a running level, or to the last one; if not given, the nearer in training"),
    ] = None
    head: Annotated[
        str, Doc("distribution of the next value, by name (see `statewise list heads`); some are for counts alone")
    ] = "student_t"
    encoder: Annotated[
        str | None,
        Doc(
            "encoder of a row, by name (see `statewise list encoders`); if not given, a table of vectors for its codes"
        ),
    ] = None
    embedding: Annotated[int, Doc("embedding size of a series"), Ge(1), Le(MOST_UNITS)] = 8
    members: Annotated[
        int,
        Doc("ensemble size: networks with different initial weights, averaged in the forecast"),
        Ge(1),
        Le(MOST_LAYERS),
    ] = 1
    dropout: Annotated[
        float | None, Doc("dropout of the cells' outputs; if not given, by the amount of data"), Ge(0), Lt(1)
    ] = None
    rivals: Annotated[
        tuple[Literal["auto_ets", "auto_theta", "auto_arima"], ...],
        Doc("further baselines, which statsforecast fits at every origin"),
    ] = ()

    hidden_size: Annotated[
        int, Doc("hidden size: units in each layer; 0 means by the amount of data"), Ge(0), Le(MOST_UNITS)
    ] = 0
    batch_size: Annotated[int, Doc("batch size: windows read in parallel"), Ge(1), Le(MOST_SEQUENCES)] = 64
    sequence_length: Annotated[
        int, Doc("sequence length: steps of a window; 0 means context and horizon together"), Ge(0), Le(MOST_STEPS)
    ] = 0
    sample_seconds: Annotated[float, Doc("seconds between two samples; 0 turns them off"), Ge(0)] = 0.0
