"""Stories with questions, in the form of bAbI, that tests write, passages of SQuAD's form, and a small table."""

import json
import random
from pathlib import Path

PEOPLE, PLACES = ("Mary", "John", "Sandra"), ("kitchen", "garden", "office", "hallway")
NAMES = ["Paris", "Lyon", "Oslo", "Rome", "Turin", "Lille", "Bonn", "Kiel"]
OWNERS = ["Anna", "Bert", "Cora", "Dora", "Emil", "Fred"]
OWNED = ["house", "garden", "school"]


def story_lines(dice: random.Random, moves: int) -> list[str]:
    """Return a story: after every second move it is asked where one of the people is."""
    at: dict[str, tuple[str, int]] = {}
    lines: list[str] = []
    for move in range(moves):
        person, place = dice.choice(PEOPLE), dice.choice(PLACES)
        lines.append(f"{len(lines) + 1} {person} went to the {place}.")
        at[person] = place, len(lines)
        if move % 2:
            asked = dice.choice(sorted(at))
            lines.append(f"{len(lines) + 1} Where is {asked}? \t{at[asked][0]}\t{at[asked][1]}")
    return lines


def stories(folder: Path, count: int = 40, name: str = "stories.txt", seed: int = 0) -> Path:
    """Write a file of stories and return its path."""
    dice = random.Random(seed)
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("".join(f"{line}\n" for _ in range(count) for line in story_lines(dice, dice.choice((4, 6)))))
    return path


def shop(folder: Path) -> Path:
    """Write a table of orders and return its path."""
    dice, path = random.Random(0), folder / "shop.csv"
    rows = [
        f"2024-{dice.randint(1, 12):02d}-03,{dice.choice(('shoes', 'hat'))},{dice.choice(('red', 'blue'))},{n + 1.5}"
        for n in range(12)
    ]
    path.write_text("\n".join(["date,product,color,price", *rows]) + "\n")
    return path


def passages(folder: Path, count: int = 60) -> Path:
    """Write passages about where people own things, in the form of SQuAD."""
    dice, articles = random.Random(0), []
    for number in range(count):
        person, places = dice.choice(OWNERS), dice.sample(NAMES, 3)
        told = [
            (f"{person} has a {thing} in {place}.", thing, place) for thing, place in zip(OWNED, places, strict=True)
        ]
        dice.shuffle(told)
        passage = " ".join(sentence for sentence, *_ in told)
        qas = [
            {"id": f"{number}-{word}", "question": f"Where is the {word} of {person}?"}
            | {"answers": [{"text": place, "answer_start": passage.index(f"in {place}") + 3}]}
            for _, word, place in told
        ]
        articles.append({"title": f"article {number}", "paragraphs": [{"context": passage, "qas": qas}]})
    path = folder / "passages.json"
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    return path
