"""Stocks: the returns of shares, walk-forward, with an honest word about direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt

from statewise.task import Data, Score, Scoring
from statewise.tasks.forecast import CERTAIN, Forecast

if TYPE_CHECKING:
    from pathlib import Path

    from statewise.data.panel import Panel
    from statewise.forecasting.reading import Codec
    from statewise.model import Model
    from statewise.tasks.series import StocksData

SURVIVORS = "Companies that failed are not among these 20 shares: who buys today cannot know who will last."


@dataclass(frozen=True, kw_only=True)
class Stocks(Forecast):
    """Learn the returns of shares out of their prices: how far the next one may go, and whether up or down.

    >>> Stocks(source="prices.csv").horizon
    '1b'
    """

    name: ClassVar[str] = "stocks"
    title: ClassVar[str] = "Forecast the returns of shares: volatility, and an honest word about direction"
    example: ClassVar[str] = "shares"

    source: Annotated[str | tuple[str, ...], Doc("a table of prices, a column each, or the name of a corpus")] = (
        "shares"
    )
    horizon: Annotated[str | None, Doc("how far to forecast, in trading days as 1b")] = "1b"
    context: Annotated[str | None, Doc("how far to look back first")] = "63b"
    held_out: Annotated[str | None, Doc("the end of each series that is kept from training")] = "504b"
    width: Annotated[int, Doc("units in a layer"), Ge(1)] = 32
    steps: Annotated[int, Doc("steps in a window; 0 means context and horizon together"), Ge(0)] = 126
    rate: Annotated[float, Doc("highest learning rate"), Gt(0)] = 0.002

    def panel(self, source: Any, codec: "Codec | None" = None) -> "Panel":
        """Read prices as daily returns, in percent: 100 log(p_t / p_before)."""
        from statewise.forecasting.returns import returns_of

        return returns_of(super().panel(source, codec), str(source))

    def prepare(self, cache: "Path") -> "StocksData":
        """Read the prices and hold the last days out."""
        from statewise.tasks.series import StocksData

        data = super().prepare(cache)
        return StocksData(self, data.read, data.split)

    def score(  # type: ignore[override]
        self, model: "Model[Any]", data: "StocksData"
    ) -> Scoring:
        """Predict each day of the held-out part from those before it."""
        from statewise.forecasting.returns import one_step

        was_training = model.training
        model.eval()
        try:
            found = one_step(model, data.read, data.ends, data.scored)
        finally:
            model.train(was_training)
        yield 1.0
        return Score(found.metrics(), found.metrics()["log_score"], details=found)

    def remarks(self, score: Score, data: Data) -> Sequence[str]:
        """Say whether volatility was forecast, and whether direction was, with how sure that is."""
        from statewise.forecasting.returns import about_direction, about_volatility
        from statewise.tasks.series import StocksData

        assert isinstance(data, StocksData)
        words = [about_volatility(score.details, data.rivals, CERTAIN), about_direction(score.details, CERTAIN)]
        return [*words, SURVIVORS] if self.source == "shares" else words
