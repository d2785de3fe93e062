"""How far back Elman networks, LSTMs and GRUs remember on Shakespeare's plays, compared with the lecture notes.

    python proofs/memory.py [--runs DIR]      trains in DIR what is not finished there already

Each kind is trained from five seeds, on the same data for as many updates; a fourth kind is an Elman network of twice
the width. Each network is probed at places of its own in plays that none of them saw, so that an interval over the
five is over seeds and probes. Writes results/memory.json and docs/pictures/memory.png and prints the table; what each
network gave lies in DIR/measured.json as soon as it is known. Leaves with exit code 1 where the LSTMs or the GRUs do
not reach beyond the Elman networks, without an overlap of the intervals.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from outcomes import made_by

import statewise
from statewise.insight import measure_memory
from statewise.insight.intervals import Interval, over_trainings
from statewise.insight.memory import Memory
from statewise.insight.memory_pictures import LIGHT, MARKERS, STYLES, Theme, dress_moved, dress_reach, sheet
from statewise.insight.memory_summary import aligned
from statewise.insight.probes import windows_from
from statewise.task import Data

HERE = Path(__file__).parent
PICTURE = HERE.parent / "docs" / "pictures" / "memory.png"
FOLDER = Path("runs/proof-memory")
KINDS: dict[str, dict[str, Any]] = {
    "elman": {"cell": "elman", "hidden_size": 128},
    "lstm": {"cell": "lstm", "hidden_size": 128},
    "gru": {"cell": "gru", "hidden_size": 128},
    "elman-256": {"cell": "elman", "hidden_size": 256},
}
WORDS = {"elman": "Elman", "lstm": "LSTM", "gru": "GRU", "elman-256": "Elman, 256 units"}
SEEDS = range(5)
SETTINGS: dict[str, Any] = {
    "source": "shakespeare",
    "updates": 3000,
    "orders": 1,
    "sample_seconds": 0,
    "threads": 1,
}
LAGS, ROWS, STRETCHES = 100, 256, 3
"Each network is probed at the ends of so many stretches of so many rows, behind one that leads in."
TUTORIAL = "statewise inspect runs/lstm --memory --probes 1000 --compare runs/elman"
"What docs/tutorials/memory.md shows the output of."
NOTES = (8, 10)
"How many steps the lecture notes say that a simple network reaches back."
BEFORE = "before training"
MEASURES = {"memory horizon": "horizon", "used context": "context"}


def main() -> None:
    """Train if need be, then measure, judge, write and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=Path, default=FOLDER)
    folder: Path = parser.parse_args().runs
    torch.set_num_threads(SETTINGS["threads"])
    found: dict[str, list[dict[str, Any]]] = {}
    memories: dict[str, list[Memory]] = {}
    for kind, memory, network in networks(folder):
        found.setdefault(kind, []).append(network)
        memories.setdefault(kind, []).append(memory)
        (folder / "measured.json").write_text(json.dumps(found, indent=1) + "\n")
        print(f"{kind}, seed {network['seed']}: {memory.horizon.words()}, uses {memory.context.words()}", flush=True)
    printed = statewise.inspect_memory(folder / "lstm", lags=LAGS, probes=1000, compare=[folder / "elman"]).words()
    kinds = {kind: over(of) for kind, of in found.items()}
    claims = {"holds": held(kinds), "agrees": agreed(kinds)}
    settings = {"shared": SETTINGS, "kinds": KINDS, "seeds": len(SEEDS), "lags": LAGS, "probes": ROWS * STRETCHES}
    tutorial = {"command": TUTORIAL, "printed": printed.splitlines()}
    result = {**claims, "settings": settings, "kinds": kinds, "networks": found, "tutorial": tutorial, **made_by()}
    (HERE / "results" / "memory.json").write_text(json.dumps(result, indent=1) + "\n")
    picture({kind: memories[kind] for kind in ("elman", "lstm", "gru")}, LIGHT).savefig(PICTURE, dpi=120)
    print(table(kinds))
    for claim in claims.values():
        print("\n".join(f"{words}: {'yes' if is_true else 'no'}" for words, is_true in claim.items()))
    sys.exit(0 if all(claims["holds"].values()) else 1)


def networks(folder: Path) -> Iterator[tuple[str, Memory, dict[str, Any]]]:
    """Train and measure every kind from every seed, and the Elman networks before training too."""
    for seed in SEEDS:
        for kind, own in KINDS.items():
            run = folder / (kind if seed == 0 else f"{kind}-{seed}")
            trained = bring(run, {**own, "seed": seed})
            data = trained.task.prepare(folder / ".data")
            memory = measured(trained.model, data, run.name, seed)
            bits = statewise.inspect(run)["best"]["bits_per_character"]
            yield kind, memory, {**figures(memory, seed), "bits_per_character": bits}
            if kind == "elman":
                torch.manual_seed(seed)
                untrained = measured(trained.task.model(trained.codec), data, BEFORE, seed)
                yield BEFORE, untrained, figures(untrained, seed)


def bring(run: Path, own: dict[str, Any]) -> Any:
    """Train a run, or go on with it, unless it is finished; return what was trained."""
    if not run.exists():
        statewise.train(statewise.Text(**own, **SETTINGS), run=run)
    elif not statewise.inspect(run)["finished"]:
        statewise.resume(run)
    return statewise.load(run)


def measured(model: Any, data: Data, name: str, seed: int) -> Memory:
    """Measure a network at the places of its seed: stretches of the held-out plays that no other seed is probed at."""
    windows, leading = windows_from(data, LAGS, ROWS * STRETCHES * len(SEEDS), ROWS)
    own = windows[seed * STRETCHES : (seed + 1) * STRETCHES + leading]
    return measure_memory(model, own, lags=LAGS, probes=ROWS * STRETCHES, leading=leading, name=name, seed=seed)


def figures(memory: Memory, seed: int) -> dict[str, Any]:
    """Return what is kept of a network."""
    kept = memory.as_json()
    decay = kept["inputs"]["decay"]
    return {
        "seed": seed,
        "probes": memory.probes,
        "horizon": kept["inputs"]["horizon"],
        "state_horizon": kept["state"]["horizon"],
        "half_life": decay and decay["half_life"],
        "factor": decay and decay["factor"],
        "context": kept["cut"]["context"],
        "lyapunov": kept["lyapunov"][0],
        "recurrent_radii": kept["radii"][""],
        "transition_radii": [one.radius for one in memory.spectra],
        "loss_nats": memory.loss,
    }


def over(networks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what is said of the networks of a kind: means with intervals over the trainings, each probed for itself.

    A half-life is said only where the decay of every one of them is geometric.
    """
    kept: dict[str, Any] = {"trainings": len(networks)}
    for what in ("horizon", "state_horizon", "context"):
        kept[what] = over_trainings([one[what]["steps"]["value"] for one in networks])._asdict()
        kept[f"{what}_is_bound"] = any(one[what]["is_bound"] for one in networks)
    kept["geometric"] = sum(one["factor"] is not None for one in networks)
    for what in ("half_life", "factor"):
        is_geometric = kept["geometric"] == len(networks)
        kept[what] = over_trainings([one[what]["value"] for one in networks])._asdict() if is_geometric else None
    kept["lyapunov"] = over_trainings([one["lyapunov"]["value"] for one in networks])._asdict()
    kept["recurrent_radius"] = over_trainings([max(one["recurrent_radii"]) for one in networks])._asdict()
    for what in ("bits_per_character", "loss_nats"):
        if what in networks[0]:
            kept[what] = over_trainings([one[what] for one in networks])._asdict()
    return kept


def held(kinds: dict[str, Any]) -> dict[str, bool]:
    """Return the claims, and which of them hold of these networks."""
    return {
        f"the {what} of the {WORDS[gated]} networks lies beyond that of {WORDS[elman]}, without overlap": interval(
            kinds[gated][key]
        ).is_beyond(interval(kinds[elman][key]))
        for gated in ("lstm", "gru")
        for elman in ("elman", "elman-256")
        for what, key in MEASURES.items()
    }


def agreed(kinds: dict[str, Any]) -> dict[str, bool]:
    """Return whether what was measured meets what the notes say of simple networks."""
    low, high = NOTES
    found = {}
    for kind in ("elman", "elman-256"):
        for what, key in MEASURES.items():
            steps = interval(kinds[kind][key])
            meets = steps.low <= high and steps.high >= low
            found[f"the {what} of {WORDS[kind]}, {steps.words()}, meets the {low} to {high} steps of the notes"] = meets
    return found


def interval(kept: dict[str, float]) -> Interval:
    """Return an interval as it was before it was kept."""
    return Interval(**kept)


def table(kinds: dict[str, Any]) -> str:
    """Return the figures of each kind side by side."""
    rows = [["", "memory horizon", "used context", "half-life", "bits per character"]]
    for kind, words in WORDS.items():
        kept = kinds[kind]
        half_life = interval(kept["half_life"]).words(2) if kept["half_life"] else "not geometric"
        steps = [interval(kept[key]).words() for key in MEASURES.values()]
        rows.append([words, *steps, half_life, interval(kept["bits_per_character"]).words(3)])
    return aligned(rows)


def picture(memories: dict[str, list[Memory]], theme: Theme) -> Any:
    """Draw every network as a thin line and the mean of its kind as a thick one: gradients, and what is used."""
    with sheet(theme, 2, width=11, height=5.0) as (figure, (left, right)):
        for number, (kind, of) in enumerate(memories.items()):
            look = {"color": theme.colours[number], "linestyle": STYLES[number]}
            shares = np.array([memory.inputs.shares for memory in of])
            steps = over_trainings([memory.horizon.steps.value for memory in of])
            lines(left, range(LAGS + 1), shares, look)
            height = float(np.interp(steps.value, range(LAGS + 1), shares.mean(axis=0)))
            left.plot([steps.value], [height], MARKERS[number], color=theme.colours[number])
            left.plot([], [], label=f"{WORDS[kind]}: 95 % within {steps.words()} steps", **look)
            lags = sorted(set.intersection(*(set(memory.cut.curve.lags) for memory in of)))
            moved = [dict(zip(memory.cut.curve.lags, memory.cut.curve.means, strict=True)) for memory in of]
            lines(right, lags, np.array([[one[lag] for lag in lags] for one in moved]), look)
            used = over_trainings([memory.context.steps.value for memory in of])
            right.plot([], [], label=f"{WORDS[kind]}: uses {used.words()} steps", **look)
        dress_reach(left, theme)
        dress_moved(right, theme, "How far predictions move when the past is cut off", memories["elman"][0])
        right.set_xlabel("steps back that are still read")
        for axes in (left, right):
            axes.legend(loc="upper right", frameon=False, fontsize=9)
    return figure


def lines(axes: Any, lags: Sequence[int], of_networks: Any, look: dict[str, Any]) -> None:
    """Draw the curve of each network thin, and their mean thick."""
    for one in of_networks:
        axes.plot(lags, one, linewidth=0.6, alpha=0.5, **look)
    axes.plot(lags, of_networks.mean(axis=0), linewidth=2, **look)


if __name__ == "__main__":
    main()
