"""Conversations out of files: every form that is read, and what is left out or refused, by its line."""

import json
import lzma
from pathlib import Path

import pytest

from statewise.data.dialogues.dialogue_files import SpokenTurns, clean_dialogues, read_dialogues
from statewise.data.dialogues.whole_files import content_of, numbered_lines
from statewise.data.left_out import LeftOutCount
from statewise.errors import DataError

CORNELL = " +++$+++ "


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def turns(*files: Path) -> list[list[str]]:
    return [one.turns for one in read_dialogues(files, [])]


def test_lines_of_json_have_turns_or_messages(tmp_path: Path) -> None:
    lines = [
        {"turns": ["Hi", "Hello, you"]},
        {"messages": [{"role": "user", "content": "Hi"}, {"role": "bot", "content": "Yes?"}]},
        {"dialog": [{"id": "a", "text": "One"}, {"id": "a", "text": "and two"}, {"id": "b", "text": "three"}]},
    ]
    path = written(tmp_path, "a.jsonl", "\n\n".join(map(json.dumps, lines)))
    assert turns(path) == [["Hi", "Hello, you"], ["Hi", "Yes?"], ["One and two", "three"]]


def test_lines_of_parlai_are_episodes_as_text_and_as_json(tmp_path: Path) -> None:
    first = "text:Hi\\nthere\tlabels:Hello|Hey\ntext:How are you?\tlabels:Fine\tepisode_done:True\n"
    text = first + "\ntext:Bye\tlabels:See you\n"
    plain = written(tmp_path, "train.txt", text)
    lines = [
        {"text": "Hi there", "labels": ["Hello", "Hey"], "episode_done": False},
        {"text": "How are you?", "eval_labels": ["Fine"], "episode_done": True},
        {"text": "Bye", "labels": ["See you"]},
    ]
    as_json = written(tmp_path, "train.jsonl", "\n".join(map(json.dumps, lines)))
    wanted = [["Hi there", "Hello", "How are you?", "Fine"], ["Bye", "See you"]]
    assert turns(plain) == turns(as_json) == wanted


def test_lines_of_films_are_joined_by_their_numbers_in_whatever_encoding(tmp_path: Path) -> None:
    said = [("L1", "u0", "Caf\xe9?"), ("L2", "u2", "Not today."), ("L3", "u2", "Perhaps never."), ("L4", "u0", "Oh.")]
    lines = "".join(CORNELL.join([name, who, "m0", "ANN", text]) + "\n" for name, who, text in said)
    written(tmp_path, "movie_lines.txt", lines.encode("latin-1"))
    written(tmp_path, "movie_conversations.txt", CORNELL.join(["u0", "u2", "m0", "['L1', 'L2', 'L3', 'L4']"]))
    found = turns(*sorted(tmp_path.iterdir()))
    assert found == [["Caf\xe9?", "Not today. Perhaps never.", "Oh."]]


def test_one_object_of_conversations_is_that_of_topical_chat_or_chitchat_also_packed(tmp_path: Path) -> None:
    told = {
        "t_1": {"content": [{"message": "Hi", "agent": "agent_1"}, {"message": "Hello", "agent": "agent_2"}]},
        "t_2": {"messages": [[{"text": "So", "sender": "a"}, {"text": "what?", "sender": "a"}], [{"text": "Well"}]]},
    }
    plain = written(tmp_path, "all.json", json.dumps(told))
    packed = written(tmp_path, "all.json.xz", lzma.compress(json.dumps(told).encode()))
    assert turns(plain) == turns(packed) == [["Hi", "Hello"], ["So what?", "Well"]]
    listed = written(tmp_path, "list.json", json.dumps([{"turns": ["a", "b"]}, {"turns": ["c", "d"]}]))
    assert turns(listed) == [["a", "b"], ["c", "d"]]


def test_what_cannot_be_learned_from_is_counted_with_its_place() -> None:
    left_out = LeftOutCount("conversation")
    found = [
        SpokenTurns(["Hi", "Hello"], "line 1"),
        SpokenTurns(["alone"], "line 2"),
        SpokenTurns(["Hi ", " Hello"], "line 3"),
        SpokenTurns(["a", "b", " ", "c", "d", "", "e"], "line 4"),
        SpokenTurns(["", "  "], "line 5"),
    ]
    kept = list(clean_dialogues(iter(found), left_out))
    assert [one.turns for one in kept] == [["Hi", "Hello"], ["a", "b"], ["c", "d"]]
    assert [one.whole for one in kept] == [0, 3, 3]
    assert left_out.told() == [
        "2 conversations left out: with a single turn (the first: line 2)",
        "1 conversation left out: that stood before (the first: line 3)",
        "1 conversation left out: without any word (the first: line 5)",
    ]


@pytest.mark.parametrize(
    ("name", "content", "wanted"),
    [
        ("a.jsonl", '{"turns": ["a", "b"]}\n{"turns": ["a", \n', "line 2 of a.jsonl is not JSON"),
        ("a.jsonl", '{"turns": ["a", 3]}', "line 1 of a.jsonl has a turn that is not text"),
        ("a.jsonl", '\n{"said": ["a", "b"]}', "line 2 of a.jsonl has no list of turns"),
        ("a.jsonl", '{"turns": ["a", "b"]}\n["a"]', "line 2 of a.jsonl is not an object"),
        ("a.jsonl", '{"text": "a", "labels": [3]}', "line 1 of a.jsonl has a text or labels that are not text"),
        ("a.json", "{}", "holds no conversations"),
        ("a.json", '{"t_1": {"config": "B"}}', "conversation t_1 of a.json has no list of turns"),
        ("a.txt", "text:a\tlabels:b\nlabels:c\n", "line 2 of a.txt has no text"),
        ("a.txt", "To be or not to be\n", "is not a file of conversations"),
        ("a.txt", "  \n", "is empty"),
        ("a.txt", b'{"turns": ["\xc3\xa9", "b"]}\n{"turns": ["\xe9", "b"]}', "line 2 of .* is not UTF-8"),
        ("movie_lines.txt", "L1", "has no movie_conversations.txt next to it"),
        ("a.json.xz", lzma.compress(b'{"a": 1}')[:-9], "is cut short"),
        ("a.json.xz", b"\xfd7zXZ\x00" + b"\xff" * 40, "cannot be unpacked"),
    ],
)
def test_damage_is_refused_by_its_line(name: str, content: str | bytes, wanted: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=wanted):
        turns(written(tmp_path, name, content))


def test_conversations_of_films_that_name_missing_lines_are_refused_by_their_line(tmp_path: Path) -> None:
    lines = written(tmp_path, "movie_lines.txt", CORNELL.join(["L1", "u0", "m0", "ANN", "Hi"]))
    named = written(tmp_path, "movie_conversations.txt", CORNELL.join(["u0", "u2", "m0", "['L1', 'L7']"]))
    with pytest.raises(DataError, match=r"line 1 of movie_conversations\.txt names L7, which movie_lines\.txt has not"):
        turns(lines, named)
    written(tmp_path, "movie_lines.txt", "L1 +++$+++ u0")
    with pytest.raises(DataError, match=r"line 1 of movie_lines\.txt has 2 fields"):
        turns(lines, named)


def test_what_packs_more_than_may_be_held_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, "a.json.xz", lzma.compress(b" " * 10_000))
    monkeypatch.setattr("statewise.data.dialogues.whole_files.LARGEST_FILE", 5_000)
    with pytest.raises(DataError, match="holds more than 5,000 bytes"):
        content_of(path)


def test_a_file_of_one_encoding_is_read_whichever_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    for encoding in ("utf-8", "utf-8-sig", "latin-1"):
        assert list(numbered_lines("caf\xe9\r\nol\xe9".encode(encoding), path)) == [(1, "caf\xe9"), (2, "ol\xe9")]


def test_other_files_of_a_folder_are_counted(tmp_path: Path) -> None:
    others: list[str] = []
    strange = [written(tmp_path, "README.txt", "About these"), written(tmp_path, "DATALICENSE", "You may")]
    files = [*strange, written(tmp_path, "a.jsonl", '{"turns": ["a", "b"]}')]
    assert [one.turns for one in read_dialogues(files, others)] == [["a", "b"]]
    assert others == ["README.txt", "DATALICENSE"]
