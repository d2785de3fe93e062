"""Drawings with names that a judge was told nothing of: real letters by drawer, and things by class.

Both are read from what their authors published; a folder of them is an argument, since neither is part of the project.
"""

import hashlib
import json
import lzma
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from statewise.data.strokes.omniglot import NAME, letters_in_zip, read_letter

VALIDATED_DRAWERS, HELD_OUT_DRAWERS = {"15", "16"}, {"17", "18", "19", "20"}
"Of Omniglot's twenty: no drawer is in two parts."
CLASSES, VALIDATED, HELD_OUT = 50, 4, 10
"Of QuickDraw: the classes with most recognised drawings, and how many of each are kept, by the hash of their keys."


def letters_of(archive: Path) -> Iterator[dict[str, Any]]:
    """Yield the letters of Omniglot, each with its class, its drawer, and its part by drawer."""
    for name, content in letters_in_zip(archive):
        found = NAME.search(name)
        assert found is not None
        drawer = found[3]
        part = "held_out" if drawer in HELD_OUT_DRAWERS else "validation" if drawer in VALIDATED_DRAWERS else "training"
        strokes = [stroke.tolist() for stroke in read_letter(content, name)]
        yield {"class": f"{found[1]} {int(found[2])}", "writer": drawer, "part": part, "strokes": strokes}


def things_of(file: Path) -> Iterator[dict[str, Any]]:
    """Yield QuickDraw's recognised drawings of the classes with most of them; some of each are kept."""
    lines = [json.loads(line) for line in _lines(file)]
    lines = sorted((line for line in lines if line["recognized"]), key=lambda line: _hash(line["key_id"]))
    counts = Counter(line["word"] for line in lines)
    most = {word for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:CLASSES]}
    seen = Counter[str]()
    for line in lines:
        word = line["word"]
        if word not in most:
            continue
        place = seen[word]
        seen[word] += 1
        part = "held_out" if place < HELD_OUT else "validation" if place < HELD_OUT + VALIDATED else "training"
        yield {"word": word, "recognized": True, "key_id": line["key_id"], "part": part, "drawing": line["drawing"]}


def write(drawings: Iterator[dict[str, Any]], file: Path) -> Path:
    """Write drawings as JSON lines and return the file."""
    file.write_text("".join(f"{json.dumps(one)}\n" for one in drawings))
    return file


def _hash(key: str) -> str:
    return hashlib.sha256(str(key).encode()).hexdigest()


def _lines(file: Path) -> list[str]:
    content = file.read_bytes()
    return (lzma.decompress(content) if file.suffix == ".xz" else content).decode().splitlines()
