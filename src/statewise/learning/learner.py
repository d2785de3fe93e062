"""Truncated backpropagation through time: read a window, send errors back, change the weights, carry the state on."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import DoublePrecision

from statewise.data.window import Window
from statewise.errors import TrainingError, UsageError
from statewise.heads import Loss
from statewise.learning.average import Average
from statewise.learning.events import Updated
from statewise.learning.optimizers import (
    clip_norm,
    clip_value,
    load_optimizer,
    make_optimizer,
    optimizer_tensors,
    rate_at,
)
from statewise.learning.progress import Progress
from statewise.learning.snapshot import (
    AVERAGE,
    BEST,
    OPTIMIZER,
    PLACE,
    RANDOM,
    STATE,
    WEIGHTS,
    Place,
    load_weights,
    read_random,
    read_weights,
)
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import detach, from_bytes, read_tensors, to_bytes, write_tensors

SINGLE = "32-true"


class Learner:
    """A model on its way: its optimiser, the state it carries from window to window, and its place in the data.

    One `update` reads `accumulate` windows. Gradients flow back through the steps of a window and stop at its
    beginning; the state crosses it as a plain value. `snapshot` and `restore` hold all of it, so that a restored
    learner makes the same updates, bit for bit, on the same machine, thread count and build.
    """

    def __init__(self, model: Model[Any], windows: Sequence[Window], recipe: Recipe) -> None:
        self.model, self.windows, self.recipe = model, windows, recipe
        self.fabric = _fabric(recipe)
        self.optimizer = make_optimizer(model, recipe)
        wrapped, self.setup_optimizer = self.fabric.setup(model, self.optimizer)
        # Fabric's wrapper looks through inputs and outputs for what to cast: at single precision, for nothing.
        self.setup_model: Callable[[Window, Any], tuple[Loss, Any]] = model if recipe.precision == SINGLE else wrapped
        self.average = Average(model, recipe.averaging) if recipe.averaging else None
        self.progress = Progress()
        self.best: bytes | None = None
        self.state = self._begin()
        self.update_number = 0
        self.window_number = 0
        self.seconds = 0.0

    @property
    def epoch_updates(self) -> int:
        """How many updates read every window once."""
        return max(1, len(self.windows) // self.recipe.accumulate)

    @property
    def fraction(self) -> float:
        """How much of the training is done, from 0 to 1."""
        return self.recipe.fraction(self.update_number, self.epoch_updates, self.seconds)

    @property
    def is_done(self) -> bool:
        """Say whether the budget is spent, or checks have ended the training early."""
        return self.fraction >= 1 or self.progress.is_over(self.recipe)

    @property
    def judged(self) -> Model[Any]:
        """The model that is scored and sampled on the way: the one that learns, or the mean of its weights."""
        return self.average.model if self.average and self.average.count else self.model

    def take_score(self, nats: float, checks: int) -> None:
        """Let a check of the judged model, the one of that number, decide what follows from its nats a place."""
        if self.recipe.keep == "best" and self.progress.is_improved_by(nats):
            self.best = write_tensors(self.judged.state_dict())
        self.progress = self.progress.after(nats, checks, self.recipe)

    def chosen(self) -> Model[Any]:
        """Return the model to use once training is done: at its best check where that is kept, else as judged."""
        if not self.best:
            return self.judged
        best = copy.deepcopy(self.model)
        load_weights(best, {BEST: self.best})
        return best

    def update(self) -> Updated:
        """Read the next windows and change the weights once.

        Raises `TrainingError`, and leaves the weights as they are, where loss or gradient is not a finite number.
        """
        fraction = self.fraction
        rate = rate_at(self.recipe, self.update_number, fraction) * self.progress.scale
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        self.setup_optimizer.zero_grad()
        nats, places, share = 0.0, 0, 0
        for _ in range(self.recipe.accumulate):
            loss = self._read_window()
            share = share or max(1, int(loss.places))
            self.fabric.backward(loss.nats / share / self.recipe.accumulate)
            nats, places = nats + float(loss.nats.detach()), places + int(loss.places)
        self._weigh_places_alike(share * self.recipe.accumulate / max(1, places))
        nats, norm = nats / max(1, places), clip_norm(self.model, self.recipe.clip)
        self._check_finite(nats, norm)
        clip_value(
            self.model, self.recipe.clip_value
        )  # last: the norm told is the gradient's own, and both bounds hold
        self.setup_optimizer.step()
        if self.average and fraction >= self.recipe.average_from:
            self.average.follow(self.model)
        self.update_number += 1
        epoch = self.window_number // len(self.windows)
        return Updated(self.update_number, epoch, self.fraction, self.seconds, nats, norm, rate, places)

    def _read_window(self) -> Loss:
        window = self.fabric.to_device(self.windows[self.window_number % len(self.windows)])
        loss, state = self.setup_model(window, self.state)
        self.state = detach(state)
        self.window_number += 1
        return loss

    def _weigh_places_alike(self, factor: float) -> None:
        """Make the gradient that of the mean over all places, where windows had unequally many."""
        if factor != 1:
            for parameter in self.model.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(factor)

    def _check_finite(self, nats: float, norm: float) -> None:
        if not math.isfinite(nats) or not math.isfinite(norm):
            raise TrainingError(
                f"update {self.update_number + 1} has a loss of {nats:g} and a gradient of norm {norm:g}, "
                f"not finite numbers: train with a lower rate than {self.recipe.rate:g}, or clip the gradient"
            )

    def _begin(self) -> Any:
        return self.fabric.to_device(self.model.begin(self.windows[0].targets.shape[1]))

    def snapshot(self) -> dict[str, bytes]:
        """Return everything that the next update depends on, as files."""
        files = {
            WEIGHTS: write_tensors(self.model.state_dict()),
            OPTIMIZER: write_tensors(optimizer_tensors(self.model, self.optimizer)),
            STATE: to_bytes(self.state),
            RANDOM: write_tensors({"cpu": torch.get_rng_state()}),
        }
        averaged = self.average.count if self.average else 0
        if self.average and averaged:
            files[AVERAGE] = write_tensors(self.average.model.state_dict())
        if self.best:
            files[BEST] = self.best
        return {**files, PLACE: self._place(averaged).write()}

    def _place(self, averaged: int) -> Place:
        return Place(self.update_number, self.window_number, self.seconds, averaged, self.progress)

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Go back to where a snapshot was taken, or change nothing.

        Raises `RunError` or `DataError` where it does not fit.
        """
        place, random = Place.read(files), read_random(files)
        state, _ = from_bytes(files.get(STATE, b""), self.state, STATE)
        weights = read_weights(self.model, files)
        mean = read_weights(self.model, files, AVERAGE) if self.average and place.averaged else None
        if BEST in files:
            read_weights(self.model, files, BEST)
        memory, _ = read_tensors(files.get(OPTIMIZER, b""), OPTIMIZER)
        load_optimizer(self.model, self.optimizer, memory)  # the last that may refuse
        self.model.load_state_dict(weights)
        if self.average:
            self.average.model.load_state_dict(mean or weights)
            self.average.count = place.averaged
        torch.set_rng_state(random)
        self.state, self.best, self.progress = self.fabric.to_device(state), files.get(BEST), place.progress
        self.update_number, self.window_number, self.seconds = place.update, place.window, place.seconds


class _WholeDouble(DoublePrecision):
    """Double precision throughout: Fabric's own rounds the outputs, and so the carried state, to single."""

    def convert_output(self, data: Any) -> Any:
        """Return the outputs as they are."""
        return data


def _fabric(recipe: Recipe) -> Fabric:
    if recipe.threads:
        torch.set_num_threads(recipe.threads)
    double = recipe.precision == "64-true"
    how: dict[str, Any] = {"plugins": _WholeDouble()} if double else {"precision": recipe.precision}
    try:
        return Fabric(accelerator=recipe.device, devices=1, **how)
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device '{recipe.device}' cannot be used here ({reason}): give --device cpu") from None
    except Exception as error:
        if type(error).__name__ != "MisconfigurationException":
            raise
        raise UsageError(f"device '{recipe.device}' cannot be used here ({error}): give --device cpu") from None
