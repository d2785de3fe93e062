"""Recommend what a session wants next by the task recommend, in the manner of scikit-learn."""

from collections.abc import Hashable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from statewise.errors import UsageError
from statewise.estimators.trained_estimator import TrainedEstimator

Sessions = Sequence[Sequence[Hashable]]


class SessionRecommender(TrainedEstimator):
    """A recommender of next items: `fit(sessions)`, `predict(sessions)`, `score(sessions)`.

    A session is the items of one visit in the order of time; items are any labels that are told apart as text.
    `predict` gives the `k` items that each session wants next, the likeliest first. `report_` compares recall, MRR and
    NDCG with simple methods on the held-out sessions, the last ones.
    Errors: `UsageError`, a `ValueError`, for an item that was not learned, or a session that is too short.

    >>> sessions = [[n % 5, (n + 1) % 5, (n + 2) % 5] for n in range(200)]
    >>> model = SessionRecommender(k=2, hidden_size=16, updates=80, settings={"batch_size": 4}).fit(sessions)
    >>> model.predict([[3, 4]])[0, 0].item(), model.score([[0, 1, 2], [3, 4, 0]])
    (0, 1.0)
    """

    task: ClassVar[str] = "recommend"

    def __init__(
        self,
        *,
        k: int = 10,
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
        self.k, self.cell, self.hidden_size, self.layers, self.learning_rate = (
            k,
            cell,
            hidden_size,
            layers,
            learning_rate,
        )
        self.minutes, self.epochs, self.updates = minutes, epochs, updates
        self.random_state, self.settings, self.run = random_state, settings, run

    def fit(self, X: Sessions, y: Any = None) -> Self:
        """Learn from sessions which item follows which; `y` is not used."""
        events = [(at, item) for at, session in enumerate(X) for item in session]
        if not events:
            raise UsageError("there is no session with an item: give lists of items")
        self._items = {str(item): item for _, item in events}
        if len(self._items) < len({item for _, item in events}):
            raise UsageError("two items are the same as text, as 1 and '1' are: give them other names")
        log = {
            "session_id": np.array([at for at, _ in events]),
            "item_id": np.array([str(item) for _, item in events], object),
            "timestamp": np.arange(len(events)),
        }
        self._train(log, k=self.k)
        return self

    def predict(self, X: Sessions) -> NDArray[Any]:
        """Return the items that each session wants next, `[N, k]`, the likeliest first."""
        check_is_fitted(self)
        found = [
            [self._items[one.id] for one in self.trained_.predict(session=[*map(str, session)], k=self.k)]
            for session in X
        ]
        return np.array(found)

    def score(self, X: Sessions, y: Any = None) -> float:
        """Return recall at k: in how many sessions the last item is among those that the items before it ask for."""
        if short := sum(len(session) < 2 for session in X):
            raise UsageError(
                f"{short:,} sessions have fewer than two items: give those that have a last one to foretell"
            )
        listed = self.predict([session[:-1] for session in X])
        return float(np.mean([session[-1] in row for session, row in zip(X, listed.tolist(), strict=True)]))
