"""One rule chooses in Python and in native code, from the same dice."""

from itertools import islice
from typing import Any

import pytest
import torch
from torch import nn

from statewise import program
from statewise.cells import LSTM, Chain
from statewise.decode import sample
from statewise.errors import UsageError
from statewise.heads import Categorical
from statewise.kernels import extension, native, using
from statewise.model import Model
from statewise.sampling import SamplingRule, new_seed, uniform
from statewise.state import leaves
from statewise.stream import Stream

V, LENGTH = 23, 300
RULES: list[dict[str, Any]] = [
    {},
    {"temperature": 0},
    {"temperature": 0.3},
    {"temperature": 1e-300},
    {"temperature": 4.0, "top_k": 5},
    {"top_p": 0.6, "temperature": 2.0},
    {"top_k": 9, "top_p": 0.8, "never": [0, 7]},
    {"top_k": 1},
    {"top_k": V + 1, "top_p": 1.0},
]


def make_model() -> Model[torch.Tensor]:
    torch.manual_seed(0)
    model = Model(nn.Embedding(V, 5), Chain(LSTM(5, 17), LSTM(17, 8)), Categorical(8, V))
    with torch.no_grad():
        dict(model.head.named_parameters())["weights"].mul_(4)
    return model.eval()


def written(stream: "Stream[torch.Tensor]", count: int = LENGTH, **how: Any) -> list[int]:
    stream.push(1)
    return list(islice(sample(stream, **how), count))


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
@pytest.mark.parametrize("how", RULES)
@pytest.mark.parametrize("seed", [0, 3, -5, 2**63 + 11])
def test_native_code_makes_the_choices_that_python_makes(how: dict[str, Any], seed: int) -> None:
    model = make_model()
    for name in ("avx512vnni", "avx512", "avx2", "baseline"):
        try:
            extension.use(name)
        except ValueError:
            continue
        ours = written(Stream(model), seed=seed, ahead=7, **how)
        extension.use("best")
        with using("reference"):
            theirs = Stream(model)
            assert written(theirs, seed=seed, **how) == ours
            assert theirs._program is None


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
def test_numbers_come_by_count_and_are_the_same_in_native_code() -> None:
    for seed in (0, 1, 2**64 - 1):
        numbers = [uniform(seed, n) for n in range(2000)]
        assert [extension._native.uniform(seed, n) for n in range(2000)] == numbers
        assert 0 <= min(numbers) < 0.01
        assert 0.99 < max(numbers) < 1
        assert abs(sum(numbers) / 2000 - 0.5) < 0.03
    assert uniform(-1, 4) == uniform(2**64 - 1, 4)
    assert new_seed() != new_seed()


def test_choices_ahead_are_the_choices_one_at_a_time() -> None:
    model = make_model()
    one, some = Stream(model), Stream(model)
    assert written(one, 32, seed=9) == written(some, 32, seed=9, ahead=8)
    assert all(map(torch.equal, leaves(one.state), leaves(some.state)))
    assert torch.equal(one.params, some.params)


def test_without_a_seed_choices_differ() -> None:
    model = make_model()
    assert written(Stream(model)) != written(Stream(model))


def test_a_number_at_either_end_chooses_what_can_be() -> None:
    logits = torch.tensor([-torch.inf, 0.0, 1.0, -torch.inf])
    assert SamplingRule().choose(logits, 0.0) == 1
    assert SamplingRule().choose(logits, 1 - 2.0**-53) == 2
    assert Categorical.choose(logits, torch.tensor([0.0, 0.2, 0.3]).double()[:0].reshape(0)).shape == (0,)


def test_shares_are_what_the_odds_say() -> None:
    odds = torch.tensor([0.1, 0.2, 0.7])
    numbers = torch.tensor([uniform(4, n) for n in range(20_000)])
    chosen = Categorical.choose(odds.log().expand(20_000, -1), numbers)
    torch.testing.assert_close(torch.bincount(chosen) / 20_000, odds, rtol=0, atol=0.01)


@pytest.mark.parametrize("settings", [{"temperature": -1.0}, {"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5}])
def test_settings_that_leave_no_choice_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        SamplingRule(**settings)  # type: ignore[arg-type]


def test_odds_that_are_not_numbers_are_refused_by_both() -> None:
    model = make_model()
    with torch.no_grad():
        dict(model.head.named_parameters())["bias"][3] = torch.nan
    with pytest.raises(UsageError, match="the odds are not numbers"):
        written(Stream(model))
    with using("reference"), pytest.raises(UsageError, match="the odds are not numbers"):
        written(Stream(model))


@pytest.mark.skipif(native.Program is None, reason="installed without native kernels")
def test_sampling_a_program_is_sampling_a_stream() -> None:
    model = make_model()
    stream = Stream(model)
    stream.push(1)
    logits, state = stream.params, stream.state
    choices, last, after = program.compile(model).sample(logits, state, 20, SamplingRule(temperature=0.7), seed=2)
    assert choices.tolist() == list(islice(sample(stream, temperature=0.7, seed=2), 20))
    assert torch.equal(last, stream.params)
    assert all(map(torch.equal, leaves(after), leaves(stream.state)))
    odd = Model(nn.Embedding(V - 1, 5), LSTM(5, 8), Categorical(8, V)).eval()
    with pytest.raises(UsageError, match="choices cannot be read on"):
        program.compile(odd).sample(torch.zeros(V), odd.begin(1), 2, seed=0)
