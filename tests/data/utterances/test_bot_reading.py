"""A bot is read from YAML with the line of whatever is wrong, and written again as it was."""

import pytest
from made_bots import BOT

from statewise.data.utterances.bot import BotContext, Hook
from statewise.data.utterances.bot_reading import read_bot
from statewise.data.utterances.bot_writing import bot_as_plain
from statewise.data.utterances.sample_utterance import SlotSpan
from statewise.errors import DataError
from statewise.plain.lined_yaml import read_lined_yaml
from statewise.plain.strict_yaml import write_yaml

SMALL = """\
intents:
  order:
    utterances: ["a pizza"]
"""


def test_a_bot_is_read_with_slots_rules_contexts_and_places_filled() -> None:
    bot = read_bot(BOT.encode(), "bot.yaml")
    pizza = bot.intent("OrderPizza")
    assert pizza is not None
    count = pizza.slot("count")
    assert count is not None
    assert (count.default, count.rules[0].at_most) == ("1", 20.0)
    assert pizza.sets == (BotContext("ordered"),)
    said = {one.text: one for one in pizza.utterances}
    assert said["order a big pizza"].slots == (SlotSpan(8, 11, "size"),)
    assert "can i have a small mushrooms pizza" in said
    sizes = bot.type("Size")
    assert sizes is not None
    assert not sizes.open
    assert sizes.values[2] == ("large", ("big", "huge"))


def test_a_bot_is_written_as_it_was_read() -> None:
    bot = read_bot(BOT.encode(), "bot.yaml")
    again = read_bot(write_yaml(bot_as_plain(bot)).encode(), "again.yaml")
    assert bot_as_plain(again) == bot_as_plain(bot)


def test_words_that_yaml_takes_for_truth_times_or_numbers_stay_what_was_written() -> None:
    bot = read_bot(b"intents:\n  a:\n    utterances: [yes, 12:30, 007, 'it''s \"quoted\"']\n", "b.yaml")
    assert [one.text for one in bot.utterances] == ["yes", "12:30", "007", 'it\'s "quoted"']


def test_a_hook_is_read_with_its_bounds() -> None:
    text = (
        SMALL + "    fulfil: {http: 'https://api.example.com/do', seconds: 2, retries: 0}\n    check: {python: check}\n"
    )
    (intent,) = read_bot(text.encode(), "b.yaml").intents
    assert intent.fulfil == Hook("http", "https://api.example.com/do", 2.0, 0)
    assert intent.check == Hook("python", "check")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("intents: {}\n", "line 1: the bot has no intents"),
        ("name: a\n", "line 1: the bot has no intents"),
        ("intents:\n  a:\n    utterances: [hi]\n  a:\n    utterances: [ho]\n", "line 4: 'a' is named twice"),
        (SMALL + "    slots:\n      s: {type: number}\n      s: {type: date}\n", "line 6: 's' is named twice"),
        (
            SMALL + "    slots:\n      s: {type: numbr, prompt: how}\n",
            "line 5: slot 's' has type 'numbr', which is neither",
        ),
        (
            SMALL + "    slots:\n      s: {type: number}\n",
            "line 5: slot 's' of intent 'order' is required and has no prompt",
        ),
        (SMALL + "    colour: red\n", "line 4: intent 'order' has a field 'colour' that is not known"),
        (
            "intents:\n  a:\n    utterances: ['a {size} one']\n",
            "line 3: an utterance of intent 'a' uses slot 'size', which",
        ),
        (
            "intents:\n  a:\n    utterances: ['a [b](size)']\n",
            "line 3: an utterance of intent 'a' uses slot 'size', which",
        ),
        ("intents:\n  a:\n    utterances: ['a [b](size']\n", "line 3: slots are written as"),
        (
            SMALL + "  b:\n    utterances: [A Pizza]\n",
            "b.yaml line 5: 'A Pizza' is said for intent 'b' and, in b.yaml line 3",
        ),
        (SMALL + "    confirm: a {size} one?\n", "line 4: a message of intent 'order' tells slot 'size', which"),
        (SMALL + "    needs: [x]\n", "line 3: intent 'order' needs context 'x', which no intent sets"),
        (
            SMALL + "    needs: [x]\n    sets: [y]\n  b:\n    utterances: [ho]\n    needs: [y]\n    sets: [x]\n",
            "intents b, order wait for contexts that only they set",
        ),
        (SMALL + "slot_types:\n  number: {values: [a]}\n", "line 5: slot type 'number' is built in"),
        (SMALL + "slot_types:\n  t: {values: [a: [c], b: [c]]}\n", "has 'c' for 'a' and for 'b'"),
        (SMALL + "    fulfil: {http: 'ftp://x'}\n", "line 4: 'ftp://x' is not an address"),
        (SMALL + "    fulfil: {http: 'https://me:secret@x/'}\n", "is not an address"),
        (SMALL + "    fulfil: {}\n", "line 4: a hook is `return`, or has one of"),
        (SMALL + "threshold: 2\n", "line 4: threshold is 2 where a number from 0 to 1 is wanted"),
        (
            SMALL + "    slots:\n      s: {type: text, required: maybe}\n",
            "required is the text 'maybe' where true or false",
        ),
        (
            SMALL + "    slots:\n      s: {type: text, prompt: p, rules: [{pattern: '('}]}\n",
            "pattern '\\(' cannot be read",
        ),
        ("- a\n", "the bot is a list where a mapping is wanted"),
        ("a: &x [b]\nintents: *x\n", "refers to 'x' by an alias"),
        ("intents:\n  out_of_scope:\n    utterances: [hi]\n", "'out_of_scope' is what no intent is for"),
        (f"intents:\n  a:\n    utterances: ['{'x' * 10_000}']\n", "line 3: an utterance is of 10,000 characters where"),
        ("intents:\n  a: b\n", "line 2: intent 'a' is the text 'b' where a mapping is wanted"),
        ("intents: [\n", "cannot be read: line 2"),
    ],
)
def test_what_is_wrong_with_a_bot_is_told_with_its_line(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as told:
        read_bot(text.encode(), "b.yaml")
    assert str(told.value).startswith("b.yaml")
    assert "\n" not in str(told.value)


def test_lines_are_those_of_the_file() -> None:
    (document,) = read_lined_yaml(b"a: 1\n\nb:\n  - c\n")
    assert document.value["b"].value[0].line == 4
