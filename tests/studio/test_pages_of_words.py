"""The pages of translations, questions and conversations: what they show is what the model answers."""

import re
from pathlib import Path
from typing import Any

import pytest
from in_browser import LOOKS, StudioProcess, accessibility_faults, address_of, eventually, in_chromium, words_of
from made_bots import bot_file
from small_tasks import BOT

import statewise
from statewise.tasks.dialogue.task import Dialogue

pytestmark = in_chromium("words")
PAGES = (
    "#/use/translate-1",
    "#/use/answer-1?question=Where is Mary?",
    "#/use/answer-a-table-1",
    "#/use/answer-passages-1?question=Where?",
    "#/use/chat-1?say=hello",
    "#/use/bot-1?say=get me 20 pizzas",
)


def bot(folder: Path) -> Dialogue:
    """A bot that was trained for long enough to understand what it saw."""
    learned = {**BOT, "hidden_size": 24, "embedding": 16, "filters": 16, "updates": 150, "learning_rate": 0.02}
    return Dialogue(source=str(bot_file(folder)), **learned)


RUNS = ("translate", "answer", "answer-a-table", "answer-passages", "chat", "bot")
TRAINED = {"bot": bot}


def model_of(studio: StudioProcess, name: str) -> Any:
    return statewise.load(studio.folder / "runs" / name)


def test_translations_are_ranked_and_a_piece_shows_what_it_looked_at(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/translate-1?text=The cat sees.&best=2&beam=4&own=Le chat voit.")
    page.locator(".ranked li").first.wait_for()
    (wanted,) = model_of(studio, "translate-1").predict("The cat sees.", beam=4, best=2, align=True)
    assert words_of(page, ".ranked .said") == wanted.candidates[0].text
    assert page.locator(".ranked li").count() == len(wanted.candidates)
    looked = wanted.looked
    pieces = page.locator(".looks button.word")
    assert [piece.text_content() for piece in pieces.all()] == list(looked.written)
    pieces.first.focus()
    page.keyboard.press("End")
    row = looked.shares[-1]
    most = looked.read[row.index(max(row))]
    eventually(
        lambda: words_of(page, ".looks [role=status]").startswith(f"“{looked.written[-1]}” looked most at “{most}”")
    )
    (given,) = model_of(studio, "translate-1").predict("The cat sees.", score="Le chat voit.")
    nats = given.candidates[0].log_probability
    eventually(lambda: f"{float(f'{nats:.4g}'):g} nats" in words_of(page, "section p[role=status]"))


def test_a_story_is_asked_and_what_the_answer_rests_on_is_marked(page: Any, studio: StudioProcess) -> None:
    story = ["Mary went to the garden.", "John went to the kitchen."]
    page.goto(f"{studio.address}/#/use/answer-1")
    page.get_by_label("Story").fill("\n".join(story))
    page.get_by_label("Question").fill("Where is Mary")
    page.get_by_role("button", name="Ask").click()
    (wanted,) = model_of(studio, "answer-1").predict(" ".join([*story, "Where is Mary?"]))
    eventually(lambda: words_of(page, ".answers strong") == wanted.answer)
    shown = [each.text_content() for each in page.locator(".evidence li").all()]
    assert shown == [f"{text}{round(100 * share)} %" for text, share in wanted.looked_at]
    assert "Where+is+Mary" in address_of(page)
    page.reload()
    eventually(lambda: words_of(page, ".answers strong") == wanted.answer)


def test_a_passage_is_asked_and_the_answer_is_marked_where_it_stands(page: Any, studio: StudioProcess) -> None:
    passage = "Emil has a school in Lyon.\nAnna has a 🏠 in Kiel."
    page.goto(f"{studio.address}/#/use/answer-passages-1")
    page.get_by_label("Passage").fill(passage)
    page.get_by_label("Question").fill("Where is the school of Emil?")
    page.keyboard.press("Enter")
    live = model_of(studio, "answer-passages-1").live(text=passage)
    wanted = live.push("Where is the school of Emil?")
    eventually(lambda: words_of(page, ".answers strong") == wanted.answer)
    assert words_of(page, ".passage mark") == passage[wanted.begin : wanted.end]
    assert words_of(page, ".passage") == passage


def test_a_table_is_asked_and_says_how_it_was_read(page: Any, studio: StudioProcess) -> None:
    model = model_of(studio, "answer-a-table-1")
    page.goto(f"{studio.address}/#/use/answer-a-table-1")
    page.get_by_text("The table has the columns date (date)").wait_for()
    page.get_by_label("Question").fill("what is the average price")
    page.get_by_role("button", name="Ask").click()
    (wanted,) = model.predict("what is the average price")
    eventually(lambda: (wanted.sql or wanted.why) in words_of(page, ".answers"))


def test_a_conversation_goes_on_from_the_state_before_what_was_taken_back(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/chat-1?generic=1")
    talk = model_of(studio, "chat-1").live()
    replies = []
    for number, line in enumerate(("what do you eat ?", "hello", "where do you live ?"), start=1):
        page.get_by_label("You").fill(line)
        page.keyboard.press("Enter")
        eventually(lambda number=number: page.locator(".talk li > p:nth-child(2):not(.quiet)").count() == number)
        replies.append(talk.push(line).text)
    shown = page.locator(".talk li > p:nth-child(2)")
    assert [each.text_content() for each in shown.all()] == replies
    page.get_by_role("button", name="Take the last one back").click()
    assert page.locator(".talk li").count() == 2
    assert page.get_by_label("You").input_value() == "where do you live ?"  # to be said otherwise
    page.get_by_role("button", name="Send").click()
    eventually(lambda: shown.count() == 3 and shown.last.text_content() == replies[-1])
    page.reload()
    eventually(lambda: [each.text_content() for each in shown.all()] == replies)


def test_a_conversation_goes_on_after_the_server_was_started_again(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/chat-1?say=what do you eat ?&say=hello")
    shown = page.locator(".talk li > p:nth-child(2):not(.quiet)")
    eventually(lambda: shown.count() == 2)
    studio.stop()
    studio.begin()  # at the same port, with none of its sessions
    page.get_by_label("You").fill("where do you live ?")
    page.get_by_role("button", name="Send").click()
    eventually(lambda: shown.count() == 3)
    talk = model_of(studio, "chat-1").live()
    wanted = [talk.push(line).text for line in ("what do you eat ?", "hello", "where do you live ?")]
    assert [each.text_content() for each in shown.all()] == wanted


def test_slots_fill_in_view_and_empty_again_when_a_turn_is_taken_back(page: Any, studio: StudioProcess) -> None:
    page.goto(f"{studio.address}/#/use/bot-1")
    talk = model_of(studio, "bot-1").live(zone="UTC")
    told = talk.push("get me 20 pizzas").as_json()
    intent = told["sessionState"].get("intent")
    if intent is None:
        pytest.fail(f"the bot understood nothing: {told}")
    page.get_by_label("You").fill("get me 20 pizzas")
    page.keyboard.press("Enter")
    eventually(lambda: words_of(page, "section.card h2") == intent["name"])
    filled = {name: slot["value"]["interpretedValue"] for name, slot in intent["slots"].items() if slot}
    assert filled
    shown = page.locator(".slots .filled")
    assert [re.split(r" \(“", str(each.text_content()))[0] for each in shown.all()] == list(filled.values())
    assert [each["content"] for each in told["messages"]] == words_of(page, ".talk li > p:nth-child(2)").split("\n")
    page.get_by_role("button", name="Take the last one back").click()
    eventually(lambda: words_of(page, "section.card h2") == "What it knows")
    page.get_by_label("You").fill("<img src=x onerror=alert(1)>")
    page.keyboard.press("Enter")
    eventually(lambda: "<img" in words_of(page, ".talk .mine"))
    assert page.locator("main img").count() == 0


@pytest.mark.parametrize("scheme", LOOKS)
def test_pages_of_words_break_no_rule_of_accessibility_and_fit_their_window(
    page: Any, studio: StudioProcess, scheme: str
) -> None:
    assert accessibility_faults(page, studio.address, PAGES, scheme) == []
