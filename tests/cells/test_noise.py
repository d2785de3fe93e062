"""What is lost or kept at random: as often as asked, the same for a step and a scan, and nothing in evaluation."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.cells import (
    GRU,
    LSTM,
    CandidateDropout,
    Chain,
    Dropout,
    Elman,
    Feedback,
    HyperLSTM,
    LayerNormLSTM,
    Learned,
    Recurrent,
    VariationalDropout,
    WeightDrop,
    Zoneout,
)
from statewise.cells.noise import Noise, begin_noise
from statewise.errors import UsageError
from statewise.state import leaves, map_leaves, select_rows

T, B, D, H = 7, 3, 5, 4
WRAPPERS: list[Any] = [Dropout, VariationalDropout, Zoneout]


def ones(steps: int, rows: int, width: int) -> Tensor:
    return torch.ones(steps, rows, width)


class Same(Recurrent[tuple[()]]):
    """It writes what it reads, so that what is lost of it can be counted."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.features = self.units = width

    def initial(self, rows: int) -> tuple[()]:
        return ()

    def step(self, x: Tensor, state: tuple[()]) -> tuple[Tensor, tuple[()]]:
        return x, state

    def scan(self, xs: Tensor, state: tuple[()], **places: Any) -> tuple[Tensor, tuple[()]]:
        return xs, state


def test_draws_are_as_frequent_as_asked_and_differ_by_row_unit_and_count() -> None:
    torch.manual_seed(0)
    noise = begin_noise(50, torch.empty(0), training=True)
    draws = torch.stack([Noise(noise.seed, noise.draws + t).keeps(40, 0.3) for t in range(60)]).float() - 0.7
    assert abs(float(draws.mean())) < 0.005  # of 120,000: three deviations are 0.004
    for dim, size in enumerate(draws.shape):
        assert float(draws.mean(dim=dim).var()) == pytest.approx(0.21 / size, rel=0.1)
        beside = (draws.narrow(dim, 1, size - 1) * draws.narrow(dim, 0, size - 1)).mean()
        assert abs(float(beside)) < 0.003


def test_rows_with_neighbouring_seeds_are_as_unlike_as_any() -> None:
    draws = Noise(torch.arange(50), torch.zeros(50, dtype=torch.int64)).keeps(2000, 0.5).float() - 0.5
    likeness = (draws @ draws.T / 500).fill_diagonal_(0)
    assert float(likeness.abs().max()) < 0.12


def test_noise_over_steps_is_noise_step_by_step() -> None:
    given, fresh = Noise(torch.tensor([5, 6]), torch.tensor([2, 0])), Noise(torch.tensor([8, 9]), torch.tensor([0, 0]))
    reset, mask = torch.zeros(T, 2, dtype=torch.bool), torch.ones(T, 2, dtype=torch.bool)
    reset[4, 0] = reset[3, 1] = True
    mask[1, 0] = mask[3, 1] = False
    before, last = given.over(fresh, T, reset, mask)
    assert before.seed.T.tolist() == [[5, 5, 5, 5, 8, 8, 8], [6] * 7]
    assert before.draws.T.tolist() == [[2, 3, 3, 4, 0, 1, 2], [0, 1, 2, 3, 3, 4, 5]]
    assert (last.seed.tolist(), last.draws.tolist()) == ([8, 6], [3, 6])
    assert given.over(fresh, 0, None, None)[1] is given


def test_dropout_loses_other_values_at_every_step_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    cell = Dropout(Same(100), 0.2)
    ys, _ = cell.scan(ones(50, 4, 100), cell.initial(4))
    assert set(ys.flatten().tolist()) == {0, 1.25}
    assert float(ys.mean()) == pytest.approx(1, abs=0.02)
    assert not torch.equal(ys[0], ys[1])
    assert not torch.equal(ys[:, 0], ys[:, 1])


def test_variational_dropout_loses_the_same_values_at_every_step_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    cell = VariationalDropout(Same(1000), 0.2)
    ys, state = cell.scan(ones(T, 20, 1000), cell.initial(20))
    assert set(ys.flatten().tolist()) == {0, 1.25}
    assert float(ys.mean()) == pytest.approx(1, abs=0.02)
    assert bool((ys == ys[0]).all())
    assert torch.equal(state.mask, ys[0])
    assert not torch.equal(ys[0, 0], ys[0, 1])


def test_variational_dropout_of_inputs_loses_the_same_ones_at_every_step_of_a_row() -> None:
    torch.manual_seed(0)
    cell = VariationalDropout(Same(1000), 0.0, input_rate=0.2)
    ys, state = cell.scan(ones(T, 20, 1000), cell.initial(20))
    assert set(ys.flatten().tolist()) == {0, 1.25}
    assert float(ys.mean()) == pytest.approx(1, abs=0.02)
    assert bool((ys == state.input_mask).all())
    assert not torch.equal(ys[0, 0], ys[0, 1])
    assert torch.equal(cell.eval().scan(ones(2, 20, 1000), state)[0], ones(2, 20, 1000))


@pytest.mark.parametrize("make", [Elman, LSTM, GRU])
def test_variational_dropout_of_the_state_is_a_mask_on_what_the_recurrent_product_hears(make: Any) -> None:
    part = make(D, H).double()
    cell = VariationalDropout(part, 0.0, recurrent_rate=0.5)
    xs, state = torch.randn(T, B, D, dtype=torch.float64), cell.initial(B)
    ys, last = cell.scan(xs, state)
    masks = [torch.tensor(kept, dtype=torch.float64) for kept in itertools.product((0.0, 2.0), repeat=H)]
    fitting = [mask for mask in masks if torch.allclose(_by_hand(part, xs, mask), ys)]
    assert len(fitting) == 1, "one mask of units, the same at every step, in every row and for every gate"
    assert torch.equal(last.part.seed, state.part.seed)
    others = [cell.scan(xs, cell.initial(B))[0] for _ in range(8)]
    assert any(not torch.allclose(other, ys) for other in others)
    plain, _ = part.scan(xs, part.initial(B))
    torch.testing.assert_close(cell.eval().scan(xs, state)[0], plain)


def _by_hand(part: Any, xs: Tensor, mask: Tensor) -> Tensor:
    """Read as the equations of each cell say, where every product hears the state through one mask: `W_h (m * h)`."""
    h, c, ys = xs.new_zeros(B, H), xs.new_zeros(B, H), []
    for x in xs:
        of_x = (x @ part.input_weights.T + part.bias).chunk(len(part.bias) // H, dim=-1)
        of_h = ((mask * h) @ part.recurrent_weights.T).chunk(len(of_x), dim=-1)
        if isinstance(part, Elman):
            h = torch.tanh(of_x[0] + of_h[0])
        elif isinstance(part, LSTM):
            i, f, g, o = (a + b for a, b in zip(of_x, of_h, strict=True))
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        else:
            r, z = ((a + b).sigmoid() for a, b in zip(of_x[:2], of_h[:2], strict=True))
            h = (1 - z) * (of_x[2] + r * (of_h[2] + part.candidate_bias)).tanh() + z * h
        ys.append(h)
    return torch.stack(ys)


def test_a_part_without_recurrent_weights_has_no_state_to_mask() -> None:
    with pytest.raises(UsageError, match="a Same has no weights named 'recurrent_weights' to drop"):
        VariationalDropout(Same(3), 0.5, recurrent_rate=0.5)


def test_a_row_that_is_reset_takes_a_new_mask_and_carries_it_on() -> None:
    cell = VariationalDropout(Same(100), 0.5)
    state = cell.initial(2)
    reset = torch.zeros(T, 2, dtype=torch.bool)
    reset[3, 1] = True
    ys, last = cell.scan(ones(T, 2, 100), state, reset=reset)
    assert bool((ys[:3] == state.mask).all())
    assert bool((ys[:, 0] == state.mask[0]).all())
    assert not torch.equal(last.mask[1], state.mask[1])
    assert bool((ys[3:, 1] == last.mask[1]).all())


def test_zoneout_keeps_values_as_they_were_and_the_output_is_the_state() -> None:
    torch.manual_seed(0)
    cell, plain = Zoneout(LSTM(D, 1000), 0.3), LSTM(D, 1000)
    plain.load_state_dict(cell.part.state_dict())
    x, state = torch.randn(B, D), cell.initial(B)
    state = state._replace(part=map_leaves(torch.randn_like, state.part))
    y, new = cell.step(x, state)
    free = plain.step(x, state.part)[1]
    for old, now, fresh in zip(leaves(state.part), leaves(new.part), leaves(free), strict=True):
        kept = now == old
        assert bool((kept | (now == fresh)).all())
        assert float(kept.float().mean()) == pytest.approx(0.3, abs=0.03)
    assert y is new.part.hidden
    hidden, memory = new.part.hidden == state.part.hidden, new.part.cell == state.part.cell
    assert not torch.equal(hidden, memory)


def test_zoneout_keeps_other_values_at_every_step_and_carries_its_place_on() -> None:
    cell = Zoneout(Elman(D, 100), 0.5)
    ys, last = cell.scan(torch.randn(T, 1, D), cell.initial(1))
    kept = ys[1:] == ys[:-1]
    assert not torch.equal(kept[0], kept[1])
    assert last.noise.draws.tolist() == [T]


def test_zoneout_of_a_chain_writes_the_kept_state_of_its_last_part() -> None:
    cell = Zoneout(Chain(GRU(D, 6), GRU(6, H)), 0.5)
    y, new = cell.step(torch.randn(B, D), cell.initial(B))
    assert y is new.part[1].hidden


def test_zoneout_in_evaluation_takes_the_mean_of_old_and_new() -> None:
    cell = Zoneout(Elman(D, H), 0.25).eval()
    old = torch.randn(B, H)
    state = cell.initial(B)
    state = state._replace(part=state.part._replace(hidden=old))
    x = torch.randn(B, D)
    y, _ = cell.step(x, state)
    torch.testing.assert_close(y, 0.25 * old + 0.75 * cell.part.step(x, state.part)[0])


@pytest.mark.parametrize("wrapper", [Dropout, VariationalDropout])
def test_nothing_is_lost_in_evaluation_even_from_a_state_of_training(wrapper: Any) -> None:
    cell = wrapper(GRU(D, H), 0.5)
    state, xs = cell.initial(B), torch.randn(T, B, D)
    cell.eval()
    assert torch.equal(cell.scan(xs, state)[0], cell.part.scan(xs, state.part)[0])
    assert torch.equal(cell.step(xs[0], state)[0], cell.part.step(xs[0], state.part)[0])


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_scan_draws_as_initial_does_with_a_reset_and_else_nothing(wrapper: Any) -> None:
    cell = Chain(wrapper(Learned(Zoneout(GRU(D, H), 0.5)), 0.5), Feedback(WeightDrop(GRU(H + H, H), 0.5)))
    xs, state = torch.randn(T, B, D), cell.initial(B)
    before = torch.get_rng_state()
    cell.scan(xs, state)
    assert torch.equal(torch.get_rng_state(), before)
    cell.initial(B)
    drawn = torch.get_rng_state()
    torch.set_rng_state(before)
    cell.scan(xs, state, reset=torch.zeros(T, B, dtype=torch.bool))
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_evaluation_leaves_the_random_numbers_of_training_alone(wrapper: Any) -> None:
    cell = wrapper(GRU(D, H), 0.5).eval()
    before = torch.get_rng_state()
    cell.scan(torch.randn(0, B, D), cell.initial(B))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_two_sequences_lose_different_values_and_the_same_state_the_same(wrapper: Any) -> None:
    cell = wrapper(GRU(D, 50), 0.5)
    xs = torch.randn(T, B, D)
    state = cell.initial(B)
    ys, _ = cell.scan(xs, state)
    assert torch.equal(cell.scan(xs, state)[0], ys)
    assert not torch.equal(cell.scan(xs, cell.initial(B))[0], ys)
    alone, _ = cell.scan(xs[:, 1:2], select_rows(state, torch.tensor([1])))
    torch.testing.assert_close(alone, ys[:, 1:2])


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_a_rate_that_is_none_is_refused(wrapper: Any, rate: float) -> None:
    with pytest.raises(UsageError, match=f"{wrapper.__name__} was given the rate {rate} where at least 0 and below 1"):
        wrapper(GRU(D, H), rate)


@pytest.mark.parametrize("wrapper", WRAPPERS)
def test_a_rate_of_nought_changes_nothing(wrapper: Any) -> None:
    cell, xs = wrapper(GRU(D, H), 0), torch.randn(T, B, D)
    torch.testing.assert_close(cell.scan(xs, cell.initial(B))[0], cell.part.scan(xs, cell.part.initial(B))[0])


@pytest.mark.parametrize("wrapper", [Dropout, VariationalDropout, Zoneout])
def test_the_state_of_the_bare_part_is_refused_by_name(wrapper: Any) -> None:
    cell = wrapper(GRU(D, H), 0.5)
    said = rf"{wrapper.__name__} was given GRUState\(hidden\) where {wrapper.__name__}State\(part, [\w, ]+\) is wanted"
    with pytest.raises(UsageError, match=said):
        cell.scan(torch.randn(T, B, D), cell.part.initial(B))


CANDIDATES: list[Any] = [LSTM, LayerNormLSTM, HyperLSTM]


@pytest.mark.parametrize("part", CANDIDATES)
def test_dropout_of_the_candidate_loses_what_a_step_adds_and_nothing_of_what_is_remembered(part: Any) -> None:
    torch.manual_seed(0)
    cell = CandidateDropout(part(D, 400), 0.3)
    state, xs = cell.initial(B), torch.randn(T, B, D)
    remembered = state.part.cell + 1
    state = state._replace(part=state.part._replace(cell=remembered))
    plain, lost = cell.part.step(xs[0], state.part)[1], cell.step(xs[0], state)[1].part
    kept = state.noise.keeps(400, 0.3)
    assert float(kept.float().mean()) == pytest.approx(0.7, abs=0.04)
    step: Any = cell.part.step
    unfed = step(xs[0], state.part, torch.zeros(B, 400))[1]
    torch.testing.assert_close(lost.cell, torch.where(kept, unfed.cell + (plain.cell - unfed.cell) / 0.7, unfed.cell))
    assert (unfed.cell != 0).all()


@pytest.mark.parametrize("part", CANDIDATES)
def test_each_step_loses_other_candidates_and_evaluation_none(part: Any) -> None:
    cell, xs = CandidateDropout(part(D, H), 0.5), torch.randn(T, B, D)
    state = cell.initial(B)
    masks = [state.noise._replace(draws=state.noise.draws + t).keeps(H, 0.5) for t in range(T)]
    assert len({tuple(mask.flatten().tolist()) for mask in masks}) == T
    assert cell.scan(xs, state)[1].noise.draws.tolist() == [T] * B
    ys, last = cell.scan(xs[:3], state)
    torch.testing.assert_close(torch.cat([ys, cell.scan(xs[3:], last)[0]]), cell.scan(xs, state)[0])
    cell.eval()
    torch.testing.assert_close(cell.scan(xs, state)[0], cell.part.scan(xs, state.part)[0])
    assert torch.equal(cell.step(xs[0], state)[0], cell.part.step(xs[0], state.part)[0])


@pytest.mark.parametrize("part", [GRU(D, H), Chain(LSTM(D, H)), Learned(LSTM(D, H))])
def test_what_has_no_candidate_is_refused(part: Any) -> None:
    with pytest.raises(UsageError, match=f"given a {type(part).__name__} .* give an LSTM"):
        CandidateDropout(part, 0.5)


def test_a_rate_of_all_candidates_is_refused() -> None:
    with pytest.raises(UsageError, match="CandidateDropout was given the rate 1"):
        CandidateDropout(LSTM(D, H), 1)
