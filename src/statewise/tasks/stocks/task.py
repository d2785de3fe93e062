"""Stocks: the returns of shares, walk-forward, with an honest word about direction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import MOST_STEPS, MOST_UNITS
from statewise.errors import UsageError
from statewise.task import Amount, Data, Score, Scoring, Sources
from statewise.tasks.forecast.series_task import CERTAIN, SeriesTask

if TYPE_CHECKING:
    from statewise.data.series.panel import Panel
    from statewise.model import Model
    from statewise.task import Live
    from statewise.tasks.forecast.defaults import SeriesSplit
    from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures
    from statewise.tasks.forecast.live import LiveForecaster
    from statewise.tasks.stocks.data import StocksData

SHARES = "shares"
SURVIVORS = "Companies that failed are not among these 20 shares: a buyer today cannot know which companies will last."


@dataclass(frozen=True, kw_only=True)
class Stocks(SeriesTask):
    """Learn the returns of shares out of their prices: how far the next one may go, and whether up or down.

    >>> Stocks(source="prices.csv").horizon
    '1b'
    """

    name: ClassVar[str] = "stocks"
    title: ClassVar[str] = "Forecast the returns of shares, and how far they may go"
    example: ClassVar[str] = "shares"
    usual_epochs: ClassVar[float] = 0.5
    judges_densities: ClassVar[bool] = True

    source: Annotated[Sources, Doc("a table of prices, a column each, or the name of a corpus")] = "shares"
    horizon: Annotated[Amount | None, Doc("how far to forecast, in trading days, such as 1b")] = "1b"
    context: Annotated[Amount | None, Doc("how far to look back first")] = "63b"
    held_out: Annotated[Amount | None, Doc("the end of each series that is kept from training")] = "504b"
    hidden_size: Annotated[int, Doc("hidden size: units in each layer"), Ge(1), Le(MOST_UNITS)] = 32
    dropout: Annotated[float, Doc("dropout of the cells' outputs"), Ge(0), Lt(1)] = 0.0
    sequence_length: Annotated[
        int, Doc("sequence length: steps of a window; 0 means context and horizon together"), Ge(0), Le(MOST_STEPS)
    ] = 126
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.002

    def panel(self, source: Any, codec: "SeriesCodec | None" = None) -> "Panel":
        """Read prices as daily returns, in percent: 100 log(p_t / p_before)."""
        from statewise.data.tables.tables import title_of
        from statewise.tasks.stocks.returns import returns_of

        return returns_of(self.columns_of(source, codec), title_of(source))

    def data(self, read: "SeriesFeatures", split: "SeriesSplit") -> "StocksData":
        """Return the data of a walk forward, a day at a time."""
        from statewise.tasks.stocks.data import StocksData

        return StocksData(self, read, split)

    def live_after(self, tracker: "LiveForecaster", codec: "SeriesCodec") -> "Live":
        """Read prices, whose returns are forecast."""
        from statewise.tasks.stocks.prices import Prices

        return Prices.begin(tracker, self.columns_of(self.table(), codec))

    def live_from(self, saved: bytes, opened: "Callable[[bytes], LiveForecaster]") -> "Live":
        """Read prices, where it was left off."""
        from statewise.tasks.stocks.prices import Prices

        return Prices.open(saved, opened)

    def score(  # type: ignore[override]
        self,
        model: "Model[Any]",
        data: "StocksData",
        *,
        trade: Annotated[
            bool, Doc("also simulate holding what is likelier to rise, compared with holding everything")
        ] = False,
        cost: Annotated[float, Doc("cost of a trade, in hundredths of a percent of its size")] = 10.0,
        tried: Annotated[int, Doc("how many rules or settings were tried, this one among them")] = 1,
    ) -> Scoring:
        """Predict each day of the held-out part from those before it, and where asked trade by that."""
        from statewise.model import evaluating
        from statewise.tasks.stocks.returns import one_step
        from statewise.tasks.stocks.trading import trading

        if cost < 0 or tried < 1:
            raise UsageError(f"cost {cost:g} and tried {tried} cannot be: give a cost from 0 and at least 1 try")
        with evaluating(model):
            found = one_step(model, data.read, data.ends, data.scored)
        yield 1.0
        traded = trading(found, cost, tried) if trade else None
        tables = {f"a trade costs {cost / 100:g} %": traded.table()} if traded else {}
        return Score(found.metrics(), found.metrics()["log_score"], tables, (found, traded))

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say whether volatility was forecast, and whether direction was, with how sure that is."""
        from statewise.data.source_paths import corpus_named
        from statewise.tasks.stocks.data import StocksData
        from statewise.tasks.stocks.returns import about_direction, about_volatility

        assert isinstance(data, StocksData)
        found, traded = score.details
        words = [about_volatility(found, data.rivals, CERTAIN), about_direction(found, CERTAIN)]
        words += [traded.words(CERTAIN)] if traded else []
        return [*words, SURVIVORS] if corpus_named(self.sources[0]) == SHARES else words
