"""Answers that come whole are counted until they have ended, and are no longer than a server may give."""

import asyncio
import threading
from pathlib import Path
from typing import Any, cast

import pytest

import statewise
from statewise.errors import UsageError
from statewise.server.errors import ApiError
from statewise.server.metrics import Metrics
from statewise.server.model import ServedModel
from statewise.server.predictions import Predictions
from statewise.server.settings import ServerSettings


class Waiting:
    """A model that answers once it may."""

    files = frozenset({"audio"})

    def __init__(self) -> None:
        self.may = threading.Event()

    def arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        return given

    def answer(self, arguments: dict[str, Any], most: int, table: bytes | None = None) -> bytes:
        assert self.may.wait(30)
        return b"{}"


def test_an_answer_that_took_too_long_counts_until_it_has_ended() -> None:
    waiting = Waiting()
    served = cast(ServedModel, waiting)

    async def main() -> None:
        predictions = Predictions(ServerSettings(max_predictions=1, predict_seconds=0.05))
        with pytest.raises(TimeoutError):
            await predictions.whole(served, {})
        with pytest.raises(ApiError, match="too many answers are being written"):
            await predictions.whole(served, {})
        waiting.may.set()
        for _ in range(1000):
            try:
                assert await predictions.whole(served, {}) == b"{}"
                break
            except ApiError:
                await asyncio.sleep(0.01)
        else:
            pytest.fail("its place is never free again")
        await predictions.close()

    asyncio.run(main())


def test_a_question_or_an_answer_that_is_too_long_is_refused(trained_once: Path) -> None:
    settings = ServerSettings(max_inputs=50, max_answer_numbers=0)
    served = ServedModel("run", statewise.load(trained_once / "run"), settings, Metrics())

    async def main() -> None:
        predictions = Predictions(settings)
        with pytest.raises(UsageError, match=r"prompt is too long \(51\): give at most 50"):
            await predictions.whole(served, {"prompt": "x" * 51})
        with pytest.raises(UsageError, match=r"an answer of \d values is too long: ask for less \(at most 0\)"):
            await predictions.whole(served, {"prompt": "It was", "length": 5})
        await predictions.close()

    asyncio.run(main())


def test_a_file_in_base_64_may_be_longer_than_a_prompt() -> None:
    waiting = Waiting()
    waiting.may.set()
    served = cast(ServedModel, waiting)

    async def main() -> None:
        predictions = Predictions(ServerSettings(max_inputs=50))
        assert await predictions.whole(served, {"audio": "x" * 51}) == b"{}"
        with pytest.raises(UsageError, match=r"text is too long \(51\): give at most 50"):
            await predictions.whole(served, {"text": "x" * 51})
        await predictions.close()

    asyncio.run(main())


def test_what_holds_a_file_is_known_of_each_task() -> None:
    from statewise import registry
    from statewise.server.method_arguments import MethodArguments

    found = {name: MethodArguments.of(registry.find("tasks", name).predict).files for name in registry.names("tasks")}  # type: ignore[attr-defined]
    assert {name: set(files) for name, files in found.items() if files} == {
        "caption": {"image"},
        "gesture": {"film"},
        "sound": {"sent"},
        "speech": {"audio"},
    }
