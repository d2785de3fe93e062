"""Captions of pictures never seen are better than those of the nearest picture, and of a network that does not look.

    python proofs/caption.py [SET ...] [--coco FOLDER] [--seeds 0] [--updates 1500] [--runs FOLDER]

SET is one of stamps, clip-art, emoji, composed and coco; without any all are proved, coco where its FOLDER is given.
Stamps of Tux Paint are split so that no caption is on both sides. Emoji are learned as one hand draws them and scored
as another does. Composed scenes are two stamps on a background with a generated sentence, scored on pairs of things
that were never together. The photographs are learned alone, and from the weights of the stamps. Every figure is of one
network for each seed, next to the nearest picture, the commonest caption and a network without the picture; results
go to results/caption.json, each when it is done. Leaves with exit code 1 where the nearest picture is not beaten
beyond doubt.
"""

import argparse
import json
import random
import re
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from outcomes import RESULTS, made_by

import statewise
from statewise.data.pictures.picture_corpora import STAMPS
from statewise.decode import SearchRule
from statewise.tasks.caption.answers import captioned_paths
from statewise.tasks.caption.captioner import Captioner, PictureCaptioned
from statewise.tasks.caption.seeing import Eyes
from statewise.tasks.caption.task import Caption

SETS = ("stamps", "emoji", "coco", "composed", "clip-art")
SETTINGS: dict[str, Any] = {"threads": 1, "embedding": 192, "hidden_size": 192, "dropout": 0.4, "learning_rate": 0.004}
SETTINGS |= {"sample_seconds": 0}
SIDE, SCENES, HELD_OUT_PAIRS = 224, 700, 0.2
RELATIONS = ("to the left of", "to the right of", "above", "below")
THING = re.compile(r"(?:A|An) ([a-z]+(?: [a-z]+)?)\.?")
THINGS = 14
SKIES = ((200, 225, 250), (245, 235, 215), (205, 235, 200), (235, 235, 235))


def trained(name: str, folder: Path, begin_from: Path | None = None, **how: Any) -> tuple[Path, dict[str, Any]]:
    """Train a network, and return its run with what it scores."""
    began, where = time.monotonic(), folder / name.replace(" ", "-")
    run = statewise.train(Caption(**{**SETTINGS, **how}), run=where, begin_from=begin_from, quiet=True)
    return where, told(run.report, time.monotonic() - began)


def told(report: Any, seconds: float) -> dict[str, Any]:
    verdict = next(words for words in report.remarks if words.startswith("Against the best baseline"))
    facts = {key: report.data[key] for key in ("training", "held_out", "split", "held_out_captions_trained")}
    return {
        "seconds": round(seconds, 1),
        "metrics": report.metrics,
        "baselines": report.baselines,
        "against_the_best_baseline": verdict,
        "is_better": verdict.endswith(": better."),
        "data": facts,
    }


def composed(folder: Path, seed: int) -> list[dict[str, str]]:
    """Write scenes of two things and a list of them; return those of pairs that are held out."""
    from PIL import Image

    dice, things = random.Random(seed), {}
    for path, caption in STAMPS.shown([package.fetch() for package in STAMPS.packages]):
        if (found := THING.fullmatch(caption)) and found[1] not in things and path.stat().st_size > 4000:
            things[found[1]] = path
    names = sorted(dice.sample(sorted(things), THINGS))
    pairs = [(one, other) for at, one in enumerate(names) for other in names[at + 1 :]]
    kept = set(dice.sample(pairs, round(HELD_OUT_PAIRS * len(pairs))))
    cut = {name: Image.open(things[name]).convert("RGBA") for name in names}
    rows = []
    folder.mkdir()
    for number in range(SCENES):
        pair = dice.choice(pairs)
        one, other = dice.sample(pair, 2)
        relation = dice.choice(RELATIONS)
        image = Image.new("RGB", (SIDE, SIDE), dice.choice(SKIES))
        for thing, is_first in ((one, True), (other, False)):
            before = is_first == (relation in ("to the left of", "above"))
            size = dice.randint(80, 105)
            seen = cut[thing].copy()
            seen.thumbnail((size, size))
            along, across = (4 if before else 116) + dice.randint(0, 6), dice.randint(4, SIDE - 110)
            place = (along, across) if "to the" in relation else (across, along)
            image.paste(seen, place, seen)
        image.save(folder / f"{number:04d}.png")
        split = "test" if pair in kept else "train"
        rows.append({"image": f"{number:04d}.png", "caption": f"a {one} {relation} a {other}", "split": split})
    lines = ["image,caption,split", *(",".join(row.values()) for row in rows)]
    (folder / "list.csv").write_text("\n".join(lines) + "\n")
    return [row for row in rows if row["split"] == "test"]


OPPOSITE = dict(zip(RELATIONS, ("to the right of", "to the left of", "below", "above"), strict=True))


def scenes_right(run: Path, folder: Path, rows: list[dict[str, str]]) -> dict[str, Any]:
    """Say of how many scenes both things, and both with the relation, are named; either may be named first."""
    used = statewise.load(run)
    captioner = Captioner(used.model, used.codec, SearchRule(5))
    paths = [folder / row["image"] for row in rows]
    said = [
        one.candidates[0].text if isinstance(one, PictureCaptioned) else ""
        for one in captioned_paths(captioner, paths, Eyes(used.codec.sight.name), 0.0)
    ]
    both = right = 0
    for row, text in zip(rows, said, strict=True):
        wanted, found = parsed(row["caption"]), parsed(text)
        both += found is not None and wanted is not None and {found[0], found[2]} == {wanted[0], wanted[2]}
        right += found is not None and found in (wanted, wanted and (wanted[2], OPPOSITE[wanted[1]], wanted[0]))
    chance = 2 / (THINGS * (THINGS - 1))
    return {
        "scenes": len(rows),
        "both things": both / len(rows),
        "things and relation": right / len(rows),
        "chance of both things": chance,
        "chance of things and relation": chance / len(RELATIONS),
        "said": said[:8],
        "wanted": [row["caption"] for row in rows[:8]],
    }


def parsed(text: str) -> tuple[str, str, str] | None:
    found = re.fullmatch(rf"an? (.+) ({'|'.join(RELATIONS)}) an? (.+)", text)
    return (found[1], found[2], found[3]) if found else None


def proved(name: str, folder: Path, seed: int, updates: int, coco: str | None) -> dict[str, Any]:
    how: dict[str, Any] = {"seed": seed, "updates": updates}
    if name == "stamps":
        _, found = trained(f"stamps-{seed}", folder, source="tuxpaint-stamps", split="caption", held_out=0.2, **how)
        return found
    if name == "clip-art":
        _, found = trained(f"clip-art-{seed}", folder, source="clip-art", split="caption", **how)
        return found
    if name == "emoji":
        run, found = trained(f"emoji-{seed}", folder, source="emoji-google", held_out=0.02, validation=0.02, **how)
        began = time.monotonic()
        report = statewise.evaluate(run, "emoji-twitter", quiet=True)
        return {**told(report, found["seconds"] + time.monotonic() - began), "learned": "emoji-google"}
    if name == "composed":
        rows = composed(folder / f"scenes-{seed}", seed)
        source = folder / f"scenes-{seed}" / "list.csv"
        run, found = trained(f"composed-{seed}", folder, source=str(source), **how)
        return {**found, "right": scenes_right(run, source.parent, rows), "sentences": "generated"}
    began_from = folder / f"stamps-{seed}"
    found = {"alone": trained(f"coco-{seed}", folder, source=coco, held_out=0.3, **{**how, "updates": updates // 2})[1]}
    if began_from.is_dir():
        more = {"source": coco, "held_out": 0.3, "begin_from": began_from, **how, "updates": updates // 2}
        found["from the weights of the stamps"] = trained(f"coco-begun-{seed}", folder, **more)[1]
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", metavar="SET")
    parser.add_argument("--coco", metavar="FOLDER")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--runs", type=Path, help="where to keep the runs, instead of removing them")
    given = parser.parse_args()
    if unknown := set(given.sets) - set(SETS):
        parser.error(f"{', '.join(sorted(unknown))} is not a set: give some of {', '.join(SETS)}")
    torch.set_num_threads(1)
    path = RESULTS / "caption.json"
    results: dict[str, Any] = json.loads(path.read_text())["sets"] if path.is_file() else {}
    with nullcontext(given.runs) if given.runs else tempfile.TemporaryDirectory(prefix="caption-") as made:
        for name in given.sets or [name for name in SETS if name != "coco" or given.coco]:
            for seed in given.seeds:
                results.setdefault(name, {})[str(seed)] = proved(name, Path(made), seed, given.updates, given.coco)
                print(name, seed, json.dumps(results[name][str(seed)], indent=1), file=sys.stderr, flush=True)
                path.write_text(json.dumps({**made_by(), "updates": given.updates, "sets": results}, indent=1) + "\n")
    drawn = [of for name in ("stamps", "clip-art", "emoji", "composed") for of in results.get(name, {}).values()]
    return 0 if drawn and all(of["is_better"] for of in drawn) else 1


if __name__ == "__main__":
    sys.exit(main())
