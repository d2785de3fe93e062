"""Write the tables of the pages that tell how fast statewise is, from the results that `make bench` left.

    python benchmarks/write_tables.py [--check]

A page says `<!-- figures: NAME -->` where the figures of a name begin and `<!-- end -->` behind them; what is between
is written again. With --check nothing is written, and exit code 1 says that a page differs from the results.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from statewise_lab.benchmarking.result_table import number

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = (ROOT / "docs" / "ideas" / "how-fast.md", ROOT / "README.md")
PLACE = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
OURS = "statewise"
QUESTIONS = ("training", "inference", "lengths", "streaming", "sessions", "long_sequences")
NARROW = ("bfloat16", "int8")
NARROW_PEER = "ONNX Runtime int8"

Row = Mapping[str, Any]
Lines = list[list[str]]


def result(question: str) -> dict[str, Any]:
    """Return the kept result of a question."""
    found: dict[str, Any] = json.loads((RESULTS / f"{question}.json").read_text())
    return found


def named(row: Row, *names: str) -> list[str]:
    """Return what a row is about, in the order of some names."""
    return [str(row["case"][name]) for name in names]


def ratio(row: Row, way: str = OURS) -> float:
    """Return how many times our seconds the best peer needs."""
    return float(row["ratio_to"][way][row["best_peer"][way]])


def against(row: Row, scale: float, way: str = OURS) -> list[str]:
    """Return our time, the best peer with its time, and the ratio, as a table shows them."""
    peer = row["best_peer"][way]
    ours, theirs = (number(row["median_seconds"][name] * scale) for name in (way, peer))
    return [ours, f"{peer} {theirs}", times(ratio(row, way))]


def times(value: float) -> str:
    """Return a ratio, set in italics where it is below one: there the peer wins."""
    return f"{value:.2f}" if value >= 1 else f"*{value:.2f}*"


def compared(question: str, names: Sequence[str], scale: float, unit: str) -> Lines:
    """Return the table of a question with one way of ours."""
    heads = [*names, f"statewise, {unit}", "best peer", "x", "of floor"]
    rows = result(question)["rows"]
    return [heads, *([*named(row, *names), *against(row, scale), f"{row['of_floor'][OURS]:.2f}"] for row in rows)]


def roofline() -> Lines:
    """Return what the machine can do."""
    return [["what", "at best"], *([row["case"]["what"], f"{row['at best']:.0f} {row['unit']}"] for row in _roof())]


def _roof() -> list[Row]:
    return list(result("roofline")["rows"])


def training() -> Lines:
    """Return forward and backward passes."""
    return compared("training", ("cell", "T", "B", "H", "layers"), 1e3, "ms")


def inference() -> Lines:
    """Return passes over a sequence without gradients, and what a peer takes with smaller weights."""
    lines = compared("inference", ("cell", "T", "B", "H", "layers"), 1e3, "ms")
    lines[0].append(f"{NARROW_PEER}, ms")
    for line, row in zip(lines[1:], result("inference")["rows"], strict=True):
        seconds = row["median_seconds"].get(NARROW_PEER)
        line.append("-" if seconds is None else number(seconds * 1e3))
    return lines


def lengths() -> Lines:
    """Return passes over rows of different lengths."""
    return compared("lengths", ("cell", "T", "B", "H", "layers", "mean length"), 1e3, "ms")


def long_sequences() -> Lines:
    """Return passes over very long sequences, and the memory of each."""
    lines = compared("long_sequences", ("T", "gradient"), 1e3, "ms")
    lines[0] += ["MB, statewise", "MB, torch"]
    for line, row in zip(lines[1:], result("long_sequences")["rows"], strict=True):
        line += [f"{row[f'MB, {way}']:,.0f}" if f"MB, {way}" in row else "-" for way in (OURS, "torch")]
    return lines


def cells() -> Lines:
    """Return what variants cost compared with their plain cell, and step by step."""
    heads = ["cell", "T", "B", "H", "layers", "statewise, ms", "x plain cell", "faster than step by step"]
    lines = [heads]
    for row in result("cells")["rows"]:
        seconds = row["median_seconds"]
        faster = row["ratio_to"][OURS]["step by step"]
        shown = [number(seconds[OURS] * 1e3), f"{row['x plain']:.2f}", f"{faster:.1f}"]
        lines.append([*named(row, "cell", "T", "B", "H", "layers"), *shown])
    return lines


def streaming() -> Lines:
    """Return single symbols, with each storage of weights."""
    heads = ["cell", "H", "layers", "MB", "float32, us", "best peer", "x", "of reading"]
    lines = [[*heads, "bfloat16, us", "x", "int8, us", "best peer", "x"]]
    for row in result("streaming")["rows"]:
        line = [*named(row, "cell", "H", "layers", "MB"), *against(row, 1e6), f"{row['of_floor'][OURS]:.2f}"]
        half, quarter = (against(row, 1e6, f"{OURS} {storage}") for storage in NARROW)
        lines.append([*line, half[0], half[2], *quarter])
    return lines


def sessions() -> Lines:
    """Return one step of many sessions."""
    heads = ["sessions", "statewise, ms", "best peer", "x", "of floor", "x torch", "x one by one"]
    lines = [heads]
    for row in result("sessions")["rows"]:
        seconds = row["median_seconds"]
        one_by_one = seconds["statewise, one by one"] / seconds[OURS]
        shown = [f"{row['of_floor'][OURS]:.2f}", times(row["ratio_to"][OURS]["torch"]), f"{one_by_one:.1f}"]
        lines.append([*named(row, "sessions"), *against(row, 1e3), *shown])
    return lines


def push() -> Lines:
    """Return what one push into a stream costs from Python."""
    lines = [["cell", "H", "layers", "push, us", "beyond its step, us"]]
    for row in result("streaming")["rows"]:
        lines.append([*named(row, "cell", "H", "layers"), *(number(row[n]) for n in ("push", "push beyond its step"))])
    return lines


def text_training() -> Lines:
    """Return whole updates on text."""
    lines = [["width x layers", "statewise, characters/s", "plain PyTorch", "x", "overhead of the loop"]]
    for row in result("text_training")["rows"]:
        speeds = [f"{row[f'{which}_characters_per_second']:,.0f}" for which in ("ours", "plain")]
        shown = [times(row["ratio"]), f"{row['overhead']:.1%}"]
        lines.append([f"{row['width']} x {row['layers']}", *speeds, *shown])
    return lines


def accuracy() -> Lines:
    """Return what smaller weights cost on a trained model."""
    lines = [["weights", "bits per character", "lost"]]
    found = result("accuracy")["bits_per_character"]
    for storage, bits in found.items():
        lines.append([storage, f"{bits:.4f}", f"{bits / found['float32'] - 1:.3%}"])
    return lines


def wins() -> str:
    """Return every case in which a peer is faster, in words."""
    found = []
    for question in QUESTIONS:
        for row in result(question)["rows"]:
            ways = [OURS, *(f"{OURS} {storage}" for storage in NARROW if f"{OURS} {storage}" in row["best_peer"])]
            for way in ways:
                if ratio(row, way) < 1:
                    case = ", ".join(f"{name} {value}" for name, value in row["case"].items() if name != "MB")
                    peer = row["best_peer"][way]
                    found.append(f"- {question}, {case}: {peer} needs {ratio(row, way):.2f} times what {way} needs.")
    return "\n".join(found or ["- In no case that was measured."]) + "\n"


def short() -> Lines:
    """Return the short table of the first page."""
    lines = [["", "best peer", "x"]]
    for question, what, wanted in SHORT:
        for row in result(question)["rows"]:
            if all(row["case"].get(name) == value for name, value in wanted.items()):
                way = f"{OURS} int8" if what.endswith("int8") else OURS
                lines.append([what, row["best_peer"][way], times(ratio(row, way))])
    return lines


SHORT: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    ("training", "train an LSTM, 2 layers of 256", {"cell": "lstm", "H": 256}),
    ("training", "train an LSTM, 2 layers of 512", {"cell": "lstm", "H": 512}),
    ("training", "train a GRU, 2 layers of 512", {"cell": "gru", "H": 512}),
    ("lengths", "train an LSTM on rows of different lengths", {"cell": "lstm"}),
    ("streaming", "draw a symbol, LSTM of 128", {"cell": "lstm", "H": 128}),
    ("streaming", "draw a symbol, LSTM of 2 x 256", {"cell": "lstm", "H": 256}),
    ("streaming", "draw a symbol, LSTM of 2 x 512, int8", {"cell": "lstm", "H": 512, "layers": 2}),
    ("sessions", "step 1,024 sessions, LSTM of 2 x 256", {"sessions": 1024}),
)


def made() -> str:
    """Return where and with what all of it was measured."""
    kept = [result(question) for question in ("roofline", *QUESTIONS, "cells")]
    machine, versions, peers = kept[0]["machine"], kept[0]["versions"], {}
    for one in kept:
        peers |= {name: found for name, found in one["peers"].items() if isinstance(found, dict)}
    names = {"jax": "JAX", "keras": "Keras", "onnxruntime": "ONNX Runtime"}
    others = [f"{names[family]} {found[family]}" for family, found in sorted(peers.items())]
    caches = ", ".join(f"{level} {size // 1024:,} KiB" for level, size in machine["caches_bytes"].items())
    rounds = sorted({one["rounds"] for one in kept})
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['vectors']}, {caches}; statewise on PyTorch "
        f"{versions['torch']}, beside {', '.join(others)}; medians of {' or '.join(map(str, rounds))} rounds.\n"
    )


def aligned(lines: Lines) -> str:
    """Return lines as a table in Markdown: the first is its head, numbers on the right."""
    right = ["---:" if any(cell[:1].strip("*").isdigit() for cell in column) else "---" for column in zip(*lines[1:])]
    return "".join(f"| {' | '.join(line)} |\n" for line in [lines[0], right, *lines[1:]])


FIGURES: Mapping[str, Callable[[], Lines | str]] = {
    maker.__name__: maker
    for maker in (
        *(roofline, training, inference, lengths, long_sequences, cells, streaming, push),
        *(sessions, text_training, accuracy, wins, short, made),
    )
}


def filled(text: str) -> str:
    """Return a page with its figures written again."""

    def rewritten(found: re.Match[str]) -> str:
        figures = FIGURES[found[2]]()
        return f"{found[1]}\n{figures if isinstance(figures, str) else aligned(figures)}\n{found[3]}"

    return PLACE.sub(rewritten, text)


def outdated() -> Iterator[Path]:
    """Yield the pages that do not say what the results say."""
    for page in PAGES:
        if filled(page.read_text()) != page.read_text():
            yield page


def main() -> None:
    """Write the pages, or only check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    if parser.parse_args().check:
        differing = [str(page.relative_to(ROOT)) for page in outdated()]
        print("\n".join(differing), end="\n" if differing else "")
        sys.exit(1 if differing else 0)
    for page in PAGES:
        page.write_text(filled(page.read_text()))


if __name__ == "__main__":
    main()
