"""Attention reads what fits the query, only where something is, and the memory travels in the state."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import (
    GRU,
    LSTM,
    Attention,
    AttentionCell,
    AttentionMemory,
    Bahdanau,
    Cell,
    Chain,
    Conditioned,
    Dropout,
    GaussianWindow,
    Luong,
    begin,
)
from statewise.errors import UsageError
from statewise.state import leaves, split, stack
from statewise.testing import LAWS, check_cell

T, B, D, H, S, Q = 7, 3, 5, 4, 6, 2
MASK = torch.arange(S) < torch.tensor([[6], [1], [4]])
ATTENTIONS: dict[str, Callable[[], Attention[Any]]] = {
    "bahdanau": lambda: Bahdanau(Q, D, H),
    "dot": lambda: Luong(D, D, score="dot"),
    "general": lambda: Luong(Q, D),
    "window": lambda: GaussianWindow(Q, D, 3),
}


class Told(Cell[Any]):
    """Something with attention that always begins with the same memory, so that the laws see it at work."""

    def __init__(self, part: Any) -> None:
        super().__init__()
        self.features, self.units, self.part = part.features, part.units, part

    def initial(self, rows: int) -> Any:
        values = torch.linspace(-1, 1, S * D).sin().reshape(1, S, D).expand(rows, S, D)
        mask = (torch.arange(S) < 4).expand(rows, S)
        return begin(self.part, rows, AttentionMemory(values, mask))

    def step(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        return self.part.step(x, state)  # type: ignore[no-any-return]


@pytest.fixture(params=ATTENTIONS)
def attention(request: pytest.FixtureRequest) -> Attention[Any]:
    torch.manual_seed(0)
    return ATTENTIONS[request.param]()


def memory_of(state: Any) -> AttentionMemory:
    memory: AttentionMemory = state if isinstance(state, AttentionMemory) else state.memory
    return memory


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", ATTENTIONS)
def test_attention_to_a_long_memory_keeps_the_law(name: str, law: int) -> None:
    assert check_cell(lambda: Told(ATTENTIONS[name]()), laws=[law])[law].holds


@pytest.mark.parametrize("law", LAWS)
def test_a_cell_with_attention_to_a_long_memory_keeps_the_law(law: int) -> None:
    assert check_cell(lambda: Told(AttentionCell(LSTM(H + D, Q), Bahdanau(Q, D, H))), laws=[law])[law].holds


def test_a_glimpse_is_the_memory_weighed_by_its_alignment(attention: Attention[Any]) -> None:
    values, query = torch.randn(B, S, D), torch.randn(B, attention.features)
    state = attention.initial(B, AttentionMemory(values, MASK))
    y, _ = attention.step(query, state)
    alignment = attention.align(query, state)
    torch.testing.assert_close(y, (alignment.unsqueeze(-1) * values).sum(dim=1))
    assert not alignment[~MASK].any()
    assert alignment[MASK].all()
    if not isinstance(attention, GaussianWindow):
        torch.testing.assert_close(alignment.sum(dim=-1), torch.ones(B))


def test_what_is_not_there_may_be_no_number_at_all(attention: Attention[Any]) -> None:
    values, query = torch.randn(B, S, D), torch.randn(T, B, attention.features)
    wild = torch.where(MASK.unsqueeze(-1), values, float("nan")).requires_grad_()
    ys, _ = attention.scan(query, attention.initial(B, AttentionMemory(wild, MASK)))
    assert torch.equal(ys, attention.scan(query, attention.initial(B, AttentionMemory(values, MASK)))[0])
    grads = torch.autograd.grad(ys.sum(), [wild, *attention.parameters()])
    assert all(grad.isfinite().all() for grad in grads)


def test_a_memory_padded_further_is_read_the_same(attention: Attention[Any]) -> None:
    values, query = torch.randn(1, 4, D), torch.randn(T, 1, attention.features)
    padded = torch.cat([values, torch.randn(1, 2, D)], dim=1)
    mask = torch.arange(6).unsqueeze(0) < 4
    ys, _ = attention.scan(query, attention.initial(1, values))
    torch.testing.assert_close(attention.scan(query, attention.initial(1, AttentionMemory(padded, mask)))[0], ys)


def test_a_row_whose_memory_is_empty_sees_zeros(attention: Attention[Any]) -> None:
    mask = MASK.clone()
    mask[1] = False
    ys, _ = attention.scan(
        torch.randn(T, B, attention.features), attention.initial(B, AttentionMemory(torch.randn(B, S, D), mask))
    )
    assert not ys[:, 1].any()
    assert ys[:, 0].any()


def test_without_a_context_the_memory_is_one_vector_of_zeros(attention: Attention[Any]) -> None:
    memory = memory_of(attention.initial(B))
    assert memory.values.tolist() == torch.zeros(B, 1, D).tolist()
    assert memory.mask.tolist() == [[True]] * B


def test_a_row_that_is_reset_has_forgotten_the_memory_and_the_others_have_not(attention: Attention[Any]) -> None:
    values, query = torch.randn(B, S, D), torch.randn(T, B, attention.features)
    reset = torch.zeros(T, B, dtype=torch.bool)
    reset[3, 1] = True
    state = attention.initial(B, values)
    ys, last = attention.scan(query, state, reset=reset)
    plain, _ = attention.scan(query, state)
    assert not ys[3:, 1].any()
    assert torch.equal(ys[:, [0, 2]], plain[:, [0, 2]])
    assert torch.equal(ys[:3], plain[:3])
    assert memory_of(last).values.shape == (B, S, D)


def test_the_memory_travels_in_the_state_and_is_split_and_stacked_with_it(attention: Attention[Any]) -> None:
    values, query = torch.randn(B, S, D), torch.randn(B, attention.features)
    state = attention.initial(B, AttentionMemory(values, MASK))
    y, after = attention.step(query, state)
    assert torch.equal(memory_of(after).mask, MASK)
    one = split(state)[2]
    torch.testing.assert_close(attention.step(query[2:], one)[0], y[2:])
    torch.testing.assert_close(attention.step(query, stack(split(state)))[0], y)


def test_the_dot_of_luong_reads_the_vector_that_points_as_the_query_does() -> None:
    attention = Luong(D, D, score="dot")
    values = torch.eye(D).unsqueeze(0) * 30
    y, _ = attention.step(torch.eye(D)[3:4], attention.initial(1, values))
    torch.testing.assert_close(y, values[:, 3])
    assert not list(attention.parameters())


def test_the_general_score_is_the_product_through_its_weights() -> None:
    attention, values, query = Luong(Q, D), torch.randn(B, S, D), torch.randn(B, Q)
    assert attention.score_weights is not None
    scores = torch.stack([values[b] @ (attention.score_weights @ query[b]) for b in range(B)])
    torch.testing.assert_close(attention.align(query, attention.initial(B, values)), scores.softmax(dim=-1))


def test_the_additive_score_is_that_of_the_paper() -> None:
    attention, values, query = Bahdanau(Q, D, H), torch.randn(B, S, D), torch.randn(B, Q)
    with torch.no_grad():
        attention.bias.add_(torch.randn(H))
    asked = query @ attention.query_weights.T + attention.bias
    scores = torch.stack(
        [attention.score_weights[0] @ torch.tanh(asked + values[:, s] @ attention.memory_weights.T).T for s in range(S)]
    ).T
    torch.testing.assert_close(attention.align(query, attention.initial(B, values)), scores.softmax(dim=-1))


def test_a_window_of_one_hill_stands_where_its_moves_have_brought_it() -> None:
    window = GaussianWindow(Q, D, 1)
    with torch.no_grad():
        window.query_weights.zero_()
        window.bias.copy_(torch.tensor([0.7, 0.5, 1.5]).log())
    state = window.initial(1, torch.randn(1, S, D))
    for moves in (1, 2, 3):
        phi = window.align(torch.zeros(1, Q), state)
        expected = [0.7 * torch.tensor(-0.5 * (1.5 * moves - s) ** 2).exp().item() for s in range(1, S + 1)]
        torch.testing.assert_close(phi, torch.tensor([expected]))
        _, state = window.step(torch.zeros(1, Q), state)
        assert state.position.item() == pytest.approx(1.5 * moves)


def test_a_window_moves_at_first_as_it_is_told() -> None:
    window = GaussianWindow(Q, D, 2, first_move=0.04)
    _, state = window.step(torch.zeros(1, Q), window.initial(1, torch.randn(1, S, D)))
    assert state.position.tolist() == [pytest.approx([0.04, 0.04])]
    for wrong in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(UsageError, match="moves no hill: give how many places a step moves it at first"):
            GaussianWindow(Q, D, 2, first_move=wrong)


def test_a_window_is_past_its_memory_where_the_place_after_it_is_the_highest() -> None:
    window = GaussianWindow(Q, D, 1)
    mask = torch.arange(S).unsqueeze(0) < torch.tensor([[S], [2], [0]])
    state = window.initial(3, AttentionMemory(torch.randn(3, S, D), mask))
    asked = torch.zeros(3, Q)  # each step moves one place, so the hill stands on place 1, 2, ...
    found = []
    for _ in range(S + 1):
        found.append(window.is_behind(asked, state).tolist())
        _, state = window.step(asked, state)
    ends = [S + 1, 3, 1]
    assert found == [[place >= end for end in ends] for place in range(1, S + 2)]
    far = state._replace(position=state.position + 1e4)  # where every height is 0 as a number of its own
    assert window.is_behind(asked, far).all()


def test_a_cell_reads_the_last_glimpse_with_its_input() -> None:
    inner, attention = GRU(H + D, Q), Bahdanau(Q, D, 2)
    cell = AttentionCell(inner, attention)
    assert (cell.features, cell.units) == (H, Q + D)
    xs, values = torch.randn(2, B, H), torch.randn(B, S, D)
    ys, last = cell.scan(xs, cell.initial(B, values))
    memory = attention.initial(B, values)
    h, state = inner.step(torch.cat([xs[0], torch.zeros(B, D)], dim=-1), inner.initial(B))
    g, _ = attention.step(h, memory)
    torch.testing.assert_close(ys[0], torch.cat([h, g], dim=-1))
    h, _ = inner.step(torch.cat([xs[1], g], dim=-1), state)
    g, _ = attention.step(h, memory)
    torch.testing.assert_close(ys[1], torch.cat([h, g], dim=-1))
    torch.testing.assert_close(last.glimpse, g)


def test_a_memory_reaches_the_attention_through_a_chain_and_hears_its_gradient() -> None:
    chain = Chain(GRU(D, H), Dropout(AttentionCell(LSTM(H + D, Q), Bahdanau(Q, D, 2)), 0.2))
    values = torch.randn(B, S, D, requires_grad=True)
    state = chain.initial(B, context=AttentionMemory(values, MASK))
    assert any(leaf.shape == (B, S, D) for leaf in leaves(state))
    ys, _ = chain.scan(torch.randn(T, B, D), state)
    (grad,) = torch.autograd.grad(ys.sum(), values)
    assert grad[MASK].any(dim=-1).all()
    assert not grad[~MASK].any()


@pytest.mark.parametrize("shape", [(2, S, D), (B, S, 9), (B, D), (B, S, D, 1)])
def test_a_memory_of_another_shape_is_named(attention: Attention[Any], shape: tuple[int, ...]) -> None:
    name = type(attention).__name__
    message = rf"{name} reads a memory \[B, S, D\] = \[3, S, 5\] but was given \[{', '.join(map(str, shape))}\]"
    with pytest.raises(UsageError, match=message):
        attention.initial(B, torch.zeros(shape))


@pytest.mark.parametrize("mask", [MASK.T, MASK.float()])
def test_a_mask_that_does_not_fit_its_memory_is_named(attention: Attention[Any], mask: Tensor) -> None:
    with pytest.raises(UsageError, match=r"with a mask of \[\d, \d\] torch\.\w+ where \[B, S\] = \[3, 6\] torch.bo"):
        attention.initial(B, AttentionMemory(torch.zeros(B, S, D), mask))


def test_widths_that_do_not_fit_are_named() -> None:
    score: Any = "dots"
    with pytest.raises(UsageError, match="unknown score 'dots': did you mean 'dot'"):
        Luong(Q, D, score=score)
    with pytest.raises(UsageError, match="dot multiplies a query of 2 with a memory of 5: make them equal, or give"):
        Luong(Q, D, score="dot")
    with pytest.raises(UsageError, match="the GRU writes 4 units but the Luong reads queries of 2: make them equal"):
        AttentionCell(GRU(H + D, H), Luong(Q, D))
    with pytest.raises(UsageError, match="a glimpse of 5 joins the input, but the GRU reads 5 features: let it read 5"):
        AttentionCell(GRU(D, Q), Luong(Q, D))


def test_a_cell_that_reads_a_context_begins_from_the_mean_of_the_vectors_that_are_there() -> None:
    cell = AttentionCell(Conditioned(GRU(5 + 2, 4), 2), Bahdanau(features=4, memory=2, units=6))
    values = torch.tensor([[[1.0, 3.0], [3.0, 5.0]], [[7.0, 1.0], [99.0, torch.nan]]])
    memory = AttentionMemory(values, torch.tensor([[True, True], [True, False]]))
    wanted = begin(cell.cell, 2, torch.tensor([[2.0, 4.0], [7.0, 1.0]]))
    assert torch.allclose(cell.initial(2, context=memory).cell.hidden, wanted.hidden)
    assert torch.equal(cell.initial(2).cell.hidden, cell.cell.initial(2).hidden)
