"""`statewise demo`: two minutes from noise to something like English, and what to type next."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from statewise import registry
from statewise.cli.train import train
from statewise.errors import DataError, MissingExtra

if TYPE_CHECKING:
    from statewise.task import Task

SMALL = {
    "hidden_size": 192,
    "embedding": 48,
    "batch_size": 32,
    "sequence_length": 50,
    "learning_rate": 0.006,
    "sample_seconds": 10.0,
}
PROMPTS = {"shakespeare": "ROMEO:\n", "python": "def "}


def show_demo(minutes: float, run: Path | None) -> None:
    """Train on the plays, or on Python's own sources where there is no network, and write a little."""
    corpus = _corpus()
    task = cast("type[Task]", registry.find("tasks", "text"))
    train(
        task,
        {**SMALL, "source": corpus, "minutes": minutes},
        run=run,
        config=None,
        json=False,
        quiet=False,
        says_next=False,
    )
    where = run or _newest(corpus)
    from statewise.verbs import load

    prompt = PROMPTS[corpus]
    print(f"\nIt goes on from {prompt!r}, a character at a time:\n\n{prompt}", end="")
    for piece in load(where).predict(prompt, length=400, temperature=0.7, seed=1):
        print(piece, end="", flush=True)
    print(f"\n\nThe run lies in {where}. What next:")
    print(f'  statewise predict {where} "To be" --temperature 0.7')
    print(f"  statewise evaluate {where} --dynamic")
    print("  statewise train text YOUR-BOOK.txt --minutes 10")


def _corpus() -> str:
    from statewise.data.corpora import corpus

    try:
        corpus("shakespeare").files()
    except (DataError, MissingExtra) as error:
        print(f"{error}\nInstead of the plays it learns the Python standard library's sources.", file=sys.stderr)
        return "python"
    return "shakespeare"


def _newest(corpus: str) -> Path:
    from statewise.run.directory import DEFAULT_FOLDER

    runs = DEFAULT_FOLDER.glob(f"text-{corpus}-*")
    return max(runs, key=lambda path: int(path.name.rpartition("-")[2]))
