"""A session begins only where one was that a server of the store has stepped, and is one row wherever it is read."""

import asyncio
import importlib
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

import statewise
from statewise.state import UNSEALED, map_leaves, seal, to_bytes, unsigned
from statewise.stream import Stream

PROOFS = Path(__file__).parents[2] / "proofs"


@pytest.fixture
def proof(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(PROOFS)
    return importlib.import_module


@pytest.fixture(scope="module")
def other_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("other")
    (folder / "book.txt").write_text("It was the best of times, it was the worst of times.\n" * 100)
    task = statewise.Text(
        source=str(folder / "book.txt"),
        hidden_size=8,
        embedding=4,
        batch_size=4,
        sequence_length=16,
        updates=2,
        orders=1,
        sample_seconds=0,
    )
    statewise.train(task, run=folder / "other")
    return folder / "other"


def stream_of(run: Path) -> Stream[Any]:
    return statewise.load(run).stream()


def begun(address: str) -> str:
    session = f"{address}/v1/sessions/{httpx.post(f'{address}/v1/sessions').json()['session']}"
    httpx.post(f"{session}/run", json={"text": "It was"})
    return session


def snapshot_of(session: str) -> bytes:
    return httpx.get(f"{session}/snapshot").content


def restored(address: str, data: bytes) -> httpx.Response:
    return httpx.post(f"{address}/v1/sessions/restore", content=data)


def test_every_forged_snapshot_is_refused_and_no_bits_change(
    proof: Any, serving: Any, trained_once: Path, other_run: Path
) -> None:
    kinds = {**proof("serving.forgeries").MALFORMED, **proof("serving.forgeries").UNSIGNED}
    runs = trained_once / "run", other_run
    outcomes, honest = asyncio.run(
        proof("served_forgeries").forged(serving.port, runs, kinds, forgeries=5 * len(kinds), sessions=4)
    )
    assert [outcome for outcome in outcomes if outcome != "refused"] == []
    assert honest == ["identical"] * 4


def test_where_foreign_snapshots_are_accepted_they_are_still_one_row_of_the_model(
    proof: Any, serve: Any, trained_once: Path, other_run: Path
) -> None:
    server = serve("--quiet", "--accept-foreign-snapshots")
    kinds = proof("serving.forgeries").MALFORMED
    runs = trained_once / "run", other_run
    outcomes, honest = asyncio.run(
        proof("served_forgeries").forged(server.port, runs, kinds, forgeries=3 * len(kinds), sessions=2)
    )
    assert [outcome for outcome in outcomes if outcome != "refused"] == []
    assert honest == ["identical"] * 2
    stream = stream_of(runs[0])
    stream.push_many("It was")
    answer = restored(server.address, stream.save())
    assert answer.status_code == 201
    assert unsigned(snapshot_of(f"{server.address}/v1/sessions/{answer.json()['session']}")) == stream.save()


def test_servers_of_one_store_take_each_others_snapshots_and_those_of_no_other(serve: Any, tmp_path: Path) -> None:
    stores = [f"sqlite:{tmp_path / name}" for name in ("one.db", "one.db", "another.db")]
    first, second, stranger = (serve("--quiet", "--store", store).address for store in stores)
    data = snapshot_of(begun(first))
    assert restored(second, data).status_code == 201
    refused = restored(stranger, data)
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unreadable")
    assert "not made by a server of this store" in refused.json()["error"]["message"]


def test_a_new_key_signs_and_what_an_older_one_signed_is_known_as_long_as_it_is_kept(
    serve: Any, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    before = serve("--quiet", "--key-file", str(keys)).address
    old = snapshot_of(begun(before))
    older = keys.read_text()
    keys.write_text("ab" * 32 + "\n" + older)
    after = serve("--quiet", "--key-file", str(keys)).address
    new = snapshot_of(begun(after))
    assert restored(after, old).status_code == 201
    assert restored(before, old).status_code == 201
    assert restored(before, new).status_code == 201  # it has read the keys again
    keys.write_text("ab" * 32 + "\n")
    last = serve("--quiet", "--key-file", str(keys)).address
    assert restored(last, new).status_code == 201
    assert restored(last, old).status_code == 422


def test_what_was_changed_in_the_store_is_not_read_and_changes_no_other_session(
    serve: Any, tmp_path: Path, trained_once: Path
) -> None:
    file, stream = tmp_path / "sessions.db", stream_of(trained_once / "run")
    server = serve("--quiet", "--store", f"sqlite:{file}").address
    flipped, two_rows, honest = (begun(server) for _ in range(3))
    stream.push_many("It was")
    forged = map_leaves(lambda leaf: leaf.repeat(2, 1), stream._whole())
    states = {
        flipped: unsigned(snapshot_of(flipped))[:-1] + b"\x55",
        two_rows: seal(to_bytes(forged, {**stream._words(), "sha256": UNSEALED})),
    }
    with sqlite3.connect(file) as store:
        for session, state in states.items():
            id = session.rsplit("/", 1)[1]
            assert store.execute("UPDATE sessions SET state = ? WHERE id = ?", (state, id)).rowcount == 1
    store.close()
    other = serve("--quiet", "--store", f"sqlite:{file}").address
    here = {session: session.replace(server, other) for session in (flipped, two_rows, honest)}
    refused = httpx.post(f"{here[flipped]}/step", json={"input": "a"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (410, "gone")
    refused = httpx.post(f"{here[two_rows]}/step", json={"input": "a"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unreadable")
    answer = httpx.post(f"{here[honest]}/step", json={"input": "a", "show": "params"})
    assert answer.json()["params"] == stream.push("a").tolist()
