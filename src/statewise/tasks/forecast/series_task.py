"""What every task over a table of series has: its columns, its model, and forecasts ahead of it."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge

from statewise.data.source_forms import InMemory
from statewise.errors import UsageError
from statewise.inputs import OF_COMMANDS, TABLE
from statewise.task import Answer, Live, Task, stacked_core
from statewise.tasks.forecast.series_settings import SeriesSettings
from statewise.tasks.shared.sourced import Sourced

if TYPE_CHECKING:
    from statewise.data.series.panel import Panel
    from statewise.heads import Loss
    from statewise.model import Model
    from statewise.stream import Stream
    from statewise.tasks.forecast.blend import Blend
    from statewise.tasks.forecast.defaults import NetworkSize, SeriesSplit
    from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures
    from statewise.tasks.forecast.live import LiveForecaster
    from statewise.tasks.forecast.prediction import SeriesForecast
    from statewise.tasks.forecast.series_data import SeriesData

SAMPLES, MOST_SAMPLES = 200, 100_000
MOST_HISTORY = 10_000
MOST_AHEAD = 10_000_000
"So many values are drawn ahead of one series at once."
CERTAIN = 0.05
"A difference that comes by luck more often than this is called none."


@dataclass(frozen=True, kw_only=True)
class SeriesTask(SeriesSettings, Sourced, Task):
    """Learn a table of series and say what comes next; a task says what its series are, and how it is scored."""

    content: ClassVar[str] = "series"
    usual_epochs: ClassVar[float] = 4
    least_updates: ClassVar[int] = 0
    "Without a budget a training has at least so many updates: fewer teach nothing."
    in_memory: ClassVar[InMemory] = InMemory(("table",))
    page: ClassVar[str] = "forecast"
    judges_densities: ClassVar[bool] = False
    "Whether scores are of the density of each value, which a head without a likelihood does not give."

    def fraction(self, update: int, epoch_updates: int, seconds: float) -> float:
        """Return how much of the training is done; without a budget `usual_epochs`, and ten minutes at most.

        A table of a few thousand values is learned by heart in less than ten minutes, and is then forecast worse.
        """
        done = super().fraction(update, epoch_updates, seconds)
        usual = max(self.usual_epochs * epoch_updates, self.least_updates)
        return max(done, min(1.0, update / usual)) if self.is_free else done

    @property
    def is_free(self) -> bool:
        """Whether no budget was given."""
        return self.minutes is None and self.epochs is None and self.updates is None

    def network_size(self, codec: "SeriesCodec") -> "NetworkSize":
        """Return how large the network is, and how much of it is dropped out: as told, else by the amount of data."""
        from statewise.tasks.forecast.defaults import usual_network

        usual = usual_network(codec.values)
        dropout = usual.dropout if self.dropout is None else self.dropout
        return usual._replace(hidden_size=self.hidden_size or usual.hidden_size, dropout=dropout)

    @abstractmethod
    def panel(self, source: Any, codec: "SeriesCodec | None" = None) -> "Panel":
        """Return the series that are learned out of a table; with a codec, as in its training."""

    @abstractmethod
    def data(self, read: "SeriesFeatures", split: "SeriesSplit") -> "SeriesData":
        """Return the data of a training: series as the network reads them, and how they are split."""

    @property
    def keeps_validation(self) -> bool:
        """Whether a part before the held-out one is kept from training: here for checks."""
        return self.checks > 0

    def learned_blend(self, codec: "SeriesCodec") -> "Blend | None":
        """Return what the network is mixed with, None where it is alone: here always."""
        return None

    def columns_of(self, source: Any, codec: "SeriesCodec | None" = None) -> "Panel":
        """Read the columns of a table as series; with a codec, by the columns and the frequency of its training."""
        from statewise.data.series.frequency import Frequency
        from statewise.data.series.panel import read_panel
        from statewise.data.series.series_columns import guess_columns, refuse_others
        from statewise.data.series.series_layouts import by_layout

        every = codec.frequency if codec else Frequency.read(self.frequency) if self.frequency else None
        read, rule = by_layout(source, self.table_format, every), self.aggregate
        if codec is not None:
            refuse_others(read.source, codec.columns, read.how)
            return read_panel(read.source, codec.columns, codec.frequency, read.how, rule, codec.day_first)
        said = {key: getattr(self, key) for key in ("time", "series", "known", "past", "static")}
        said["targets"] = self.target
        roles = {**read.roles, **{key: value for key, value in said.items() if value}}
        panel = read_panel(read.source, guess_columns(read.source, roles, read.how), read.frequency, read.how, rule)
        return replace(panel, notices=(*panel.notices, *filter(None, [read.notice])))

    def table(self) -> Any:
        """Return the one table to learn from. Raises `UsageError` for several."""
        from statewise.data.tables.table_corpora import table_file

        if len(self.sources) != 1:
            raise UsageError(f"{self.name} learns from one table, not {len(self.sources)}: join them first")
        return table_file(self.sources[0])

    def _panel_as_trained(self, codec: "SeriesCodec") -> "Panel":
        """Return the series of the training, read again. Raises `RunError` where the table has changed since."""
        from statewise.run.sources import refuse_changed
        from statewise.tasks.forecast.series_data import digests_of

        panel = self.panel(self.table(), codec)
        again = f"to go on from what the table says now, name it, as in `predict RUN {self.sources[0]}`"
        refuse_changed("this run", self.trained_facts, digests_of(panel), again)
        return panel

    @property
    def made_head(self) -> Any:
        """What makes the head. Raises `UsageError`, with those that suit, where it is over no number."""
        from statewise.heads.named import head_named

        return head_named(self.head, "number", "count", likelihood=self.judges_densities)

    def prepare(self, cache: Path) -> "SeriesData":
        """Read the table and hold the end of each series out."""
        from statewise.encoders.named import encoder_named
        from statewise.tasks.forecast.defaults import codec_for
        from statewise.tasks.forecast.features import SeriesFeatures

        _ = self.made_head, encoder_named(self.encoder, "row")  # refused before anything is read
        panel = self.panel(self.table())
        codec, split = codec_for(self, panel)
        data = self.data(SeriesFeatures(panel, codec), split)
        data.windows("training")
        return data

    def codec(self, written: Mapping[str, Any]) -> "SeriesCodec":
        """Return what was known of the series in training."""
        from statewise.tasks.forecast.features import SeriesCodec

        return SeriesCodec.read(written)

    def model(self, codec: "SeriesCodec") -> "Model[Any]":
        """Return a reader of rows, cells and the head, or several of both side by side."""
        from statewise.cells.ensemble import Ensemble
        from statewise.encoders.named import encoder_named
        from statewise.model import Model
        from statewise.tasks.forecast.parallel import Mixture

        encoder = encoder_named(self.encoder, "row")(codec.choices, codec.numbers, self.embedding)
        cores = [self._core(codec, encoder.features) for _ in range(self.members)]
        sizes: dict[str, Any] = {"exposure": True} if codec.counts else {}
        heads = [self.made_head(core.units, **sizes) for core in cores]
        return Model(encoder, *((cores[0], heads[0]) if self.members == 1 else (Ensemble(cores), Mixture(heads))))

    def _core(self, codec: "SeriesCodec", features: int) -> Any:
        from statewise.cells import Dropout
        from statewise.cells.passing import Passing

        size = self.network_size(codec)
        core = stacked_core(self.cell, features, size.hidden_size, self.layers)
        core = Dropout(core, size.dropout) if size.dropout else core
        return Passing(core) if codec.counts else core

    def metrics(self, loss: "Loss") -> dict[str, float]:
        """Return the mean loss of one step ahead."""
        return {"nats": float(loss.mean)}

    def gauge(self, nats: float) -> str:
        """Return the mean loss of a forecast of one step: of most heads the nats, -log p, of the next value."""
        return f"loss {nats:.3f} per step"

    def sample(self, model: "Model[Any]", codec: "SeriesCodec") -> str:
        """Return a series that the model dreams, as a line of bars: always the same dice."""
        from statewise.tasks.forecast.prediction import dream

        return dream(model, codec, self.seed)

    def known_names(self, codec: "SeriesCodec") -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """Return the columns that a table must have, with what each is, and the series."""
        columns = [{"column": name, "role": role} for role, names in codec.columns.roles.items() for name in names]
        return {"columns": columns, "series": [{"series": name} for name in codec.names]}

    def stream(self, model: "Model[Any]", codec: "SeriesCodec") -> "Stream[Any]":
        """Return a stream of what the network reads at each step; series of a table are streamed by `live`."""
        from statewise.stream import Stream

        return Stream(model)

    def size(self, facts: Mapping[str, Any]) -> str:
        """Say how many series of how many values there are, how often they come, how far is forecast, what was done."""
        series = f"{facts['series']:,} series" if facts["series"] > 1 else "1 series"
        found = f"{super().size(facts)}, {series} every {facts['every']}, {facts['horizon']} steps ahead"
        return "; ".join([found, *facts["notices"], *([facts["chosen"]] if "chosen" in facts else [])])

    def predict(
        self,
        model: "Model[Any]",
        codec: "SeriesCodec",
        table: Annotated[Any, Doc("a newer table to forecast beyond; if not given, the training table"), TABLE] = None,
        *,
        samples: Annotated[int, Doc("sample paths")] = SAMPLES,
        seed: Annotated[int, Doc("the same seed draws the same")] = 0,
        only: Annotated[tuple[str, ...], Doc("series to forecast; if not given, all")] = (),
        hold_known: Annotated[bool, Doc("hold the last known covariates where the table has none ahead")] = False,
        assume: Annotated[
            tuple[str, ...], Doc("what if: a known covariate ahead, NAME=VALUE, or a value a step, NAME=1,2,...")
        ] = (),
        history: Annotated[int, Doc("also tell so many of the values before, in JSON"), Ge(0)] = 0,
    ) -> Iterator["SeriesForecast"]:
        """Forecast what comes after the end of each series, one after another.

        A table (a path, or a frame) has the columns of that in training; rows in which only known covariates are given
        say what is known ahead of time. Raises `DataError` where they end before the horizon does, unless they are
        assumed, or `hold_known`.
        """
        from statewise.bounds import check_whole
        from statewise.tasks.forecast.assumed import read_assumed
        from statewise.tasks.forecast.features import SeriesFeatures
        from statewise.tasks.forecast.prediction import ahead_of

        check_samples(samples, codec.horizon)
        check_whole("--history", history, 0, MOST_HISTORY)
        panel = self._panel_as_trained(codec) if table is None else self.panel(table, codec)
        named = (only,) if isinstance(only, str) else only
        how: Any = {"hold_known": hold_known, "assumed": read_assumed(assume, codec), "told": history}
        how |= {"blend": self.learned_blend(codec)}
        return ahead_of(model, SeriesFeatures(panel, codec), named, samples, seed, **how)

    def answer(
        self,
        model: "Model[Any]",
        codec: "SeriesCodec",
        table: Annotated[str | None, Doc("a newer table to forecast beyond; if not given, the training table")] = None,
        *,
        csv: Annotated[str | None, Doc("also write the forecast to this file")] = None,
        chart: Annotated[str | None, Doc("also draw the forecast to this file, as PNG or SVG")] = None,
        **how: Any,
    ) -> Answer:
        """Return the forecasts as tables, and write and draw them where asked."""
        from statewise.tasks.forecast.answers import answer_of

        blend, said = self.learned_blend(codec), []
        if how.get("assume") and blend is not None and blend.network < 1:
            said = [f"what is assumed moves the network alone, {blend.network:.0%} of the forecast: see --no-blend"]
        return answer_of(list(self.predict(model, codec, table, **how)), csv=csv, chart=chart, said=said)

    def live(
        self,
        model: "Model[Any]",
        codec: "SeriesCodec",
        saved: bytes | None = None,
        *,
        steps: Annotated[int | None, Doc("steps ahead to forecast after each value [default: the horizon]")] = None,
        samples: Annotated[int, Doc("sample paths after each value")] = 100,
        anomaly: Annotated[bool, Doc("also say how improbable each value was")] = False,
        longest_gap: Annotated[
            str | None,
            Doc("how far a time may lie after the one before, as 60d; a longer gap is refused"),
            OF_COMMANDS,
        ] = None,
    ) -> Live:
        """Begin at the end of the training table, or where it was left off; each line is one observation.

        A line is an object (JSON) by the names of columns, or their cells in the order time, series, targets, known,
        past (those that the table has), separated by commas, or by semicolons where decimals have commas.
        """
        from statewise.tasks.forecast.features import SeriesFeatures
        from statewise.tasks.forecast.live import LiveForecaster
        from statewise.tasks.forecast.observations import usual_longest_gap

        ahead = codec.horizon if steps is None else steps
        if ahead < 1:
            raise UsageError(f"steps {ahead} ask for nothing: give at least 1")
        check_samples(samples, ahead)
        gap = codec.frequency.steps(longest_gap) if longest_gap else usual_longest_gap(codec.frequency)
        how: dict[str, Any] = {"steps": ahead, "samples": samples, "anomaly": anomaly, "seed": self.seed}
        how |= {"longest_gap": gap, "table_format": self.table_format, "blend": self.learned_blend(codec)}
        if saved is not None:
            return self.live_from(saved, lambda saved: LiveForecaster.open(model, codec, saved, **how))
        return self.live_after(
            LiveForecaster.begin(model, SeriesFeatures(self._panel_as_trained(codec), codec), **how), codec
        )

    @abstractmethod
    def live_after(self, tracker: "LiveForecaster", codec: "SeriesCodec") -> Live:
        """Return what reads the lines of users, where a tracker stands at the end of the training table."""

    @abstractmethod
    def live_from(self, saved: bytes, opened: Callable[[bytes], "LiveForecaster"]) -> Live:
        """Return what reads the lines of users, where it was left off."""


def check_samples(samples: int, steps: int = 1) -> None:
    """Raise `UsageError` for fewer sample paths than give quantiles, or more than are drawn at once."""
    if samples < 2:
        raise UsageError(f"samples {samples} are too few for quantiles: give 2 or more")
    if samples > MOST_SAMPLES or samples * steps > MOST_AHEAD:
        raise UsageError(
            f"samples {samples:,} of {steps:,} steps are more than are drawn at once: give up to {MOST_SAMPLES:,} and "
            f"{MOST_AHEAD:,} values"
        )
