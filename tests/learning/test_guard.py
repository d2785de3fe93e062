"""NaN, infinity and 1e38 are noticed within the update, named, undone, and the run goes back and on with less."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import statewise
from statewise.cells import GRU, LSTM, Chain
from statewise.data.window import Window
from statewise.errors import TrainingError
from statewise.heads import Categorical, Loss
from statewise.learning.events import RolledBack, Saved, Updated
from statewise.learning.guard import Finding, NotFinite, Usual
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

T, B, D, H, V = 7, 3, 5, 4, 6
MARK = V - 1
VALUES = [math.nan, math.inf, 1e38]
TINY: dict[str, Any] = {
    "source": "book.txt",
    "hidden_size": 8,
    "embedding": 4,
    "batch_size": 4,
    "sequence_length": 16,
    "orders": 2,
}
RUN: dict[str, Any] = {**TINY, "threads": 1, "updates": 9, "sample_seconds": 0}


def make_learner(**settings: Any) -> Learner:
    torch.manual_seed(0)
    model = Model(nn.Linear(D, D), Chain(LSTM(D, H), GRU(H, 2)), Categorical(2, V))
    windows = [Window(torch.randn(T, B, D), torch.randint(MARK, (T, B))) for _ in range(4)]
    return Learner(model, windows, Recipe(**{"updates": 9, "optimizer": "adam", **settings}))


def spoil_input(learner: Learner, value: float) -> Finding:
    learner.windows[1].inputs[4, 2, 3] = value
    return Finding("input", "", value, 4, 2)


def spoil_loss(learner: Learner, value: float) -> Finding:
    learner.windows[1].targets[5, 1] = MARK
    head: Any = learner.model.head
    loss = type(head).loss

    def marked(params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        is_marked = (targets == MARK) if mask is None else (targets == MARK) & mask
        found: Loss = loss(head, params, targets, mask)
        return found._replace(nats=found.nats + value) if bool(is_marked.any()) else found

    head.loss = marked
    return Finding("loss", "", value, 5, 1)


def spoil_gradient(learner: Learner, value: float) -> Finding:
    learner.model.head.weights.register_hook(lambda gradient: gradient + value)  # type: ignore[operator]
    return Finding("gradient", "head.weights", value)


def spoil_weight(learner: Learner, value: float) -> Finding:
    with torch.no_grad():
        learner.model.get_parameter("core.parts.1.bias")[1] = value
    return Finding("weight", "core.parts.1.bias", value)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("spoil", [spoil_input, spoil_loss, spoil_gradient, spoil_weight])
def test_what_is_no_number_is_named_and_the_update_undone(
    spoil: Callable[[Learner, float], Finding], value: float, accumulate: int
) -> None:
    learner = make_learner(accumulate=accumulate, clip=1.0)
    if accumulate == 1:
        learner.update()
    expected = spoil(learner, value)
    before = learner.snapshot()
    with pytest.raises(NotFinite) as raised:
        learner.update()
    found = raised.value.finding
    assert found._replace(value=0.0) == expected._replace(value=0.0)
    sums = [value, value * accumulate]  # a gradient has it from each window
    assert math.isnan(found.value) if math.isnan(value) else any(found.value == pytest.approx(one) for one in sums)
    assert str(raised.value) == f"update {2 // accumulate} was undone: {found.words()}"
    assert learner.snapshot() == before


def test_a_state_that_is_no_number_is_named_with_its_step_and_row() -> None:
    learner = make_learner()
    cell = learner.state[0].cell.clone()
    cell[1, 2] = math.inf
    state = learner.state[0]._replace(cell=cell), *learner.state[1:]
    learner.state = state
    with pytest.raises(NotFinite) as raised:
        learner.update()
    assert raised.value.finding == Finding("state", "0.cell", math.inf, None, 1)


def test_weights_that_a_step_made_too_large_are_put_back() -> None:
    learner = make_learner(learning_rate=1e30, warmup=0, optimizer="sgd", clip=0)
    before = learner.snapshot()
    with pytest.raises(NotFinite, match=r"update 1 was undone: weight '.*' is -?[0-9.]+e\+2"):
        learner.update()
    assert learner.snapshot() == before


def test_a_norm_far_above_what_is_usual_is_told() -> None:
    usual = Usual()
    for number in range(400):
        usual = usual.after(1.0 + number % 20)
    assert 15 < usual.norm < 25  # 19 of 20 norms are below 20
    assert not usual.is_exceeded_by(9.9 * usual.norm)
    assert usual.is_exceeded_by(10.1 * usual.norm)
    assert not Usual(3, 1.0).is_exceeded_by(1e9)
    assert Usual(3, 1.0).after(0.0) == Usual(3, 1.0)


def test_an_exploding_norm_is_in_the_event_of_its_update() -> None:
    learner = make_learner(updates=99, clip=1.0)
    assert not any(learner.update().is_exploding for _ in range(30))
    learner.usual = learner.usual._replace(norm=learner.usual.norm / 1e3)
    updated = learner.update()
    assert updated.is_exploding
    assert updated.clipped == pytest.approx(min(updated.norm, 1.0), rel=1e-5)


def spoil_updates(monkeypatch: pytest.MonkeyPatch, spoiled: dict[int, int]) -> None:
    """Let updates, by number, fail so many times."""
    update = Learner.update

    def failing(self: Learner) -> Updated:
        number = self.update_number + 1
        if spoiled.get(number, 0):
            spoiled[number] -= 1
            raise NotFinite(number, Finding("loss", "", math.nan, 2, 1))
        return update(self)

    monkeypatch.setattr(Learner, "update", failing)


@pytest.mark.parametrize(("save_seconds", "back_to"), [(1e-6, 6), (1e6, 0)])
def test_a_run_goes_back_to_its_last_checkpoint_and_on_with_a_lower_rate(
    book: Any, monkeypatch: pytest.MonkeyPatch, save_seconds: float, back_to: int
) -> None:
    spoil_updates(monkeypatch, {7: 2})
    task = statewise.Text(**RUN, save_seconds=save_seconds, schedule="constant", warmup=0, learning_rate=0.25)
    events = list(statewise.training(task, run="one"))
    back = [event for event in events if isinstance(event, RolledBack)]
    assert [(event.update, event.tries, event.scale) for event in back] == [(back_to, 1, 0.5), (back_to, 2, 0.25)]
    assert back[0].reason == "update 7 was undone: loss is nan at step 2 of row 1"
    rates = {event.update: event.rate for event in events if isinstance(event, Updated)}
    assert (rates[7], rates[9]) == (0.0625, 0.0625)
    assert [event for event in events if isinstance(event, Saved)][-1].update == 9


def test_a_run_that_fails_again_and_again_stops_with_advice(book: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil_updates(monkeypatch, {3: 99})
    with pytest.raises(
        TrainingError, match=r"^update 3 was undone: .*, after 2 tries with lower rates: train with a lower"
    ):
        statewise.train(statewise.Text(**RUN, retries=2), run="one")
