"""A mixture scored, and the two that it is made of."""

from statewise.tasks.forecast.blend import Blend, histories
from statewise.tasks.forecast.data import ForecastData
from statewise.tasks.forecast.metrics import Floats, scores

Scores = dict[str, dict[str, float]]


def mixed(blend: Blend, data: ForecastData, network: Floats) -> tuple[Floats, Scores]:
    """Return the quantiles of a mixture at every origin, and what network and simple methods score alone."""
    codec, origins = data.codec, data.origins
    history = histories(data.read.panel, origins.series, origins.places, codec.memory)
    simple, _ = blend.simple(codec, history, codec.horizon)
    apart = {
        "the network alone": scores(data.truth, network),
        "simple methods alone": scores(data.truth, simple),
    }
    return blend.mixed(codec, history, network), apart
