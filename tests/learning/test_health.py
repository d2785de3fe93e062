"""What the events say of each layer's learning is what its weights and gradients say."""

from pathlib import Path

import pytest
import torch
from torch import nn

import statewise
from statewise.cells import LSTM
from statewise.data.window import Window
from statewise.heads import Categorical
from statewise.learning.events import Checked, Updated
from statewise.learning.health import LOOK_EVERY
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe


@pytest.mark.parametrize("clip", [0.0, 1e-3])
def test_the_gradient_of_a_layer_is_told_before_clipping_and_its_change_as_a_ratio(clip: float) -> None:
    torch.manual_seed(0)
    model = Model(nn.Embedding(6, 5), LSTM(5, 4), Categorical(4, 6))
    window = Window(torch.randint(6, (7, 3)), torch.randint(6, (7, 3)))
    learner = Learner(model, [window], Recipe(updates=40, clip=clip, warmup=0))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    updated = learner.update()
    assert updated.layers is not None
    assert list(updated.layers) == ["encoder", "core", "head"]
    whole = sum(gradient**2 for gradient, _ in updated.layers.values()) ** 0.5
    assert whole == pytest.approx(updated.norm, rel=1e-4)
    change = model.encoder.weight.detach() - before["encoder.weight"]  # type: ignore[operator]
    assert updated.layers["encoder"][1] == pytest.approx(float(change.norm() / before["encoder.weight"].norm()))
    assert learner.update().layers is None


def test_the_events_of_a_run_tell_it_at_every_sixteenth_update_and_activations_at_checks(book: Path) -> None:
    tiny = statewise.Text(
        source="book.txt", hidden_size=8, layers=2, batch_size=4, sequence_length=16, orders=1, updates=33, checks=2
    )
    events = list(statewise.training(tiny, run="run"))
    told = [event.update for event in events if isinstance(event, Updated) and event.layers]
    assert told == [1, 1 + LOOK_EVERY, 1 + 2 * LOOK_EVERY]
    seen = [event.activations for event in events if isinstance(event, Checked)]
    assert [list(one or {}) for one in seen] == [["1 LSTM", "2 LSTM"]] * 2
