"""Windows in any order and of any length: an epoch holds every step once, and a place says what is read there."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, Chain
from statewise.data.window import Window, joined
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.learning.learner import Learner
from statewise.learning.window_order import WindowOrder
from statewise.model import Model
from statewise.run.recipe import Recipe
from statewise.state import leaves

T, B, D, H, V = 7, 3, 5, 4, 6
PLAIN: dict[str, Any] = {
    "updates": 99,
    "warmup": 0,
    "schedule": "constant",
    "optimizer": "sgd",
    "learning_rate": 0.5,
    "clip": 0,
}
WAYS: list[dict[str, Any]] = [
    {"shuffle": 1},
    {"shuffle": 2},
    {"vary": 2.0},
    {"vary": 2.0, "shuffle": 2, "accumulate": 2},
    {"sequence_length": 3 * T, "stride": T},
    {"sequence_length": 2 * T, "stride": T, "shuffle": 3, "vary": 1.0, "accumulate": 2},
]


def make_windows(steps: int, length: int = T) -> list[Window]:
    """So many steps in windows of that length, the last of which may be shorter; inputs count up."""
    codes = torch.arange((steps + 1) * B).reshape(steps + 1, B)
    cuts = [codes[begin : begin + length + 1] for begin in range(0, steps, length)]
    mask = torch.rand(length, B, generator=torch.Generator().manual_seed(2)) > 0.2
    return [Window(c[:-1], c[1:], mask=mask[: len(c) - 1] if i == 1 else None) for i, c in enumerate(cuts)]


def make_learner(seed: int = 0, total: int = 5 * T - 2, **how: Any) -> Learner:
    torch.manual_seed(seed)
    encoder = nn.Sequential(nn.Embedding(V, D), nn.Dropout(how.pop("dropout", 0.0)))
    model: Model[Tensor] = Model(encoder, Chain(LSTM(D, H), GRU(H, 2)), Categorical(2, V))
    windows = [window._replace(inputs=window.inputs % V, targets=window.targets % V) for window in make_windows(total)]
    return Learner(model.double(), windows, Recipe(**{**PLAIN, "sequence_length": T, "precision": "64-true", **how}))


@settings(max_examples=60)
@given(
    steps=st.integers(1, 90),
    length=st.integers(1, 9),
    shuffle=st.integers(0, 4),
    vary=st.sampled_from([0.0, 0.5, 3.0, 40.0]),
    seed=st.integers(0, 3),
)
def test_an_epoch_holds_every_step_of_every_row_once(
    steps: int, length: int, shuffle: int, vary: float, seed: int
) -> None:
    windows = make_windows(steps, min(length, steps))
    order = WindowOrder(windows, Recipe(shuffle=shuffle, vary=vary, seed=seed))
    for epoch in range(3):
        read = [order[epoch * len(windows) + index] for index in range(len(windows))]
        inputs, targets = torch.cat([window.inputs for window in read]), torch.cat([w.targets for w in read])
        assert torch.equal(targets, inputs + B)
        assert sorted(inputs.flatten().tolist()) == list(range(steps * B))
        assert all(len(window.inputs) for window in read)
        masked = sum(int((~window.mask).sum()) for window in read if window.mask is not None)
        assert masked == sum(int((~window.mask).sum()) for window in windows if window.mask is not None)


def test_epochs_are_read_in_other_orders_and_a_place_always_says_which() -> None:
    recipe, windows = Recipe(shuffle=2, vary=1.5, seed=4), make_windows(20 * T)
    one, other = WindowOrder(windows, recipe), WindowOrder(windows, recipe)
    forwards = [one[number].inputs for number in range(60)]
    backwards = [other[number].inputs for number in reversed(range(60))][::-1]
    assert all(torch.equal(*pair) for pair in zip(forwards, backwards, strict=True))
    epochs = [torch.cat(forwards[begin : begin + 20]) for begin in (0, 20, 40)]
    assert not torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[1], epochs[2])


def test_rows_are_reset_with_each_group_and_go_on_within_it() -> None:
    order = WindowOrder(make_windows(6 * T), Recipe(shuffle=2))
    for number in range(12):
        window = order[number]
        begins = window.reset is not None and bool(window.reset[0].all())
        assert begins == (number % 2 == 0)
        if not begins:
            assert torch.equal(window.inputs[0], order[number - 1].targets[-1])


def test_varied_windows_are_as_long_on_average_and_some_are_halves() -> None:
    recipe, windows = Recipe(sequence_length=70, vary=5.0), make_windows(70 * 400, 70)
    order = WindowOrder(windows, recipe)
    lengths = torch.tensor([float(len(order[number].inputs)) for number in range(400)])
    assert float(lengths.mean()) == pytest.approx(70, abs=0.01)
    whole = lengths[lengths > 50]
    assert 0.01 < 1 - len(whole) / 400 < 0.1
    assert 4 < float(whole.std()) < 6
    scales = [order.rate_scale(number, 1) for number in range(400)]
    assert scales == pytest.approx((lengths / 70).tolist())
    assert order.rate_scale(3, 2) == pytest.approx(float(lengths[3:5].mean()) / 70)


def test_the_rate_follows_the_length_of_a_varied_window() -> None:
    learner = make_learner(vary=2.0)
    for _ in range(4):
        length = len(learner.order[learner.window_number].inputs)
        assert learner.update().rate == pytest.approx(0.5 * length / T)


def test_whole_sequences_are_not_cut() -> None:
    windows = [*make_windows(T), *make_windows(3, 3), *make_windows(T)]
    order = WindowOrder(windows, Recipe(vary=1.0))
    with pytest.raises(UsageError, match="here each is a whole sequence: give vary 0, and shuffle 1"):
        _ = [order[number] for number in range(3)]


def test_windows_that_were_cut_are_joined_again() -> None:
    window = make_windows(3 * T)[1]
    again = joined([window.cut(0, 2), window.cut(2, 3), window.cut(3, T)])
    assert torch.equal(again.inputs, window.inputs)
    assert torch.equal(again.targets, window.targets)
    assert again.mask is not None
    assert window.mask is not None
    assert torch.equal(again.mask, window.mask)
    assert again.reset is None


@pytest.mark.parametrize("how", WAYS, ids=str)
def test_a_learner_resumes_bit_for_bit_at_every_update_of_three_epochs(how: dict[str, Any]) -> None:
    one = make_learner(dropout=0.2, **how)
    kept, told = [], []
    while one.window_number < 15:
        kept.append(one.snapshot())
        told.append(one.update())
    last = one.snapshot()
    for begin in range(len(kept)):
        other = make_learner(seed=5, dropout=0.2, **how)
        other.restore(kept[begin])
        assert [other.update() for _ in told[begin:]] == told[begin:]
        assert other.snapshot() == last


def test_an_overlapping_window_sends_its_errors_back_through_all_of_its_steps() -> None:
    overlapping, plain = (
        make_learner(sequence_length=2 * T, stride=T, learning_rate=1e-9),
        make_learner(learning_rate=1e-9),
    )
    for learner in (overlapping, plain):
        learner.update()
        learner.update()
    model, (first, second, *_) = make_learner().model, plain.windows
    _, state = model.loss(first, model.begin(B))
    loss, _ = model.loss(second, state)
    loss.mean.backward()  # type: ignore[no-untyped-call]
    expected = [weight.grad for weight in model.parameters()]
    found, shorter = ([weight.grad for weight in learner.model.parameters()] for learner in (overlapping, plain))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-8)
    assert not torch.allclose(shorter[1], expected[1], rtol=1e-3)  # type: ignore[arg-type]


def test_overlapping_windows_carry_the_state_after_the_first_of_them_and_count_every_place_once() -> None:
    overlapping, plain = (
        make_learner(sequence_length=3 * T, stride=T, learning_rate=1e-12),
        make_learner(learning_rate=1e-12),
    )
    states = [plain.state]
    for number in range(5):
        told, expected = overlapping.update(), plain.update()
        states.append(plain.state)
        assert told.places == expected.places
        assert told.nats == pytest.approx(expected.nats, rel=1e-9)
        for carried, leaf in zip(leaves(overlapping.state), leaves(states[max(0, number - 1)]), strict=True):
            torch.testing.assert_close(carried, leaf)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_bad_weight_under_overlapping_windows_is_undone_whole(accumulate: int) -> None:
    learner = make_learner(sequence_length=2 * T, stride=T, accumulate=accumulate)
    learner.update()
    kept = learner.snapshot()
    with torch.no_grad():
        next(learner.model.parameters())[0] = float("nan")
    with pytest.raises(Exception, match="weight 'encoder"):
        learner.update()
    for name in ("state.safetensors", "place.json"):
        assert learner.snapshot()[name] == kept[name]


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (
            {"sequence_length": 10, "stride": 4},
            "sequence_length 10 is not a multiple of stride 4: give a stride that divides it",
        ),
        ({"sequence_length": 4, "stride": 8}, "sequence_length 4 is not a multiple of stride 8"),
        ({"truncate": "none", "vary": 5.0}, "truncate none reads a row at once, and vary 5 cuts it"),
        (
            {"truncate": "none", "sequence_length": 8, "stride": 4},
            "truncate none reads a row at once, and stride 4 cuts it",
        ),
    ],
)
def test_what_contradicts_itself_is_refused(how: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        Recipe(**how)
