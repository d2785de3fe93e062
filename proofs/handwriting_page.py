"""The tables of the page on handwriting, made from what the proof wrote down."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "tutorials" / "handwriting.md"
PLACE = re.compile(r"(<!-- proved: handwriting -->\n).*?(<!-- end -->)", re.DOTALL)
TITLES = {
    "synthetic": "Synthetic writers, made of single-stroke fonts: no person wrote these",
    "drawers": "Words composed of letters that people drew, one drawer at a time",
}
READ_HEAD = "| ink | letters read wrong | 95 % interval | words there | sentences with every word |"


def tables(results: Mapping[str, Any]) -> str:
    """Return what the proof found as Markdown."""
    parts = [part for part in TITLES if "metrics" in results.get(part, {})]
    return "\n\n".join(block for part in parts for block in _blocks(part, results[part])) + "\n"


def written(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with its tables made again."""
    return PLACE.sub(lambda found: f"{found[1]}{tables(results)}{found[2]}", page)


def _blocks(part: str, found: Mapping[str, Any]) -> Iterator[str]:
    data, ends, styles = found["data"], found["ends"], found["styles"]
    yield (
        f"**{TITLES[part]}.** Trained on {data['training_lines']:,} lines of {data['training_writers']} writers,\n"
        f"{found['training']['updates']:,} updates in {found['training']['seconds'] / 60:.0f} minutes; scored on "
        f"{data['held_out_lines']:,} lines of {data['held_out_writers']} others."
    )
    scores = {"this model": found["metrics"], **found["baselines"]}
    rows = [f"| {name} | {score['nats_per_point']:.3f} |" for name, score in scores.items()]
    yield "\n".join(["|  | nats a point |", "|---|---:|", *rows])
    yield found["remarks"][-1]
    inks = {"real, of the writers that were learned": found["real_ink"]}
    inks |= {f"written at bias {bias}": row for bias, row in found["written_ink"].items()}
    yield "\n".join([READ_HEAD, "|---|---:|---|---:|---:|", *(_ink(name, row) for name, row in inks.items())])
    yield (
        f"Of {ends['texts']} lines at bias 0.5 the window ended {ends['ended_by_the_window']}; after the last letter "
        f"of {ends['nothing_after']} the reader reads nothing more."
    )
    share, half, chance = (f"{100 * styles[key]:.0f}" for key in ("taken_for_their_hand", "half_interval", "chance"))
    if part == "synthetic":
        yield "![Synthetic writing: the same words at four biases](../pictures/handwriting_synthetic.svg)"
    yield (
        f"In the styles of {styles['hands']} hands that the network never saw, from one line of each, {share} % of "
        f"{styles['texts']} texts are taken\nfor the right hand (give or take {half} %, 95 %); "
        f"by chance {chance} % would be."
    )


def _ink(name: str, row: Mapping[str, Any]) -> str:
    low, high = (f"{100 * value:.1f}" for value in row["interval"])
    whole = f"{row['sentences_with_every_word']} of {row['sentences']}" if "sentences" in row else ""
    wrong, there = (f"{100 * row[key]:.1f} %" for key in ("letters_wrong", "words_there"))
    return f"| {name} | {wrong} | {low} to {high} % | {there} | {whole} |"
