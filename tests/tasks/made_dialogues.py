"""Small conversations in which each reply follows from what was said, for tests of chat."""

import json
import random
from pathlib import Path

REPLIES = {
    "what is your name ?": "my name is ann .",
    "do you like fish ?": "yes i like it .",
    "where do you live ?": "i live in oslo .",
    "what do you eat ?": "only soup and bread .",
    "how old are you ?": "nine years old now .",
    "who is over there ?": "that is my sister .",
}
DOUBT = "is that really so ?"
INSISTED = {
    "my name is ann .": "ann it is indeed .",
    "i live in oslo .": "oslo it is indeed .",
    "nine years old now .": "nine it is indeed .",
}
"Replies have as many words: batches of like lengths would else each have a single one."


def conversation(dice: random.Random) -> list[str]:
    """Return two to four exchanges of one person with another, some of which are doubted."""
    turns = []
    for asked in dice.sample([*REPLIES], dice.randint(2, 4)):
        turns += [asked, REPLIES[asked]]
        if REPLIES[asked] in INSISTED and dice.random() < 0.6:
            turns += [DOUBT, INSISTED[REPLIES[asked]]]
    return turns


def dialogues(folder: Path, count: int = 160, seed: int = 0) -> Path:
    """Write conversations as JSON lines, and return the file."""
    dice = random.Random(seed)
    path = folder / "dialogues.jsonl"
    path.write_text("".join(json.dumps({"turns": conversation(dice)}) + "\n" for _ in range(count)))
    return path
