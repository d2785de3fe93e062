"""Forecast series by the task forecast, in the manner of scikit-learn."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_is_fitted

from statewise.data.frames import columns_of
from statewise.errors import UsageError
from statewise.estimators.trained_estimator import TrainedEstimator

TARGET = "target"
MEDIAN = 0.5


class SeriesForecaster(TrainedEstimator):
    """A forecaster of one or several series: `fit(X)` or `fit(X, y)`, `predict()`, `score(X, y)`.

    With `fit(X)`, `X` holds the series: an array `[T]` or `[T, S]`, or a frame whose index or time column says when.
    With `fit(X, y)`, `y` `[T]` is the series and `X` `[T, F]` what is known ahead of time; `predict` is then given the
    `X` of the steps that follow. It forecasts `horizon` steps after the end. The settings follow from the table unless
    given, as those of `statewise train forecast` do; `report_` compares the forecast with simple methods on the
    held-out end.
    Errors: `UsageError`, a `ValueError`, for covariates that do not fit, `DataError` for a table that cannot be read.

    >>> import numpy as np
    >>> model = SeriesForecaster(horizon=4, hidden_size=8, updates=20).fit(np.sin(np.arange(200) / 3))
    >>> model.predict().shape, model.predict_quantiles(levels=(0.1, 0.9)).shape
    ((4,), (4, 2))
    """

    task: ClassVar[str] = "forecast"

    def __init__(
        self,
        *,
        horizon: int = 12,
        cell: str | None = None,
        hidden_size: int | None = None,
        layers: int | None = None,
        learning_rate: float | None = None,
        minutes: float | None = None,
        epochs: float | None = None,
        updates: int | None = None,
        random_state: Any = 0,
        settings: dict[str, Any] | None = None,
        run: str | None = None,
    ) -> None:
        self.horizon, self.cell, self.hidden_size, self.layers = horizon, cell, hidden_size, layers
        self.learning_rate, self.minutes, self.epochs, self.updates = learning_rate, minutes, epochs, updates
        self.random_state, self.settings, self.run = random_state, settings, run

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn how a series goes on; where `y` is given it is the series, and `X` is known ahead of time."""
        columns = {name: np.asarray(column) for name, column in columns_of(_as_array(X)).items()}
        own: dict[str, Any] = {"horizon": self.horizon}
        self.covariates_: tuple[str, ...] = ()
        if y is not None:
            self.covariates_ = tuple(name for name, column in columns.items() if column.dtype.kind in "fiub")
            columns[TARGET] = np.asarray(y)
            own |= {"target": (TARGET,), "known": self.covariates_}
        self._train(columns, **own)
        self._columns = columns
        return self

    def predict(self, X: Any = None) -> NDArray[np.float64]:
        """Return the medians of the next `horizon` steps, `[H]`, or `[H, S]` of several series.

        `X` `[H, F]` is what is known of them; None where nothing was in training.
        """
        return self.predict_quantiles(X, levels=(MEDIAN,))[..., 0]

    def predict_quantiles(self, X: Any = None, levels: tuple[float, ...] = (0.1, 0.5, 0.9)) -> NDArray[np.float64]:
        """Return quantiles of the next steps, `[H, levels]`, or `[H, S, levels]`; levels are multiples of 0.025."""
        check_is_fitted(self)
        found = list(self.trained_.predict(self._with_ahead(X)))
        quantiles = np.stack([np.stack([one.at(level) for level in levels], axis=-1) for one in found], axis=1)
        return np.asarray(quantiles[:, 0] if len(found) == 1 else quantiles, np.float64)

    def score(self, X: Any, y: Any) -> float:
        """Return R^2 of the forecast of the steps that follow, `y` `[H]` or `[H, S]` being what came; 1 is the best."""
        return float(r2_score(np.asarray(y), self.predict(X)))

    def _with_ahead(self, X: Any) -> dict[str, NDArray[Any]]:
        """Return the table of training, and beneath it what is known of the steps ahead."""
        if X is None:
            if self.covariates_:
                raise UsageError(f"X says {', '.join(self.covariates_)} of the {self.horizon} steps ahead: give it")
            return self._columns
        if not self.covariates_:
            raise UsageError("nothing known ahead of time was given in training: call predict without X")
        ahead = {name: np.asarray(column) for name, column in columns_of(_as_array(X)).items()}
        if (missing := self._columns.keys() - ahead.keys() - {TARGET}) or len(
            next(iter(ahead.values()))
        ) != self.horizon:
            lacks = f"lacks {', '.join(sorted(missing))}" if missing else f"is not of the {self.horizon} steps ahead"
            raise UsageError(f"X {lacks}: give the columns of training for each step of the horizon")
        ahead[TARGET] = np.full(self.horizon, np.nan)
        return {name: np.concatenate([column, ahead[name]]) for name, column in self._columns.items()}


def _as_array(X: Any) -> Any:
    return np.asarray(X) if isinstance(X, list | tuple) else X
