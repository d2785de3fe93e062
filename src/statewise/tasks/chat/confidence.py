"""How sure a model is of what to reply, and from where on that counts as knowing."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from statewise.data.dialogues.dialogue_codec import NOT_SAID, DialogueCodec
from statewise.decode import Limits, SearchRule
from statewise.model import Model
from statewise.stream import model_digest
from statewise.tasks.shared.searching import search_all

LIKELIEST = SearchRule(1, 1, 1.0, NOT_SAID)
_ordinary: "WeakKeyDictionary[Model[Any], tuple[str, list[float]]]" = WeakKeyDictionary()
"Of models, with the digest of their weights: how sure they are where replies were kept for checks."


def confidences(model: Model[Any], codec: DialogueCodec, read: Sequence[Sequence[int]]) -> list[float]:
    """Return the mean log-probability of a subword of the likeliest reply to what is read, in nats."""
    limits = [Limits(1, codec.longest)] * len(read)
    return [one.score for (one, *_) in search_all(model, read, limits, LIKELIEST)]


def threshold(model: Model[Any], codec: DialogueCodec, share: float) -> float | None:
    """Return the confidence below which so large a share of the replies kept for checks lie; None for no share.

    It is found of the weights as they are.
    """
    if not share or not codec.checks:
        return None
    digest = model_digest(model)
    known = _ordinary.get(model)
    if known is None or known[0] != digest:
        known = digest, confidences(model, codec, [codec.encode_turns(turns) for turns in codec.checks])
        _ordinary[model] = known
    return float(np.quantile(known[1], share))
