"""Conversations made ready: none in two parts, marks that say whose a turn is, and what is read of a long one."""

import json
from pathlib import Path

import pytest

from statewise.data.dialogues.dialogue_codec import OWN, THEIRS, DialogueCodec
from statewise.data.dialogues.prepared_dialogues import (
    PreparedDialogues,
    Wording,
    dialogues_with,
    prepare_dialogues,
)
from statewise.data.pairs.pair import MARKS
from statewise.data.pairs.prepared_pairs import Splitting
from statewise.data.pairs.subwords import END
from statewise.errors import DataError

WORDING = Wording(90, 2, 12, 8)


def prepared(folder: Path, conversations: list[list[str]], wording: Wording = WORDING) -> PreparedDialogues:
    path = folder / "a.jsonl"
    path.write_text("\n".join(json.dumps({"turns": turns}) for turns in conversations))
    return prepare_dialogues([str(path)], Splitting(0.3, 0.2), wording, folder / "cache")


def numbered(count: int) -> list[list[str]]:
    return [[f"go {n}", f"see {n}", f"do {n}", f"be {n}"][: 2 + n % 3] for n in range(count)]


def test_no_conversation_is_in_two_parts_even_where_it_is_cut_or_spelled_otherwise(tmp_path: Path) -> None:
    cut = [["so it is", f"word {n}", "", f"word {n}", "as it was"] for n in range(40)]
    otherwise = [[turn.upper() + "!" for turn in turns] for turns in numbered(30)]
    found = prepared(tmp_path, [*numbered(30), *otherwise, *cut])
    parts: dict[str, set[int]] = {}
    for turn, part in zip(found.turns, found.parts.tolist(), strict=True):
        if "it" not in turn.split():
            parts.setdefault(turn.lower().strip("!"), set()).add(part)
    assert len(parts) > 100
    assert all(len(each) == 1 for each in parts.values())
    assert {part for each in parts.values() for part in each} == {0, 1, 2}


def test_a_mark_after_each_turn_says_whose_it_is_and_nothing_said_is_one_mark(tmp_path: Path) -> None:
    codec = prepared(tmp_path, numbered(40)).codec
    go, see, do = (codec.subwords.encode(text).codes for text in ("go 1", "see 1", "do 1"))
    assert codec.encode_turns(["go 1"]) == [*go, THEIRS]
    assert codec.encode_turns(["go 1", "see 1"]) == [*go, OWN, *see, THEIRS]
    assert codec.encode_turns(["do 1", "go 1", "see 1"]) == [*go, OWN, *see, THEIRS]
    assert codec.encode_turns([]) == [THEIRS]
    assert codec.encode_reply("do 1") == [*do, END]


def test_of_long_turns_the_end_is_read_and_as_replies_they_are_only_read(tmp_path: Path) -> None:
    long = " ".join(["far"] * 5000)
    found = prepared(tmp_path, [*numbered(40), *([long + f" {n}", f"go {n}", long + " away"] for n in range(9))])
    assert found.facts["replies_too_long"] == 9
    for number in range(len(found.turns)):
        read, _ = found.coded(number)
        assert 1 <= len(read) <= WORDING.longest_read
    assert all(len(found.turn(int(n))) < WORDING.longest for n in found.numbers("training"))
    assert len(found.codec.encode_turns([long])) == WORDING.longest_read


def test_the_end_mark_in_a_text_is_no_end(tmp_path: Path) -> None:
    found = prepared(tmp_path, [*numbered(40), [f"go {MARKS[END]} on", f"see {MARKS[END]}"]])
    assert not any(mark in turn for turn in found.turns for mark in MARKS)
    assert not any(END in found.turn(number) for number in range(len(found.turns)))


def test_half_a_pair_of_code_points_is_read_as_a_letter_that_is_unknown(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join([json.dumps({"turns": [f"go \ud800 {n}", "see"]}) for n in range(40)]))
    found = prepare_dialogues([str(tmp_path / "a.jsonl")], Splitting(0.3, 0.2), WORDING, tmp_path / "cache")
    assert "go \ufffd 1" in found.turns


def test_what_is_read_before_a_reply_is_of_its_own_conversation(tmp_path: Path) -> None:
    found = prepared(tmp_path, numbered(40))
    for part in ("training", "validation", "held_out"):
        for number in found.numbers(part):
            said = found.said_before(int(number))
            assert 1 <= len(said) <= WORDING.turns
            assert {turn.split()[-1] for turn in said} == {found.turns[number].split()[-1]}


def test_what_was_kept_is_what_was_made_and_the_codec_comes_back(tmp_path: Path) -> None:
    made, again = prepared(tmp_path, numbered(40)), prepared(tmp_path, numbered(40))
    assert made.turns == again.turns
    assert made.codes.tolist() == again.codes.tolist()
    assert made.facts == again.facts
    read = DialogueCodec.read(json.loads(json.dumps(made.codec.as_json())))
    assert read.as_json() == made.codec.as_json()
    assert 0 < len(made.codec.checks) <= 300
    with pytest.raises(DataError, match="is not one of conversations"):
        DialogueCodec.read({**made.codec.as_json(), "turns": 0})


def test_too_few_conversations_are_refused_with_what_was_left_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has 1 conversations .* no reply; 2 .* with a single turn"):
        prepared(tmp_path, [["a", "b"], ["a"], ["b"]])


def test_other_conversations_are_read_by_the_codec_of_a_run(tmp_path: Path) -> None:
    codec = prepared(tmp_path, numbered(40)).codec
    (tmp_path / "other.jsonl").write_text('{"turns": ["go 7", "see 7"]}\n{"turns": ["alone"]}')
    found = dialogues_with(codec, [str(tmp_path / "other.jsonl")])
    assert (found.facts["held_out"], found.facts["left_out"]) == (1, {"with a single turn": 1})
    (tmp_path / "none.jsonl").write_text('{"turns": ["alone"]}')
    with pytest.raises(DataError, match="has no reply to score: 1 conversation left out"):
        dialogues_with(codec, [str(tmp_path / "none.jsonl")])
