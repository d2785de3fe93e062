"""Folders of clips whose names say for what the clips are: to learn from, for checks, or held out."""

from collections.abc import Collection
from typing import Literal

ClipPart = Literal["training", "validation", "held_out"]
PART_OF_FOLDER: dict[str, ClipPart] = {
    "train": "training",
    "training": "training",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "held_out",
    "testing": "held_out",
    "held_out": "held_out",
    "held-out": "held_out",
}


def say_parts(folders: Collection[str]) -> bool:
    """Say whether folders stand for parts: where all of the outermost ones do.

    >>> say_parts({"train", "test"}), say_parts({"train", "kitchen"}), say_parts(set())
    (True, False, False)
    """
    return bool(folders) and all(name in PART_OF_FOLDER for name in folders)
