"""A number from outside is refused in one line before anything is done with it, or it is what it says."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from statewise import program
from statewise.bounds import code
from statewise.cells import LSTM, LayerNormGRU
from statewise.decode import beam, sample
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import native
from statewise.model import Model
from statewise.sampling import SamplingRule, narrow
from statewise.state import leaves
from statewise.stream import Stream

V, D, H = 6, 5, 4

NO_CODES: list[Any] = [
    *(2.7, 2.0, 0.5, math.nan, math.inf, -1, V, 2**31, 2**63, 2**64, 2**200, -(2**80), 10**5000),
    *(True, False, None, "3", "", b"3", [3], (), {}, object(), 3j),
    *(
        np.float32(1),
        np.float64("nan"),
        np.bool_(True),
        np.array([1]),
        np.array([1, 2]),
        np.int64(-1),
        np.uint64(2**63),
    ),
    *(
        torch.tensor(1.0),
        torch.tensor(True),
        torch.tensor([1]),
        torch.tensor([[1, 2]]),
        torch.tensor(9),
        torch.tensor(1j),
    ),
]
CODES = [3, np.int64(3), np.uint8(3), np.array(3), torch.tensor(3), torch.tensor(3, dtype=torch.uint8)]


@pytest.fixture(params=["by the step program", "by the model"])
def stream(request: pytest.FixtureRequest) -> Stream[Tensor]:
    torch.manual_seed(0)
    core = LSTM(D, H) if request.param == "by the step program" else LayerNormGRU(D, H)
    made: Stream[Tensor] = Stream(Model(nn.Embedding(V, D), core, Categorical(H, V)).eval())
    made.push(1)
    return made


def refused(call: Callable[[], object]) -> None:
    with pytest.raises(UsageError) as refusal:
        call()
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("x", NO_CODES, ids=range(len(NO_CODES)))
def test_what_is_no_code_is_refused_and_leaves_the_stream_where_it_is(stream: Stream[Tensor], x: Any) -> None:
    here = [*leaves(stream.state), stream.params]
    refused(lambda: stream.push(x))
    refused(lambda: stream.peek(x))
    refused(lambda: stream.push_many([1, x]))
    assert all(map(torch.equal, [*leaves(stream.state), stream.params], here))
    assert stream.steps == 1
    refused(lambda: code(x, V))


@pytest.mark.parametrize("x", CODES, ids=range(len(CODES)))
def test_a_whole_number_of_any_kind_is_a_code(stream: Stream[Tensor], x: Any) -> None:
    fork = stream.fork()
    assert torch.equal(stream.push(x), fork.push(3))
    assert torch.equal(stream.push_many([x, 1]), fork.push_many([3, 1]))


BAD_RULES: list[dict[str, Any]] = [
    *(
        {"temperature": x}
        for x in (-1, -1e-9, math.nan, math.inf, -math.inf, 1e31, True, None, "1", 1j, [1.0], 2**2000)
    ),
    *({"top_k": x} for x in (0, -1, 2.5, 3.0, True, "3", math.nan, 2**31, 2**63, 2**200)),
    *({"top_p": x} for x in (0, -0.1, 1.1, math.nan, math.inf, True, "0.5", 1j)),
    *({"never": x} for x in ((-1,), (V,), (2**31,), (2**70,), (1.0,), (True,), (None,))),
]


@pytest.mark.parametrize("how", BAD_RULES, ids=range(len(BAD_RULES)))
def test_a_rule_out_of_bounds_is_refused(stream: Stream[Tensor], how: dict[str, Any]) -> None:
    here = stream.params
    refused(lambda: stream.write(2, SamplingRule(**how), seed=1))
    refused(lambda: next(sample(stream, **how)))
    assert stream.params is here


@pytest.mark.parametrize("seed", [2**64, 2**200, -(2**63) - 1, 0.5, 1.0, True, "1", math.nan])
def test_a_seed_out_of_bounds_is_refused(stream: Stream[Tensor], seed: Any) -> None:
    refused(lambda: stream.write(1, SamplingRule(), seed=seed))
    refused(lambda: sample(stream, seed=seed))


@pytest.mark.parametrize("seed", [0, 2**64 - 1, -5, -(2**63)])
def test_every_seed_of_64_bits_writes(stream: Stream[Tensor], seed: int) -> None:
    assert stream.fork().write(5, SamplingRule(), seed=seed) == stream.write(5, SamplingRule(), seed=seed)


@pytest.mark.parametrize("number", [-1, 2**24 + 1, 2**31, 2**63, 2**200, 1.5, True, None, math.nan])
def test_numbers_of_choices_out_of_bounds_are_refused(stream: Stream[Tensor], number: Any) -> None:
    refused(lambda: stream.write(number, SamplingRule(), seed=1))
    refused(lambda: sample(stream, ahead=number))
    refused(lambda: beam(stream, number, 2))
    refused(lambda: beam(stream, 2, number))
    if number not in (2**24 + 1, 2**31, 2**63):
        refused(lambda: stream.write(1, SamplingRule(), seed=1, first=number))


def test_nothing_written_moves_nothing(stream: Stream[Tensor]) -> None:
    assert stream.write(0, SamplingRule(), seed=1) == []
    refused(lambda: sample(stream, ahead=0))
    refused(lambda: Stream(stream.model, history=-1))
    refused(lambda: Stream(stream.model, history=2.5))  # type: ignore[arg-type]
    refused(lambda: narrow(stream.params, never=[V]))


VECTORS: list[Any] = [
    *(3, 0.5, True, None, "1", [1.0] * (D + 1), [1.0] * (D - 1), [], [[1.0] * D], ["a"] * D, [1j] * D, object()),
    *(
        torch.ones(D, 1),
        torch.ones(1, D),
        torch.ones(D, dtype=torch.complex64),
        np.ones((D, D)),
        [1.0] * (D - 1) + [None],
    ),
]


@pytest.mark.parametrize("x", VECTORS, ids=range(len(VECTORS)))
@pytest.mark.parametrize("known", [True, False])
def test_what_is_no_vector_of_the_width_that_is_read_is_refused(x: Any, known: bool) -> None:
    core = LSTM(D, H) if known else LayerNormGRU(D, H)
    for encoder in (nn.Identity(), nn.Linear(D, D)):
        stream: Stream[Tensor] = Stream(Model(encoder, core, Categorical(H, V)).eval())
        refused(lambda stream=stream: stream.push(x))  # type: ignore[misc]
        refused(lambda stream=stream: stream.push_many([torch.ones(D), x]))  # type: ignore[misc]
        stream.push([1] * D)
        stream.push(np.ones(D))
        assert torch.equal(stream.push_many([[0.5] * D]), stream.params)


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
def test_a_program_refuses_what_its_model_would_not_read() -> None:
    model = Model(nn.Embedding(V, D), LSTM(D, H), Categorical(H, V)).eval()
    compiled, state = program.compile(model), model.begin(2)
    place, logits = compiled.place(model.begin(1)), torch.zeros(V)
    for x in (torch.tensor([0.0, 1.0]), torch.tensor([True, False]), torch.tensor([1, V]), torch.tensor([1j, 1j])):
        refused(lambda x=x: compiled.step(x, state))  # type: ignore[misc]
        refused(lambda x=x: compiled.read(x, place))  # type: ignore[misc]
    refused(lambda: compiled.read(torch.empty(0, dtype=torch.int64), place))
    for wrong in (torch.zeros(V + 1), torch.zeros(V - 1), torch.zeros(1, V), torch.zeros(V, dtype=torch.int64)):
        refused(lambda wrong=wrong: compiled.write(wrong, place, 3, SamplingRule(), 1, 0))  # type: ignore[misc]
    refused(lambda: compiled.step(torch.tensor([1, 2]), model.begin(2)._replace(hidden=torch.zeros(3, H))))
    refused(lambda: compiled.step(torch.tensor([1, 2]), model.begin(2)._replace(cell=torch.zeros(2, H, 1))))
    refused(lambda: compiled.place(model.begin(1)._replace(cell=torch.zeros(1, H, device="meta"))))
    for number in (-1, 2**24 + 1, 1.5, True):
        refused(lambda number=number: compiled.sample(logits, model.begin(1), number, seed=1))  # type: ignore[misc]
    as_doubles = compiled.write(logits.double(), place, 3, SamplingRule(), 1, 0)[0]
    assert as_doubles == compiled.write(logits, place, 3, SamplingRule(), 1, 0)[0]
