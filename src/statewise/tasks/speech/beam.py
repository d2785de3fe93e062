"""From chances at each step to texts: the likeliest path, or a prefix beam search that other knowledge may guide."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, final

import numpy as np
from numpy.typing import NDArray

Chances = NDArray[np.float64]
NEVER = -math.inf
UNLIKELY = 12.0
"Labels so many nats less likely than the likeliest of a step are not looked at."


class Scorer(Protocol):
    """Other knowledge of what is said, which a search adds up along each text: a language model, a grammar, hot words.

    Its state after some labels is a value, so that each text of a beam has its own.
    """

    def begin(self) -> Any:
        """Return the state before the first label."""

    def extend(self, state: Any, label: int) -> tuple[float, Any] | None:
        """Return what one more label is worth in nats, and the state after it; None where it may not come."""

    def end(self, state: Any) -> float | None:
        """Return what it is worth that the text ends here; None where it may not: so the last word is scored, too."""


class Heard(NamedTuple):
    """A text that may have been said: its labels, at which step each came, how likely each was there at its best.

    `nats` is the log-probability of the labels given the sound, `worth` that and what scorers add.
    """

    labels: tuple[int, ...]
    steps: tuple[int, ...]
    peaks: tuple[float, ...]
    nats: float
    worth: float


NOTHING = Heard((), (), (), 0.0, 0.0)


class LabelSearch(Protocol):
    """Reads the chances of one step after another."""

    def push(self, chances: Chances) -> None:
        """Read the log-probabilities `[V]` of the next step."""

    def best(self) -> Heard:
        """Return the likeliest text so far."""

    def finish(self) -> list[Heard]:
        """Return the texts that may end here, the likeliest first; none where no text may."""


@final
class Greedy:
    """Follows the likeliest label of each step.

    >>> greedy = Greedy()
    >>> for label in (2, 2, 0, 2, 1):
    ...     greedy.push(np.log(np.eye(3) * 0.7 + 0.1)[label])
    >>> greedy.best().labels, greedy.best().steps
    ((2, 2, 1), (0, 3, 4))
    """

    def __init__(self, blank: int = 0) -> None:
        self.blank, self._last, self._step, self._nats = blank, blank, 0, 0.0
        self._labels: list[int] = []
        self._steps: list[int] = []
        self._peaks: list[float] = []

    def push(self, chances: Chances) -> None:
        """Read the log-probabilities of the next step."""
        label = int(chances.argmax())
        chance = float(chances[label])
        self._nats += chance
        if label not in (self.blank, self._last):
            self._labels.append(label)
            self._steps.append(self._step)
            self._peaks.append(chance)
        elif label != self.blank:
            self._peaks[-1] = max(self._peaks[-1], chance)
        self._last, self._step = label, self._step + 1

    def best(self) -> Heard:
        """Return the text of the path so far."""
        peaks = tuple(math.exp(peak) for peak in self._peaks)
        return Heard(tuple(self._labels), tuple(self._steps), peaks, self._nats, self._nats)

    def finish(self) -> list[Heard]:
        """Return the one text of the path."""
        return [self.best()]


@dataclass
class _Prefix:
    """All paths so far that spell the same labels: those that end in a blank, and those that end in the last label."""

    steps: tuple[int, ...]
    peaks: tuple[float, ...]
    states: tuple[Any, ...]
    added: float
    in_blank: float = NEVER
    in_label: float = NEVER
    strongest: float = field(default=NEVER)

    @property
    def nats(self) -> float:
        """The log-probability of the labels."""
        return _sum(self.in_blank, self.in_label)

    @property
    def worth(self) -> float:
        """What the search goes by."""
        return self.nats + self.added


def _sum(one: float, other: float) -> float:
    """Return the logarithm of the sum of two numbers whose logarithms are given."""
    high, low = (one, other) if one >= other else (other, one)
    return high if low == NEVER else high + math.log1p(math.exp(low - high))


@final
class PrefixBeam:
    """Keeps the `width` likeliest texts, each with the sum over all paths that spell it, and what scorers add to it.

    Source: Graves & Jaitly 2014; Hannun et al. 2014. `scorers` speak once for each label of a text, and at its end.

    >>> beam = PrefixBeam(4)
    >>> for chances in np.log([[0.4, 0.6], [0.4, 0.6]]):
    ...     beam.push(chances)
    >>> [(heard.labels, round(math.exp(heard.nats), 2)) for heard in beam.finish()]
    [((1,), 0.84), ((), 0.16)]
    """

    def __init__(self, width: int = 8, scorers: Sequence[Scorer] = (), blank: int = 0) -> None:
        self.width, self.scorers, self.blank = width, tuple(scorers), blank
        states = tuple(scorer.begin() for scorer in self.scorers)
        self._prefixes: dict[tuple[int, ...], _Prefix] = {(): _Prefix((), (), states, 0.0, in_blank=0.0)}
        self._step = 0

    def push(self, chances: Chances) -> None:
        """Read the log-probabilities of the next step."""
        following: dict[tuple[int, ...], _Prefix] = {}
        heard = [int(n) for n in np.flatnonzero(chances > chances.max() - UNLIKELY) if n != self.blank]
        blank = float(chances[self.blank])
        for labels, prefix in self._prefixes.items():
            kept = following.get(labels)
            if kept is None or kept.strongest < prefix.nats:
                kept = self._kept(prefix, kept)
                following[labels] = kept
            kept.in_blank = _sum(kept.in_blank, prefix.nats + blank)
            if labels:
                last = float(chances[labels[-1]])
                kept.in_label = _sum(kept.in_label, prefix.in_label + last)
                if math.exp(last) > kept.peaks[-1]:
                    kept.peaks = (*kept.peaks[:-1], math.exp(last))
            for label in heard:
                before = prefix.in_blank if labels and label == labels[-1] else prefix.nats
                self._extend(following, labels, prefix, label, before, float(chances[label]))
        ranked = sorted(following.items(), key=lambda item: -item[1].worth)
        self._prefixes = dict(ranked[: self.width])
        self._step += 1

    @staticmethod
    def _kept(prefix: _Prefix, found: _Prefix | None) -> _Prefix:
        """Return a prefix that goes on as it is, with the sums that were found for it by now."""
        kept = _Prefix(prefix.steps, prefix.peaks, prefix.states, prefix.added, strongest=prefix.nats)
        if found is not None:
            kept.in_blank, kept.in_label = found.in_blank, found.in_label
        return kept

    def _extend(
        self,
        following: dict[tuple[int, ...], _Prefix],
        labels: tuple[int, ...],
        prefix: _Prefix,
        label: int,
        before: float,
        chance: float,
    ) -> None:
        if before == NEVER:
            return
        longer, nats = (*labels, label), before + chance
        found = following.get(longer)
        if found is None:
            known = self._prefixes.get(longer)
            scored = (known.added, known.states) if known else self._scored(prefix, label)
            if scored is None:
                return
            peaks, steps = (*prefix.peaks, math.exp(chance)), (*prefix.steps, self._step)
            found = _Prefix(steps, peaks, scored[1], scored[0], strongest=nats)
            following[longer] = found
        elif found.strongest < nats:  # most of it comes from here, so here it was said
            found.steps, found.peaks = (*prefix.steps, self._step), (*prefix.peaks, math.exp(chance))
            found.strongest = nats
        found.in_label = _sum(found.in_label, nats)

    def _scored(self, prefix: _Prefix, label: int) -> tuple[float, tuple[Any, ...]] | None:
        added, states = prefix.added, []
        for scorer, state in zip(self.scorers, prefix.states, strict=True):
            said = scorer.extend(state, label)
            if said is None:
                return None
            added += said[0]
            states.append(said[1])
        return added, tuple(states)

    def best(self) -> Heard:
        """Return the likeliest text so far."""
        return next(self._texts(is_end=False), NOTHING)

    def finish(self) -> list[Heard]:
        """Return the texts that may end here, the likeliest first."""
        return sorted(self._texts(is_end=True), key=lambda heard: -heard.worth)

    def _texts(self, *, is_end: bool) -> Iterator[Heard]:
        for labels, prefix in self._prefixes.items():
            worth: float | None = prefix.worth
            for scorer, state in zip(self.scorers, prefix.states, strict=True) if is_end else ():
                ended = scorer.end(state)
                worth = None if ended is None or worth is None else worth + ended
            if worth is not None:
                yield Heard(labels, prefix.steps, prefix.peaks, prefix.nats, worth)


def decoded(decoder: LabelSearch, chances: Chances) -> list[Heard]:
    """Return the texts of a whole sound, given log-probabilities `[T, V]`, the likeliest first."""
    for step in chances:
        decoder.push(step)
    return decoder.finish()
