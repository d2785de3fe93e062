"""Truncated backpropagation through time: read a window, send errors back, change the weights, carry the state on."""

import copy
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from statewise.data.window import Window
from statewise.distributed import Ranks
from statewise.heads import Loss, Term
from statewise.learning.average import Average
from statewise.learning.early_stopping import Progress
from statewise.learning.events import Updated
from statewise.learning.guard import (
    LARGEST,
    Finding,
    NotFinite,
    Usual,
    is_usable,
    place_of_gradient,
    plainest,
    unusable_gradient,
    unusable_in_windows,
    unusable_weight,
)
from statewise.learning.health import LOOK_EVERY, layers_of
from statewise.learning.optimizers import (
    clip_norm,
    clip_value,
    make_optimizer,
    optimizer_tensors,
    rate_at,
    read_optimizer,
    set_rate,
)
from statewise.learning.precision import HALF, SINGLE, LossScale
from statewise.learning.rollouts import ROLLOUTS, Collector, Rollouts
from statewise.learning.row_optimizers import RowOptimizer
from statewise.learning.segments import read_in_segments
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
    load_weights,
    own_state,
    read_random,
    read_weights,
    refuse_unknown,
)
from statewise.learning.sparse_gradients import Before, add_up, gradients, settle, settle_step, touched
from statewise.learning.transfer import freeze
from statewise.learning.window_order import WindowOrder
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import detach, leaves, read_tensors, write_tensors


class _Moment(NamedTuple):
    """What an update changes before its last step, as it was."""

    buffers: list[tuple[Tensor, Tensor]]
    state: Any
    window_number: int
    random: Tensor
    loss_scale: LossScale


class Learner:
    """A model in training: its optimiser, the state that it carries from window to window, and its place in the data.

    One `update` reads `accumulate` windows. Gradients flow back through the steps of a window, and of the `overlap`
    windows before it, and stop there; the state crosses as a plain value. `snapshot` and `restore` hold all of it, so
    that a restored learner makes the same updates, bit for bit, on the same machine, thread count and build.
    """

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
        self._unchanged: Before | None = None

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
        """The model that is scored and sampled during training: the one that learns, or the average of its weights."""
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

        Raises `NotFinite` where loss, gradient, state or a changed weight is not a finite number; all is then as it
        was before. So it is after an interrupt, unless that comes while all is put back, or in the moment when the
        update is done but not yet counted: then `is_whole` is false, and what it holds must not be saved.
        """
        fraction = self.fraction
        rate = rate_at(self.recipe, self.update_number, fraction) * self.progress.scale
        rate *= self.order.rate_scale(self.window_number, self.recipe.accumulate)
        set_rate(self.optimizer, rate)
        before, self._unchanged, self.is_whole = self._moment(), None, False
        try:
            nats, places, norm, clipped, terms = self._change(before)
        except BaseException:
            self._put_back(before)
            self.loss_scale, self.is_whole = before.loss_scale, True
            raise
        layers = None
        if self._unchanged and self.update_number % LOOK_EVERY == 0:
            layers = layers_of(self.model, self._unchanged.changes(self.optimizer), norm / (clipped or 1.0))
        settle_step(self.optimizer)
        if self.average and fraction >= self.recipe.average_from:
            self.average.follow(self.model)
        is_exploding, self.usual = self.usual.is_exceeded_by(norm), self.usual.after(norm)
        self.loss_scale = self.loss_scale.grown() if self.recipe.precision == HALF else self.loss_scale
        self.update_number += 1
        self.is_whole = True
        epoch = self.window_number // len(self.windows)
        done = self.fraction, self.seconds
        return Updated(
            self.update_number,
            epoch,
            *done,
            nats,
            norm,
            rate,
            places,
            clipped,
            self.usual.norm,
            is_exploding,
            layers,
            terms or None,
        )

    def _change(self, before: _Moment) -> tuple[float, int, float, float, dict[str, float]]:
        """Change the weights; return mean loss, places, the norm before and after it was bounded, and mean terms."""
        nats, places, norm, terms = self._bounded_gradients(before)
        if not abs(nats) < LARGEST or not norm < LARGEST:
            raise self._undo(before)
        clipped = min(norm, self.recipe.clip or norm)
        if self.recipe.clip_value:
            clipped = clip_value(self.weights, self.recipe.clip_value)
        self._unchanged = Before.of(self.weights, self.optimizer)
        self.setup_optimizer.step()
        if not is_usable(touched(self.weights, self.optimizer)):
            raise self._undo(before)
        return nats, places, norm, clipped, terms

    def _bounded_gradients(self, before: _Moment) -> tuple[float, int, float, dict[str, float]]:
        """Leave the gradient of the next windows, its norm bounded, in the weights; return loss, places, norm, terms.

        In half precision they are read again with smaller scales until the gradient does not overflow.
        """
        while True:
            nats, places, terms = self._add_gradients()
            norm = clip_norm(self.weights, self.recipe.clip)
            if norm < LARGEST or not math.isfinite(nats) or self.loss_scale.factor <= 1:
                return nats, places, norm, terms
            self.loss_scale = self.loss_scale.halved()
            self._put_back(before)

    def _add_gradients(self) -> tuple[float, int, dict[str, float]]:
        """Read the windows of an update, leave its gradient in the weights; return mean loss, places and mean terms."""
        self.model.train()
        self.setup_optimizer.zero_grad()
        total, share, is_sound = Loss.nothing(), 0, True
        for _ in range(self.recipe.accumulate):
            window, loss, last = self._read()
            self.window_number += 1
            share = share or max(1, int(loss.places))
            self.fabric.backward(self._minimised(loss) / share / self.recipe.accumulate * self.loss_scale.factor)
            total = total.plus(loss.detached())
            is_sound = is_sound and is_usable([*window.numbers(), *leaves(last), *leaves(self.state)])
        settle(self.weights)
        total = self._of_all(total)
        places = int(total.places)
        self._weigh(share * self.recipe.accumulate / max(1, places) / self.loss_scale.factor)
        add_up(self.weights, self.ranks)
        terms = {name: float(term.mean) for name, term in total.terms.items()}
        is_sound = is_sound and all(map(math.isfinite, terms.values()))
        return float(total.nats) / max(1, places) if is_sound else math.nan, places, terms

    def _minimised(self, loss: Loss) -> Tensor:
        """Return what a window adds to the objective, times its places: so terms of windows count by their places."""
        nats = loss.nats
        for name, term in loss.terms.items():
            done = self.update_number, self.fraction
            nats = nats + loss.places * self.recipe.weighed(name, term.mean, *done)
        return nats

    def _of_all(self, loss: Loss) -> Loss:
        """Return the sum of a loss over all processes."""
        if self.ranks.count == 1 and not loss.terms:
            return loss
        numbers = [loss.nats, loss.places, *(part for term in loss.terms.values() for part in term)]
        told = self.ranks.exchange([float(number) for number in numbers])
        nats, places, *parts = torch.tensor(told, dtype=torch.float64).sum(dim=0)
        pairs = zip(loss.terms, parts[::2], parts[1::2], strict=True)
        return Loss(nats, places.long(), {name: Term(total, size) for name, total, size in pairs})

    def _read(self) -> tuple[Window, Loss, Any]:
        """Read the next window, after those whose steps its errors flow back through; return its loss and last state.

        The state that is carried on is the one after the first of them, from which the next window's are read.
        """
        state, kept = self.state, self.window_number - self.recipe.overlap
        for number in range(max(0, kept), self.window_number + 1):
            window = self._window(number)
            loss, state = read_in_segments(self.setup_model, window, state, self.recipe.segment)
            if number == kept:
                self.state = detach(state)
        return window, loss, state

    def _window(self, number: int) -> Window:
        window = self.order[number]
        return window if self.fabric.device.type == "cpu" else self.fabric.to_device(window)

    def _moment(self) -> _Moment:
        kept = self.model.state_dict(keep_vars=True).values()
        buffers = [(tensor, tensor.clone()) for tensor in kept if not isinstance(tensor, nn.Parameter)]
        return _Moment(buffers, self.state, self.window_number, torch.get_rng_state(), self.loss_scale)

    def _undo(self, before: _Moment) -> NotFinite:
        """Put everything back to where the update began, and find what spoiled it."""
        gradient, changed = unusable_gradient(self.model), unusable_weight(self.model)
        self._put_back(before)
        first, end = self.window_number - self.recipe.overlap, self.window_number + self.recipe.accumulate
        windows = [self._window(number) for number in range(max(0, first), end)]
        finding = unusable_weight(self.model) or unusable_in_windows(self.model, windows, self.state)
        if not finding and gradient:
            step, row = place_of_gradient(self.model, windows, self.state)
            finding = gradient._replace(step=step, row=row)
        finding = finding or changed or Finding("norm", "", math.inf)
        return NotFinite(self.update_number + 1, plainest(self._everybodys(finding)))

    def _everybodys(self, finding: Finding) -> list[Finding]:
        """Return what each process found, its rows counted as all of them together have them."""
        if finding.row is not None:
            finding = finding._replace(row=finding.row + self.ranks.rank * self._rows)
        return [Finding(*json.loads(told)) for told in self.ranks.gather(json.dumps(finding).encode())]

    def _put_back(self, before: _Moment) -> None:
        if self._unchanged:
            self._unchanged.put_back(self.optimizer)
        with torch.no_grad():
            for buffer, kept in before.buffers:
                buffer.copy_(kept)
        self.state, self.window_number = before.state, before.window_number
        self.setup_optimizer.zero_grad()
        torch.set_rng_state(before.random)

    def _weigh(self, factor: float) -> None:
        """Make the gradient that of the mean over all places, of which windows may have unequally many, unscaled."""
        if factor != 1:
            for gradient in gradients(self.weights):
                gradient.mul_(factor)

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
        return {**files, PLACE: self._place(averaged).write()}

    def _place(self, averaged: int) -> TrainingPosition:
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
