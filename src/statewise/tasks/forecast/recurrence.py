"""Where series stand: all that is needed to say what comes next, and to go on once it has come."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Self, final

import numpy as np
import torch
from torch import Tensor

from statewise.bounds import check_whole
from statewise.data.series.panel import Ints
from statewise.heads import Real
from statewise.model import Model
from statewise.state import map_leaves, select_rows, where_rows
from statewise.tasks.forecast.features import SeriesCodec, SeriesFeatures, features
from statewise.tasks.forecast.levels import JUMP, LEAST

Params = Any


class SeriesState(NamedTuple):
    """What is known of each series, rows on axis 0, so that it can be kept, forked and joined as any state.

    `recent` `[R, L]` are its last values, the newest last, NaN where missing; `last` the last seen and `age` how many
    steps ago; `level` and `spread` the running ones; `place` where on the grid it goes on; `codes` which series it is;
    `past` the last of the covariates that are known only once seen.
    """

    state: Any
    recent: Tensor
    last: Tensor
    age: Tensor
    level: Tensor
    spread: Tensor
    place: Tensor
    codes: Tensor
    past: Tensor


@final
@dataclass(frozen=True)
class Forecaster:
    """Rows of series at the edge of what is known, and the model that looks beyond it.

    `look` says what comes next and `after` what is known once it has come: the recurrence of backtests, sample
    paths and streams. Nothing is changed in place.
    """

    model: Model[Params]
    codec: SeriesCodec
    origin: np.datetime64
    at: SeriesState

    @classmethod
    def reach(cls, model: Model[Params], read: SeriesFeatures, series: Ints, places: Ints) -> Self:
        """Read the context of some series up to given places within them, and stand there."""
        codec, panel = read.codec, read.panel
        window = read.window(series, places - codec.context, codec.context)
        with torch.no_grad():
            _, state = model.core.scan(
                model.encoder(window.inputs), model.begin(len(series)), reset=window.reset, mask=window.mask
            )
        keep = max((codec.memory, *codec.lags))
        within = places[:, None] - np.arange(keep, 0, -1)
        at = panel.begins[series][:, None] + within.clip(0, None)
        recent = np.where(within >= 0, panel.values[at], np.nan)
        here, before = panel.begins[series] + places, panel.begins[series] + (places - 1).clip(0)
        parts = [
            recent,
            read.filled[before],
            read.age[before],
            read.level[here + series],
            read.spread[here + series],
            panel.places[series] + places,
            read.codes[series],
            read.covariates[before][:, panel.known.shape[1] :],
        ]
        return cls(model, codec, panel.origin, SeriesState(state, *(torch.from_numpy(np.asarray(p)) for p in parts)))

    @property
    def rows(self) -> int:
        """How many series stand here."""
        return len(self.at.place)

    @property
    def _head(self) -> Real[Params]:
        return self.model.head  # type: ignore[return-value]

    def repeat(self, times: int) -> "Forecaster":
        """Return a forecaster in which each row is repeated `times` times."""
        return replace(self, at=map_leaves(lambda leaf: leaf.repeat_interleave(times, dim=0), self.at))

    def only(self, rows: Tensor) -> "Forecaster":
        """Return a forecaster of some of the rows."""
        return replace(self, at=select_rows(self.at, rows))

    @torch.no_grad()
    def look(self, known: Tensor, calendar: Tensor | None = None) -> tuple[Params, Any]:
        """Return the distribution of each next value, in spreads from the level, and the model's state after it.

        Shapes: `known` `[R, K]`, around 0.
        """
        at = self.at
        read = features(
            self.codec,
            codes=at.codes.numpy(),
            level=at.level.numpy(),
            spread=at.spread.numpy(),
            last=at.last.numpy(),
            age=at.age.numpy(),
            lagged=at.recent.numpy()[:, [-lag for lag in self.codec.lags]],
            calendar=(self.calendar() if calendar is None else calendar).numpy(),
            known=known.numpy(),
            past=at.past.numpy(),
        )
        return self.model.step(torch.from_numpy(read), at.state)

    def calendar(self) -> Tensor:
        """Return the calendar of each row's next place."""
        places, which = np.unique(self.at.place.numpy(), return_inverse=True)
        low, high = int(places[0]), int(places[-1])
        times = self.codec.frequency.times(self.origin, low, high - low + 1)[places - low]
        return torch.from_numpy(self.codec.calendar(times)[which])

    def values(self, params: Params, *, generator: torch.Generator | None = None, temperature: float = 1.0) -> Tensor:
        """Draw a next value for each row, in the unit of the series."""
        drawn = self._head.sample(params, generator=generator, temperature=temperature)
        return drawn if self.codec.counts else self.at.level + self.at.spread * drawn.clamp(-1e4, 1e4)

    def below(self, params: Params, values: Tensor) -> Tensor:
        """Return how probable it was that each next value is no greater than that which came."""
        alike = values if self.codec.counts else (values - self.at.level) / self.at.spread
        return self._head.cdf(params, alike)

    def after(self, state: Any, values: Tensor, past: Tensor | None = None) -> "Forecaster":
        """Return the forecaster after values `[R]` that have come; where one is NaN, none has, and the model sleeps."""
        at = self.at
        seen = ~values.isnan()
        last = torch.where(seen, values, at.last)
        recent = torch.cat([at.recent[:, 1:], values.unsqueeze(-1)], dim=-1)
        level, spread = self._moved(values, recent)
        moved = SeriesState(
            where_rows(seen, state, at.state) if not bool(seen.all()) else state,
            recent,
            last,
            torch.where(seen, 0.0, at.age + 1),
            level,
            spread,
            at.place + 1,
            at.codes,
            at.past if past is None else past,
        )
        return replace(self, at=moved)

    def _moved(self, values: Tensor, recent: Tensor) -> tuple[Tensor, Tensor]:
        """Return level and spread after values, as `levels_of` has them; where none came they stay."""
        at, codec, seen = self.at, self.codec, ~values.isnan()
        level = at.level + codec.level_pace * (values - at.level)
        spread = at.spread + codec.pace * ((values - at.level).abs() - at.spread)
        if 0 < codec.level_pace < 1:
            last = recent[:, -codec.steady :]
            mean = last.mean(dim=1)  # NaN where one of them is missing
            least = (level.abs() * LEAST).clamp(min=LEAST)
            apart = (last - mean.unsqueeze(-1)).abs().mean(dim=1)
            is_far = (mean - level).abs() > JUMP * torch.maximum(torch.maximum(spread, apart), least)
            spread = torch.where(is_far, apart, spread)
            level = torch.where(is_far, mean, level)
        level, spread = torch.where(seen, level, at.level), torch.where(seen, spread, at.spread)
        return level, torch.maximum(spread, (level.abs() * LEAST).clamp(min=LEAST))


@torch.no_grad()
def sample_paths(forecaster: Forecaster, known: Tensor, samples: int, seed: int) -> Tensor:
    """Draw ways in which series may go on, each value given those drawn before it: `[R, samples, H]`.

    Shapes: `known` `[R, H, K]`, around 0. Raises `UsageError` for a seed of more than 64 bits.
    Source: Salinas, Flunkert, Gasthaus & Januschowski 2020.
    """
    check_whole("--seed", seed, -(2**63), 2**64 - 1)
    generator = torch.Generator().manual_seed(seed)
    rows, drawn = forecaster.rows, []
    read = max(
        (forecaster.codec.steady, *forecaster.codec.lags)
    )  # what simple methods remember besides is not repeated
    nearest = replace(forecaster, at=forecaster.at._replace(recent=forecaster.at.recent[:, -read:]))
    walking = nearest.repeat(samples)
    for step in range(known.shape[1]):
        calendar = replace(forecaster, at=forecaster.at._replace(place=forecaster.at.place + step)).calendar()
        params, state = walking.look(
            known[:, step].repeat_interleave(samples, dim=0), calendar.repeat_interleave(samples, dim=0)
        )
        values = walking.values(params, generator=generator)
        walking = walking.after(state, values)
        drawn.append(values)
    return torch.stack(drawn, dim=-1).reshape(rows, samples, -1)
