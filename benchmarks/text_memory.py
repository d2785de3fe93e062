"""How much memory does training on a large text take, and how soon does it start?

    python benchmarks/text_memory.py [--megabytes 1000] [--seconds 120]

Writes a text of that size, trains on it in this process, and prints the peak of resident memory: after importing what
training imports, when training starts, at the first update, and at the end.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path

WORDS = "the of and to in a is that was he for it with as his on be at by had not are but from or have an they which"


def write_text(path: Path, megabytes: int) -> None:
    """Write lines of random words, of several alphabets and lengths, until the file is large enough."""
    dice, words = random.Random(0), [*WORDS.split(), "naïve", "Ελλάς", "мир", "日本", "🙂"]
    block = "\n".join(" ".join(dice.choices(words, k=12)) for _ in range(20_000)) + "\n"
    data = block.encode()
    with path.open("wb") as file:
        for number in range(megabytes * 10**6 // len(data) + 1):
            file.write(f"chapter {number}\n".encode() + data)


def peak_megabytes() -> float:
    """Return the largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=120)
    given = parser.parse_args()

    import lightning_fabric  # noqa: F401  # part of the baseline: training imports it

    import statewise
    from statewise import verbs  # noqa: F401
    from statewise.learning.events import Finished, Started, Updated
    from statewise.tasks.shared.kneser_ney import KneserNey  # noqa: F401

    imported = peak_megabytes()
    marks: dict[str, float] = {"imported_megabytes": round(imported, 1)}
    with tempfile.TemporaryDirectory() as folder:
        book = Path(folder, "book.txt")
        write_text(book, given.megabytes)
        marks["text_megabytes"] = round(book.stat().st_size / 1e6)
        began = time.monotonic()
        task = statewise.Text(
            source=str(book), hidden_size=128, minutes=given.seconds / 60, scored=100_000, sample_seconds=0
        )
        for event in statewise.training(task, run=Path(folder, "run")):
            if isinstance(event, Started):
                marks["started_after_seconds"] = round(time.monotonic() - began, 1)
                marks["started_beyond_import_megabytes"] = round(peak_megabytes() - imported, 1)
            elif isinstance(event, Updated):
                name = "first_update" if event.update == 1 else "half_way" if event.fraction < 0.5 else "last_update"
                marks[f"{name}_beyond_import_megabytes"] = round(peak_megabytes() - imported, 1)
            elif isinstance(event, Finished):
                marks["scored_beyond_import_megabytes"] = round(peak_megabytes() - imported, 1)
    print(json.dumps(marks))


if __name__ == "__main__":
    main()
