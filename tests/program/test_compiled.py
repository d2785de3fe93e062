"""A step program computes what the model does, whatever it is made of, and a row's bits are its own."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise import program
from statewise.cells import (
    GRU,
    LSTM,
    LSTM1997,
    Chain,
    Conditioned,
    CoupledLSTM,
    Dropout,
    Elman,
    LayerNormGRU,
    LayerNormLSTM,
    Learned,
    PeepholeLSTM,
    Recurrent,
    Residual,
    VariationalDropout,
    WeightDrop,
    Zoneout,
    irnn,
)
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import extension, native, using
from statewise.model import Model
from statewise.state import leaves, same_structure, select_rows

T, B, D, H, V = 7, 3, 5, 4, 6
CELLS: dict[str, Callable[[int, int], Recurrent[Any]]] = {
    "elman": Elman,
    "irnn": irnn,
    "lstm": LSTM,
    "peephole_lstm": PeepholeLSTM,
    "coupled_lstm": CoupledLSTM,
    "lstm_1997": LSTM1997,
    "gru": GRU,
    "layer_norm_lstm": LayerNormLSTM,
}
SIZES = [(5, 4), (17, 33), (40, 70)]
CLOSE = {"float32": 3e-6, "bfloat16": 2e-2, "int8": 5e-2}

pytestmark = pytest.mark.skipif(native.Program is None, reason="installed without native kernels")


@pytest.fixture(params=["avx512vnni", "avx512", "avx2", "baseline"])
def instructions(request: pytest.FixtureRequest) -> Iterator[str]:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


def shaken(model: Model[Any]) -> Model[Any]:
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight), alpha=0.1)
    return model.eval()


def make_model(cell: str = "lstm", features: int = D, units: int = H) -> Model[Tensor]:
    torch.manual_seed(0)
    make = CELLS[cell]
    inner = Residual(Dropout(make(units, units), 0.3))
    core = Chain(make(features, units), inner, make(units, features + 1))
    return shaken(Model(nn.Embedding(V, features), core, Categorical(features + 1, V)))


def largest_difference(ours: Any, theirs: Any) -> float:
    assert same_structure(ours, theirs)
    pairs = zip(leaves(ours), leaves(theirs), strict=True)
    return max(float((one - other).abs().max()) for one, other in pairs)


@pytest.mark.parametrize("storage", program.STORAGES)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("features", "units"), SIZES)
def test_a_step_is_the_models(instructions: str, cell: str, storage: str, features: int, units: int) -> None:
    model = make_model(cell, features, units)
    compiled = program.compile(model, storage)
    for rows in (1, 2, 13, 100):
        x, state = torch.randint(V, (rows,)), model.begin(rows)
        for _ in range(2):
            with torch.no_grad():
                wanted = model.step(x, state)
            got = compiled.step(x, state)
            scale = max(1.0, float(wanted[0].abs().max()))
            assert largest_difference(got, wanted) < CLOSE[storage] * scale
            state = wanted[1]


@pytest.mark.parametrize("storage", program.STORAGES)
@pytest.mark.parametrize("cell", CELLS)
def test_the_bits_of_a_row_are_its_own(instructions: str, cell: str, storage: str) -> None:
    model = make_model(cell, 17, 33)
    compiled = program.compile(model, storage)
    rows = 29
    x = torch.randint(V, (rows,))
    _, state = compiled.step(x, model.begin(rows))
    whole = compiled.step(x, state)
    for of in ([0], [28, 3], list(range(5, 20)), list(reversed(range(rows)))):
        some = torch.tensor(of)
        alone = compiled.step(x[some], select_rows(state, some))
        for ours, among in zip(leaves(alone), leaves(select_rows(whole, some)), strict=True):
            assert torch.equal(ours, among)


def test_whole_numbers_are_summed_to_the_same_ones_with_vnni_and_without() -> None:
    model = make_model("lstm", 40, 600)  # more than a stretch of terms
    x, state = torch.randint(V, (B,)), model.begin(B)
    results = []
    for name in ("avx512vnni", "avx512"):
        try:
            extension.use(name)
        except ValueError:
            pytest.skip(f"this processor has no {name}")
        results.append(program.compile(model, "int8").step(x, state))
        extension.use("best")
    assert all(map(torch.equal, leaves(results[0]), leaves(results[1])))


def test_threads_change_no_bit(instructions: str) -> None:
    model = make_model("lstm", 40, 70)
    compiled = program.compile(model)
    x, state = torch.randint(V, (201,)), model.begin(201)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = compiled.step(x, state)
        torch.set_num_threads(3)
        shared = compiled.step(x, state)
    finally:
        torch.set_num_threads(threads)
    assert all(map(torch.equal, leaves(alone), leaves(shared)))


@pytest.mark.parametrize("storage", program.STORAGES)
def test_many_steps_are_steps_to_the_bit_and_score_what_the_model_scores(storage: str) -> None:
    model = make_model("gru")
    compiled = program.compile(model, storage)
    codes = torch.randint(V, (T + 1,))
    nats, last = compiled.score(codes[:-1], codes[1:], model.begin(1))
    state, wanted = model.begin(1), []
    place = compiled.place(state)
    for code, target in zip(codes[:-1].tolist(), codes[1:].tolist(), strict=True):
        logits, state = compiled.step(torch.tensor([code]), state)
        pushed, place = compiled.push(code, place)
        assert torch.equal(pushed, logits[0])
        wanted.append(-logits.log_softmax(-1)[0, target])
    torch.testing.assert_close(nats, torch.stack(wanted))
    assert all(map(torch.equal, leaves(last), leaves(state)))
    assert all(map(torch.equal, leaves(compiled.state(place)), leaves(state)))
    read, place = compiled.read(codes[:-1], compiled.place(model.begin(1)))
    assert torch.equal(read, logits[0])
    assert all(map(torch.equal, leaves(compiled.state(place)), leaves(state)))


def test_vectors_are_read_through_a_linear_map_or_as_they_are() -> None:
    torch.manual_seed(0)
    head = Categorical(H, V)
    for encoder, width in ((nn.Linear(9, D), 9), (nn.Linear(9, D, bias=False), 9), (nn.Identity(), D)):
        model = Model(encoder, PeepholeLSTM(D, H), head).eval()
        x, state = torch.randn(B, width), model.begin(B)
        with torch.no_grad():
            wanted = model.step(x, state)
        compiled = program.compile(model)
        assert largest_difference(compiled.step(x, state), wanted) < 1e-6
        pushed, _ = compiled.push(x[0], compiled.place(model.begin(1)))
        torch.testing.assert_close(pushed, wanted[0][0])


def test_a_bare_recurrence_gives_its_outputs() -> None:
    core = Chain(LSTM(D, H), Residual(GRU(H, H)))
    x, state = torch.randn(B, D), core.initial(B)
    with torch.no_grad():
        wanted = core.step(x, state)
    assert largest_difference(program.compile(core).step(x, state), wanted) < 1e-6


def test_an_embedding_too_large_for_a_table_is_looked_up() -> None:
    torch.manual_seed(0)
    many = 20_000
    model = Model(nn.Embedding(many, 3), Residual(GRU(3, 3)), Categorical(3, V)).eval()
    wide = Model(nn.Embedding(many, 3), LSTM(3, 24), Categorical(24, V)).eval()
    x = torch.tensor([0, many - 1, 77])
    for of in (model, wide):
        with torch.no_grad():
            wanted = of.step(x, of.begin(3))
        assert largest_difference(program.compile(of).step(x, of.begin(3)), wanted) < 1e-6
    assert program.compile(wide).bytes < 4 * (many * 4 * 24)


def test_parts_that_do_nothing_in_evaluation_pass_their_states_on() -> None:
    torch.manual_seed(0)
    parts: list[Recurrent[Any]] = [
        VariationalDropout(GRU(D, H), 0.2),
        VariationalDropout(LSTM(H, H), 0.2, input_rate=0.3, recurrent_rate=0.4),
        WeightDrop(LSTM(H, H), 0.2),
        Learned(Elman(H, H)),
    ]
    core = Chain(*parts, Dropout(Conditioned(GRU(H, H), 2), 0.5))
    model = shaken(Model(nn.Embedding(V, D), core, Categorical(H, V)))
    state = model.begin(B, torch.randn(B, 2))
    compiled = program.compile(model)
    for _ in range(2):
        x = torch.randint(V, (B,))
        with torch.no_grad():
            wanted = model.step(x, state)
        got = compiled.step(x, state)
        assert largest_difference(got, wanted) < 1e-6
        assert [leaf.dtype for leaf in leaves(got[1])] == [leaf.dtype for leaf in leaves(wanted[1])]
        state = got[1]


def test_residuals_around_residuals_and_around_the_first_part_are_added() -> None:
    torch.manual_seed(0)
    core = Residual(Chain(Residual(Elman(H, H)), Residual(Residual(GRU(H, H)))))
    model = shaken(Model(nn.Embedding(V, H), core, Categorical(H, V)))
    x, state = torch.randint(V, (B,)), model.begin(B)
    with torch.no_grad():
        wanted = model.step(x, state)
    assert largest_difference(program.compile(model).step(x, state), wanted) < 1e-6


def test_the_state_given_is_never_changed() -> None:
    model = make_model()
    compiled = program.compile(model)
    _, state = compiled.step(torch.randint(V, (B,)), model.begin(B))
    before = [leaf.clone() for leaf in leaves(state)]
    compiled.step(torch.randint(V, (B,)), state)
    assert all(map(torch.equal, leaves(state), before))


def change_in_place(model: Model[Any]) -> None:
    with torch.no_grad():
        dict(model.core.named_parameters())["parts.2.input_weights"].add_(0.5)


def change_data(model: Model[Any]) -> None:
    weights = dict(model.head.named_parameters())["weights"]
    weights.data = weights.data * 2


def replace_weights(model: Model[Any]) -> None:
    doubled = {name: tensor * 2 for name, tensor in model.state_dict().items()}
    model.load_state_dict(doubled, assign=True)


@pytest.mark.parametrize("change", [change_in_place, change_data, replace_weights])
def test_changed_weights_are_packed_again(change: Callable[[Model[Any]], None]) -> None:
    model = make_model()
    compiled = program.compile(model)
    x, state = torch.randint(V, (B,)), model.begin(B)
    before, _ = compiled.step(x, state)
    change(model)
    with torch.no_grad():
        wanted = model.step(x, state)
    after = compiled.step(x, state)
    assert float((after[0] - before).abs().max()) > 1e-3
    assert largest_difference(after, wanted) < 1e-5


def test_smaller_weights_take_less_memory() -> None:
    model = make_model("lstm", 64, 128)
    sizes = [program.compile(model, storage).bytes for storage in program.STORAGES]
    assert sizes[0] > 1.9 * sizes[1] > 3.5 * sizes[2]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Model(nn.Embedding(V, D), LayerNormGRU(D, H), Categorical(H, V)), "knows no LayerNormGRU"),
        (Model(nn.Embedding(V, D), GRU(D, H, reset_after=False), Categorical(H, V)), "knows no GRU of this kind"),
        (Model(nn.Embedding(V, D), Chain(Zoneout(LSTM(D, H), 0.1)), Categorical(H, V)), "knows no Zoneout"),
        (Model(nn.Conv1d(V, D, 1), LSTM(D, H), Categorical(H, V)), "no encoder of the kind Conv1d"),
        (Model(nn.Embedding(V, D, max_norm=1.0), LSTM(D, H), Categorical(H, V)), "no encoder of the kind Embedding"),
        (Model(nn.Embedding(V, D + 1), LSTM(D, H), Categorical(H, V)), "gives 6 features where the core reads 5"),
        (Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).double(), "made from float32 on a CPU but"),
    ],
)
def test_what_native_code_does_not_know_is_named(model: Model[Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        program.compile(model)
    assert message in str(program.why_not(model))
    assert program.program_of(model) is None


def test_what_cannot_be_read_is_refused() -> None:
    model = make_model()
    compiled = program.compile(model)
    with pytest.raises(UsageError, match="numbers from 0 to 5 but was given 6"):
        compiled.step(torch.tensor([0, 6]), model.begin(2))
    with pytest.raises(UsageError, match="numbers from 0 to 5 but was given -1"):
        compiled.push(-1, compiled.place(model.begin(1)))
    with pytest.raises(UsageError, match=r"whole numbers \[B\] are read"):
        compiled.step(torch.zeros(2), model.begin(2))
    with pytest.raises(UsageError, match=r"begin\(rows=2\)"):
        compiled.step(torch.tensor([0, 1]), model.begin(3))
    with pytest.raises(UsageError, match="this program was given a tuple of 2 states"):
        compiled.step(torch.tensor([0, 1]), model.begin(2)[:2])
    with pytest.raises(UsageError, match="use step for many"):
        compiled.place(model.begin(2))
    with pytest.raises(UsageError, match="a target is not one of the 6 choices"):
        compiled.score(torch.tensor([0]), torch.tensor([6]), model.begin(1))
    with pytest.raises(UsageError, match="1 inputs need as many targets"):
        compiled.score(torch.tensor([0]), torch.tensor([2, 3]), model.begin(1))
    with pytest.raises(UsageError, match="did you mean 'int8'"):
        program.compile(model, "int9")


def test_a_part_in_training_is_refused() -> None:
    model = make_model()
    compiled = program.compile(model)
    model.train()
    assert not compiled.applies()
    with pytest.raises(UsageError, match=r"call model\.eval\(\)"):
        compiled.step(torch.tensor([0]), model.begin(1))


def test_a_program_is_made_once_for_a_model_and_not_where_another_kernel_is_wanted() -> None:
    model = make_model()
    assert program.program_of(model) is program.program_of(model)
    assert program.program_of(model, "int8") is not program.program_of(model)
    model.head = Categorical(D + 1, V)
    made = program.program_of(model)
    assert made is not None
    x, state = torch.tensor([2]), model.begin(1)
    with torch.no_grad():
        assert largest_difference(made.step(x, state), model.step(x, state)) < 1e-6
    with using("reference"):
        assert program.program_of(model) is None


def test_without_native_code_there_is_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "Program", None)
    assert program.program_of(make_model()) is None
    with pytest.raises(UsageError, match="needs the native kernels, which are not installed"):
        program.compile(make_model())


@pytest.mark.parametrize("storage", program.STORAGES)
def test_what_is_not_a_number_stays_in_its_row(storage: str) -> None:
    model = Model(nn.Identity(), GRU(D, H), Categorical(H, V)).eval()
    compiled = program.compile(model, storage)
    x = torch.randn(B, D)
    x[1, 2] = torch.nan
    x[2, 0] = torch.inf
    logits, _ = compiled.step(x, model.begin(B))
    assert logits.isfinite().all(dim=1).tolist()[0]
    assert logits[1].isnan().all()
