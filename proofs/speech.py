"""Spoken words are heard: digits of people, one of them left out, strings of digits, sentences, spelled letters.

    python proofs/speech.py --digits RECORDINGS [--grid FOLDER] [--an4 FOLDER] [takes] [streaming] [strings] [person]
                            [grid] [an4]

The recordings are not part of the project: the paths are yours. `--digits` are those of the Free Spoken Digit
Dataset, a folder or zip of DIGIT_SPEAKER_TAKE: `takes` trains recipes/digits.yaml and keeps a tenth of the takes of
all people from it; `streaming` does so with a network that reads one way, so that it can hear as one speaks; `strings`
joins takes in training, and hears strings of 3 to 7 digits laid together from the others, composed, not spoken so;
`person` keeps one person from training, each in turn. `--grid` has `manifest.json`, a list of {"id", "text"}, and
sounds of one voice of the GRID corpus; a tenth of its sentences is heard openly, and then among all that the places of
its sentences can be filled with. `--an4` has a list of {"id", "text", "speaker"} and an `.npz` of MFCC by id; a
seventh of the people is kept from training. Results go to results/speech.json. Leaves with exit code 1 where a goal is
not reached.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from outcomes import prove_parts

import statewise
from statewise.run.config import build, read_yaml
from statewise.tasks.speech.metrics import counted, interval
from statewise.tasks.speech.task import Speech

RECIPE = Path(__file__).parents[1] / "recipes" / "digits.yaml"
STRINGS, SHORTEST, LONGEST = 200, 3, 7
PARTS_OF = {
    "takes": "digits",
    "streaming": "digits",
    "strings": "digits",
    "person": "digits",
    "grid": "grid",
    "an4": "an4",
}
PERSON: dict[str, Any] = {"updates": 3000, "speed": 0.15, "gain": 1.0, "masks": 2, "dropout": 0.4}
AN4: dict[str, Any] = {
    "held_out": 10 / 74,
    "hidden_size": 160,
    "stack": 4,
    "subsample": 3,
    "updates": 4000,
    "two_way": True,
}
GRID: dict[str, Any] = {
    "split": "utterance",
    "hidden_size": 160,
    "updates": 4000,
    "cell": "gru",
    "batch_size": 16,
    "two_way": True,
}


def takes(source: Path, **settings: Any) -> dict[str, Any]:
    """Hear takes that were not learned, of people that were."""
    with tempfile.TemporaryDirectory() as folder:
        told = _told(statewise.train(_digits(source, **settings), run=Path(folder, "run")).report)
    return {"claim": "at most 1 % of digits wrong", "holds": told["metrics"]["wer"] <= 0.01, **told}


def strings(source: Path) -> dict[str, Any]:
    """Hear strings of takes that were not learned, of people that were."""
    task = _digits(source, join=4)
    with tempfile.TemporaryDirectory() as folder:
        run = statewise.train(task, run=Path(folder, "run"))
        found = _strings(run.load(), task.prepare(Path(folder, ".data")))
    return {"claim": "at most 2 % of digits wrong in strings of 3 to 7", "holds": found["wer"] <= 0.02, **found}


def _digits(source: Path, **settings: Any) -> Speech:
    return build(Speech, {**read_yaml(RECIPE), "source": str(source), **settings})


def _strings(trained: Any, data: Any) -> dict[str, Any]:
    """Lay held-out takes of one person together, by their frames, and count what is wrong in what is heard."""
    from statewise.tasks.speech.answers import chances_of
    from statewise.tasks.speech.decoding import Listening

    speech, draw = data.speech, np.random.default_rng(0)
    by_voice: dict[str, list[int]] = {}
    for number in speech.numbers("held_out"):
        by_voice.setdefault(speech.told[number].speaker, []).append(int(number))
    voices, how, said, heard = sorted(by_voice), Listening.of(data.codec, 8), [], []
    for count in range(STRINGS):
        own = by_voice[voices[count % len(voices)]]
        chosen = [own[n] for n in draw.integers(0, len(own), int(draw.integers(SHORTEST, LONGEST + 1)))]
        pieces = [_without_silence(speech, number) for number in chosen[:-1]] + [speech.frames(chosen[-1])]
        steps = data.codec.stacking.steps(np.concatenate(pieces))
        heard.append(how.heard(chances_of(trained.model, steps)).text)
        said.append(" ".join(speech.told[number].text for number in chosen))
    errors = counted(said, heard)
    print(f"strings of digits: {100 * errors.wer:.2f} % of words wrong, {interval(errors)}")
    return {**errors.as_metrics(), "interval": interval(errors), "strings": STRINGS, "composed": True}


def _without_silence(speech: Any, number: int) -> Any:
    return speech.frames(number)[: round(speech.told[number].seconds * speech.codec.frames_per_second)]


def person(source: Path) -> dict[str, Any]:
    """Hear each person by a network that never heard them."""
    task = _digits(source, split="speaker", **PERSON)
    with tempfile.TemporaryDirectory() as folder:
        told = task.prepare(Path(folder)).speech.told
        found = {}
        for name in sorted({one.speaker for one in told if one.speaker}):
            report = statewise.train(replace(task, held_out_speakers=(name,)), run=Path(folder, name)).report
            found[name] = _told(report)
            print(f"without {name}: {100 * report.metrics['wer']:.2f} % of digits wrong")
    mean = sum(one["metrics"]["wer"] for one in found.values()) / len(found)
    return {
        "claim": "at most 5 % of digits wrong, the mean over people left out",
        "holds": mean <= 0.05,
        "wer": mean,
        **found,
    }


def grid(source: Path) -> dict[str, Any]:
    """Hear sentences of a small grammar, openly and within it."""
    task = Speech(source=str(source), threads=1, **GRID)
    with tempfile.TemporaryDirectory() as folder:
        run = statewise.train(task, run=Path(folder, "run"))
        texts = task.prepare(Path(folder, ".data")).texts("training")
        places = [sorted({text.split()[place] for text in texts}) for place in range(len(texts[0].split()))]
        grammar = Path(folder, "grammar.txt")
        grammar.write_text("\n".join(" ".join(words) for words in product(*places)))
        closed = statewise.evaluate(run.path, grammar=str(grammar))
    told = {**_told(run.report), "within_grammar": dict(closed.metrics)}
    holds = told["metrics"]["wer"] <= 0.03 and closed.metrics["wer"] <= 0.01
    return {"claim": "at most 3 % of words wrong, and 1 % within the grammar", "holds": holds, **told}


def an4(source: Path) -> dict[str, Any]:
    """Hear people that were not trained on, with a language model of the training texts."""
    task = Speech(source=str(source), threads=1, **AN4)
    with tempfile.TemporaryDirectory() as folder:
        run = statewise.train(task, run=Path(folder, "run"))
        texts = task.prepare(Path(folder, ".data")).texts("training")
        book = Path(folder, "said.txt")
        book.write_text("".join(f"{text}\n" for text in texts))
        language = statewise.Text(source=str(book), hidden_size=128, epochs=20, threads=1, orders=3)
        statewise.train(language, run=Path(folder, "language"))
        guided = statewise.evaluate(run.path, language=str(Path(folder, "language")))
    told = {**_told(run.report), "with_language_model": dict(guided.metrics)}
    return {
        "claim": "at most 12 % of words wrong with a language model",
        "holds": guided.metrics["wer"] <= 0.12,
        **told,
    }


def _told(report: Any) -> dict[str, Any]:
    print(report.shown())
    return {name: report.as_json()[name] for name in ("data", "metrics", "baselines", "training", "remarks")}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in ("digits", "grid", "an4"):
        parser.add_argument(f"--{kind}", type=Path, help=f"where the recordings of {kind} are")
    parser.add_argument("parts", nargs="*", metavar="part", help=", ".join(PARTS_OF))
    given = parser.parse_args()
    ways: dict[str, Callable[[Path], dict[str, Any]]] = {
        "takes": takes,
        "streaming": partial(takes, two_way=False, normalize="running", prior_frames=15),
        "strings": strings,
        "person": person,
        "grid": grid,
        "an4": an4,
    }
    there = {part: partial(ways[part], path) for part, kind in PARTS_OF.items() if (path := getattr(given, kind))}
    missing = [part for part in given.parts if part not in there]
    if missing or not there:
        parser.error(f"no recordings were given for {missing[0] if missing else 'any part'}: give their path")
    sys.argv[1:] = given.parts or list(there)
    prove_parts(__doc__, "speech", there)
