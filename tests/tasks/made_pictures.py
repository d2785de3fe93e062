"""Small pictures with captions that the tests write: one or two shapes of a colour, and which they are."""

import random
from pathlib import Path
from typing import Any

COLOURS = {"red": (205, 30, 35), "blue": (40, 95, 205), "green": (50, 155, 55)}
SIDE = 28
COUNT = 40


def pictures(folder: Path, count: int = COUNT) -> Path:
    """Write pictures with a text of the same name next to each; as many as asked for, always the same."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(0)
    for number in range(count):
        colour, place = dice.choice(list(COLOURS)), dice.choice(["left", "right"])
        shape(colour, place, dice.randint(0, 3)).save(folder / f"{number:02d}.png")
        texts = [f"A {colour} square on the {place}.", f"a square that is {colour}"]
        (folder / f"{number:02d}.txt").write_text("\n".join(texts) + "\n")
    return folder


def shape(colour: str, place: str = "left", moved: int = 0) -> Any:
    """Return a picture of a square on white."""
    from PIL import Image

    image = Image.new("RGB", (SIDE, SIDE), "white")
    left = 2 + moved if place == "left" else 16 - moved
    image.paste(COLOURS[colour], (left, 8 + moved, left + 9, 17 + moved))
    return image
