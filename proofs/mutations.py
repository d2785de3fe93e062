"""Checkpoints are damaged in 10,000 ways; none crashes, runs anything, or is used for what it is not.

    python proofs/mutations.py [--mutations 10000] [--save FILE]

Each mutation (flipped bits, a cut, an insertion, an edited header, swapped tensors or files, an edited manifest) is
tried twice: as it is, where its digest betrays it and the checkpoint before must be used; and with its digests computed
again, as by an attacker, where the learner must refuse in one line and stay as it is, or take exactly what the
files say. An audit hook hears whatever would be executed, imported, or opened elsewhere. Exit code 1 for any other end.
"""

import json
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from outcomes import arguments, conclude, counted
from safetensors.torch import load
from torch import nn

from statewise.cells import LSTM
from statewise.data.window import Window
from statewise.errors import DataError, RunError
from statewise.heads import Categorical
from statewise.learning.checkpoint import MANIFEST, load_checkpoint, save_checkpoint
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

CLAIM = "a damaged checkpoint is refused in one line, runs nothing and changes nothing"
MEANT_CLAIM = "one whose digests were computed anew is refused, or taken for exactly what it says"
GOOD = {"refused", "changed nothing", "taken for what it says"}
KINDS = ["flip", "cut", "insert", "header", "tensors", "files", "manifest"]
EXECUTING = ("exec", "compile", "import", "os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.", "pickle.")
EXECUTING += ("marshal.", "ctypes.", "socket.", "code.__new__", "function.__new__")
Files = dict[str, bytes]


class Hearing:
    """What Python says that it is about to do, while it is listened to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.is_on, self.heard = str(folder), False, list[str]()
        sys.addaudithook(self.hear)

    def hear(self, event: str, what: tuple[Any, ...]) -> None:
        """Note what would run code, or open a file that is not the checkpoint's."""
        if self.is_on and event.startswith(EXECUTING):
            self.heard.append(f"{event} {what}")
        elif self.is_on and event == "open" and type(what[0]) is not int and not str(what[0]).startswith(self.folder):
            self.heard.append(f"{event} {what[0]}")


def main() -> None:
    """Damage, load, judge and write."""
    asked = arguments(__doc__, "mutations", mutations=(10_000, "damaged checkpoints"))
    save = asked.save.resolve()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        results = proved(asked.mutations, Path(folder))
    conclude(results, save)


def proved(mutations: int, folder: Path) -> list[dict[str, Any]]:
    """Return what came of so many damaged checkpoints, as they are and with digests computed again."""
    pairs = list(judged(mutations, folder))
    as_they_are, meant = [first for first, _ in pairs], [second for _, second in pairs if second]
    return [counted(CLAIM, as_they_are, GOOD), counted(MEANT_CLAIM, meant, GOOD)]


def judged(mutations: int, folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what came of each damaged checkpoint as it is, and with its digests computed again."""
    draw, learner = random.Random(0), make_learner()
    older = learner.snapshot()
    learner.update()
    learner.take_score(1.0, 1)
    good = learner.snapshot()
    damaged_folder, meant_folder = folder / "damaged", folder / "meant"
    save_checkpoint(damaged_folder, 1, older)
    newest = save_checkpoint(damaged_folder, 2, good)
    whole = {**good, MANIFEST: (newest / MANIFEST).read_bytes()}
    meant(learner, meant_folder, good, good)  # so that what is imported late is imported
    hearing = Hearing(folder)
    for _ in range(mutations):
        kind, damaged = mutated(whole, draw)
        changed = {name: content for name, content in damaged.items() if content != whole[name]}
        for name, content in changed.items():
            (newest / name).write_bytes(content)
        hearing.is_on = True
        first = by_digest(damaged_folder, bool(changed), good, older)
        second = ""
        if kind != "manifest":
            files = {name: content for name, content in damaged.items() if name != MANIFEST}
            second = meant(learner, meant_folder, files, good)
        hearing.is_on = False
        if hearing.heard:
            first = f"{kind}: executed {hearing.heard}"
            hearing.heard.clear()
        for name in changed:
            (newest / name).write_bytes(whole[name])
        yield told(kind, first), told(kind, second)


def told(kind: str, outcome: str) -> str:
    """Return an outcome, with the kind of damage where it is a bad one."""
    return outcome if not outcome or outcome in GOOD else f"{kind}: {outcome}"


def make_learner() -> Learner:
    """Return a small learner whose checkpoints have every file that there may be."""
    torch.manual_seed(0)
    windows = [Window(torch.randint(6, (7, 3)), torch.randint(6, (7, 3))) for _ in range(4)]
    recipe = Recipe(updates=9, average=0.9, average_from=0, checks=3, keep="best")
    learner = Learner(Model(nn.Embedding(6, 5), LSTM(5, 4), Categorical(4, 6)), windows, recipe)
    learner.update()
    return learner


def by_digest(folder: Path, is_changed: bool, good: Files, older: Files) -> str:
    """Load the newest of the two checkpoints, of which one may be damaged."""
    try:
        found = load_checkpoint(folder)
    except Exception as error:
        return f"crashed ({type(error).__name__}: {error})"
    if not is_changed:
        return "changed nothing" if found.files == good and not found.notice else "refused a good one"
    if found.files == good and found.notice is None:
        return "changed nothing"  # the manifest says the same in other words
    is_told = found.notice is not None and "\n" not in found.notice
    return "refused" if found.files == older and is_told else "used though damaged"


def meant(learner: Learner, folder: Path, damaged: Files, good: Files) -> str:
    """Save damaged files as if they were meant, load them and let a learner go on from them."""
    learner.restore(good)
    save_checkpoint(folder, 1, damaged)
    files = load_checkpoint(folder).files
    if files != damaged:
        return "loaded other bytes"
    try:
        learner.restore(files)
    except (RunError, DataError) as error:
        if "\n" in str(error):
            return "refused in more than one line"
        return "refused" if learner.snapshot() == good else "refused but changed"
    except Exception as error:
        return f"crashed ({type(error).__name__}: {error})"
    return "taken for what it says" if says(learner.snapshot()) == says(damaged) else "silently different"


def says(files: Files) -> dict[str, Any]:
    """Return what files say: tensors by name as type, shape and bytes, and numbers."""
    read = {name: load(content) for name, content in files.items() if name.endswith(".safetensors")}
    tensors = {f"{file}/{name}": bits(tensor) for file, found in read.items() for name, tensor in found.items()}
    return {**tensors, "place": json.loads(files["place.json"])}


def bits(tensor: torch.Tensor) -> tuple[str, tuple[int, ...], bytes]:
    """Return type, shape and bytes of a tensor, in which even one NaN is equal to itself."""
    content = tensor.reshape(-1).view(torch.uint8).numpy().tobytes() if tensor.numel() else b""
    return str(tensor.dtype), tuple(tensor.shape), content


def mutated(whole: Files, draw: random.Random) -> tuple[str, Files]:
    """Return the files with one of them, or two, damaged, and how."""
    kind, name = draw.choice(KINDS), draw.choice(sorted(set(whole) - {MANIFEST}))
    if kind == "manifest":
        return kind, {**whole, MANIFEST: in_manifest(whole[MANIFEST], draw)}
    if kind == "files":
        other = draw.choice(sorted(set(whole) - {MANIFEST}))
        return kind, {**whole, name: whole[other], other: whole[name]}
    if kind in ("header", "tensors"):
        return kind, {**whole, name: edited(whole[name], draw, swap=kind == "tensors")}
    return kind, {**whole, name: damaged(whole[name], kind, draw)}


def damaged(content: bytes, kind: str, draw: random.Random) -> bytes:
    """Return a file with bits flipped, cut short, or with something put in."""
    changed, place = bytearray(content), draw.randrange(len(content))
    if kind == "flip":
        for _ in range(draw.choice([1, 1, 2, 8])):
            changed[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del changed[place:]
    else:
        changed[place:place] = draw.randbytes(draw.choice([1, 8, 100]))
    return bytes(changed)


def in_manifest(content: bytes, draw: random.Random) -> bytes:
    """Return a manifest that is damaged or says something else."""
    kind = draw.choice(["flip", "cut", "insert", "edit"])
    if kind != "edit":
        return damaged(content, kind, draw)
    entries = json.loads(content)
    name = draw.choice(sorted(entries))
    new: dict[str, Any] = {"size": draw.choice([0, -1, 2**70, "3", None]), "sha256": "0" * 64, "code": "print()"}
    part = draw.choice(sorted(new))
    entries[name][part] = new[part]
    if draw.random() < 0.3:
        entries[draw.choice(["../../etc/passwd", "/dev/zero", "other", ""])] = entries.pop(name)
    return json.dumps(entries).encode()


def edited(content: bytes, draw: random.Random, *, swap: bool) -> bytes:
    """Return a tensor file whose header says something else; of `place.json`, with a number changed."""
    if content[:1] == b"{":
        new = draw.choice([b"-1", b"1e999", b'"x"', b"[]", b"7", b"null", b"true", b"NaN", b'1, "code": 1', b"9" * 400])
        places = [place for place in range(len(content)) if content[place : place + 1].isdigit()]
        place = draw.choice(places)
        return content[:place] + new + content[place + 1 :]
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    names = sorted(header)
    one, other = draw.choice(names), draw.choice(names)
    if swap:
        header[one], header[other] = header[other], header[one]
    else:
        new_part = {"dtype": draw.choice(["F64", "I64", "Q9"]), "shape": [2**40], "code": "x"}
        new_part["data_offsets"] = [0, 2**50]
        part = draw.choice(sorted(new_part))
        header[one] = {**header[one], part: new_part[part]}
    written = json.dumps(header).encode()
    claimed = draw.choice([len(written)] * 8 + [2**63, 2**21])
    return claimed.to_bytes(8, "little") + written + data


if __name__ == "__main__":
    main()
