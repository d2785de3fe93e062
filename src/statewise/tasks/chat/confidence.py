"""How sure a model is of what to reply, and from where on that counts as knowing."""

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from statewise.data.dialogues.dialogue_codec import DialogueCodec
from statewise.data.pairs.subwords import START
from statewise.model import Model, evaluating
from statewise.stream import model_digest
from statewise.tasks.shared.reader_writer import opened
from statewise.tasks.shared.searching import ROWS

_ordinary: "WeakKeyDictionary[Model[Any], tuple[str, list[float]]]" = WeakKeyDictionary()
"Of models, with the digest of their weights: how sure they are where replies were kept for checks."


@torch.no_grad()
def confidences(model: Model[Any], codec: DialogueCodec, read: Sequence[Sequence[int]]) -> list[float]:
    """Return minus the entropy of the odds of how a reply begins, after each thing that is read, in nats.

    0 is sure of the first subword; minus the log of their number is as unsure as can be.
    """
    found = [0.0] * len(read)
    order = sorted(range(len(read)), key=lambda number: len(read[number]))
    device = next(model.parameters()).device
    with evaluating(model):
        for begin in range(0, len(order), ROWS):
            numbers = order[begin : begin + ROWS]
            state = opened(model, [read[number] for number in numbers])
            params, _ = model.step(torch.full((len(numbers),), START, device=device), state)
            odds = model.head.logits(params).float().log_softmax(dim=-1)
            for number, one in zip(numbers, (odds.exp() * odds).sum(dim=-1).tolist(), strict=True):
                found[number] = one
    return found


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
