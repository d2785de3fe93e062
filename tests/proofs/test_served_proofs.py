"""The small versions of proofs/served_load.py and proofs/served_abuse.py, on a server that is there already."""

import asyncio
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
    load = proof("served_load")
    told = asyncio.run(load.stepped(serving.port, 40, 1.0, snapshots=True))
    assert told["lost"] == 0
    assert told["steps"] > 40
    assert load.mixed(trained_once / "run", told["sent"], told["snapshots"]) == 0


def test_a_session_that_was_mixed_up_is_counted(proof: Any, serving: Any, trained_once: Path) -> None:
    load = proof("served_load")
    told = asyncio.run(load.stepped(serving.port, 3, 0.1, snapshots=True))
    first, second, third = told["snapshots"]
    assert load.mixed(trained_once / "run", told["sent"], [second, first, third]) == 2


def test_random_frames_are_refused_without_an_error_of_the_server(proof: Any, serving: Any) -> None:
    told = proof("served_abuse").sent_frames(serving.port, 400)
    assert told["alive"]
    assert not {"hung", "server error"} & told["outcomes"].keys()


def test_clients_that_vanish_leave_no_socket_behind(proof: Any, serving: Any) -> None:
    abuse = proof("served_abuse")
    for number in range(20):
        abuse.vanish(serving.port, number)
    for _ in range(100):
        if "statewise_sockets 0.0" in (text := httpx.get(f"{serving.address}/metrics").text):
            break
    assert "statewise_sockets 0.0" in text
