"""Forecast: one model of many series, that says what comes next and how sure it is."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc

from statewise.task import Calibrating, Data, Live, Score, Scoring
from statewise.tasks.forecast.series_task import CERTAIN, SAMPLES, SeriesTask, check_samples

if TYPE_CHECKING:
    from statewise.data.series.panel import Panel
    from statewise.model import Model
    from statewise.tasks.forecast.blend import Blend
    from statewise.tasks.forecast.data import ForecastData
    from statewise.tasks.forecast.defaults import SeriesSplit
    from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures
    from statewise.tasks.forecast.live import LiveForecaster


@dataclass(frozen=True, kw_only=True)
class Forecast(SeriesTask):
    """Learn a table of series and say what comes next, as quantiles.

    >>> Forecast(source="traffic.csv", target=("traffic_volume",), horizon="24h").head
    'student_t'
    """

    name: ClassVar[str] = "forecast"
    title: ClassVar[str] = "Forecast any table of series, with honest uncertainty"
    example: ClassVar[str] = "traffic.csv --target traffic_volume --horizon 24h"

    least_updates: ClassVar[int] = 400

    blend: Annotated[
        bool, Doc("mix the network with simple methods and calibrate it, by what lies before the held-out end")
    ] = True

    @property
    def keeps_validation(self) -> bool:
        """Whether a part before the held-out one is kept from training: for checks, and for the blend."""
        return self.checks > 0 or self.blend

    def learned_blend(self, codec: "SeriesCodec") -> "Blend | None":
        """Return what the network is mixed with, None where it is alone, or before the training has ended."""
        from statewise.tasks.forecast.blend import Blend

        return Blend.read(self.calibration, codec.horizon) if self.blend and self.calibration is not None else None

    def calibrate(self, model: "Model[Any]", data: Data) -> Calibrating:
        """Learn how to mix the network with simple methods, and how wide intervals must be."""
        from statewise.model import evaluating
        from statewise.tasks.forecast.calibrating import calibrating
        from statewise.tasks.forecast.series_data import SeriesData

        assert isinstance(data, SeriesData)
        if not self.blend:
            return None
        with evaluating(model):
            found = yield from calibrating(model, data, self.seed)
        return found.as_json()

    def panel(self, source: Any, codec: "SeriesCodec | None" = None) -> "Panel":
        """Read the columns of a table as they are."""
        return self.columns_of(source, codec)

    def data(self, read: "SeriesFeatures", split: "SeriesSplit") -> "ForecastData":
        """Return the data of a backtest."""
        from statewise.tasks.forecast.data import ForecastData

        return ForecastData(self, read, split)

    def live_after(self, tracker: "LiveForecaster", codec: "SeriesCodec") -> Live:
        """Read observations as they are."""
        return tracker

    def live_from(self, saved: bytes, opened: "Callable[[bytes], LiveForecaster]") -> Live:
        """Read observations as they are, where it was left off."""
        return opened(saved)

    def score(  # type: ignore[override]
        self,
        model: "Model[Any]",
        data: "ForecastData",
        *,
        samples: Annotated[int, Doc("sample paths at each origin")] = SAMPLES,
        by_step: Annotated[bool, Doc("also a table of each step ahead")] = False,
    ) -> Scoring:
        """Forecast from every origin of the held-out part, as if it were now, and compare with what came."""
        from statewise.model import evaluating
        from statewise.tasks.forecast import metrics
        from statewise.tasks.forecast.backtest import backtest
        from statewise.tasks.forecast.mixing import mixed

        check_samples(samples)
        with evaluating(model):
            quantiles = yield from backtest(model, data.read, data.origins, samples, self.seed)
        blend = self.learned_blend(data.codec)
        apart: dict[str, dict[str, float]] = {}
        if blend is not None:
            quantiles, apart = mixed(blend, data, quantiles)
        found = metrics.scores(data.truth, quantiles)
        ahead = [f"{h + 1} ahead" for h in range(data.read.codec.horizon)]
        tables = {"what was mixed": apart} if apart else {}
        tables |= {"each step ahead": metrics.by_step(data.truth, quantiles, ahead)} if by_step else {}
        losses = metrics.loss_by_origin(data.truth, quantiles)
        return Score(found, found.get("weighted_quantile_loss", found["CRPS"]), tables, losses)

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say whether the model is better than the best baseline, and which ratios have nothing to be measured in."""
        from statewise.tasks.forecast.data import ForecastData
        from statewise.tasks.forecast.metrics import compare
        from statewise.tasks.forecast.verdict import against, blend_words, coverage_words, untold

        assert isinstance(data, ForecastData)
        overlap = -(-data.read.codec.horizon // data.stride)
        best = min(data.baselines(), key=lambda name: float(data.losses[name].mean()))
        found = compare(score.details, data.losses[best], overlap)
        blend = self.learned_blend(data.codec)
        words = [blend_words(blend)] if blend else []
        covered = coverage_words(score.metrics["covers_80"], data.truth)
        return [against(best, found, CERTAIN), covered, *words, *untold(data.truth, data.origins.series)]
