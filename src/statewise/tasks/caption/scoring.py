"""How captions of held-out pictures are judged, and what the numbers mean."""

from collections.abc import Sequence
from typing import Any

from statewise.decode import SearchRule
from statewise.learning import scoring
from statewise.model import Model
from statewise.shown import counted
from statewise.task import Score, Scoring
from statewise.tasks.caption.captioner import Captioner
from statewise.tasks.caption.data import BLIND, CaptionData
from statewise.tasks.caption.metrics import SIGNATURE, interval

TOGETHER = 64


def judged(model: Model[Any], data: CaptionData, rule: SearchRule) -> Scoring:
    """Say what is in held-out pictures, and find how good that is; checks do so for fewer, greedily."""
    is_check = data.scored != "held_out"
    captioner = Captioner(model, data.codec, SearchRule(1) if is_check else rule)
    said: list[str] = []
    for begin in range(0, len(data.asked), TOGETHER):
        seen = [data.captions.seen(int(number)) for number in data.asked[begin : begin + TOGETHER]]
        said += [each[0].text for each in captioner.captions(seen)]
        yield 0.9 * len(said) / len(data.asked)
    for done, loss in scoring.score(model, data.windows("held_out")):  # noqa: B007  # the last one is used
        yield 0.9 + 0.1 * done
    found = data.judged(said)
    metrics = {**found.metrics, "nats_per_subword": float(loss.mean)}
    return Score(metrics, -found.cider, {} if is_check else _lengths(found.words, data), details=(found, said))


def _lengths(words: float, data: CaptionData) -> dict[str, dict[str, dict[str, float]]]:
    from statewise.tasks.caption.metrics import words_of

    counts = [len(words_of(caption)) for own in data.references for caption in own]
    return {"words of a caption": {"said": {"words": words}, "references": {"words": sum(counts) / len(counts)}}}


def said_of(score: Score, data: CaptionData) -> Sequence[str]:
    """Say how captions were judged, and whether the best baseline is beaten beyond doubt."""
    found, said = score.details
    facts, several = data.facts, sum(map(len, data.references)) / len(data.references)
    told = [
        f"CIDEr-D from 0 to 10, BLEU from 0 to 100, ROUGE-L from 0 to 1 ({SIGNATURE}) of {len(said):,} pictures with "
        f"{several:.1f} references each; 95 % intervals over pictures by the bootstrap; words by the model alone.",
        f"Split {facts['split']} (sha256 {str(facts.get('split_sha256', ''))[:16] or 'none'}); "
        f"{facts['held_out_captions_trained']:,} of {facts['held_out']:,} held-out pictures have a caption that "
        "training saw.",
    ]
    baselines = data.baselines()
    best = max(baselines, key=lambda name: baselines[name]["cider_d"])
    apart = found.ciders - data.found[best].judged.ciders
    low, high = interval(apart)
    verdict = "better" if low > 0 else "worse" if high < 0 else "not told apart by these pictures"
    told.append(
        f"Against the best baseline ({best}): {float(apart.mean()):+.3f} CIDEr-D, 95 % interval {low:+.3f} to "
        f"{high:+.3f} by the paired bootstrap: {verdict}."
    )
    if (blind := data.found.get(BLIND)) is not None:
        told.append(f"The network without the picture was trained by {counted(blind.updates or 0, 'update')}.")
    if found.distinct == 1 and len(said) > 1:
        told.append("It says the same of every picture: it has learned captions, and not to look.")
    if len(said) == 1:
        told.append("CIDEr-D of a single picture: all runs of words weigh alike, since no weight can be found.")
    elif found.same_everywhere:
        told.append(
            f"{found.same_everywhere:,} pictures have references that hold nothing but what all pictures' references "
            "hold: CIDEr-D counts them as 0, whatever is said."
        )
    return told
