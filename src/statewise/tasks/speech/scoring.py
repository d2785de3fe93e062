"""How well a model hears: what it makes of the held-out utterances, next to what was said."""

from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import torch

from statewise.model import Model, evaluating
from statewise.task import Score
from statewise.tasks.speech.data import SpeechData
from statewise.tasks.speech.decoding import Listening
from statewise.tasks.speech.metrics import Counted, counted, interval

SHOWN_ERRORS = 5


class HeardAll(NamedTuple):
    """What was said and heard in each utterance, and the errors by utterance."""

    said: Sequence[str]
    heard: Sequence[str]
    errors: Counted


def judged(model: Model[Any], data: SpeechData, how: Listening) -> Generator[float, None, Score]:
    """Hear every utterance of the scored part, yielding how much is done, and return the score.

    Metrics:

    - `blank_share`: the share of steps at which no label is likeliest
    """
    windows: Any = data.windows("held_out")
    order = [int(windows.numbers[place]) for batch in windows.batches.order(0) for place in batch]
    heard: list[str] = []
    nats = labels = blanks = steps = 0.0
    with evaluating(model), torch.no_grad():
        weights = next(model.parameters())
        for number, given in enumerate(windows, start=1):
            window = given.like(weights)
            logits, _ = model.scan(window, model.begin(window.rows))
            loss = model.head.loss(logits, window.targets, window.mask)
            nats, labels = nats + float(loss.nats), labels + float(loss.places)
            chances = logits.double().log_softmax(dim=-1)
            mask = window.mask
            assert mask is not None
            blanks += float(((chances.argmax(dim=-1) == 0) & mask).sum())
            steps += float(mask.sum())
            for row, length in enumerate(mask.sum(dim=0).tolist()):
                if length:
                    heard.append(how.heard(chances[:length, row].cpu().numpy()).text)
            yield number / len(windows)
    said = [data.speech.told[n].text for n in order]
    errors = counted(said, heard)
    in_order = Counted(errors.errors[sorted(range(len(order)), key=order.__getitem__)])
    metrics = {
        **errors.as_metrics(),
        "nats_per_label": nats / max(1.0, labels),
        "blank_share": blanks / max(1.0, steps),
    }
    return Score(metrics, metrics["cer"], details=HeardAll(said, heard, in_order))


def said_of(score: Score, data: SpeechData) -> list[str]:
    """Return what the error rates mean, whether a simple method is beaten, and some of what was heard wrongly."""
    found: HeardAll = score.details
    low, high = interval(found.errors)
    words = int(found.errors.errors[:, 1].sum())
    told = [
        f"Of {len(found.said):,} utterances with {words:,} words: word errors {100 * found.errors.wer:.2f} % (95 % "
        f"interval {100 * low:.2f} to {100 * high:.2f}, utterances drawn again), counted over all together (jiwer)."
    ]
    name, best = min(data.by_utterance.items(), key=lambda item: item[1].wer)
    low, high = interval(found.errors, best)
    surely = "more than luck" if high < 0 or low > 0 else "which may be luck"
    told.append(
        f"Against the best simple method, {name}: {100 * (found.errors.wer - best.wer):+.2f} % of words wrong (95 % "
        f"interval {100 * low:+.2f} to {100 * high:+.2f}), {surely}."
    )
    wrong = [(said, heard) for said, heard in zip(found.said, found.heard, strict=True) if said != heard]
    if wrong:
        few = "; ".join(f"'{said}' as '{heard}'" for said, heard in wrong[:SHOWN_ERRORS])
        told.append(f"Heard wrongly, among others: {few}.")
    return told
