"""What native code writes is what the model writes step by step, by the same numbers, to the end of each text."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, LSTM, AttentionCell, ConcatSkip, GaussianWindow
from statewise.data.window import Padded
from statewise.errors import UsageError
from statewise.heads import Strokes
from statewise.heads.strokes import PenRule
from statewise.kernels import extension, using
from statewise.model import Model
from statewise.program import Declined, TextLimits, WritingProgram
from statewise.program.writing import writing_program_of
from statewise.state import map_leaves
from statewise.tasks.handwriting import writing_on
from statewise.tasks.handwriting.pen import Letters, pen_core
from statewise.tasks.handwriting.writing_on import Wrote, write_step_by_step

if "writer" not in extension.ABILITIES:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

CHOICES, HILLS, K = 6, 2, 5
RULES = [PenRule(), PenRule(0.4, softened=True), PenRule(0.0, softened=True), PenRule(1.5, bias=2.0)]
TEXTS = [[1, 2, 0], [3, 0], [5, 4, 3, 2, 1, 0], [2, 2, 2, 0], [0]]


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


def made(
    layers: int, *, ends: float = -1.0, lifts: float = -1.0, move: float = 0.3, cell: str = "lstm", width: int = 17
) -> Model[Any]:
    torch.manual_seed(layers)
    core = pen_core(cell, width, layers, CHOICES, HILLS, move)
    model: Model[Any] = Model(nn.Identity(), core, Strokes(core.units, K), Letters(CHOICES)).eval()
    with torch.no_grad():
        for weights in model.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.1)
        head: Any = model.head
        head.linear.bias[-3:] = torch.tensor([1.0, lifts, ends])
    return model


def begun(model: Model[Any], times: int = 3) -> tuple[Tensor, Any, Tensor, Tensor]:
    """A first step, a state, the last letters and seeds of every text so many times."""
    letters = Padded.of([torch.tensor(text) for text in TEXTS * times])
    rows = len(TEXTS) * times
    torch.manual_seed(4)
    with torch.no_grad():
        state = model.begin(rows, letters)
    x = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0]).repeat(rows, 1)
    return x, state, letters.lengths - 1, torch.randint(2**62, (rows,))


def until(rows: int, patience: int = 5, strokes: int = 1000) -> TextLimits:
    return TextLimits(torch.arange(rows) % 13 + 9, patience, strokes)


def natively(model: Model[Any], given: Any, limits: TextLimits, rule: PenRule) -> list[Wrote]:
    x, state, _, seeds = given
    return writing_on._wrote(WritingProgram(model).write(x, state, seeds, limits, rule))


def assert_alike(found: list[Wrote], wanted: list[Wrote]) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.has_ended == other.has_ended
        assert one.rows.shape == other.rows.shape
        np.testing.assert_allclose(one.rows, other.rows, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(one.costs, other.costs, rtol=5e-3, atol=5e-3)
        np.testing.assert_allclose(one.heights, other.heights[:, : one.heights.shape[1]], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("layers", "cell"), [(1, "lstm"), (2, "peephole_lstm"), (3, "lstm"), (5, "lstm")])
@torch.no_grad()
def test_texts_are_those_of_the_model_step_by_step(layers: int, cell: str, rule: PenRule, instructions: str) -> None:
    model = made(layers, cell=cell)
    given = begun(model)
    limits = until(len(given[0]))
    x, state, lasts, seeds = given
    wanted = write_step_by_step(model, x, state, lasts, limits, seeds, rule)
    assert_alike(natively(model, given, limits, rule), wanted)
    assert rule != PenRule() or {one.has_ended for one in wanted} == {True, False}


@pytest.mark.parametrize(("storage", "near"), [("float32", 1e-4), ("bfloat16", 0.05), ("int8", 0.1)])
@torch.no_grad()
def test_weights_may_be_kept_in_fewer_bytes(storage: str, near: float, instructions: str) -> None:
    model = made(3, width=40)
    x, state, lasts, seeds = begun(model)
    limits = until(len(x))
    found = writing_on._wrote(WritingProgram(model, storage).write(x, state, seeds, limits, PenRule()))
    wanted = write_step_by_step(model, x, state, lasts, limits, seeds, PenRule())
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one.rows[:1, :2], other.rows[:1, :2], rtol=near, atol=near)
        np.testing.assert_allclose(one.heights[0], other.heights[0, : len(one.heights[0])], rtol=near, atol=near)
    with pytest.raises(UsageError, match="storage"):
        WritingProgram(model, "float8")


@torch.no_grad()
def test_a_window_past_the_end_and_one_that_waits_take_a_lifted_pen_away(instructions: str) -> None:
    for move, ended in ((5.0, True), (0.5, True), (1e-6, False)):
        model = made(2, ends=-50.0, lifts=3.0, move=move)
        given = begun(model)
        x, state, lasts, seeds = given
        found = natively(model, given, until(len(x), patience=2), PenRule())
        assert_alike(found, write_step_by_step(model, x, state, lasts, until(len(x), patience=2), seeds, PenRule()))
        assert any(one.has_ended for one in found if len(one.heights[0]) > 1) or not ended


@torch.no_grad()
def test_so_many_strokes_are_written_and_no_more(instructions: str) -> None:
    model = made(2, ends=-50.0, lifts=0.0, move=1e-6)
    given = begun(model)
    found = natively(model, given, until(len(given[0]), strokes=2), PenRule())
    assert all(int(one.rows[:, 2].sum()) <= 2 for one in found)
    assert any(int(one.rows[:, 2].sum()) == 2 and one.rows[-1, 2] == 1 for one in found)
    x, state, lasts, seeds = given
    assert_alike(found, write_step_by_step(model, x, state, lasts, until(len(x), strokes=2), seeds, PenRule()))


@torch.no_grad()
def test_a_text_is_written_alike_alone_among_others_and_on_any_number_of_threads(instructions: str) -> None:
    model = made(3)
    given = begun(model, times=40)
    limits, threads = until(len(given[0])), torch.get_num_threads()
    whole = natively(model, given, limits, PenRule())
    try:
        torch.set_num_threads(3)
        again = natively(model, given, limits, PenRule())
    finally:
        torch.set_num_threads(threads)
    x, state, lasts, seeds = given
    some = slice(7, 8)
    few = x[some], map_leaves(lambda leaf: leaf[some], state), lasts[some], seeds[some]
    (alone,) = natively(model, few, limits._replace(limits=limits.limits[some]), PenRule())
    for one, other in zip([*whole, whole[7]], [*again, alone], strict=True):
        assert np.array_equal(one.rows, other.rows)
        assert np.array_equal(one.costs, other.costs)
        assert np.array_equal(one.heights, other.heights)


@torch.no_grad()
def test_many_texts_are_written_in_parts_that_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made(2)
    x, state, lasts, seeds = begun(model)
    how = model, x, state, lasts, until(len(x)), seeds, PenRule()
    whole = writing_on._natively(*how)
    monkeypatch.setattr(writing_on, "MOST_TOGETHER", 1)
    parts = writing_on._natively(*how)
    assert whole is not None
    assert parts is not None
    for one, other in zip(whole, parts, strict=True):
        assert np.array_equal(one.rows, other.rows)
        assert np.array_equal(one.costs, other.costs)
    with using("reference"):
        assert writing_on._natively(*how) is None


@torch.no_grad()
def test_weights_that_change_are_packed_again() -> None:
    model = made(2)
    given, program = begun(model), writing_program_of(model)
    assert program is not None
    assert writing_program_of(model) is program
    x, state, _, seeds = given
    before = program.write(x, state, seeds, until(len(x)), PenRule())
    model.get_parameter("core.parts.0.attention.bias").data.add_(1.0)
    after = program.write(x, state, seeds, until(len(x)), PenRule())
    assert not torch.equal(before.heights[:, 0], after.heights[:, 0])


def test_models_that_native_code_does_not_know_are_refused_and_written_step_by_step() -> None:
    window = GaussianWindow(4, CHOICES, HILLS)
    first = AttentionCell(LSTM(5 + CHOICES, 4), window)
    other = AttentionCell(GRU(5 + CHOICES, 4), window)
    cores: list[Any] = [
        ConcatSkip(other),
        LSTM(5, 4),
        ConcatSkip(first, GRU(5 + first.units, 4)),
        ConcatSkip(LSTM(5, 4)),
    ]
    for core in cores:
        model: Model[Any] = Model(nn.Identity(), core, Strokes(core.units, K), Letters(CHOICES))
        with pytest.raises(UsageError, match="knows an LSTM with a window"):
            WritingProgram(model)
        assert writing_program_of(model) is None
    model = Model(nn.Identity(), first, Strokes(first.units, K, "end_of_stroke"), Letters(CHOICES))
    with pytest.raises(UsageError, match="three states"):
        WritingProgram(model)


@torch.no_grad()
def test_what_does_not_fit_is_refused_before_native_code_reads_it() -> None:
    model = made(2)
    program = WritingProgram(model)
    x, state, _, seeds = begun(model)
    rows, rule = len(x), PenRule()
    with pytest.raises(UsageError, match="need steps"):
        program.write(x[:, :4], state, seeds, until(rows), rule)
    with pytest.raises(UsageError, match="need steps"):
        program.write(x, state, seeds, until(rows - 1), rule)
    with pytest.raises(UsageError, match="need steps"):
        program.write(x, state, seeds, TextLimits(torch.full((rows,), -1), 5, 9), rule)
    with pytest.raises(UsageError, match="ask for fewer"):
        program.write(x, state, seeds, TextLimits(torch.full((rows,), 2**30), 5, 9), rule)
    first, above = state
    memory = first.attention.memory
    holes = memory._replace(mask=memory.mask.flip(1))  # what is not there stands before what is
    gaps = first._replace(attention=first.attention._replace(memory=holes)), above
    for wrong in (map_leaves(lambda leaf: leaf[1:], state), map_leaves(lambda leaf: leaf[..., :1], state), gaps):
        with pytest.raises(Declined):
            program.write(x, wrong, seeds, until(rows), rule)
    with pytest.raises(UsageError, match="is not in range"):
        program.write(x, state, seeds, until(rows), PenRule(bias=-1.0))
    head: Any = model.head
    head.linear.bias[0] = torch.nan
    with pytest.raises(UsageError, match="the odds are not numbers"):
        program.write(x, state, seeds, until(rows), rule)
    x, state, lasts, seeds = begun(model)
    with pytest.raises(UsageError, match="the odds are not numbers"):
        write_step_by_step(model, x, state, lasts, until(rows), seeds, rule)


@pytest.mark.parametrize(
    "wrong", [{"letters": 0}, {"letters": 4}, {"limits": 3}, {"places": 0}, {"pen": 4}, {"states": 5}]
)
def test_native_code_bounds_what_it_is_given_once_more(wrong: dict[str, int]) -> None:
    model = made(2)
    program = WritingProgram(model)
    letters, limits = torch.tensor([wrong.get("letters", 3)]), torch.tensor([wrong.get("limits", 2)])
    room = torch.zeros(1000)
    given = [room.data_ptr(), room.data_ptr(), letters.data_ptr(), limits.data_ptr(), room.data_ptr()]
    before = [room.data_ptr()] * wrong.get("states", 6)
    with pytest.raises(ValueError, match="out of bounds"):
        program._native.write(
            [1, wrong.get("places", 3)],
            [2, 5, 9],
            [wrong.get("pen", K), 0],
            [7.0, 0.999, 1.0, 0.0],
            given,
            before,
            [0] * 6,
            1,
        )
