"""The small versions of proofs of serving, on servers that are there already."""

import importlib
from pathlib import Path
from typing import Any

import httpx
import pytest

PROOFS = Path(__file__).parents[2] / "proofs"


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(PROOFS)
    return importlib.import_module


def test_sessions_at_once_are_neither_lost_nor_mixed(proof: Any, serving: Any, trained_once: Path) -> None:
    load = proof("serving.load")
    told = load.run(load.stepped(serving.port, 40, 1.0, snapshots=True))
    assert told["lost"] == 0
    assert told["steps"] > 40
    outcomes = proof("served_load").compared(trained_once / "run", told["sent"], told["snapshots"])
    assert outcomes == ["its own"] * 40


def test_a_session_that_was_mixed_up_is_counted(proof: Any, serving: Any, trained_once: Path) -> None:
    load = proof("serving.load")
    told = load.run(load.stepped(serving.port, 3, 0.1, snapshots=True))
    first, second, third = told["snapshots"]
    outcomes = proof("served_load").compared(trained_once / "run", told["sent"], [second, first, third])
    assert outcomes.count("its own") == 1


def test_more_than_can_be_answered_is_refused_and_nothing_else(proof: Any, strict: Any) -> None:
    load = proof("serving.load")
    told = load.run(load.flooded(strict.port, 2000, 0.5, 20))
    assert told["others"] == told["unanswered"] == 0
    assert told["refused"] > 0
    assert told["goodput_a_second"] > 0


def test_random_frames_are_refused_without_an_error_of_the_server(proof: Any, serving: Any) -> None:
    told = proof("served_nonsense").sockets(serving.port, 400)
    assert told["holds"]
    assert told["tried"] == 400


def test_what_schemathesis_could_not_try_or_found_is_a_failure(proof: Any) -> None:
    cases = {"test_cases": {"generated": 7}, "failures": [], "errors": [], "complete": True}
    read = proof("served_nonsense").read
    assert read(cases) == {"cases": 7, "errors": []}
    assert read({**cases, "failures": [{"title": "Server error", "operation": "GET /x"}]})["errors"]
    assert read({**cases, "errors": [{"title": "Serialization not possible"}]})["errors"]
    assert read({**cases, "complete": False, "stop_reason": "interrupted"})["errors"]


def test_clients_that_vanish_leave_no_socket_open(proof: Any, serving: Any) -> None:
    vanished = proof("served_vanished")
    for number in range(20):
        vanished.vanish(serving.port, number)
    for _ in range(100):
        if "statewise_sockets 0.0" in (text := httpx.get(f"{serving.address}/metrics").text):
            break
    assert "statewise_sockets 0.0" in text
