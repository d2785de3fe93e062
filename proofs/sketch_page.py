"""The tables of the page on drawing that are of people's drawings, made from what the proofs wrote down."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "tutorials" / "sketch.md"
RESULTS = {name: ROOT / "proofs" / "results" / f"{name}.json" for name in ("sketch_people", "sketch_completion")}
PLACE = re.compile(r"(<!-- proved: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
PEOPLE = {
    "omniglot": "Characters of 50 alphabets (Omniglot, as sketch-rnn publishes it)",
    "things": "Things (QuickDraw), of the 50 classes with most drawings",
    "letters": "Letters of five alphabets (Omniglot), by drawers that were not learned",
}
GOAL = 0.85
WAYS = {
    "real": "the real one",
    "none": "none",
    "network": "**the network's**, not told the class",
    "network_guessing_the_class": "**the network's**, guessing the class",
    "glued": "the nearest learned drawing's",
    "network_told_the_class": "**the network's**, told the class",
    "glued_of_the_class": "that of the nearest learned drawing of the class",
}


def people(found: Mapping[str, Any], completion: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table for each collection: what a point costs, by the network and by simple methods."""
    for name, title in PEOPLE.items():
        rows: dict[str, Mapping[str, float]] = {}
        data = None
        for part, words in ((name, "this model"), (f"{name}_latent", "with {latent} latent numbers")):
            if "metrics" in found.get(part, {}):
                rows[words.format(**found[part])] = found[part]["metrics"]
                data, baselines = found[part]["data"], found[part]["baselines"]
        if "metrics" in completion.get(name, {}):
            rows["told the class"] = completion[name]["metrics"]
            rows["the same, not told it"] = completion[name]["metrics_not_told_the_class"]
            data, baselines = completion[name]["data"], completion[name]["baselines"]
        if data is None:
            continue
        lines = [f"| {way} | {score['nats_per_point']:.3f} |" for way, score in {**rows, **baselines}.items()]
        again = found.get(f"{name}_latent", {}).get("drawn_again")
        yield (
            f"**{title}**: {data['training_drawings']:,} drawings learned, {data['held_out_drawings']:,} scored.\n\n"
            + "\n".join(["|  | nats a point |", "|---|---:|", *lines])
            + (f"\n\n{_again(again)}" if again else "")
        )


def _again(told: Mapping[str, Any]) -> str:
    most = f"{told['most_like_itself']:.1%} are more like the one that was read than like any other".replace("%", " %")
    return (
        f"Of {told['drawings']} drawings that were drawn again from their latent numbers {most} of these:\n"
        f"{told['like_itself']:.2f} of the ink lies where that of the drawing that was read lies, "
        f"{told['like_another']:.2f} where that of another does."
    )


def completion(found: Mapping[str, Any]) -> Iterator[str]:
    """Yield a table for each collection: how often a judge names drawings right, by how they were ended."""
    for name in ("letters", "things"):
        if "ways" not in found.get(name, {}):
            continue
        told = found[name]
        lines = [_way(WAYS[way], row) for way, row in told["ways"].items()]
        yield (
            f"**{PEOPLE[name]}**: {told['drawings']} drawings of {told['classes']} classes.\n\n"
            "| ending | named right | 95 % interval | like the nearest learned drawing |\n|---|---:|---|---:|\n"
            + "\n".join(lines)
        )
        yield "\n".join(f"- {_claim(words, told['claims'][key])}" for key, words in CLAIMS.items())


CLAIMS = {
    "told_the_class": "Told the class",
    "guessing_the_class": "Guessing the class",
    "not_told_the_class": "Not told the class",
}


def _way(title: str, row: Mapping[str, Any]) -> str:
    low, high = row["interval"]
    like = f"{row['like_the_nearest']:.2f}" if "like_the_nearest" in row else ""
    return re.sub(r"(\d)%", r"\1 %", f"| {title} | {row['named_right']:.1%} | {low:.1%} to {high:.1%} | {like} |")


def _claim(words: str, claim: Mapping[str, Any]) -> str:
    low, high = claim["share_interval"]
    often = f"{claim['share_of_real']:.1%} as often as real ones (95 % interval {low:.1%} to {high:.1%})"
    above = f"{_above(claim['above_glued'])} those of the nearest drawing"
    if "above_glued_of_the_class" in claim:
        above += f" and {_above(claim['above_glued_of_the_class'])} those of the nearest of the class"
    verdict = "The goal, 85 % and above the nearest drawing's, is " + ("reached" if claim["holds"] else "not reached")
    verdict += ", though the interval goes below it." if claim["holds"] and low < GOAL else "."
    said = f"{words}, the network's endings are named right {often}, {above}. {verdict}"
    return re.sub(r"(\d)%", r"\1 %", said)


def _above(told: Mapping[str, Any]) -> str:
    low, high = told["interval"]
    side = "above" if told["mean"] >= 0 else "below"
    return f"{abs(100 * told['mean']):.1f} points {side} ({100 * low:+.1f} to {100 * high:+.1f})"


def written(page: str, results: Mapping[str, Any]) -> str:
    """Return the page with its tables made again."""
    blocks = {
        "sketch_people": people(results["sketch_people"], results["sketch_completion"]),
        "sketch_completion": completion(results["sketch_completion"]),
    }
    told = {name: "\n\n".join(found) + "\n" for name, found in blocks.items()}
    return PLACE.sub(lambda found: f"{found[1]}{told[found[2]]}{found[3]}", page)


def kept() -> dict[str, Any]:
    """Return what the proofs wrote down."""
    return {name: json.loads(file.read_text()) if file.exists() else {} for name, file in RESULTS.items()}
