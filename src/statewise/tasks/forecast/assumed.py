"""What if: known covariates of the steps ahead as a person assumes them, in place of those that a table gives."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from statewise.data.series.panel import Floats, Ints
from statewise.errors import UsageError
from statewise.registry import unknown
from statewise.shown import in_line
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures, standardised

Assumed = Mapping[str, Sequence[float]]
"Values of known covariates by name: one for all steps ahead, or one for each."
LONGEST_NAMED = 60


def read_assumed(given: str | Sequence[str], codec: SeriesCodec) -> dict[str, list[float]]:
    """Return what is assumed, given as `NAME=VALUE` or `NAME=VALUE,VALUE,...`.

    Raises `UsageError` for another form, a column that is no known covariate, and another number of values than one or
    one for each step ahead.
    """
    found: dict[str, list[float]] = {}
    for one in (given,) if isinstance(given, str) else given:
        name, mark, values = one.partition("=")
        name = name.strip()
        if not mark:
            raise UsageError(f"--assume {in_line(one, LONGEST_NAMED)} is not of the form NAME=VALUE: give that")
        if name not in codec.columns.known:
            if not codec.columns.known:
                raise UsageError(
                    "--assume: this run has no known covariates, so there is nothing to assume: leave it out"
                )
            raise UsageError(f"--assume: {unknown('covariate', name, codec.columns.known)}")
        found[name] = _numbers(name, values)
        if len(found[name]) not in (1, codec.horizon):
            raise UsageError(
                f"--assume {name} has {len(found[name]):,} values for {codec.horizon:,} steps ahead: "
                "give one, or one a step"
            )
    return found


def _numbers(name: str, values: str) -> list[float]:
    try:
        found = [float(value) for value in values.split(",")]
    except ValueError:
        found = [math.nan]
    if not all(map(math.isfinite, found)):
        raise UsageError(
            f"--assume {name} {in_line(values, LONGEST_NAMED)} is not numbers: give such as {name}=1 or 1,2"
        )
    return found


def covariates_ahead(read: SeriesFeatures, series: Ints, places: Ints, assumed: Assumed) -> Floats:
    """Return the known covariates of the horizon after a place in each series, `[R, H, K]`.

    After the last that is given, the last goes on; what is `assumed` is in the place of both.
    """
    panel, codec = read.panel, read.codec
    first, length = panel.begins[series][:, None], panel.lengths[series][:, None]
    within = np.minimum(places[:, None] + np.arange(codec.horizon), length - 1)
    found: Floats = panel.known[first + within].astype(np.float32)
    for name, values in assumed.items():
        found[..., codec.columns.known.index(name)] = values if len(values) > 1 else values[0]
    return found


def as_read(known: Floats, codec: SeriesCodec) -> Tensor:
    """Return known covariates `[R, H, K]` as the network reads them, around 0."""
    scales = codec.covariates[: known.shape[-1]]
    return torch.from_numpy(standardised(known, scales).astype(np.float32) if scales else known)
