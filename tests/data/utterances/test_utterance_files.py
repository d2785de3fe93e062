"""Utterances of every form are read with their slots where they stand, and what cannot be learned is counted."""

import json
import lzma
from pathlib import Path

import pytest

from statewise.data.left_out import LeftOutCount
from statewise.data.utterances.sample_utterance import (
    OUT_OF_SCOPE,
    SampleUtterance,
    SlotSpan,
    labels_of,
    words_of_utterance,
)
from statewise.data.utterances.utterance_files import read_utterances
from statewise.errors import DataError

RASA_YAML = """\
version: "3.1"
nlu:
- intent: order
  examples: |
    - a [large](size) pizza
    - [two]{"entity": "count", "value": "2"} pizzas
- intent: nlu_fallback
  examples: |
    - tell me a joke
- synonym: large
  examples: |
    - big
- lookup: size
  examples: |
    - tiny
"""
SNIPS_YAML = """\
type: intent
name: order
utterances:
  - a [size:pizza_size](large) pizza
  - pizza please
---
type: entity
name: size
automatically_extensible: false
values:
  - small
  - [large, big]
"""
RASA_JSON = {
    "rasa_nlu_data": {
        "common_examples": [
            {
                "text": "a  large pizza",
                "intent": "order",
                "entities": [{"start": 3, "end": 8, "value": "L", "entity": "size"}],
            },
            {"text": "hello", "intent": "greet", "entities": []},
        ]
    }
}
SNIPS_JSON = {
    "order": [
        {"data": [{"text": "a "}, {"text": "large ", "entity": "size"}, {"text": "pizza"}]},
        {"data": [{"text": "café"}]},
    ]
}
CLINC = {
    "train": [["pay my bill", "pay"], ["play a song", "play"]],
    "test": [["pay it", "pay"]],
    "oos_test": [["how tall is it", "oos"]],
}


def read(*files: Path) -> tuple[list[SampleUtterance], LeftOutCount]:
    left_out = LeftOutCount("utterance")
    bot, _ = read_utterances(files, left_out)
    return bot.utterances, left_out


def told(one: SampleUtterance) -> tuple[str, str, list[tuple[str, str]]]:
    return one.intent, one.text, [(span.slot, one.text[span.begin : span.end]) for span in one.slots]


def test_rasa_yaml_is_read_with_synonyms_lists_and_what_is_out_of_scope(tmp_path: Path) -> None:
    path = tmp_path / "nlu.yml"
    path.write_text(RASA_YAML)
    bot, _ = read_utterances([path], LeftOutCount("utterance"))
    assert [told(one) for one in bot.utterances] == [
        ("order", "a large pizza", [("size", "large")]),
        ("order", "two pizzas", [("count", "two")]),
        (OUT_OF_SCOPE, "tell me a joke", []),
    ]
    sizes = bot.type("size")
    assert sizes is not None
    assert [value.value for value in sizes.values] == ["tiny"]
    counts = bot.type("count")
    assert counts is not None
    assert counts.values[0] == ("2", ("two",))


def test_rasa_json_keeps_places_where_spaces_go(tmp_path: Path) -> None:
    path = tmp_path / "train.json.xz"
    path.write_bytes(lzma.compress(json.dumps(RASA_JSON).encode()))
    said, _ = read(path)
    assert told(said[1]) == ("order", "a large pizza", [("size", "large")])


def test_snips_json_is_read_in_utf_8_and_in_latin_1(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    for code in ("utf-8", "latin-1"):
        path.write_bytes(json.dumps(SNIPS_JSON, ensure_ascii=False).encode(code))
        said, _ = read(path)
        assert [told(one) for one in said] == [("order", "a large pizza", [("size", "large")]), ("order", "café", [])]


def test_snips_yaml_is_read_with_closed_types(tmp_path: Path) -> None:
    path = tmp_path / "snips.yaml"
    path.write_text(SNIPS_YAML)
    bot, _ = read_utterances([path], LeftOutCount("utterance"))
    assert [told(one) for one in bot.utterances] == [
        ("order", "a large pizza", [("size", "large")]),
        ("order", "pizza please", []),
    ]
    sizes = bot.type("size")
    assert sizes is not None
    assert not sizes.open
    assert sizes.values == (("small", ()), ("large", ("big",)))


def test_clinc_has_its_parts_and_what_is_out_of_scope(tmp_path: Path) -> None:
    path = tmp_path / "data_full.json"
    path.write_text(json.dumps(CLINC))
    said, _ = read(path)
    assert [(one.intent, one.part) for one in said] == [
        ("pay", "training"),
        ("pay", "held_out"),
        ("play", "training"),
        (OUT_OF_SCOPE, "held_out"),
    ]


def test_a_table_has_slots_written_in_its_texts(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    path.write_text('intent,text\norder,"a [large](size) pizza, please"\ngreet,hello\n\n')
    said, _ = read(path)
    assert told(said[1]) == ("order", "a large pizza, please", [("size", "large")])


def test_what_cannot_be_learned_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "said.csv"
    long = "word " * 300
    path.write_text(f"text,intent\nHello!,greet\nhello !,greet\nhello!,other\n   ,greet\n{long},greet\n,greet\n")
    said, left_out = read(path)
    assert [one.text for one in said] == ["Hello!"]
    assert left_out.counts == {
        "that stood before": 1,
        "that stood before with another intent": 1,
        "without any word": 2,
        "of more than 1,000 characters": 1,
    }


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "a,b\n1,2\n", "a.csv has no column text, only a, b"),
        ("a.csv", "text,intent\nhello\n", "row 2 of a.csv has 1 cells where the head has 2"),
        ("a.csv", "text,intent\na [b](c pizza,order\n", "row 2 of a.csv: slots are written as"),
        ("a.csv", "text,intent\nhi,two words\n", "row 2 of a.csv has an intent named 'two words'"),
        ("a.json", "{", "a.json is not JSON that can be read"),
        ("a.json", '{"rasa_nlu_data": {"common_examples": [{"text": "a"}]}}', "'intent' is missing"),
        ("a.json", "[]", "is not JSON of utterances: give a bot in YAML"),
        (
            "a.json",
            '{"rasa_nlu_data": {"common_examples": [{"text": "abc", "intent": "i", "entities": '
            '[{"start": 0, "end": 9, "entity": "e"}]}]}}',
            "slot 'e' stands at characters 0 to 9 of a text of 3",
        ),
        (
            "a.json",
            '{"rasa_nlu_data": {"common_examples": [{"text": "abc", "intent": "i", "entities": '
            '[{"start": 0, "end": 2, "entity": "e"}, {"start": 1, "end": 3, "entity": "f"}]}]}}',
            "slot 'f' overlaps the slot before it",
        ),
        ("a.yaml", "nlu:\n- intent: a\n  examples: |\n    - b\n    c\n", "a.yaml line 5: 'c' has no hyphen"),
        ("a.yaml", "a: [", "a.yaml cannot be read: line 2"),
        ("a.txt", "hello", "is not a file of utterances"),
        ("a.csv", "text,intent\n ,x\n-,oos\n", "all utterances are out of scope"),
        ("a.csv", "text,intent\n ,x\n", "no utterance can be learned from; 1 utterance left out"),
    ],
)
def test_damaged_files_are_refused_in_one_line_with_the_place(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(DataError, match=said) as told_why:
        read(path)
    assert "\n" not in str(told_why.value)


def test_words_end_where_slots_may() -> None:
    one = SampleUtterance("at 8pm tomorrow's", "i", (SlotSpan(3, 4, "hour"), SlotSpan(7, 15, "day")))
    assert [word.text for word in words_of_utterance(one.text)] == ["at", "8", "pm", "tomorrow", "'", "s"]
    assert labels_of(one, ["day", "hour"]) == ([0, 3, 0, 1, 0, 0], True)
