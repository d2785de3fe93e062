"""Simple methods of captions: what is said of the nearest picture, of most pictures, and without any picture."""

import math
import time
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.pairs.subwords import END, START, UNKNOWN
from statewise.data.pictures.prepared_captions import PreparedCaptions
from statewise.decode import Limits, SearchRule, search
from statewise.learning import scoring
from statewise.learning.learner import Learner
from statewise.model import evaluating
from statewise.tasks.caption.metrics import JudgedCaptions, words_of

BLIND_EPOCHS, LEAST_UPDATES, MOST_UPDATES = 6, 200, 1500
"How long a network without a picture is trained, and never longer than the one that sees: it has little to learn."


@dataclass(frozen=True)
class Baseline:
    """What a simple method says of pictures, and how good that is."""

    said: list[str]
    judged: JudgedCaptions
    nats_per_subword: float | None = None
    updates: int | None = None

    @property
    def metrics(self) -> dict[str, float]:
        """All of it by name."""
        nats = {} if self.nats_per_subword is None else {"nats_per_subword": self.nats_per_subword}
        return {**self.judged.metrics, **nats}


class BlindCaption(NamedTuple):
    """What a network says that sees nothing, and what a held-out subword costs it."""

    text: str
    nats_per_subword: float
    updates: int


def nearest_captions(captions: PreparedCaptions, asked: NDArray[np.int64]) -> list[str]:
    """Return for each picture a caption of the training picture that looks most alike.

    Alike is the cosine of the mean of the features of all places. Of several captions the one is said that has most
    words in common with the others.

    Baseline: `caption of the nearest picture`.
    """
    training = captions.numbers("training")
    known, wanted = _means(captions, training), _means(captions, asked)
    nearest = training[(wanted @ known.T).argmax(axis=1)]
    return [most_usual(captions.pictures[int(number)].captions) for number in nearest]


def _means(captions: PreparedCaptions, numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    found = np.stack([captions.seen(int(number)).mean(axis=0) for number in numbers])
    alike: NDArray[np.float32] = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    return alike


def most_usual(captions: tuple[str, ...]) -> str:
    """Return the caption that has most words in common with the others, the first of several.

    >>> most_usual(("a cat", "a black dog runs", "a dog runs"))
    'a dog runs'
    """
    words = [set(words_of(caption)) for caption in captions]
    shares = [
        sum(len(own & other) / max(1, len(own | other)) for at, other in enumerate(words) if at != place)
        for place, own in enumerate(words)
    ]
    return captions[int(np.argmax(shares))]


def commonest_caption(captions: PreparedCaptions) -> str:
    """Return the caption of most training pictures.

    Baseline: `commonest caption`.
    """
    counts = Counter(
        caption for one in captions.pictures if one.part == "training" for caption in dict.fromkeys(one.captions)
    )
    return counts.most_common(1)[0][0]


def blind_caption(data: Any) -> Generator[float, None, BlindCaption]:
    """Train the network without a picture, and return the likeliest caption, which is that of every picture.

    It yields how much is done. `data` are a `CaptionData`. Random numbers of others are not touched.

    Baseline: `blind: the network without the picture`.
    """
    task: Any = replace(
        data.task,
        **dict.fromkeys(("minutes", "epochs")),
        updates=_updates(data),
        look="nothing",
        early_stop=0,
        keep="last",
        checks=0,
        schedule="cosine",
    )
    own = replace(data, task=task, found={})
    state = torch.get_rng_state()
    torch.manual_seed(task.seed)
    learner = Learner(task.model(data.codec), own.windows("training"), task)
    after = torch.get_rng_state()
    torch.set_rng_state(state)
    until = time.monotonic() + 60 * (data.task.minutes or math.inf)
    for update in range(task.updates):
        if update and time.monotonic() > until:
            break
        state = torch.get_rng_state()
        torch.set_rng_state(after)
        learner.update()
        after = torch.get_rng_state()
        torch.set_rng_state(state)
        if update % 10 == 0:
            yield update / task.updates
    model = learner.model
    with evaluating(model):
        rule = SearchRule(width=5, never=(START, UNKNOWN))
        ((best,),) = search(model, model.begin(1), [START], END, [Limits(1, data.codec.longest)], rule)
        *_, (_, loss) = scoring.score(model, own.windows("held_out"))
    return BlindCaption(data.codec.decode(best.codes), float(loss.mean), learner.update_number)


def _updates(data: Any) -> int:
    epoch = len(data.captions.captions("training")) / data.task.batch_size
    asked = data.task.updates or math.ceil(epoch * data.task.epochs if data.task.epochs else MOST_UPDATES)
    return int(min(max(BLIND_EPOCHS * epoch, LEAST_UPDATES), MOST_UPDATES, asked))
