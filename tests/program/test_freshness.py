"""A stream speaks with its model as it is now, whoever changed it and however; or the model itself steps."""

import gc
import inspect
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.nn.utils import weight_norm as old_weight_norm
from torch.optim import LBFGS, SGD, Muon, Optimizer, SparseAdam

from statewise import program
from statewise.cells import GRU, LSTM, Chain, Dropout, Elman, LayerNormGRU, Residual
from statewise.data.window import Window
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import native
from statewise.kernels.table_rows import put_rows
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.program.freshness import MOST_PUSHES
from statewise.run.recipe import Recipe
from statewise.state import leaves
from statewise.stream import Stream

T, B, D, H, V = 7, 3, 5, 4, 6
WIDE = 128
pytestmark = pytest.mark.skipif(native.Program is None, reason="installed without native kernels")


def make_model(units: int = H, *, sparse: bool = False) -> Model[Tensor]:
    torch.manual_seed(0)
    core = Chain(LSTM(D, units), Residual(GRU(units, units)))
    return Model(nn.Embedding(V, D, sparse=sparse), core, Categorical(units, V)).eval()


def window() -> Window:
    codes = torch.randint(V, (T + 1, B))
    return Window(codes[:-1], codes[1:], None, None)


def assert_fresh(stream: Stream[Tensor], x: int = 2) -> None:
    """Hold what a stream says to what its model says from the same state, or to its refusal."""
    try:
        with torch.no_grad():
            wanted, _ = stream.model.step(torch.tensor([x]), stream.state)
    except (RuntimeError, IndexError, ValueError):
        with pytest.raises((UsageError, RuntimeError, ValueError)):
            stream.peek(x)
        return
    torch.testing.assert_close(stream.peek(x), wanted[0], atol=1e-5, rtol=1e-4)


def optimizers() -> Iterator[tuple[type[Optimizer], str]]:
    known = [kind for _, kind in inspect.getmembers(torch.optim, inspect.isclass) if issubclass(kind, Optimizer)]
    for kind in known:
        if kind is Optimizer:
            continue
        ways = [way for way in ("foreach", "fused") if way in inspect.signature(kind).parameters]
        yield from ((kind, way) for way in ("", *ways))


def make_optimizer(kind: type[Optimizer], way: str, model: Model[Tensor]) -> Optimizer:
    weights: list[nn.Parameter] = list(model.parameters())
    if kind is SparseAdam:
        weights = list(model.encoder.parameters())
    if kind is Muon:
        weights = [tensor for tensor in weights if tensor.dim() == 2]
    return cast(Callable[..., Optimizer], kind)(weights, lr=0.05, **({way: True} if way else {}))


@pytest.mark.parametrize(("kind", "way"), list(optimizers()))
def test_a_stream_follows_every_optimizer_of_pytorch(kind: type[Optimizer], way: str) -> None:
    model = make_model(sparse=kind is SparseAdam)
    stream, optimizer, read = Stream(model), make_optimizer(kind, way, model), window()

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss, _ = model.loss(read, model.begin(B))
        loss.mean.backward()  # type: ignore[no-untyped-call]
        return loss.mean.detach()

    before = stream.push_many([1, 2])
    for _ in range(3):
        closure()
        optimizer.step(closure if kind is LBFGS else None)  # type: ignore[arg-type]
        assert_fresh(stream)
        stream.push(3)
        assert_fresh(stream)
    stream.reset()
    assert not torch.allclose(stream.push_many([1, 2]), before, atol=1e-3)


@pytest.mark.parametrize(
    "optimizer", ["adam", "adamw", "rmsprop", "sgd", "averaged_sgd", "adagrad", "momentum_adagrad"]
)
@pytest.mark.parametrize("sparse", [False, True])
def test_a_stream_follows_a_learner(optimizer: str, sparse: bool) -> None:
    if sparse and optimizer not in ("adam", "momentum_adagrad"):
        pytest.skip("it changes whole tables")
    model = make_model(sparse=sparse)
    recipe = Recipe(updates=9, warmup=0, learning_rate=0.05, optimizer=optimizer, average=0.9, average_from=0.0)  # type: ignore[arg-type]
    learner = Learner(model, [window(), window()], recipe)
    assert learner.average is not None
    streams = [Stream(model), Stream(learner.average.model), Stream(model, storage="bfloat16")]
    for _ in range(3):
        before = [stream.peek(2) for stream in streams]
        learner.update()
        for stream, said in zip(streams, before, strict=True):
            assert not torch.equal(stream.peek(2), said)
        assert_fresh(streams[0])
        assert_fresh(streams[1])
    learner.restore(learner.snapshot())
    assert_fresh(streams[0])


def test_an_optimizer_that_changes_one_row_of_a_large_table_is_seen_at_once() -> None:
    torch.manual_seed(0)
    model = Model(nn.Embedding(9000, D), LSTM(D, WIDE), Categorical(WIDE, V)).eval()
    optimizer = SGD(model.encoder.parameters(), lr=0.5, fused=True)
    stream = Stream(model)
    for code in (2, 8999, 17):
        stream.push(1)
        model.step(torch.tensor([code]), model.begin(1))[0].sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        assert_fresh(stream, code)


def test_rows_that_our_own_kernels_put_are_counted_as_a_change() -> None:
    table = nn.Embedding(9, D).weight
    before = table._version
    put_rows([table.detach()], torch.tensor([3]), [torch.ones(1, D)])
    assert table._version > before
    assert bool((table[3] == 1).all())


def weights(model: Any) -> Any:
    return model.head.weights


def lstm(model: Any) -> Any:
    return model.core.parts[0]


def through_data(model: Any) -> None:
    weights(model).data.mul_(1.1)


def of_one_number_through_data(model: Any) -> None:
    model.encoder.weight.data[2, 0] += 1


def of_all_signs_through_data(model: Any) -> None:
    lstm(model).recurrent_weights.data.neg_()


def through_numpy(model: Any) -> None:
    lstm(model).input_weights.detach().numpy()[3] = 2.0


def through_shared_memory(model: Any) -> None:
    model.share_memory()
    rebuild, told = torch.multiprocessing.reductions.reduce_tensor(weights(model))  # type: ignore[no-untyped-call]
    rebuild(*told).detach().mul_(2)


def by_another_optimizer(model: Any) -> None:
    lstm(model).bias.data.sub_(0.1)


def by_a_new_tensor_in_place(model: Any) -> None:
    weights(model).data = weights(model).data.clone() * 2


def by_a_view_that_begins_alike(model: Any) -> None:
    table = model.encoder.weight
    table.data = table.data[:1]


def by_a_smaller_table(model: Any) -> None:
    model.encoder.weight = nn.Parameter(torch.randn(1, D))


def by_a_transposed_weight(model: Any) -> None:
    square = model.core.parts[1].part
    square.recurrent_weights = nn.Parameter(square.recurrent_weights.detach().flip(0).t().contiguous().t())


def by_an_other_shape(model: Any) -> None:
    lstm(model).recurrent_weights = nn.Parameter(torch.randn(H, H))


def by_another_part(model: Any) -> None:
    model.core.parts[0] = LSTM(D, H)


def by_a_part_of_another_kind(model: Any) -> None:
    model.core.parts[0] = LayerNormGRU(D, H)


def by_a_part_more(model: Any) -> None:
    model.core.parts.append(GRU(H, H))


def by_another_core(model: Any) -> None:
    model.core = GRU(D, H)


def by_another_head(model: Any) -> None:
    model.head = Categorical(H, V)


def by_another_encoder(model: Any) -> None:
    model.encoder = nn.Embedding(2 * V, D)


def by_a_hook_before_the_encoder(model: Any) -> None:
    model.encoder.register_forward_pre_hook(lambda _, given: (given[0] * 0,))


def by_a_hook_behind_the_head(model: Any) -> None:
    model.head.register_forward_hook(lambda _, given, told: told * 2)


def by_a_method_of_its_own(model: Any) -> None:
    model.head.forward = lambda features: features[..., :1] * torch.ones(V)


def by_a_step_of_its_own(model: Any) -> None:
    cell, step = lstm(model), lstm(model).step
    object.__setattr__(cell, "step", lambda x, state: step(-x, state))


def by_a_norm_of_an_embedding(model: Any) -> None:
    model.encoder.max_norm = 0.1


def by_the_old_weight_norm(model: Any) -> None:
    old_weight_norm(model.head, "weights")
    model.head.weights_g.data.mul_(3)


def by_the_old_weight_norm_of_a_cell(model: Any) -> None:
    old_weight_norm(lstm(model), "recurrent_weights")


def by_pruning(model: Any) -> None:
    prune.random_unstructured(model.head, "weights", amount=0.5)  # type: ignore[no-untyped-call]
    model.head.weights_orig.data.add_(1)


def by_a_parametrization(model: Any) -> None:
    parametrizations.weight_norm(lstm(model), "recurrent_weights")


class Scaled(nn.Module):
    """A parametrization that hangs on a buffer."""

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(()))

    def forward(self, weights: Tensor) -> Tensor:
        return weights * self.scale


def by_a_parametrization_whose_buffer_changes(model: Any) -> None:
    parametrize.register_parametrization(lstm(model), "recurrent_weights", Scaled())
    lstm(model).parametrizations.recurrent_weights[0].scale.fill_(3.0)


def by_doubles(model: Any) -> None:
    model.double()


def by_halves(model: Any) -> None:
    model.half()


def by_bits_read_otherwise(model: Any) -> None:
    weights(model).data = weights(model).data.view(torch.int32).view(torch.float32)
    weights(model).data[0, 0] = 9


CHANGES = [function for name, function in globals().items() if name.split("_")[0] in ("through", "of", "by")]


UNFELT = (by_the_old_weight_norm_of_a_cell, by_a_parametrization, by_doubles)
"Changes that leave everything as it was."


def says(model: Model[Tensor]) -> Tensor | None:
    """Return what a model says behind some codes, or None where it cannot read them."""
    state = model.begin(1)
    try:
        with torch.no_grad():
            for code in (1, 4, 2):
                told, state = model.step(torch.tensor([code]), state)
    except (RuntimeError, IndexError, ValueError):
        return None
    return told[0]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.filterwarnings("ignore:.*weight_norm:FutureWarning")
def test_a_change_of_any_kind_is_heeded_by_the_next_push(
    change: Callable[[Model[Tensor]], None], training: bool
) -> None:
    model = make_model().train(training)
    stream, fork = Stream(model), Stream(model, storage="int8").fork()
    before = stream.push_many([1, 4, 2])
    change(model)
    assert_fresh(stream)
    wanted = says(model)
    stream.reset()
    fork.reset()
    if wanted is None:
        with pytest.raises((UsageError, RuntimeError)):
            stream.push_many([1, 4, 2])
        return
    assert torch.allclose(wanted.float(), before) == (change in UNFELT)
    torch.testing.assert_close(stream.push_many([1, 4, 2]), wanted, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(fork.push_many([1, 4, 2]), wanted, atol=0.3, rtol=0.05)
    assert_fresh(stream)


@pytest.mark.parametrize("change", [through_data, of_all_signs_through_data, by_another_optimizer])
def test_a_change_of_all_of_a_tensor_is_heeded_at_once_however_large_a_model_is(
    change: Callable[[Model[Tensor]], None],
) -> None:
    model = make_model(WIDE)
    stream = Stream(model)
    with torch.no_grad():
        lstm(model).bias.normal_()
    for _ in range(30):
        stream.push(1)
        change(model)
        assert_fresh(stream)


def test_one_number_changed_without_a_trace_is_seen_within_some_pushes_and_at_once_by_a_new_stream() -> None:
    model = make_model(WIDE)
    stream = Stream(model)
    for at in (0, 77, WIDE * V - 1):
        weights(model).data.flatten()[at] += 3.0
        for _ in range(MOST_PUSHES):
            stream.push(1)
        assert_fresh(stream)
        weights(model).data.flatten()[at] -= 1.0
        assert_fresh(Stream(model))
        stream.push_many([1] * MOST_PUSHES)
        weights(model).data.flatten()[at] -= 1.0
        stream.push_many([1] * MOST_PUSHES)
        assert_fresh(stream)


WRITER = """
import sys
import numpy as np
numbers = np.memmap(sys.argv[1], dtype=np.float32, mode="r+")
numbers *= 2
numbers.flush()
"""


def test_what_another_process_writes_is_seen(tmp_path: Any) -> None:
    model, file = make_model(), tmp_path / "weights"
    torch.from_file(str(file), shared=True, size=V * H).copy_(weights(model).detach().flatten())
    weights(model).data = torch.from_file(str(file), shared=True, size=V * H).view(V, H)
    stream = Stream(model)
    before = stream.push(1)
    subprocess.run([sys.executable, "-c", WRITER, str(file)], check=True)
    assert_fresh(stream)
    stream.reset()
    torch.testing.assert_close(stream.push(1) - model.head.bias, 2 * (before - model.head.bias))  # type: ignore[operator]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_where_autocast_is_on_the_model_itself_steps(dtype: torch.dtype) -> None:
    model = make_model()
    stream = Stream(model)
    stream.push(1)
    plain = stream.peek(2)
    context: AbstractContextManager[None] = torch.autocast("cpu", dtype=dtype)
    with context:
        assert_fresh(stream)
        assert stream.peek(2).dtype == dtype
    assert torch.equal(stream.peek(2), plain)


def test_a_hook_for_all_modules_is_heeded_and_gone_when_it_is() -> None:
    stream = Stream(make_model())
    plain = stream.peek(2)
    handle = nn.modules.module.register_module_forward_hook(lambda _, given, told: told * 2)
    try:
        assert_fresh(stream)
        assert not torch.allclose(stream.peek(2), plain)
    finally:
        handle.remove()
    assert torch.equal(stream.peek(2), plain)


def test_what_tensors_pytorch_makes_by_itself_does_not_matter() -> None:
    stream = Stream(make_model())
    plain = stream.push(1)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.device("meta"):
            assert torch.equal(stream.peek(2), Stream.peek(stream, 2))
            assert stream.push(2).dtype == plain.dtype
            assert stream.state[0].hidden.device.type == "cpu"
    finally:
        torch.set_default_dtype(before)


def test_a_program_goes_on_with_another_core_from_where_its_state_fits() -> None:
    model = make_model()
    compiled = program.compile(model)
    _, place = compiled.push(1, compiled.place(model.begin(1)))
    model.core = Chain(GRU(D, H), Residual(LSTM(H, H)))  # as many numbers, of other kinds
    with pytest.raises(UsageError, match="GRUState"):
        compiled.push(1, place)
    model.core = Chain(LSTM(D, H), Residual(GRU(H, H)))
    logits, after = compiled.push(1, place)
    with torch.no_grad():
        wanted, state = model.step(torch.tensor([1]), place.state)
    torch.testing.assert_close(logits, wanted[0])
    torch.testing.assert_close(leaves(after.state), leaves(state))


def test_a_program_that_was_declined_comes_back() -> None:
    model = make_model()
    stream = Stream(model)
    plain = stream.push(1)
    compiled = program.program_of(model)
    assert compiled is not None
    handle = model.head.register_forward_hook(lambda _, given, told: told * 2)
    assert not compiled.applies()
    assert program.program_of(model) is None
    with pytest.raises(program.Declined, match="calls no hooks, but the encoder or the head has some"):
        compiled.push(1, compiled.place(model.begin(1)))
    torch.testing.assert_close(Stream(model).push(1), plain * 2)
    handle.remove()
    assert compiled.applies()
    assert program.program_of(model) is compiled
    cast(Any, model.core).parts[0] = Dropout(LSTM(D, H), 0.5)
    assert not compiled.applies()
    model.eval()
    assert compiled.applies()


def test_a_model_is_let_go_with_its_stream() -> None:
    model = make_model()
    stream = Stream(model)
    stream.push(1)
    model.its_stream = stream  # type: ignore[assignment]
    stream.push(1)
    gone = weakref.ref(model)
    del model, stream
    gc.collect()
    assert gone() is None


def test_streams_in_many_threads_follow_a_model_that_learns() -> None:
    model = make_model(32)
    optimizer = SGD(model.parameters(), lr=0.1, fused=True)
    failed: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            stream = Stream(model)
            while not done.is_set():
                assert stream.push_many([1, 2, 3]).shape == (V,)
                assert bool(stream.push(4).isfinite().all())
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(60):
        loss, _ = model.loss(window(), model.begin(B))
        loss.mean.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    done.set()
    for thread in threads:
        thread.join()
    assert not failed
    assert_fresh(Stream(model))


def test_a_weight_transposed_through_data_is_heeded_where_it_lies_elsewhere() -> None:
    model = Model(nn.Embedding(V, D), Elman(D, H), Categorical(H, V)).eval()
    stream = Stream(model)
    stream.push(1)
    weights = model.core.get_parameter("recurrent_weights")
    weights.data = weights.data.T.contiguous()
    assert_fresh(stream)
