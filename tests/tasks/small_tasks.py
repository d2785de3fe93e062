"""A small training of every task, from data that are written for it: `TASKS`, to which a new task adds a line."""

import json
import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_bots import bot_file
from made_dialogues import dialogues
from made_films import sounding_films
from made_gestures import clips, hands, sensor_table, stretches_table
from made_pictures import pictures
from made_speech import recordings
from made_stories import passages, shop, stories

from statewise.task import Task
from statewise.tasks.answer.task import QuestionAnswering
from statewise.tasks.caption.task import Caption
from statewise.tasks.chat.task import Chat
from statewise.tasks.dialogue.task import Dialogue
from statewise.tasks.forecast.task import Forecast
from statewise.tasks.forecast.traffic import Traffic
from statewise.tasks.game.task import Game
from statewise.tasks.gesture.task import Gesture
from statewise.tasks.handwriting.task import Handwriting
from statewise.tasks.language.task import Language
from statewise.tasks.recommend.task import Recommend
from statewise.tasks.sketch.task import Sketch
from statewise.tasks.sound.task import Sound
from statewise.tasks.speech.task import Speech
from statewise.tasks.stocks.task import Stocks
from statewise.tasks.text.task import Text
from statewise.tasks.translate.task import Translate

SMALL: dict[str, Any] = {"hidden_size": 4, "batch_size": 3, "updates": 6, "threads": 1}


def book(folder: Path) -> Path:
    path = folder / "book.txt"
    path.write_text("".join(random.Random(0).choice(["to be ", "or not ", "that is "]) for _ in range(200)))
    return path


def words(folder: Path) -> Path:
    path, dice = folder / "words.txt", random.Random(0)
    known = ["the", "cat", "saw", "a", "dog", ",", "and", "ran", "home", "."]
    path.write_text("\n\n".join(" ".join(dice.choice(known) for _ in range(9)) for _ in range(60)))
    return path


def hours(folder: Path) -> Path:
    path = folder / "hours.csv"
    values = (f"2024-01-{1 + n // 24:02d} {n % 24:02d}:00,{5 + math.sin(n / 4):.3f}" for n in range(24 * 20))
    path.write_text("\n".join(["time,load", *values]) + "\n")
    return path


def days(folder: Path) -> Path:
    dice, price, lines = random.Random(0), 50.0, ["date,close"]
    for n in range(400):
        price *= math.exp(dice.gauss(0, 0.01))
        lines.append(f"{2022 + n // 336}-{1 + n // 28 % 12:02d}-{1 + n % 28:02d},{price:.2f}")
    path = folder / "days.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def events(folder: Path) -> Path:
    dice, lines = random.Random(0), ["session,item,time"]
    for session in range(120):
        item = dice.randrange(6)
        for step in range(5):
            lines.append(f"{session},{item},{session * 100 + step}")
            item = (item + 1) % 6 if dice.random() < 0.8 else dice.randrange(6)
    path = folder / "events.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def drawings(folder: Path) -> Path:
    dice, lines = random.Random(0), []
    for number in range(60):
        strokes = [[[dice.randint(0, 200), 40 * step] for step in range(4)], [[0, 0], [dice.randint(60, 255), 255]]]
        lines.append(json.dumps({"class": "ab"[number % 2], "strokes": strokes}))
    path = folder / "drawings.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def written_lines(folder: Path) -> Path:
    dice, lines = random.Random(0), []
    for number in range(48):
        text = "".join(dice.choice("ab ") for _ in range(dice.randint(2, 5))).strip() or "ab"
        strokes = [[[20 * n, 0], [20 * n + dice.randint(5, 9), -20], [20 * n, -9]] for n in range(len(text))]
        lines.append(json.dumps({"text": text, "writer": f"hand {number % 6}", "strokes": strokes}))
    path = folder / "lines.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return path


def pairs(folder: Path) -> Path:
    dice, words = random.Random(0), {"the": "le", "cat": "chat", "dog": "chien", "eats": "mange", "sees": "voit"}
    lines = []
    for _ in range(150):
        source = [dice.choice(list(words)) for _ in range(dice.randint(2, 6))]
        lines.append(f"{' '.join(source).capitalize()}.\t{' '.join(words[word] for word in source).capitalize()}.")
    path = folder / "pairs.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def game(name: str, **how: Any) -> Game:
    pytest.importorskip("gymnasium")
    return Game(source=f"made_games:{name}", **{**PLAYED, **how})


def teams(name: str, **how: Any) -> Game:
    pytest.importorskip("pettingzoo")
    return Game(source=f"made_teams:{name}", **{**PLAYED, **how})


SKETCH: dict[str, Any] = {**SMALL, "sequence_length": 20, "components": 2, "held_out": 0.3}
WRITTEN: dict[str, Any] = {**SMALL, "sequence_length": 80, "components": 2, "hills": 2, "spacing": 30.0}
PAIRS: dict[str, Any] = {**SMALL, "sequence_length": 30, "embedding": 5, "held_out": 0.2, "validation": 0.1}
OPENED: dict[str, Any] = {"latent": 2, "reader_size": 3, "by_class": True}
FORECAST: dict[str, Any] = {**SMALL, "horizon": "6h", "context": "24h", "held_out": "48h", "validation": "48h"}
DAYS: dict[str, Any] = {"context": "21d", "held_out": "60d", "horizon": "1d", "sequence_length": 42}
ASKED: dict[str, Any] = {**SMALL, "held_out": 0.3, "validation": 0.2}
TALKED: dict[str, Any] = {**SMALL, "embedding": 5, "held_out": 0.2, "validation": 0.1, "scored": 9, "subwords": 60}
SAID: dict[str, Any] = {
    **SMALL,
    "encoder": "pixels",
    "embedding": 5,
    "subwords": 60,
    "held_out": 0.3,
    "validation": 0.2,
    "sequence_length": 30,
}
SPOKEN: dict[str, Any] = {**SMALL, "bands": 13, "validation": 0.2}
MOVED: dict[str, Any] = {**SMALL, "held_out": 0.25, "validation": 0.25, "sequence_length": 14}
PLAYED: dict[str, Any] = {**SMALL, "envs": 3, "rollout": 10, "sequence_length": 5, "passes": 2, "check_episodes": 3}
SOUNDED: dict[str, Any] = {
    **SMALL,
    "height": 8,
    "embedding": 5,
    "rate": 9000,
    "bands": 5,
    "highest": 4000.0,
    "pieces": 4,
    "held_out": 0.25,
    "validation": 0.25,
    "sequence_length": 14,
}
WORDS: dict[str, Any] = {**SMALL, "sequence_length": 7, "embedding": 5, "orders": 2, "held_out": 0.2}
BOT: dict[str, Any] = {**SMALL, "embedding": 5, "filters": 4, "validation": 0.1}
DROPS: dict[str, Any] = {"dropout": 0.2, "dropout_input": 0.1, "dropout_words": 0.1, "weight_drop": 0.3}
TASKS: dict[str, Callable[[Path], Task]] = {
    "text": lambda folder: Text(source=str(book(folder)), sequence_length=7, orders=2, gap=9, **SMALL),
    "forecast": lambda folder: Forecast(source=str(hours(folder)), **FORECAST),
    "traffic": lambda folder: Traffic(source=str(hours(folder)), target=("load",), holidays=None, **FORECAST),
    "stocks": lambda folder: Stocks(
        source=str(days(folder)), context="21d", held_out="60d", horizon="1d", sequence_length=42, **SMALL
    ),
    "sketch": lambda folder: Sketch(source=str(drawings(folder)), **SKETCH),
    "sketch-by-class-and-latent": lambda folder: Sketch(source=str(drawings(folder)), **SKETCH, **OPENED),
    "handwriting": lambda folder: Handwriting(source=str(written_lines(folder)), **WRITTEN),
    "handwriting-in-three-layers": lambda folder: Handwriting(
        source=str(written_lines(folder)), layers=3, cell="gru", **WRITTEN
    ),
    "translate": lambda folder: Translate(source=str(pairs(folder)), **PAIRS),
    "translate-otherwise": lambda folder: Translate(
        source=str(pairs(folder)),
        **{**PAIRS, "layers": 2, "cell": "lstm", "attention": "additive", "shared": False, "tied": False},
    ),
    "answer": lambda folder: QuestionAnswering(source=str(stories(folder)), hops=3, **ASKED),
    "answer-by-attention": lambda folder: QuestionAnswering(
        source=str(stories(folder)), reader="attention", cell="lstm", hops=3, **ASKED
    ),
    "answer-word-by-word": lambda folder: QuestionAnswering(source=str(stories(folder)), reader="words", **ASKED),
    "answer-a-table": lambda folder: QuestionAnswering(source=str(shop(folder)), table=True, questions=200, **SMALL),
    "chat": lambda folder: Chat(source=str(dialogues(folder)), **TALKED),
    "chat-otherwise": lambda folder: Chat(
        source=str(dialogues(folder)),
        **{
            **TALKED,
            "layers": 2,
            "cell": "lstm",
            "attention": "additive",
            "smoothing": 0.1,
            "turns": 1,
            "never": "ann",
        },
    ),
    "caption": lambda folder: Caption(source=str(pictures(folder / "shown")), **SAID),
    "caption-otherwise": lambda folder: Caption(
        source=str(pictures(folder / "shown")),
        **{**SAID, "layers": 2, "cell": "gru", "attention": "additive", "gate": False, "coverage": 0, "tied": False},
    ),
    "caption-of-whole-pictures": lambda folder: Caption(
        source=str(pictures(folder / "shown")), look="whole", capitals=True, split="caption", **SAID
    ),
    "caption-without-pictures": lambda folder: Caption(source=str(pictures(folder / "shown")), look="nothing", **SAID),
    "answer-passages": lambda folder: QuestionAnswering(source=str(passages(folder)), held_out=0.3, **SMALL),
    "speech": lambda folder: Speech(source=str(recordings(folder / "said")), **SPOKEN),
    "speech-by-words-that-are-joined": lambda folder: Speech(
        source=str(recordings(folder / "said")), units="words", normalize="fixed", split="utterance", join=2, **SPOKEN
    ),
    "game": lambda folder: game("Recall"),
    "game-of-masked-choices-in-two-layers": lambda folder: game("Masked", layers=2, critic="separate", cell="gru"),
    "game-of-numbers": lambda folder: game("Steering", noise_correlation=0.5),
    "game-of-everything": lambda folder: game("Mixed"),
    "game-of-two-teams": lambda folder: teams("Strike", self_play=True, past_every=1, past_share=0.5, team_spirit=0.2),
    "language": lambda folder: Language(source=str(words(folder)), cutoffs="3,5", **WORDS),
    "language-sampled-and-tied": lambda folder: Language(
        source=str(words(folder)), output="sampled", tied=True, negatives=3, **WORDS
    ),
    "language-adaptive-and-tied-with-dropout": lambda folder: Language(
        source=str(words(folder)), input_table="adaptive", tied=True, cutoffs="3,6", layers=2, **WORDS, **DROPS
    ),
    "language-of-bpe-in-full": lambda folder: Language(
        source=str(words(folder)), unit="bpe", vocabulary=260, output="full", **WORDS
    ),
    "gesture": lambda folder: Gesture(source=str(sensor_table(folder / "moved")), person="person", **MOVED),
    "gesture-in-long-recordings": lambda folder: Gesture(source=str(stretches_table(folder / "moved")), **MOVED),
    "gesture-of-hands-in-a-mirror": lambda folder: Gesture(
        source=str(hands(folder / "moved")), mirror=True, layers=2, cell="lstm", **MOVED
    ),
    "gesture-in-films": lambda folder: Gesture(
        source=str(clips(folder / "moved")), height=16, embedding=5, shift=2, color=True, **MOVED
    ),
    "sound": lambda folder: Sound(source=str(sounding_films(folder / "seen")), **SOUNDED),
    "sound-that-goes-on-in-two-layers": lambda folder: Sound(
        source=str(sounding_films(folder / "seen", as_arrays=True, labelled=False)),
        **{**SOUNDED, "layers": 2, "cell": "gru", "grey": True, "moves": 2, "mirror": False},
    ),
    "dialogue": lambda folder: Dialogue(source=str(bot_file(folder)), **BOT),
    "dialogue-otherwise": lambda folder: Dialogue(
        source=str(bot_file(folder)), **{**BOT, "layers": 2, "cell": "gru", "lists": False, "made_up": False}
    ),
    "recommend": lambda folder: Recommend(source=str(events(folder)), k=3, **{**SMALL, "sequence_length": 7}),
}
