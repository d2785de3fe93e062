"""A session reads the same to the last bit alone and in any company, in its own order, and nobody waits for ever."""

import asyncio
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from statewise.batcher import Batcher, StepInputs, Stepper, StepResult
from statewise.cells import GRU, LSTM, Chain, Dropout, LayerNormGRU
from statewise.errors import DataError, UsageError
from statewise.heads import Categorical
from statewise.model import Model
from statewise.state import UNSEALED, map_leaves, seal, to_bytes
from statewise.stream import Stream

V, D, H = 6, 5, 4
CORES: dict[str, Callable[[], Any]] = {
    "by the step program": lambda: Chain(Dropout(LSTM(D, H), 0.4), GRU(H, H)),
    "one after another": lambda: LayerNormGRU(D, H),
}


@pytest.fixture(params=CORES)
def stream(request: pytest.FixtureRequest) -> Stream[Tensor]:
    torch.manual_seed(0)
    return Stream(Model(nn.Embedding(V, D), CORES[request.param](), Categorical(H, V)).eval())


def codes(seed: int, length: int) -> list[int]:
    return random.Random(seed).choices(range(V), k=length)


def test_a_session_among_neighbours_is_where_its_stream_is(stream: Stream[Tensor]) -> None:
    stepper = Stepper(stream)
    lengths = [3, 1, 7, 2, 7, 1]
    readings, alone = [], []
    for seed, length in enumerate(lengths):
        own = stream.fork()
        own.push_many(codes(seed, 2))
        readings.append(
            StepInputs(own.save(), [stepper.check(code) for code in codes(seed + 50, length)], each=seed % 2 == 0)
        )
        alone.append([own.push(code) for code in codes(seed + 50, length)])
        assert own.save() == stepper.read(readings[-1:])[0].row
    together = stepper.read(readings)
    for reading, read, wanted in zip(readings, together, alone, strict=True):
        assert read.row == stepper.read([reading])[0].row
        told = wanted if reading.each else wanted[-1:]
        assert all(map(torch.equal, read.told, told))
        assert len(read.told) == len(told)


def test_sixty_random_companies_make_one_output(stream: Stream[Tensor]) -> None:
    stepper, draw = Stepper(stream), random.Random(1)
    own = StepInputs(stepper.fresh(), [stepper.check(code) for code in codes(7, 5)])
    outputs = set()
    for _ in range(60):
        company = [
            StepInputs(stepper.fresh(), [stepper.check(draw.randrange(V)) for _ in range(draw.randint(1, 8))])
            for _ in range(draw.randint(0, 9))
        ]
        at = draw.randint(0, len(company))
        outputs.add(stepper.read([*company[:at], own, *company[at:]])[at].row)
    assert len(outputs) == 1


def test_a_long_sequence_is_read_in_turns_with_short_ones(stream: Stream[Tensor]) -> None:
    stepper = Stepper(stream)
    finished: list[str] = []

    async def read(batcher: Batcher, name: str, length: int) -> bytes:
        read = await batcher.read(stepper.fresh(), [stepper.check(code) for code in codes(1, length)])
        finished.append(name)
        return read.row

    async def main() -> list[bytes]:
        batcher = Batcher(stepper, max_batch_size=2)
        rows = await asyncio.gather(read(batcher, "long", 200), *[read(batcher, f"{n}", 1) for n in range(5)])
        await batcher.close()
        return rows

    rows = asyncio.run(main())
    assert finished == ["0", "1", "2", "3", "4", "long"]
    stream.push_many(codes(1, 200))
    assert rows[0] == stream.save()


def forged(stream: Stream[Tensor], rows: int) -> bytes:
    """A session of so many rows, with the digest that it has."""
    whole = map_leaves(lambda leaf: leaf.repeat(rows, *[1] * (leaf.dim() - 1)), stream._whole())
    return seal(to_bytes(whole, {**stream._words(), "sha256": UNSEALED}))


@pytest.mark.parametrize("rows", [(2, 0), (0, 2), (3, 0, 0), (1000,), (0,)])
def test_a_session_of_other_rows_is_refused_and_changes_no_other_session(
    stream: Stream[Tensor], rows: tuple[int, ...]
) -> None:
    stepper, own = Stepper(stream), stream.fork()
    own.push_many(codes(3, 5))
    readings = [StepInputs(own.save(), [stepper.check(code)]) for code in range(V)]
    alone = [stepper.read([reading])[0] for reading in readings]
    strangers = [StepInputs(forged(stream, n), [stepper.check(1)]) for n in rows]
    company = [*readings[:2], *strangers[:1], *readings[2:4], *strangers[1:], *readings[4:]]
    with pytest.raises(DataError, match="1 row must be there"):
        stepper.read(company)

    async def main() -> list[Any]:
        batcher = Batcher(stepper)
        asked = [batcher.read(reading.row, reading.inputs) for reading in company]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await batcher.close()
        return answers

    answers = asyncio.run(main())
    told = {id(reading): answer for reading, answer in zip(company, answers, strict=True)}
    assert all(isinstance(told[id(stranger)], DataError) for stranger in strangers)
    for reading, wanted in zip(readings, alone, strict=True):
        assert told[id(reading)].row == wanted.row
        assert torch.equal(told[id(reading)].told[0], wanted.told[0])


def test_what_fails_for_one_is_told_to_that_one_alone(stream: Stream[Tensor]) -> None:
    stepper = Stepper(stream)
    bad = stepper.check(2)

    def work(readings: Sequence[StepInputs]) -> list[StepResult]:
        if any(x is bad for reading in readings for x in reading.inputs):
            raise RuntimeError("this one fails")
        return stepper.read(readings)

    async def main() -> list[Any]:
        batcher = Batcher(stepper, work=work)
        asked = [batcher.read(stepper.fresh(), [x]) for x in (stepper.check(1), bad, stepper.check(3))]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await batcher.close()
        return answers

    first, failed, last = asyncio.run(main())
    assert isinstance(failed, RuntimeError)
    assert (first.row, last.row) == tuple(
        stepper.read([StepInputs(stepper.fresh(), [stepper.check(code)])])[0].row for code in (1, 3)
    )


def test_with_rounding_others_are_stepped_together_and_it_says_so() -> None:
    stream = Stream(Model(nn.Embedding(V, D), LayerNormGRU(D, H), Categorical(H, V)).eval())
    apart, together = Stepper(stream), Stepper(stream, rounding=True)
    assert (apart.exact, apart.together) == (True, False)
    assert (together.exact, together.together) == (False, True)
    readings = [StepInputs(apart.fresh(), [apart.check(code)]) for code in range(V)]
    for one, other in zip(apart.read(readings), together.read(readings), strict=True):
        torch.testing.assert_close(one.told[0], other.told[0])


@pytest.mark.parametrize("x", [V, -1, 2**70, 1.5, True, None, "a", [1], [], {}, [[1], [2, 3]]])
def test_what_is_no_code_is_refused_before_it_is_read(stream: Stream[Tensor], x: object) -> None:
    with pytest.raises(UsageError):
        Stepper(stream).check(x)


@pytest.mark.parametrize("encoder", [nn.Linear(3, D), nn.Identity(), nn.Sequential(nn.Linear(3, D), nn.Tanh())])
def test_vectors_are_checked_by_width_and_for_finite_numbers(encoder: nn.Module) -> None:
    stepper = Stepper(Stream(Model(encoder, GRU(D, H), Categorical(H, V)).eval()))
    width = D if isinstance(encoder, nn.Identity) else 3
    assert stepper.read([StepInputs(stepper.fresh(), [stepper.check([1] * width)])])[0].row
    for x in ([1.0] * (width + 1), 1.0, [float("nan")] * width, [float("inf")] * width, "abc", [1e400] * width):
        with pytest.raises(UsageError):
            stepper.check(x)


def test_nothing_to_read_is_refused(stream: Stream[Tensor]) -> None:
    async def main() -> None:
        batcher = Batcher(Stepper(stream))
        with pytest.raises(UsageError, match="nothing to read"):
            await batcher.read(b"", [])
        await batcher.close()

    asyncio.run(main())
