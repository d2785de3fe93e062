"""A model is an encoder, a core and a head: what it computes is what they do, one behind another."""

from typing import Any

import pytest
import torch
from torch import nn

from statewise.cells import GRU, LSTM, Chain, Conditioned
from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.model import Model
from statewise.state import leaves, same_structure

T, B, D, H, V = 7, 3, 5, 4, 6


def make_model() -> Model[torch.Tensor]:
    torch.manual_seed(0)
    return Model(nn.Embedding(V, D), Chain(LSTM(D, H), GRU(H, 2)), Categorical(2, V))


def make_window(**places: Any) -> Window:
    symbols = torch.randint(V, (T + 1, B), generator=torch.Generator().manual_seed(1))
    return Window(symbols[:-1], symbols[1:], **places)


def test_stepping_equals_scanning() -> None:
    model, window = make_model(), make_window()
    logits, last = model.scan(window, model.begin(B))
    state, stepped = model.begin(B), []
    for x in window.inputs:
        params, state = model.step(x, state)
        stepped.append(params)
    torch.testing.assert_close(torch.stack(stepped), logits)
    torch.testing.assert_close(leaves(state), leaves(last))


def test_a_context_is_in_the_first_state_or_is_refused() -> None:
    first = Conditioned(LSTM(D, H), 2)
    model = Model(nn.Embedding(V, D), Chain(first, GRU(H, 2)), Categorical(2, V))
    context = torch.ones(B, 2)
    torch.testing.assert_close(model.begin(B, context)[0], first.initial(B, context))
    with pytest.raises(
        UsageError, match="a context was given but the Chain begins without one: wrap it in Conditioned"
    ):
        make_model().begin(B, context)


def test_a_model_begins_where_its_core_does() -> None:
    model = make_model()
    assert same_structure(model.begin(B), model.core.initial(B))
    assert leaves(model.begin())[0].shape == (1, H)


def test_a_model_of_features_reads_with_any_encoder() -> None:
    model = Model(nn.Linear(9, D), GRU(D, H), Categorical(H, V))
    logits, _ = model.step(torch.randn(B, 9), model.begin(B))
    assert logits.shape == (B, V)


def test_the_loss_is_the_heads_over_what_the_core_wrote() -> None:
    model, window = make_model(), make_window()
    logits, _ = model.scan(window, model.begin(B))
    loss, _ = model.loss(window, model.begin(B))
    assert torch.equal(loss.nats, model.head.loss(logits, window.targets).nats)
    assert loss.places.item() == T * B


def test_calling_a_model_gives_its_loss() -> None:
    model, window = make_model(), make_window()
    assert torch.equal(model(window, model.begin(B))[0].nats, model.loss(window, model.begin(B))[0].nats)


def test_a_mask_hides_places_from_the_core_and_from_the_loss() -> None:
    mask = torch.ones(T, B, dtype=torch.bool)
    mask[4:, 1] = False
    model, window = make_model(), make_window(mask=mask)
    loss, (lower, _) = model.loss(window, model.begin(B))
    assert loss.places.item() == T * B - 3
    rest = Window(window.inputs[:4], window.targets[:4])
    _, (expected, _) = model.loss(rest, model.begin(B))
    torch.testing.assert_close(lower.cell[1], expected.cell[1])


def test_a_reset_makes_a_row_begin_again() -> None:
    reset = torch.zeros(T, B, dtype=torch.bool)
    reset[4, 2] = True
    model, window = make_model(), make_window(reset=reset)
    logits, _ = model.scan(window, model.begin(B))
    anew, _ = model.scan(Window(window.inputs[4:], window.targets[4:]), model.begin(B))
    torch.testing.assert_close(logits[4:, 2], anew[:, 2])


def test_windows_in_a_row_carry_the_state() -> None:
    model, window = make_model(), make_window()
    whole, _ = model.loss(window, model.begin(B))
    first, carried = model.loss(Window(window.inputs[:3], window.targets[:3]), model.begin(B))
    second, _ = model.loss(Window(window.inputs[3:], window.targets[3:]), carried)
    torch.testing.assert_close(first.nats + second.nats, whole.nats)


def test_every_weight_trains_and_is_counted() -> None:
    model = make_model()
    loss, _ = model(make_window(), model.begin(B))
    grads = torch.autograd.grad(loss.mean, list(model.parameters()))
    assert all(grad.any() for grad in grads)
    assert model.parameter_count == sum(weights.numel() for weights in model.state_dict().values())
