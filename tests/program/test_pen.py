"""What native code draws is what the model draws step by step, by the same numbers, to the end of each drawing."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import (
    GRU,
    LSTM,
    CandidateDropout,
    Chain,
    Conditioned,
    Dropout,
    Fed,
    LayerNormGRU,
    LayerNormLSTM,
    Residual,
)
from statewise.errors import UsageError
from statewise.heads import Categorical, Strokes
from statewise.heads.strokes import PenRule
from statewise.kernels import extension, using
from statewise.model import Model
from statewise.program import Declined, DrawingProgram, Drawings, draw
from statewise.program.pen import draw_step_by_step, drawing_program_of
from statewise.state import leaves, map_leaves, select_rows

if "drawing" not in extension.ABILITIES:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

H, K, ROWS, MOST = 17, 5, 13, 23
RULES = [PenRule(), PenRule(0.4, softened=True), PenRule(0.0), PenRule(1.5, bias=2.0)]


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


def core(kind: str, width: int) -> Any:
    if kind == "lstm":
        return Dropout(LSTM(width, H), 0.1)
    if kind == "layer-norm":
        return CandidateDropout(LayerNormLSTM(width, H), 0.2)
    if kind == "fed":
        return Dropout(Fed(Conditioned(LSTM(width + 2, H), 2), 2), 0.1)
    return Chain(CandidateDropout(LSTM(width, 6), 0.2), GRU(6, H), Residual(LSTM(H, H)))


def made(kind: str, pen: Any = "three_states", *, ends: float = 0.2) -> Model[Any]:
    torch.manual_seed(3)
    width = 5 if pen == "three_states" else 3
    model = Model(nn.Identity(), core(kind, width), Strokes(H, K, pen)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.3)
        linear_of(model).bias[-1] = torch.tensor(ends).log()
    return model


def linear_of(model: Model[Any]) -> nn.Linear:
    head: Any = model.head
    linear: nn.Linear = head.linear
    return linear


@torch.no_grad()
def begun(model: Model[Any], rows: int = ROWS) -> tuple[Any, Any, Tensor]:
    torch.manual_seed(4)
    context = torch.randn(rows, 2) if isinstance(model.core, Dropout) and isinstance(model.core.part, Fed) else None
    head: Any = model.head
    params, state = model.step(torch.randn(rows, 2 + head.states), model.begin(rows, context))
    return params, state, torch.randint(2**62, (rows,))


def rows_of(drawn: Drawings) -> list[Tensor]:
    return [steps[:length] for steps, length in zip(drawn.steps, drawn.lengths.tolist(), strict=True)]


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("pen", ["three_states", "end_of_stroke"])
@pytest.mark.parametrize("kind", ["lstm", "deep", "fed", "layer-norm"])
def test_drawings_are_those_of_the_model_step_by_step(kind: str, pen: str, rule: PenRule, instructions: str) -> None:
    model = made(kind, pen)
    params, state, seeds = begun(model)
    found = DrawingProgram(model).draw(params, state, seeds, most=MOST, rule=rule)
    expected = draw_step_by_step(model, params, state, seeds, most=MOST, rule=rule)
    assert torch.equal(found.lengths, expected.lengths)
    assert torch.equal(found.ended, expected.ended)
    torch.testing.assert_close(found.nats, expected.nats, rtol=1e-4, atol=1e-4)
    for one, other in zip(rows_of(found), rows_of(expected), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
        assert torch.equal(one[:, 2:], other[:, 2:])
    if pen == "three_states" and rule.temperature:
        assert len(set(found.lengths.tolist())) > 3
        assert found.ended.any()
    if pen == "end_of_stroke":
        assert found.lengths.tolist() == [MOST] * ROWS
        assert not found.ended.any()


def test_nats_are_what_the_model_says_of_what_was_drawn() -> None:
    model = made("lstm")
    params, state, seeds = begun(model)
    found = draw(model, params, state, seeds, most=MOST)
    head: Any = model.head
    for row, steps in enumerate(rows_of(found)):
        own, at, nats = (map_leaves(lambda leaf, at=row: leaf[at : at + 1], part) for part in (params, state, params))
        total = 0.0
        ends = [torch.tensor([0, 0, 0, 0, 1.0])] if found.ended[row] else []
        for step in [*steps, *ends]:
            nats = head.nats(own, step.unsqueeze(0))
            total += float(nats)
            with torch.no_grad():
                own, at = model.step(step.unsqueeze(0), at)
        assert total == pytest.approx(float(found.nats[row]), rel=1e-4, abs=1e-4)


def test_a_row_s_drawing_depends_on_its_seed_alone_not_on_other_rows_or_threads(instructions: str) -> None:
    model = made("fed")
    params, state, seeds = begun(model, 31)
    program, before, found = DrawingProgram(model), torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(program.draw(params, state, seeds, most=MOST))
    torch.set_num_threads(before)
    few = torch.tensor([30, 2, 7])
    alone = program.draw(select_rows(params, few), select_rows(state, few), seeds[few], most=MOST)
    assert torch.equal(found[0].lengths, found[1].lengths)
    for row, whole, threaded in zip(range(31), rows_of(found[0]), rows_of(found[1]), strict=True):
        assert torch.equal(whole, threaded), row
    for row, one in zip(few.tolist(), rows_of(alone), strict=True):
        assert torch.equal(one, rows_of(found[0])[row])
    assert torch.equal(alone.nats, found[0].nats[few])
    again = program.draw(params, state, seeds + 1, most=MOST)
    assert not torch.equal(again.lengths, found[0].lengths)


def test_the_state_that_is_given_stays_and_no_step_is_nothing() -> None:
    model = made("lstm")
    params, state, seeds = begun(model)
    kept = map_leaves(torch.clone, state)
    program = DrawingProgram(model)
    program.draw(params, state, seeds, most=MOST)
    assert all(map(torch.equal, leaves(kept), leaves(state)))
    none = program.draw(params, state, seeds, most=0)
    assert none.steps.shape == (ROWS, 0, 5)
    assert none.lengths.tolist() == [0] * ROWS
    empty = select_rows((params, state), torch.zeros(0, dtype=torch.int64))
    assert program.draw(*empty, seeds[:0], most=MOST).steps.shape == (0, MOST, 5)


def test_changed_weights_are_drawn_with_at_the_next_call_and_training_is_declined() -> None:
    model = made("lstm")
    params, state, seeds = begun(model)
    program = DrawingProgram(model)
    before = program.draw(params, state, seeds, most=MOST)
    with torch.no_grad():
        linear_of(model).bias[K] += 1.0
    after = program.draw(params, state, seeds, most=MOST)
    expected = draw_step_by_step(model, params, state, seeds, most=MOST, rule=PenRule())
    assert torch.equal(after.lengths, expected.lengths)
    assert not torch.equal(after.nats, before.nats)
    model.train()
    with pytest.raises(Declined, match="computes evaluation, in float32"):
        program.draw(params, state, seeds, most=MOST)


@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_smaller_weights_draw_much_the_same(storage: str) -> None:
    model = made("lstm", ends=0.01)
    params, state, seeds = begun(model, 400)
    exact, rough = (DrawingProgram(model, kind).draw(params, state, seeds, most=9) for kind in ("float32", storage))
    same = exact.lengths == rough.lengths
    assert float(same.float().mean()) > 0.8
    assert not torch.equal(exact.nats, rough.nats)
    assert float(exact.nats.mean()) == pytest.approx(float(rough.nats.mean()), rel=0.05)


def test_what_native_code_does_not_know_is_drawn_step_by_step_and_refused_by_name() -> None:
    normal = Model(nn.Identity(), LayerNormGRU(5, H), Strokes(H, K)).eval()
    assert drawing_program_of(normal) is None
    params, state, seeds = begun(normal)
    assert draw(normal, params, state, seeds, most=3).steps.shape == (ROWS, 3, 5)
    model = made("lstm")
    assert isinstance(drawing_program_of(model), DrawingProgram)
    with using("reference"):
        assert drawing_program_of(model) is None
    wrong: list[tuple[Any, str]] = [
        (normal, "knows no LayerNormGRU"),
        (Model(nn.Embedding(9, 5), LSTM(5, H), Categorical(H, 9)).eval(), "no head of the kind Categorical"),
        (Model(nn.Identity(), LSTM(6, H), Strokes(H, K)).eval(), "a pen draws 5 numbers, but 6 are read"),
        (Model(nn.Linear(5, 6), LSTM(6, H), Strokes(H, K)).eval(), "reads what a head of strokes draws, as it is"),
    ]
    for other, said in wrong:
        with pytest.raises(UsageError, match=said):
            DrawingProgram(other)


def test_odds_that_are_no_numbers_and_what_does_not_fit_are_refused() -> None:
    model = made("lstm")
    params, state, seeds = begun(model)
    program = DrawingProgram(model)
    with pytest.raises(UsageError, match="one seed a row"):
        program.draw(select_rows(params, torch.tensor([0])), state, seeds, most=MOST)
    with pytest.raises(UsageError, match="a state of 13 rows was given where one of 2 is read"):
        program.draw(params, state, seeds[:2], most=MOST)
    with pytest.raises(UsageError, match="more than one call draws: ask for fewer"):
        draw(model, params, state, seeds, most=2**27)
    for rule in (PenRule(-1.0), PenRule(bias=-1.0)):
        with pytest.raises(UsageError, match=r"temperature|bias"):
            draw(model, params, state, seeds, most=MOST, rule=rule)
    with torch.no_grad():
        linear_of(model).weight[0, 0] = torch.nan
    for drawing in (program.draw, lambda *given, **how: draw_step_by_step(model, *given, **how, rule=PenRule())):
        with pytest.raises(UsageError, match="odds are not numbers"):
            drawing(params, state, seeds, most=MOST)


def test_a_choice_is_made_as_often_as_it_is_likely() -> None:
    torch.manual_seed(0)
    head = Strokes(H, K).double()
    params = head(torch.randn(1, H, dtype=torch.float64) * 3)
    many = map_leaves(lambda leaf: leaf.detach().expand(40_000, *leaf.shape[1:]), params)
    drawn = head.choose(many, torch.rand(40_000, 4, dtype=torch.float64), PenRule())
    expected = float((params.log_weights.exp().unsqueeze(-1) * params.means).sum(dim=1)[0, 0].detach())
    spread = float(drawn[:, 0].std())
    assert float(drawn[:, 0].mean()) == pytest.approx(expected, abs=5 * spread / 200)
    torch.testing.assert_close(drawn[:, 2:].mean(dim=0), params.pen.softmax(-1)[0].detach(), atol=0.015, rtol=0)
