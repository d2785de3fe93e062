"""The events of a run reach a page once each, in order, whatever is cut, restarted or removed meanwhile."""

import asyncio
import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from statewise.errors import RunError
from statewise.studio.run_events import EventsTail, Message, followed


def update(number: int, nats: float = 1.5) -> dict[str, Any]:
    told = {"event": "updated", "update": number, "epoch": 0, "fraction": number / 9000, "seconds": 0.1 * number}
    return {**told, "nats": nats, "norm": 1.0, "rate": 0.1, "places": 7, "layers": {"core": [1.0, 2.0]}}


def write(path: Path, *events: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(event) + "\n" for event in events)


def numbers(messages: list[Message]) -> list[int]:
    return [number for message in messages if message.kind == "updated" for number in message.content["update"]]


def all_of(tail: EventsTail) -> list[Message]:
    found: list[Message] = []
    while new := tail.read():
        found += new
    return found


@pytest.fixture
def events(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_updates_come_together_as_columns_and_others_between_them_in_order(events: Path) -> None:
    write(events, {"event": "started", "update": 0}, update(1), update(2), {"event": "saved", "update": 2}, update(3))
    messages = all_of(EventsTail(events))
    assert [message.kind for message in messages] == ["started", "updated", "saved", "updated"]
    assert messages[1].content["update"] == [1, 2]
    assert messages[1].content["places"] == [7, 7]
    assert "layers" not in messages[1].content


def test_reading_goes_on_from_any_place_without_a_gap_or_a_second_time(events: Path) -> None:
    kinds = {"event": "saved", "seconds": 1.0}
    for number in range(1, 300):
        write(events, update(number), *([{**kinds, "update": number}] if number % 7 == 0 else []))
    whole = all_of(EventsTail(events))
    assert numbers(whole) == list(range(1, 300))
    for message in random.Random(0).sample(whole, 20):
        at = whole.index(message)
        assert all_of(EventsTail(events, message.place)) == whole[at + 1 :]


def test_what_is_written_later_follows_on_and_a_cut_line_waits_for_its_end(events: Path) -> None:
    tail = EventsTail(events)
    assert tail.read() == []  # before the first event
    write(events, update(1))
    assert numbers(all_of(tail)) == [1]
    line = json.dumps(update(2))
    with events.open("a") as file:
        file.write(line[:30])
    assert tail.read() == []
    with events.open("a") as file:
        file.write(line[30:] + "\n")
    assert numbers(all_of(tail)) == [2]


def test_lines_that_are_none_are_passed_over(events: Path) -> None:
    events.write_bytes(
        b'{"event": "upd\n[1]\n\xff\xfe\n{"event": "updated"}\n' + json.dumps(update(4)).encode() + b"\n"
    )
    assert numbers(all_of(EventsTail(events))) == [4]


def test_a_number_that_is_not_finite_is_null(events: Path) -> None:
    write(events, update(1, float("nan")), update(2, float("inf")))
    (message,) = all_of(EventsTail(events))
    assert message.content["nats"] == [None, None]
    assert b"NaN" not in message.encoded()


def test_many_updates_come_in_messages_of_a_bounded_size(events: Path) -> None:
    write(events, *map(update, range(1, 9001)))
    messages = all_of(EventsTail(events))
    assert numbers(messages) == list(range(1, 9001))
    assert max(len(message.encoded()) for message in messages) < 200_000


@pytest.mark.parametrize("place", ["", "x", "1-0", "ffffffffffffffff-99", "1--3", "-", "1-5"])
def test_a_place_of_another_file_begins_again_and_says_so(events: Path, place: str) -> None:
    write(events, update(1))
    messages = all_of(EventsTail(events, place))
    assert numbers(messages) == [1]
    assert (messages[0].kind == "reset") == (place in ("1-0", "ffffffffffffffff-99", "1-5"))


def test_a_run_that_was_made_again_is_read_from_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "run" / "events.jsonl"
    path.parent.mkdir()
    write(path, update(1), update(2))
    tail = EventsTail(path)
    all_of(tail)
    other = tmp_path / "other"
    write(other, update(7))
    other.replace(path)
    messages = all_of(tail)
    assert [message.kind for message in messages] == ["reset", "updated"]
    assert numbers(messages) == [7]


async def heard(tail: EventsTail, rounds: int) -> list[bytes]:
    count = 0

    def ends() -> bool:
        nonlocal count
        count += 1
        return count > rounds

    return [piece async for piece in followed(tail, lambda: {"state": "training"}, ends)]


def test_a_page_is_told_events_then_the_state_once_and_the_end_of_a_studio_ends_it(events: Path) -> None:
    write(events, update(1))
    pieces = asyncio.run(heard(EventsTail(events), 3))
    assert pieces[0].startswith(b"retry:")
    assert b"event: updated" in pieces[1]
    assert pieces[1].startswith(b"id: ")
    assert pieces[2] == b'event: state\ndata: {"state":"training"}\n\n'
    assert len(pieces) == 3


def test_a_run_that_is_not_made_yet_is_waited_for(tmp_path: Path) -> None:
    tail = EventsTail(tmp_path / "run" / "events.jsonl")
    assert tail.read() == []
    (tmp_path / "run").mkdir()
    assert tail.read() == []
    write(tmp_path / "run" / "events.jsonl", update(1))
    assert numbers(tail.read()) == [1]


def test_a_run_that_is_removed_while_it_is_looked_at_is_said_to_be_gone(tmp_path: Path) -> None:
    path = tmp_path / "run" / "events.jsonl"
    path.parent.mkdir()
    write(path, update(1))
    tail = EventsTail(path)
    all_of(tail)
    shutil.rmtree(path.parent)
    with pytest.raises(RunError, match="removed while"):
        tail.read()
    assert b"event: gone" in asyncio.run(heard(tail, 3))[-1]
