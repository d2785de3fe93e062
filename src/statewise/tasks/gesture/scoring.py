"""How well a network tells gestures apart, how early, how steadily, and how often it sees one where there is none."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.movement.movement_codec import MovementCodec
from statewise.model import Model, evaluating
from statewise.task import Score
from statewise.tasks.gesture.baselines import truth
from statewise.tasks.gesture.data import GestureData
from statewise.tasks.gesture.deciding import Decision, decided, so_far
from statewise.tasks.gesture.events import EventFinder, EventRules, GestureEvent, label_changes
from statewise.tasks.gesture.metrics import GesturesJudged, confusions, f1_interval, macro_f1

ENOUGH = 0.1
"An event is of a gesture that was there where the two share so much of the time that either took."
Floats = NDArray[np.float64]


@dataclass
class GesturesSeen:
    """What was seen in each recording of the scored part."""

    codec: MovementCodec
    judged: GesturesJudged
    people: Sequence[str | None]
    decisions: list[Decision] = field(default_factory=list)
    of_wanted: list[int] = field(default_factory=list)


@dataclass
class _Counts:
    """What is added up over recordings."""

    seconds: float = 0.0
    background_seconds: float = 0.0
    false_events: int = 0
    changes: int = 0
    hit_seconds: float = 0.0
    nats: float = 0.0
    places: int = 0
    shares: list[float] = field(default_factory=list)
    decided_after: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    events: int = 0
    gestures: int = 0
    found: int = 0


def logs_of_all(model: Model[Any], data: GestureData) -> Generator[float, None, dict[int, Floats]]:
    """Read every recording of the scored part; return the log-probabilities `[T, C]` at its steps, by its number."""
    windows: Any = data.windows("held_out")
    order = [windows.places[place][0] for batch in windows.batches.order(0) for place in batch]
    found: dict[int, Floats] = {}
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        for number, given in enumerate(windows, start=1):
            window = given.like(weights)
            logits, _ = model.scan(window, model.begin(window.rows))
            logs = logits.double().log_softmax(dim=-1).cpu().numpy()
            lengths = window.mask.sum(dim=0).tolist()
            for row, length in enumerate(lengths):
                if length:
                    found[order[len(found)]] = logs[:length, row]
            yield number / len(windows)
    return found


def judged_gestures(
    model: Model[Any], data: GestureData, rules: EventRules, sure: float, early: float
) -> Generator[float, None, Score]:
    """Watch every recording of the scored part and return the score.

    Metrics:

    - `nats`: minus the mean log-likelihood of the class, once a recording is read, or at each step; less is better
    - `accuracy_by_second`: the share of the time during which the class that is likeliest so far is the right one;
      more is better
    - `decided`: the share of recordings of which one class became sure
    - `decided_accuracy`: the share of recordings whose class, said as soon as it was sure or else at the end, is
      right; more is better
    - `share_seen`: of a decided recording, the part that was read until then; less is better
    - `seconds_to_decision`: the same in seconds; less is better
    - `label_changes_per_minute`: how often the likeliest class changes; less is better
    - `event_f1`: 2 gestures found / (events said + gestures there); an event finds a gesture of its class where the
      two share a tenth of the time that either took; more is better
    - `event_latency_seconds`: mean time from the beginning of a gesture to the event that found it; less is better
    - `false_events_per_minute`: events said where nothing was made, for each minute of that; less is better
    """
    codec, movement, numbers = data.codec, data.movement, data.numbers("held_out")
    logs = yield from logs_of_all(model, data)
    counts = _Counts()
    said: list[NDArray[np.int64]] = []
    decisions: list[Decision] = []
    for n in map(int, numbers):
        labels = codec.step_labels(movement.labels(n))
        said.append(_watched(codec, logs[n], labels, rules, sure, early, counts, decisions))
    wanted, groups = truth(movement, numbers)
    judged = GesturesJudged(wanted, np.concatenate(said), groups, len(codec.classes))
    metrics = {**judged.metrics(), **_metrics(codec, counts)}
    if codec.whole:
        own = np.array([one.label for one in decisions])
        metrics["decided_accuracy"] = float((own == wanted).mean())
    seen = GesturesSeen(codec, judged, [movement.told[int(n)].person for n in numbers], decisions, wanted.tolist())
    tables = {"By class": judged.by_class(codec.classes), **_by_person(seen, movement, numbers)}
    return Score(metrics, counts.nats / max(1, counts.places), tables, details=seen)


def _watched(
    codec: MovementCodec,
    logs: Floats,
    labels: NDArray[np.int64],
    rules: EventRules,
    sure: float,
    early: float,
    counts: _Counts,
    decisions: list[Decision],
) -> NDArray[np.int64]:
    """Count what is said of one recording; return the class of the whole, or of each step that is known."""
    step, known = codec.seconds_per_step, labels >= 0
    counts.seconds += step * len(logs)
    finder = EventFinder(codec.classes, codec.background, rules)
    events, likeliest = [], []
    for place, chances in enumerate(np.exp(logs)):
        events += finder.push(place * step, chances)
        likeliest.append(int(finder.smoothed.argmax()))
    events += finder.finish()
    counts.changes += label_changes(likeliest)
    _count_events(codec, labels, events, counts)
    if codec.whole:
        chances = so_far(logs, codec.typical, early)
        wanted = int(labels[known][0])
        counts.nats, counts.places = counts.nats - float(np.log(chances[-1, wanted] + 1e-12)), counts.places + 1
        one = decided(chances, sure)
        decisions.append(one)
        if one.is_sure:
            counts.shares.append(one.steps / len(logs))
            counts.decided_after.append(one.steps * step)
        counts.hit_seconds += step * float((chances.argmax(axis=1) == wanted).sum())
        return np.array([int(chances[-1].argmax())])
    rows = np.flatnonzero(known)
    counts.nats, counts.places = counts.nats - float(logs[rows, labels[rows]].sum()), counts.places + len(rows)
    return np.asarray(logs[rows].argmax(axis=1), np.int64)


def stretches_of(labels: NDArray[np.int64], background: int | None) -> list[tuple[int, int, int]]:
    """Return the stretches of gestures: class, first step, and the step after the last.

    >>> stretches_of(np.array([0, 1, 1, 0, 2]), 0)
    [(1, 1, 3), (2, 4, 5)]
    """
    edges = [0, *(np.flatnonzero(labels[1:] != labels[:-1]) + 1).tolist(), len(labels)]
    found = [(int(labels[a]), a, b) for a, b in pairwise(edges) if a < b]
    return [one for one in found if one[0] not in (background, -1)]


def _count_events(
    codec: MovementCodec, labels: NDArray[np.int64], events: Sequence[GestureEvent], counts: _Counts
) -> None:
    """Count which gestures were found, how late, and which events were of none: each gesture takes one event."""
    step = codec.seconds_per_step
    if codec.background is not None:
        counts.background_seconds += step * int((labels == codec.background).sum())
    left = list(events)
    gestures = stretches_of(labels, codec.background)
    counts.events, counts.gestures = counts.events + len(events), counts.gestures + len(gestures)
    for label, first, last in gestures:
        start, end = first * step, last * step
        own = [e for e in left if codec.number_of(e.label) == label and _overlap(e, start, end) >= ENOUGH]
        if own:
            left.remove(own[0])
            counts.found += 1
            counts.latencies.append(max(0.0, own[0].known - start))
    inside = [e for e in left if codec.background is not None and _is_background(e, labels, codec, step)]
    counts.false_events += len(inside)


def _overlap(event: GestureEvent, start: float, end: float) -> float:
    both = min(event.end, end) - max(event.start, start)
    return both / max(1e-9, max(event.end, end) - min(event.start, start))


def _is_background(event: GestureEvent, labels: NDArray[np.int64], codec: MovementCodec, step: float) -> bool:
    first = min(len(labels) - 1, round(event.start / step))
    own = labels[first : max(first + 1, round(event.end / step))]
    return bool((own == codec.background).mean() > 0.5)


def _metrics(codec: MovementCodec, counts: _Counts) -> dict[str, float]:
    minutes = max(1e-9, counts.seconds / 60)
    metrics = {"nats": counts.nats / max(1, counts.places), "label_changes_per_minute": counts.changes / minutes}
    if codec.whole:
        metrics["accuracy_by_second"] = counts.hit_seconds / max(1e-9, counts.seconds)
        metrics["decided"] = len(counts.shares) / max(1, counts.places)
        if counts.shares:
            metrics["share_seen"] = float(np.mean(counts.shares))
            metrics["seconds_to_decision"] = float(np.mean(counts.decided_after))
    else:
        metrics["event_f1"] = 2 * counts.found / max(1, counts.events + counts.gestures)
        metrics["event_latency_seconds"] = float(np.mean(counts.latencies)) if counts.latencies else 0.0
    if codec.background is not None and counts.background_seconds:
        metrics["false_events_per_minute"] = 60 * counts.false_events / counts.background_seconds
    return metrics


def _by_person(seen: GesturesSeen, movement: Any, numbers: Any) -> dict[str, dict[str, dict[str, float]]]:
    """Return a table of people that are scored, none of whom was learned from, where they are known."""
    people = sorted({name for name in seen.people if name is not None})
    if not people or not seen.codec.whole:
        return {}
    table, judged = {}, seen.judged
    for name in people:
        own = np.array([person == name for person in seen.people])
        own_table = confusions(judged.wanted[own], judged.said[own], judged.classes)
        right = float(np.trace(own_table) / max(1, own_table.sum()))
        table[name] = {"macro_f1": macro_f1(own_table), "accuracy": right, "recordings": float(own.sum())}
    return {"By person": table}


def said_of(score: Score, data: GestureData) -> list[str]:
    """Return what the numbers mean, whether the best simple method is beaten, and what is confused most."""
    seen: GesturesSeen = score.details
    judged, names = seen.judged, seen.codec.classes
    place = "recordings" if seen.codec.whole else "steps"
    name, best = max(data.by_method.items(), key=lambda item: macro_f1(item[1].table))
    low, high = f1_interval(judged, best)
    surely = "more than luck" if low > 0 or high < 0 else "which may be luck"
    surely = "level with it" if low == high == 0 else surely
    by_person = len({one for one in seen.people if one is not None}) > 1
    told = [
        f"Of {len(judged.wanted):,} {place} of {len(names)} classes; intervals are of 95 %, "
        f"{'people' if by_person else 'recordings'} drawn again.",
        f"Against the best simple method, {name}: macro F1 {macro_f1(judged.table) - macro_f1(best.table):+.3f} (95 % "
        f"interval {low:+.3f} to {high:+.3f}), {surely}.",
    ]
    if len(set(seen.people) - {None}) == 1:
        told.append("Caution: one person was held out, so the interval says nothing of other people.")
    trained = data.training_movement.facts.get("training_people", [])
    if len(trained) == 1 or not trained:
        made = "one person made" if len(trained) == 1 else "it is not known which people made"
        told.append(f"Caution: {made} the recordings that it learned from; of other people this says nothing.")
    elif not seen.people or seen.people[0] is None or set(seen.people) & set(trained):
        told.append("Caution: the same people are in both parts; give --person to hold whole people out.")
    wrong = judged.table.copy()
    np.fill_diagonal(wrong, 0)
    pairs = [(int(wrong[a, b]), names[a], names[b]) for a, b in zip(*np.nonzero(wrong), strict=True)]
    if pairs:
        few = ", ".join(f"{a} for {b} ({count:,})" for count, a, b in sorted(pairs, reverse=True)[:3])
        told.append(f"Taken wrongly most often: {few}.")
    return told
