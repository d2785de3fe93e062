"""Checkpoints are damaged in 10,000 ways; none crashes, runs anything, or is used for what it is not.

    python proofs/mutations.py [--mutations 10000] [--save FILE]

Each mutation (flipped bits, a cut, an insertion, an edited header, swapped tensors or files) is tried twice: as it is,
where its digest betrays it and the checkpoint before must be used; and past the digests, as if someone had computed
them anew, where the learner must refuse in one line and stay as it is, or take what fits it without a crash.
"""

import argparse
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from shakespeare import made_by
from torch import nn

from statewise.cells import LSTM
from statewise.data.window import Window
from statewise.errors import DataError, RunError
from statewise.heads import Categorical
from statewise.learning.checkpoint import load_checkpoint, save_checkpoint
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

HERE = Path(__file__).parent
KINDS = ["flip", "cut", "insert", "header", "tensors", "files"]
EXECUTING = ("exec", "compile", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "pickle.find_class")


def main() -> None:
    """Damage, load, judge and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--save", type=Path, default=HERE / "results" / "mutations.json")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        counts = judged(asked.mutations, Path(folder))
    bad = {name: count for name, count in counts.items() if name.startswith("bad")}
    result = {
        "claim": "no damaged checkpoint crashes, executes anything, or is used for what it is not",
        "holds": not bad,
        "mutations": asked.mutations,
        "outcomes": dict(counts),
        "largest_failure_rate_at_95_percent": None if bad else 1 - 0.05 ** (1 / asked.mutations),
        **made_by(),
    }
    asked.save.write_text(json.dumps(result, indent=1) + "\n")
    print(f"{asked.mutations} mutations: {dict(counts)}")
    sys.exit(1 if bad else 0)


def judged(mutations: int, folder: Path) -> "Counter[str]":
    """Return how often each outcome came."""
    draw, counts, watching = random.Random(0), Counter[str](), False

    def hear(event: str, what: Any) -> None:
        if watching and event.startswith(EXECUTING):
            counts[f"bad: executed {event} {what}"] += 1

    learner = make_learner()
    learner.update()
    older = learner.snapshot()
    learner.update()
    good = learner.snapshot()
    save_checkpoint(folder, 1, older)
    newest = save_checkpoint(folder, 2, good)
    past_digests(learner, good, good)  # so that what is imported late is imported
    sys.addaudithook(hear)
    for _ in range(mutations):
        damaged = mutated(good, draw)
        for name, content in damaged.items():
            if content != good[name]:
                (newest / name).write_bytes(content)
        watching = True
        found = load_checkpoint(folder)
        counts[by_digest(found.files, found.notice, damaged, good, older)] += 1
        counts[past_digests(learner, damaged, good)] += 1
        watching = False
        for name, content in good.items():
            if damaged[name] != content:
                (newest / name).write_bytes(content)
    return counts


def make_learner() -> Learner:
    torch.manual_seed(0)
    windows = [Window(torch.randint(6, (7, 3)), torch.randint(6, (7, 3))) for _ in range(4)]
    return Learner(Model(nn.Embedding(6, 5), LSTM(5, 4), Categorical(4, 6)), windows, Recipe(updates=9))


def by_digest(found: Any, notice: str | None, damaged: Any, good: Any, older: Any) -> str:
    if damaged == good:
        return "changed nothing" if found == good else "bad: refused a good one"
    is_told = notice is not None and "\n" not in notice
    return "refused by its digest" if found == older and is_told else "bad: used though damaged"


def past_digests(learner: Learner, damaged: dict[str, bytes], good: dict[str, bytes]) -> str:
    learner.restore(good)
    try:
        learner.restore(damaged)
    except (RunError, DataError) as error:
        if "\n" in str(error):
            return "bad: more than one line"
        return "past digests: refused" if learner.snapshot() == good else "bad: refused but changed"
    except Exception as error:
        return f"bad: crashed ({type(error).__name__}: {error})"
    return "past digests: fits the model"


def mutated(good: dict[str, bytes], draw: random.Random) -> dict[str, bytes]:
    """Return the files with one of them, or two, damaged."""
    kind, name = draw.choice(KINDS), draw.choice(sorted(good))
    if kind == "files":
        other = draw.choice(sorted(good))
        return {**good, name: good[other], other: good[name]}
    content = bytearray(good[name])
    place = draw.randrange(len(content))
    if kind == "flip":
        for _ in range(draw.choice([1, 1, 2, 8])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif kind == "cut":
        del content[place:]
    elif kind == "insert":
        content[place:place] = draw.randbytes(draw.choice([1, 8, 100]))
    else:
        return {**good, name: edited(bytes(content), draw, swap=kind == "tensors")}
    return {**good, name: bytes(content)}


def edited(content: bytes, draw: random.Random, *, swap: bool) -> bytes:
    """Return a tensor file whose header says something else; of `place.json`, with a number changed."""
    if content[:1] == b"{":
        return content.replace(str(draw.randrange(3)).encode(), draw.choice([b"-1", b"1e999", b'"x"', b"[]", b"7"]), 1)
    length = int.from_bytes(content[:8], "little")
    header, data = json.loads(content[8 : 8 + length]), content[8 + length :]
    names = sorted(header)
    one, other = draw.choice(names), draw.choice(names)
    if swap:
        header[one], header[other] = header[other], header[one]
    else:
        new = {"dtype": draw.choice(["F64", "I64", "Q9"]), "shape": [2**40], "data_offsets": [0, 2**50], "code": "x"}
        part = draw.choice(sorted(new))
        header[one] = {**header[one], part: new[part]}
    written = json.dumps(header).encode()
    claimed = draw.choice([len(written)] * 8 + [2**63, 2**21])
    return claimed.to_bytes(8, "little") + written + data


if __name__ == "__main__":
    main()
