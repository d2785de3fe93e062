"""A long sequence is read without keeping others waiting, and what a server allows can be done in time."""

import asyncio
import json
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
import torch

import statewise
from statewise.errors import UsageError
from statewise.server.chunks import answer_in_json, inputs_of
from statewise.server.feasibility import SHARE, feasible
from statewise.server.json_values import dumps
from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.session_kind import LIVE, STREAM, OutputOptions
from statewise.server.settings import ServerSettings

LONG = 3_000


@pytest.fixture(scope="module")
def served(trained_once: Path) -> ServedModel:
    return ServedModel("run", statewise.load(trained_once / "run"), ServerSettings(), Metrics())


async def turns_of_others_during(work: Any) -> tuple[Any, int]:
    """Return what some work gave, and how often others had their turn meanwhile."""
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    given = await work
    beside.cancel()
    return given, turns


@pytest.mark.parametrize("given", [[1, 2] * (LONG // 2), "It" * (LONG // 2)], ids=["inputs", "a text"])
def test_others_have_their_turns_while_inputs_are_made_tensors(served: ServedModel, given: Any) -> None:
    kind = served.usual
    how = kind.how(OutputOptions())
    inputs, turns = asyncio.run(turns_of_others_during(inputs_of(kind, given, how, ServerSettings())))
    assert len(inputs) == LONG
    assert turns >= LONG // 32
    codes = kind.split("It") if isinstance(given, str) else [1, 2]
    assert torch.equal(torch.stack(inputs[:2]), torch.tensor(codes))


def test_others_have_their_turns_while_a_long_answer_is_written() -> None:
    told = [{"params": [0.25 * n, 1.5, -2.0]} for n in range(LONG)]
    head = {"session": "x", "steps": LONG}
    answer, turns = asyncio.run(turns_of_others_during(answer_in_json(head, told, 3, each=True)))
    assert answer == dumps({**head, "each": told})
    assert turns >= 3 * LONG / 1024
    assert asyncio.run(answer_in_json(head, told[-1:], 3, each=False)) == dumps({**head, **told[-1]})
    assert asyncio.run(answer_in_json(head, told[:1], 9_999, each=True)) == dumps({**head, "each": told[:1]})


def test_lists_of_inputs_are_told_apart_by_their_digest(served: ServedModel) -> None:
    lists = [[torch.tensor(1), torch.tensor(2)], [torch.tensor([1, 2])], [torch.tensor([[1, 2]])], [torch.tensor(1.0)]]
    digest_of = served.kinds[STREAM].digest
    assert len({digest_of(inputs) for inputs in lists}) == len(lists)
    assert digest_of(lists[0]) == digest_of([torch.tensor(1), torch.tensor(2)])
    lines: list[list[Any]] = [["a", "b"], ["a\nb"], [1], ["1"], [{"a": 1}]]
    digest_of = served.kinds[LIVE].digest
    assert len({digest_of(inputs) for inputs in lines}) == len(lines)


def test_an_answer_of_too_many_numbers_is_refused_before_anything_is_read(served: ServedModel) -> None:
    settings = ServerSettings(max_answer_numbers=1000)

    def read(inputs: int, how: OutputOptions, *, each: bool = True) -> int:
        kind = served.usual
        return len(asyncio.run(inputs_of(kind, [1] * inputs, kind.how(how), settings, each=each)))

    vocabulary, params, choices = served.trained.codec.choices, OutputOptions("params"), OutputOptions("choices", 5)
    fits = 1000 // vocabulary
    assert read(fits, params) == fits
    with pytest.raises(UsageError, match=rf"answer of {(fits + 1) * vocabulary:,} numbers .*at most 1,000"):
        read(fits + 1, params)
    assert read(1000, OutputOptions("nothing")) == 1000
    assert read(100, choices) == 100  # five of them, each a name and a probability
    with pytest.raises(UsageError):
        read(101, choices)
    assert read(1500, params, each=False) == 1500


def test_no_more_inputs_are_allowed_than_a_model_can_read_in_time(trained_once: Path) -> None:
    read = list[int]()

    def slowly() -> None:
        read.append(1)
        time.sleep(0.01)

    most = feasible(slowly, 16, 2.0)
    assert 1 <= most <= SHARE * 2.0 / 0.01 * 16
    assert len(read) == 3
    trained, settings = statewise.load(trained_once / "run"), ServerSettings(deadline_seconds=1e-6)
    served = ServedModel("run", trained, settings, Metrics())
    assert {kind.max_inputs for kind in served.kinds.values()} == {1}
    assert ServedModel("run", trained, ServerSettings(max_inputs=3), Metrics()).facts()["max_inputs"] == 3


def test_the_longest_sequence_allowed_is_read_while_others_are_answered(serving: Any) -> None:
    address = serving.address
    session, other = [httpx.post(f"{address}/v1/sessions").json()["session"] for _ in range(2)]
    told: list[httpx.Response] = []

    def run() -> None:
        body = json.dumps({"inputs": [1] * 10_000, "show": "nothing"})
        headers = {"Content-Type": "application/json"}
        told.append(httpx.post(f"{address}/v1/sessions/{session}/run", content=body, headers=headers, timeout=30))

    reading = threading.Thread(target=run)
    reading.start()
    steps = 0
    while reading.is_alive():
        assert httpx.post(f"{address}/v1/sessions/{other}/step", json={"input": 1}).status_code == 200
        steps += 1
    reading.join()
    assert (told[0].status_code, told[0].json()["steps"]) == (200, 10_000)
    assert steps > 3
