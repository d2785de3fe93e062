"""Classify sequences by the task gesture, as scikit-learn classifies rows."""

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, column_or_1d

from statewise.errors import UsageError
from statewise.estimators.trained_estimator import TrainedEstimator

Sequences = list[NDArray[np.float32]]


class GestureClassifier(ClassifierMixin, TrainedEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A recurrent classifier of sequences: `fit(X, y)`, `predict(X)`, `predict_proba(X)`, `score(X, y)`.

    Shapes: `X` `[N, T, D]`, or `[N, T]` of one number a step, or a list of N sequences `[T_n, D]`; `y` `[N]` of any
    labels. What is missing may be NaN. It learns from all of them: what to hold out is for scikit-learn's tools to say.
    `rate` says how many samples a second has. Parameters are settings of the task gesture, `settings` its others.
    Errors: `UsageError`, a `ValueError`, for sequences that do not fit.

    >>> import numpy as np
    >>> up, down = np.arange(8.0) + np.zeros((6, 1)), -np.arange(8.0) + np.zeros((6, 1))
    >>> model = GestureClassifier(hidden_size=8, updates=60, learning_rate=0.02)
    >>> model.fit(np.concatenate([up, down]), ["up"] * 6 + ["down"] * 6).predict([np.arange(8.0)[:, None]]).tolist()
    ['up']
    """

    task: ClassVar[str] = "gesture"

    def __init__(
        self,
        *,
        cell: str | None = None,
        hidden_size: int | None = None,
        layers: int | None = None,
        learning_rate: float | None = None,
        minutes: float | None = None,
        epochs: float | None = None,
        updates: int | None = None,
        rate: float = 30.0,
        random_state: Any = 0,
        settings: dict[str, Any] | None = None,
        run: str | None = None,
    ) -> None:
        self.cell, self.hidden_size, self.layers, self.learning_rate = cell, hidden_size, layers, learning_rate
        self.minutes, self.epochs, self.updates, self.rate = minutes, epochs, updates, rate
        self.random_state, self.settings, self.run = random_state, settings, run

    def fit(self, X: Any, y: Any) -> Self:
        """Learn which sequence is of which class."""
        if y is None:
            raise UsageError("requires y to be passed, but the target y is None: give a label for each sequence")
        sequences = self._sequences(X, is_fit=True)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(sequences, y)
        self.classes_ = unique_labels(y)
        if len(self.classes_) < 2:
            raise UsageError(f"the labels are all of one class, {self.classes_[0]}: give sequences of two or more")
        codes = np.searchsorted(self.classes_, y)
        shown = np.unique(codes, return_index=True)[1]  # the task must score something: a sequence of each class again
        order = np.concatenate([np.arange(len(codes)), shown])
        parts = np.array(["training"] * len(codes) + ["held_out"] * len(shown))
        lengths = np.array([len(one) for one in sequences])
        padded = np.zeros((len(sequences), int(lengths.max()), self._width), np.float32)
        for row, one in zip(padded, sequences, strict=True):
            row[: len(one)] = one
        arrays = {"x": padded, "label": _names(codes), "length": lengths}
        source = {**{name: one[order] for name, one in arrays.items()}, "part": parts}
        own = {"untimed": float(self.rate), "layout": "none", "validation": 0.0, "split": "recording"}
        self._train(source, **own)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return how likely each class is of each sequence, `[N, classes]`, in the order of `classes_`."""
        check_is_fitted(self)
        names = _names(np.arange(len(self.classes_))).tolist()
        found = []
        for sequence in self._sequences(X, is_fit=False):
            (answer,) = self.trained_.predict(sequence)
            found.append([answer.chances[name] for name in names])
        return np.array(found)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the likeliest class of each sequence, `[N]`."""
        chances = self.predict_proba(X)
        chosen: NDArray[Any] = self.classes_[chances.argmax(axis=1)]
        return chosen

    def _sequences(self, X: Any, *, is_fit: bool) -> Sequences:
        """Return sequences `[T_n, D]`. Raises `UsageError` for others than those of training."""
        if isinstance(X, list | tuple) and X and np.ndim(X[0]) == 2:
            found = [check_array(one, dtype=np.float32, ensure_all_finite="allow-nan") for one in X]
            columns = None
        else:
            array = check_array(X, dtype=np.float32, allow_nd=True, ensure_all_finite="allow-nan")
            if array.ndim > 3:
                raise UsageError(f"X is of the shape {array.shape}: give [N, T, D], or [N, T]")
            columns = array.shape[1] if array.ndim == 2 else None
            found = list(array[:, :, None] if array.ndim == 2 else array)
        widths = sorted({one.shape[1] for one in found})
        if len(widths) > 1:
            raise UsageError(f"sequences have {' and '.join(map(str, widths))} numbers a step: give all the same")
        if is_fit:
            self.n_features_in_, self._width, self._columns = columns or widths[0], widths[0], columns
        for given, wanted in ((widths[0], self._width), (columns, columns and self._columns)):
            if given and wanted and given != wanted:
                name = type(self).__name__
                raise UsageError(f"X has {given} features, but {name} is expecting {wanted} features as input")
        return found

    def __sklearn_tags__(self) -> Any:
        """Say that sequences may have three axes, and numbers that are missing."""
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.three_d_array = True
        return tags


def _names(codes: NDArray[Any]) -> NDArray[np.str_]:
    """Return the names of classes in the run, by their numbers: such as are never taken for background."""
    return np.array([f"class {code}" for code in codes])
