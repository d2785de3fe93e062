"""Truncated backpropagation through time: read a window, send errors back, change the weights, carry the state on."""

import copy
import json
import math
from typing import Any

import torch
from torch import Tensor

from statewise.data.window import Window
from statewise.heads import Loss, Term
from statewise.learning.events import Updated
from statewise.learning.guard import (
    LARGEST,
    Finding,
    NotFinite,
    is_usable,
    place_of_gradient,
    plainest,
    unusable_gradient,
    unusable_in_windows,
    unusable_weight,
)
from statewise.learning.health import LOOK_EVERY, layers_of
from statewise.learning.optimizers import clip_norm, clip_value, rate_at, set_rate
from statewise.learning.precision import HALF
from statewise.learning.segments import read_in_segments
from statewise.learning.snapshot import BEST, load_weights
from statewise.learning.sparse_gradients import Before, add_up, gradients, settle, settle_step, touched
from statewise.learning.training_state import Moment, TrainingState
from statewise.model import Model
from statewise.state import detach, leaves, write_tensors


class Learner(TrainingState):
    """A model in training: it reads windows, sends errors back, and changes the weights.

    One `update` reads `accumulate` windows. Gradients flow back through the steps of a window, and of the `overlap`
    windows before it, and stop there; the state crosses as a plain value. `snapshot` and `restore` hold all that
    the next depends on, so that a restored learner makes the same updates, bit for bit, on the same machine, thread
    count and build.
    """

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
        before, self.before_step, self.is_whole = self.moment(), None, False
        try:
            nats, places, norm, clipped, terms = self._change(before)
        except BaseException:
            self.put_back(before)
            self.loss_scale, self.is_whole = before.loss_scale, True
            raise
        layers = None
        if self.before_step and self.update_number % LOOK_EVERY == 0:
            layers = layers_of(self.model, self.before_step.changes(self.optimizer), norm / (clipped or 1.0))
        settle_step(self.optimizer)
        if self.average and fraction >= self.recipe.average_from:
            self.average.follow(self.model)
        is_exploding, self.usual = self.usual.is_exceeded_by(norm), self.usual.after(norm)
        self.loss_scale = self.loss_scale.grown() if self.recipe.precision == HALF else self.loss_scale
        self.update_number += 1
        self.is_whole = True
        if self.rollouts:
            self.rollouts.hear(terms)
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

    def _change(self, before: Moment) -> tuple[float, int, float, float, dict[str, float]]:
        """Change the weights; return mean loss, places, the norm before and after it was bounded, and mean terms."""
        nats, places, norm, terms = self._bounded_gradients(before)
        if not abs(nats) < LARGEST or not norm < LARGEST:
            raise self._undo(before)
        clipped = min(norm, self.recipe.clip or norm)
        if self.recipe.clip_value:
            clipped = clip_value(self.weights, self.recipe.clip_value)
        self.before_step = Before.of(self.weights, self.optimizer)
        self.setup_optimizer.step()
        if not is_usable(touched(self.weights, self.optimizer)):
            raise self._undo(before)
        return nats, places, norm, clipped, terms

    def _bounded_gradients(self, before: Moment) -> tuple[float, int, float, dict[str, float]]:
        """Leave the gradient of the next windows, its norm bounded, in the weights; return loss, places, norm, terms.

        In half precision they are read again with smaller scales until the gradient does not overflow.
        """
        while True:
            nats, places, terms = self._add_gradients()
            norm = clip_norm(self.weights, self.recipe.clip)
            if norm < LARGEST or not math.isfinite(nats) or self.loss_scale.factor <= 1:
                return nats, places, norm, terms
            self.loss_scale = self.loss_scale.halved()
            self.put_back(before)

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

    def _undo(self, before: Moment) -> NotFinite:
        """Put everything back to where the update began, and find what spoiled it."""
        gradient, changed = unusable_gradient(self.model), unusable_weight(self.model)
        self.put_back(before)
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

    def _weigh(self, factor: float) -> None:
        """Make the gradient that of the mean over all places, of which windows may have unequally many, unscaled."""
        if factor != 1:
            for gradient in gradients(self.weights):
                gradient.mul_(factor)
