"""Lines of a made-up alphabet for tests: `a` is a hook, `b` a bar, a space a gap; writers differ in size."""

import json
import random
from pathlib import Path
from typing import Any

SMALL: dict[str, Any] = {
    "hidden_size": 24,
    "batch_size": 16,
    "threads": 1,
    "components": 3,
    "hills": 2,
    "spacing": 25.0,
}
SHAPES = {"a": [[0.0, 0.0], [0.0, 40.0], [30.0, 40.0]], "b": [[0.0, -20.0], [0.0, 50.0]]}


def strokes_for(text: str, size: float = 1.0, dice: random.Random | None = None) -> list[list[list[float]]]:
    """Return a text as strokes, its points strewn by dice where some are given."""
    found, x = [], 0.0
    for letter in text:
        if letter in SHAPES:
            away = [[dice.gauss(0, 2), dice.gauss(0, 2)] if dice else [0.0, 0.0] for _ in SHAPES[letter]]
            points = zip(SHAPES[letter], away, strict=True)
            found.append([[size * (x + px + dx), size * (py + dy)] for (px, py), (dx, dy) in points])
        x += 45.0
    return found


def write_lines(folder: Path, name: str = "lines.jsonl", count: int = 180) -> str:
    dice, lines = random.Random(0), []
    for number in range(count):
        text = "".join(dice.choice("aab b") for _ in range(dice.randint(2, 5))).strip() or "ab"
        text = " ".join(text.split())
        size = 1 + number % 6
        lines.append(json.dumps({"text": text, "writer": f"hand {size}", "strokes": strokes_for(text, size, dice)}))
    (folder / name).write_text("\n".join(lines) + "\n")
    return str(folder / name)
