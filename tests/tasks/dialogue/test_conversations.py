"""Ten conversations written by hand, held with a bot that was trained for seconds."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from made_bots import NOW, bot_file

import statewise
from statewise.cli.main import run as cli
from statewise.data.left_out import LeftOutCount
from statewise.data.texts import find_files
from statewise.data.utterances.utterance_files import read_utterances
from statewise.errors import DataError, UsageError
from statewise.state import write_tensors

pytest.importorskip("text_to_num")
pytest.importorskip("dateparser")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("bot")
    torch.set_num_threads(1)
    task = statewise.Dialogue(
        source=str(bot_file(folder)),
        hidden_size=48,
        embedding=32,
        filters=24,
        batch_size=32,
        updates=160,
        learning_rate=0.01,
        threads=1,
        held_out=0.05,
        validation=0.0,
        sample_seconds=0,
    )
    return statewise.train(task, run=folder / "run")


@pytest.fixture(scope="module")
def bot(run: Any) -> Any:
    return run.load()


def talk(bot: Any, *lines: Any, now: str = NOW) -> Any:
    live = bot.live(now=now)
    for line in lines:
        replied = live.push(line)
    return live, replied


def slots(live: Any) -> dict[str, str]:
    return {name: one.value for name, one in live.state.slots}


def test_a_pizza_is_ordered_slot_by_slot(bot: Any) -> None:
    live = bot.live(now=NOW)
    assert str(live.push("i want a pizza")) == "What size?"
    assert str(live.push("large")) == "What topping?"
    replied = live.push("ham")
    assert str(replied) == "Shall I order 1 large ham pizza?"
    assert (replied.turn.action, live.state.phase) == ("ConfirmIntent", "confirm")
    closed = live.push("yes please")
    assert str(closed) == "Your large pizza is on its way."
    assert (closed.turn.action, live.state.status) == ("Close", "ReadyForFulfillment")


def test_all_is_said_at_once_by_synonyms(bot: Any) -> None:
    live, replied = talk(bot, "give me a huge pizza with olives")
    assert str(replied) == "Shall I order 1 large olives pizza?"
    assert slots(live) == {"count": "1", "size": "large", "topping": "olives"}


def test_a_room_is_booked_with_corrections(bot: Any) -> None:
    live, replied = talk(bot, "book a double room for 3 nights", "next friday")
    assert str(replied) == "A double room from next friday, 3 nights?"
    assert str(live.push("no, 4 nights")) == "A double room from next friday, 4 nights?"
    assert str(live.push("no, make it single")) == "A single room from next friday, 4 nights?"
    assert str(live.push("yes")) == "Your room is booked."
    assert slots(live) == {"day": "2026-12-04", "nights": "4", "room": "single"}


def test_a_change_of_mind_drops_what_was_under_way(bot: Any) -> None:
    live, replied = talk(bot, "order a large pizza", "actually I'd rather book a room")
    assert str(replied) == "Single or double?"
    assert (live.state.intent, live.state.put_off) == ("BookRoom", ())
    _, replied = talk(bot, "i want a pizza", "small", "cancel")
    assert str(replied) == "Okay, no pizza."
    assert replied.turn.state.status == "Failed"


def test_a_question_in_between_is_answered_and_the_order_goes_on(bot: Any) -> None:
    live, replied = talk(bot, "i want a pizza", "small", "when are you open")
    assert replied.turn.messages == ("We are open from 9 to 22.", "What topping?")
    assert live.state.intent == "OrderPizza"
    assert str(live.push("cheese")) == "Shall I order 1 small cheese pizza?"


def test_silence_is_asked_again_and_ends_after_its_tries(bot: Any) -> None:
    live, replied = talk(bot, "")
    assert (replied.turn.action, str(replied)) == ("ElicitIntent", "Sorry, I did not hear anything.")
    live, replied = talk(bot, "i want a pizza", "", "   ")
    assert (str(replied), live.state.tries) == ("Sorry, I did not hear anything.", 2)
    ended = live.push("")
    assert (ended.turn.action, str(ended), live.state.status) == ("Close", "Sorry, I cannot take this order.", "Failed")


def test_a_refusal_to_answer_counts_and_a_no_ends_it_without_harm(bot: Any) -> None:
    live, replied = talk(bot, "i want a pizza", "i won't tell you")
    assert (str(replied), live.state.tries) == ("Small, medium or large?", 1)
    live, replied = talk(bot, "a large pizza with ham", "no thanks")
    assert str(replied) == "Okay, no pizza."
    assert (live.state.confirmation, live.state.status) == ("Denied", "Failed")
    assert str(live.push("yes")) == "Sorry, I did not understand."


@pytest.mark.parametrize("said", ["you are stupid", "xqzt brlf wompf", "😀😀😀", "ich möchte bitte zahlen", "yes"])
def test_abuse_and_nonsense_are_not_understood_and_change_nothing(bot: Any, said: str) -> None:
    live, replied = talk(bot, said)
    assert (str(replied), replied.turn.action) == ("Sorry, I did not understand.", "ElicitIntent")
    assert live.state.intent is None


def test_a_value_that_may_not_be_is_told_once_and_counted(bot: Any) -> None:
    live, replied = talk(bot, "get me 50 pizzas")
    assert replied.turn.messages == ("I can take 1 to 20 pizzas. How many?",)
    assert live.state.tries == 1
    assert str(live.push("30")) == "I can take 1 to 20 pizzas. How many?"
    assert live.state.tries == 2
    assert str(live.push("3")) == "What size?"
    _, past = talk(bot, "i need a room for yesterday")
    assert "Which day?" in str(past)


def test_an_order_is_tracked_only_after_one_was_made_and_while_its_context_holds(bot: Any) -> None:
    live, replied = talk(bot, "where is my order")
    assert str(replied) == "Sorry, I did not understand."
    live, _ = talk(bot, "a large pizza with ham", "yes")
    later = live.fork()
    assert str(live.push("where is my order")) == "It arrives in half an hour."
    later.moment = lambda: datetime.fromisoformat("2026-11-30T09:02:00+00:00")
    assert str(later.push("where is my order")) == "Sorry, I did not understand."


def test_a_form_that_begins_again_does_not_use_what_was_said_before(bot: Any) -> None:
    live, replied = talk(bot, "a large pizza with ham", "yes", "i want a pizza")
    assert str(replied) == "What size?"
    assert slots(live) == {"count": "1"}


def test_what_is_not_wanted_is_not_begun(bot: Any) -> None:
    for said in ("I don't want a pizza", "please do not book a room"):
        _, replied = talk(bot, said)
        assert replied.turn.action == "ElicitIntent", said


def test_a_state_can_be_saved_forked_and_gone_on_from(bot: Any) -> None:
    live, _ = talk(bot, "i want a pizza", "small")
    other = bot.live(live.save(), now=NOW)
    fork = live.fork()
    told = [one.push("ham").as_json() for one in (live, other, fork)]
    assert told[0] == told[1] == told[2]
    assert live.save() == other.save() == fork.save()
    with pytest.raises(DataError, match="is damaged, or is something else"):
        bot.live(write_tensors({"dialogue": torch.zeros(9, dtype=torch.uint8)}))


def test_an_answer_has_the_shape_of_lex(bot: Any) -> None:
    _, replied = talk(bot, "order a big pizza")
    told = replied.as_json()
    assert told["messages"] == [{"content": "What topping?", "contentType": "PlainText"}]
    assert told["sessionState"]["dialogAction"] == {"type": "ElicitSlot", "slotToElicit": "topping"}
    assert told["sessionState"]["intent"]["slots"]["size"] == {
        "shape": "Scalar",
        "value": {"originalValue": "big", "interpretedValue": "large", "resolvedValues": ["large"]},
    }
    assert told["interpretations"][0]["intent"]["name"] == "OrderPizza"
    assert told["interpretations"][0]["nluConfidence"]["score"] > 0.5


def test_a_client_may_set_the_state_and_what_the_bot_has_not_is_refused(bot: Any) -> None:
    live = bot.live(now=NOW)
    given = {
        "intent": {"name": "OrderPizza", "slots": {"size": {"value": {"interpretedValue": "small"}}}},
        "dialogAction": {"type": "ElicitSlot", "slotToElicit": "topping"},
        "sessionAttributes": {"table": "7"},
    }
    replied = live.push({"text": "ham", "sessionState": given})
    assert str(replied) == "Shall I order 1 small ham pizza?"
    assert replied.as_json()["sessionState"]["sessionAttributes"] == {"table": "7"}
    before = live.save()
    for state, said in (
        ({"intent": {"name": "Nothing"}}, "intent 'Nothing' is not one of the bot"),
        ({"intent": {"name": "OrderPizza", "slots": {"colour": None}}}, "slot 'colour' is not one of intent"),
        ({"dialogAction": {"type": "Dance"}}, "dialogAction is not one of"),
        ({"sessionAttributes": {"a": 1}}, "session attribute 'a' is not a text"),
        ("no", "sessionState is not an object"),
    ):
        with pytest.raises(UsageError, match=said):
            live.push({"text": "ham", "sessionState": state})
    with pytest.raises(UsageError, match="10,000 characters: give at most 1,000"):
        live.push("x" * 10_000)
    assert live.save() == before


def test_new_values_of_a_slot_need_no_training(bot: Any) -> None:
    live = bot.live(now=NOW, values=("Topping=pineapple,sun dried tomatoes",))
    live.push("i want a small pizza")
    assert str(live.push("sun dried tomatoes")) == "Shall I order 1 small sun dried tomatoes pizza?"
    with pytest.raises(UsageError, match="the bot has no slot type 'Colour'"):
        bot.live(values="Colour=red")


def test_what_is_understood_is_told_with_places_and_values(bot: Any) -> None:
    told = bot.answer("can i have a big ham pizza", now=NOW).as_json()["answer"][0]
    assert told["intent"] == "OrderPizza"
    size = next(one for one in told["slots"] if one["slot"] == "size")
    assert (told["text"][size["begin"] : size["end"]], size["value"], size["type"]) == ("big", "large", "Size")
    nothing = bot.answer("", now=NOW).as_json()["answer"][0]
    assert (nothing["intent"], nothing["confidence"]) == ("out_of_scope", 1.0)
    assert bot.answer("asdf jkl qwer").as_json()["answer"][0]["intent"] == "out_of_scope"


def test_a_bot_is_evaluated_on_its_own_part_and_on_other_utterances(run: Any, tmp_path: Path) -> None:
    report = statewise.evaluate(run.path)
    assert report.metrics["sentence_accuracy"] >= 0.5
    assert "TF-IDF with logistic regression, CRF on word features" in report.baselines
    other = tmp_path / "more.csv"
    other.write_text("text,intent\nwhen are you open,OpeningHours\na room please,BookRoom\nhello,Greet\n")
    scored = statewise.evaluate(run.path, str(other))
    assert scored.data["held_out"] == 2
    assert "of intent 'Greet', which training never saw" in scored.data["left_out"]


def test_the_bot_is_written_as_yaml_and_for_lex(bot: Any, tmp_path: Path) -> None:
    for name in ("mine.yaml", "mine.zip"):
        answer = bot.answer(write_bot=str(tmp_path / name))
        assert "".join(answer.pieces) == f"{tmp_path / name} holds the bot\n"
        again = statewise.Dialogue(source=str(tmp_path / name)).prepare(tmp_path)
        assert again.facts["intents"] == 4
    with pytest.raises(UsageError, match=r"mine\.doc is neither: rename it"):
        bot.answer(write_bot=str(tmp_path / "mine.doc"))


def test_what_may_be_said_is_written_as_sentences_that_speech_can_listen_for(bot: Any, tmp_path: Path) -> None:
    bot.answer(write_bot=str(tmp_path / "said.txt"))
    said = (tmp_path / "said.txt").read_text().splitlines()
    assert len(said) == len(set(said))
    assert {"i want a pizza", "huge", "no huge", "twin", "twenty one", "next friday", "yes", "cancel"} <= set(said)
    assert not any("{" in line or "[" in line for line in said)


def test_a_log_is_kept_of_a_conversation_and_what_was_missed_is_labelled_and_learned(
    bot: Any, run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "talk.jsonl"
    live = bot.live(now=NOW, log=str(log))
    live.push("i want a pizza")
    live.fork().push("zorgle blim quux")
    turns = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["heard"] for one in turns] == ["i want a pizza", "zorgle blim quux"]
    assert [one["missed"] for one in turns] == [False, True]
    assert turns[0]["conversation"] != turns[1]["conversation"]
    assert turns[0]["said"] == ["What size?"]
    assert cli(["predict", str(run.path), "--missed", str(log)]) == 0
    table = capsys.readouterr().out
    assert table.startswith("text,intent,guess,confidence,times\nzorgle blim quux,,")
    (tmp_path / "labelled.csv").write_text(table.replace("quux,,", "quux,OpeningHours,") + "not labelled,,,0.1,1\n")
    bot_file(tmp_path)
    left_out = LeftOutCount("utterance")
    own, _ = read_utterances(
        find_files([str(tmp_path / name) for name in ("labelled.csv", "bot.yaml")], "utterances"), left_out
    )
    hours = own.intent("OpeningHours")
    assert hours is not None
    assert "zorgle blim quux" in [one.text for one in hours.utterances]
    assert left_out.told() == ["1 utterance left out: without an intent (the first: row 3 of labelled.csv)"]


def test_a_log_that_cannot_be_written_undoes_no_turn_and_odd_letters_are_logged(bot: Any, tmp_path: Path) -> None:
    live = bot.live(now=NOW, log=str(tmp_path / "no" / "talk.jsonl"))
    replied = live.push("i want a pizza")
    assert live.state.intent == "OrderPizza"
    assert "cannot be written" in replied.notices[0]
    live = bot.live(now=NOW, log=str(tmp_path / "talk.jsonl"))
    live.push("zorgle \ud800 quux")
    assert json.loads((tmp_path / "talk.jsonl").read_text())["heard"] == "zorgle ? quux"


def test_a_log_without_a_conversation_is_refused(run: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["predict", str(run.path), "a pizza", "--log", str(tmp_path / "talk.jsonl")]) == 2
    assert "--log is for a conversation" in capsys.readouterr().err
