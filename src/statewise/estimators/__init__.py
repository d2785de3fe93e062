"""Tasks as estimators of scikit-learn: `fit`, `predict` and `score` on arrays (`pip install 'statewise[sklearn]'`).

They are found by scikit-learn's own tools, such as pipelines, searches and cross-validation.
"""

from importlib.util import find_spec

from statewise.errors import MissingExtra

if find_spec("sklearn") is None:
    raise MissingExtra("estimators need scikit-learn: pip install 'statewise[sklearn]'")

from statewise.estimators.gesture_classifier import GestureClassifier
from statewise.estimators.series_forecaster import SeriesForecaster
from statewise.estimators.session_recommender import SessionRecommender

__all__ = ["GestureClassifier", "SeriesForecaster", "SessionRecommender"]
