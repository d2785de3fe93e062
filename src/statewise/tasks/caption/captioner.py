"""A trained model at work: pictures in, captions out, the best by a beam, with where it looked for each word."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.pairs.subwords import END, START, UNKNOWN
from statewise.data.pictures.caption_codec import CaptionCodec
from statewise.data.pictures.feature_store import Seen
from statewise.data.pictures.measured import Measured
from statewise.decode import Hypothesis, Limits, SearchRule, search
from statewise.model import Model, evaluating
from statewise.shown import in_line

ROWS = 32
"How many pictures are captioned at once."
MOST_BEAM = 1000
SHARE_DIGITS = 5
CUT = " (cut at the limit)"
NOT_SURE = "not sure"


@dataclass(frozen=True)
class CaptionCandidate:
    """One caption, and how likely it is: the log-probability in nats, and the score that the search went by."""

    text: str
    log_probability: float
    score: float
    is_finished: bool
    codes: tuple[int, ...]

    @property
    def sureness(self) -> float:
        """The geometric mean of the probabilities of its subwords, from 0 to 1."""
        return math.exp(min(0.0, self.log_probability) / (len(self.codes) + 1))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told = {name: getattr(self, name) for name in ("text", "log_probability", "score", "is_finished")}
        return {**told, "sureness": self.sureness}


@dataclass(frozen=True)
class PictureCaptioned:
    """A picture with its captions, the best first; not sure where the best is less likely than was asked for.

    `measured` is what can be measured in the picture, where it is one and not what another program saw; `looked` says
    where it looked for each word of the best caption, where that was asked for.
    """

    name: str
    candidates: Sequence[CaptionCandidate]
    least: float = 0.0
    measured: Measured | None = None
    looked: "LookedAt | None" = None

    @property
    def is_sure(self) -> bool:
        """Whether the best caption is as likely as was asked for."""
        return self.candidates[0].sureness >= self.least

    @property
    def text(self) -> str:
        """The best caption, or that it is not sure, with what can be measured."""
        if self.is_sure:
            return self.candidates[0].text
        return f"{NOT_SURE}: {self.measured}" if self.measured else NOT_SURE

    def __str__(self) -> str:
        if not self.is_sure or len(self.candidates) == 1:
            return in_line(self.text)
        return "\n".join(
            f"{one.score:.3f}\t{in_line(one.text)}{'' if one.is_finished else CUT}" for one in self.candidates
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        measured = {} if self.measured is None else {"measured": self.measured.as_json()}
        captions = [one.as_json() for one in self.candidates]
        looked = {} if self.looked is None else {"looked_at": self.looked.as_json()}
        told = {"picture": self.name, "caption": self.text, "is_sure": self.is_sure, "captions": captions}
        return {**told, **measured, **looked}


class LookedAt(NamedTuple):
    """The words of a caption, and how much of each place was read for each, `[words, rows, columns]`."""

    words: list[str]
    shares: NDArray[np.float64]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"words": self.words, "shares": self.shares.round(SHARE_DIGITS).tolist()}


@dataclass(frozen=True)
class Captioner:
    """A model with its codec and the rule by which it searches."""

    model: Model[Any]
    codec: CaptionCodec
    rule: SearchRule

    def begun(self, seen: Sequence[Seen]) -> Any:
        """Return the state before the first word of captions of what was seen."""
        if self.model.reader is None:
            return self.model.begin(len(seen))
        device = next(self.model.parameters()).device
        return self.model.begin(len(seen), torch.from_numpy(np.stack(seen)).to(device))

    def captions(self, seen: Sequence[Seen]) -> list[list[CaptionCandidate]]:
        """Return the best captions of pictures in their order; each is the same whatever the others are."""
        found: list[list[CaptionCandidate]] = []
        best = self.rule.best if self.rule.best == 1 else self.rule.width
        rule = self.rule._replace(best=best, never=(START, UNKNOWN))
        with evaluating(self.model), torch.no_grad():
            for begin in range(0, len(seen), ROWS):
                some = seen[begin : begin + ROWS]
                limits = [Limits(1, self.codec.longest)] * len(some)
                each = search(self.model, self.begun(some), [START] * len(some), END, limits, rule)
                found += [self._distinct(one) for one in each]
        return found

    def _distinct(self, found: Sequence[Hypothesis]) -> list[CaptionCandidate]:
        """Return the best candidates whose texts differ: one text may be spelled by several codes."""
        kept: dict[str, CaptionCandidate] = {}
        for one in found:
            if len(kept) == self.rule.best:
                break
            text = self.codec.decode(one.codes)
            kept.setdefault(
                text, CaptionCandidate(text, one.log_probability, one.score, one.is_finished, tuple(one.codes))
            )
        return list(kept.values())

    def with_looks(self, seen: Seen, found: PictureCaptioned) -> PictureCaptioned:
        """Return captions with where it looked for each word of the best one."""
        return replace(found, looked=self.looked_at(seen, found.candidates[0].codes))

    def looked_at(self, seen: Seen, codes: Sequence[int]) -> LookedAt | None:
        """Return where it looked for each word of a caption; None for a model that looks at no places."""
        sight, core = self.codec.sight, self.model.core
        if not getattr(core, "shown", 0):
            return None
        shares = []
        with evaluating(self.model), torch.no_grad():
            state = self.begun([seen])
            for read in [START, *codes][: len(codes)]:
                params, state = self.model.step(torch.tensor([read]), state)
                shares.append(params.read[0].double().cpu().numpy())
        words = self.codec.words(codes)
        places = [np.mean([shares[at] for at in own], axis=0).reshape(sight.rows, sight.columns) for _, own in words]
        return LookedAt([word for word, _ in words], np.array(places).reshape(-1, sight.rows, sight.columns))
