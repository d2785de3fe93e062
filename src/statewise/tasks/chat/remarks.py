"""What the scores of a chat mean, in sentences."""

from collections.abc import Sequence

import numpy as np

from statewise.tasks.chat.chatter import Replied
from statewise.tasks.chat.data import ChatData
from statewise.tasks.chat.metrics import Floats, commonest, difference

SHOWN = 5
"So many of the commonest replies are shown."


def remarks_on(found: Floats, replies: Sequence[Replied], data: ChatData) -> list[str]:
    """Return what was counted, how it compares with the best simple method, and how often it is not known."""
    asked, baselines = data.asked, data.baselines()
    many = asked.among.shape[1]
    best = max(baselines, key=lambda name: baselines[name]["hits_at_1"])
    apart, low, high = difference(found, data.found.hits[best], asked.conversations)
    verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these conversations"
    said = commonest([reply.best_text for reply in replies])[:SHOWN]
    listed = "; ".join(f"{text} ({count / len(replies):.1%})" for text, count in said)
    return [
        f"hits@1: how often the true reply scores highest among {many}, the others drawn from other held-out replies "
        f"(chance {1 / many:.1%}); {len(found):,} places in {len(set(asked.conversations.tolist())):,} conversations "
        "that training never saw, 95 % intervals by the bootstrap over conversations. Perplexity is of a subword, its "
        "end of a reply among them. A reply is generic where the same words are said more than once to these places.",
        f"Against the best baseline ({best}): {100 * apart:+.1f} points of hits@1, 95 % interval {100 * low:+.1f} to "
        f"{100 * high:+.1f} by the paired bootstrap: {verdict}.",
        f"Said most often: {listed}.",
        *_on_confidence(found, replies),
    ]


def _on_confidence(found: Floats, replies: Sequence[Replied]) -> list[str]:
    """Say how often the confidence was too low, and how often the true reply was found there and elsewhere."""
    least = replies[0].threshold
    if least is None:
        return []
    unsure = np.array([reply.confidence < least for reply in replies])
    parts = {"where it was sure": found[~unsure], "where it was not": found[unsure]}
    told = ", ".join(f"{part.mean():.1%} {where}" for where, part in parts.items() if len(part))
    return [
        f"Below a confidence of {least:.2f} nats, minus the entropy of how a reply begins, set by conversations kept "
        f"for checks, it says that it does not know: at {unsure.mean():.1%} of these places. hits@1 is {told}."
    ]
