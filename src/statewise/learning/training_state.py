"""Everything that the next update depends on: written as files, restored from them, put back after a failed update."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.distributed import Ranks
from statewise.learning.average import Average
from statewise.learning.early_stopping import Progress
from statewise.learning.guard import Usual
from statewise.learning.optimizers import make_optimizer, optimizer_tensors, read_optimizer
from statewise.learning.precision import SINGLE, LossScale
from statewise.learning.rollouts import ROLLOUTS, Collector, Rollouts
from statewise.learning.row_optimizers import RowOptimizer
from statewise.learning.snapshot import (
    AVERAGE,
    BEST,
    OPTIMIZER,
    PLACE,
    RANDOM,
    STATE,
    WEIGHTS,
    TrainingPosition,
    gathered_random,
    gathered_state,
    own_state,
    read_random,
    read_weights,
    refuse_unknown,
)
from statewise.learning.sparse_gradients import Before
from statewise.learning.transfer import freeze
from statewise.learning.window_order import WindowOrder
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import read_tensors, write_tensors


class Moment(NamedTuple):
    """What an update changes before its last step, as it was."""

    buffers: list[tuple[Tensor, Tensor]]
    state: Any
    window_number: int
    random: Tensor
    loss_scale: LossScale


class TrainingState:
    """A model, its optimiser, the state that goes from window to window, and the place in the data, as they are now."""

    def __init__(
        self, model: Model[Any], windows: Sequence[Window], recipe: Recipe, ranks: Ranks | None = None
    ) -> None:
        from statewise.learning.device import make_fabric  # takes two seconds: not for code that only uses a model

        self.model, self.windows, self.recipe, self.ranks = model, windows, recipe, ranks or Ranks()
        self.rollouts = Rollouts(windows, model, recipe, self.ranks) if isinstance(windows, Collector) else None
        self.order = self.rollouts or WindowOrder(windows, recipe)
        self.fabric = make_fabric(recipe, self.ranks.device.index)
        freeze(model, recipe.freeze)
        self.weights = tuple(model.parameters())  # found once: in a small model this takes as long as the arithmetic
        self.optimizer = make_optimizer(model, recipe)
        if isinstance(self.optimizer, RowOptimizer):
            self.optimizer.holds_back = True
        wrapped, self.setup_optimizer = self.fabric.setup(model, self.optimizer)
        # Fabric's wrapper looks through inputs and outputs for what to cast: at single precision, for nothing.
        self.setup_model: nn.Module = model if recipe.precision == SINGLE else wrapped
        self.average = Average(model, recipe.averaging) if recipe.averaging else None
        self.progress, self.usual, self.loss_scale = Progress(), Usual(), LossScale.of(recipe)
        self.best: bytes | None = None
        self.state = self._begin()
        self.update_number = 0
        self.window_number = 0
        self.seconds = 0.0
        self.is_whole = True
        self.before_step: Before | None = None

    def moment(self) -> Moment:
        """Return what is changed in place before the weights are, to be put back."""
        kept = self.model.state_dict(keep_vars=True).values()
        buffers = [(tensor, tensor.clone()) for tensor in kept if not isinstance(tensor, nn.Parameter)]
        return Moment(buffers, self.state, self.window_number, torch.get_rng_state(), self.loss_scale)

    def put_back(self, before: Moment) -> None:
        """Make everything again as it was at that moment, the weights and the optimiser too."""
        if self.before_step:
            self.before_step.put_back(self.optimizer)
        with torch.no_grad():
            for buffer, kept in before.buffers:
                buffer.copy_(kept)
        self.state, self.window_number = before.state, before.window_number
        self.setup_optimizer.zero_grad()
        torch.set_rng_state(before.random)

    @property
    def _rows(self) -> int:
        return self.windows.rows if isinstance(self.windows, Collector) else self.windows[0].rows

    def _begin(self) -> Any:
        return self.fabric.to_device(self.model.begin(self._rows))

    def snapshot(self) -> dict[str, bytes]:
        """Return everything that the next update depends on, as files; of all processes, where there are several."""
        files = {
            WEIGHTS: write_tensors(self.model.state_dict()),
            OPTIMIZER: write_tensors(optimizer_tensors(self.model, self.optimizer)),
            STATE: gathered_state(self.ranks, self.state),
            RANDOM: gathered_random(self.ranks),
        }
        averaged = self.average.count if self.average else 0
        if self.average and averaged:
            files[AVERAGE] = write_tensors(self.average.model.state_dict())
        if self.best:
            files[BEST] = self.best
        if self.rollouts:
            files[ROLLOUTS] = self.rollouts.snapshot()
        return {**files, PLACE: self._position(averaged).write()}

    def _position(self, averaged: int) -> TrainingPosition:
        stand = self.update_number, self.window_number, self.seconds, averaged
        return TrainingPosition(*stand, self.progress, self.usual, self.loss_scale)

    def restore(self, files: Mapping[str, bytes]) -> None:
        """Go back to where a snapshot was taken, or change nothing.

        Raises `RunError` or `DataError` where it does not fit.
        """
        refuse_unknown(files)
        place = TrainingPosition.read(files)
        random = read_random(files, self.ranks, self.recipe.seed, place.update)
        state = own_state(files, self.state, self.ranks)
        weights = read_weights(self.model, files)
        mean = read_weights(self.model, files, AVERAGE) if self.average and place.averaged else None
        if BEST in files:
            read_weights(self.model, files, BEST)
        memory, _ = read_tensors(files.get(OPTIMIZER, b""), OPTIMIZER)
        remembered = read_optimizer(self.model, self.optimizer, memory)
        if self.rollouts:
            self.rollouts.restore(files.get(ROLLOUTS, b""))  # the last that may refuse, and it changes all or nothing
        self.optimizer.state.clear()
        self.optimizer.state.update(remembered)
        self.model.load_state_dict(weights)
        if self.average:
            self.average.model.load_state_dict(mean or weights)
            self.average.count = place.averaged
        torch.set_rng_state(random)
        self.state, self.best, self.progress = self.fabric.to_device(state), files.get(BEST), place.progress
        self.usual, self.loss_scale, self.is_whole = place.usual, place.loss_scale, True
        self.update_number, self.window_number, self.seconds = place.update, place.window, place.seconds
