"""Every head keeps every law: a new head adds a line to `HEADS` and nothing else."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest
import torch
from subclasses import subclasses_of

from statewise.data.window import Padded
from statewise.encoders import AdaptiveTable
from statewise.heads import (
    CRF,
    CTC,
    AdaptiveSoftmax,
    Categorical,
    DeepOutput,
    DoublyStochastic,
    Gaussian,
    GaussianMixture,
    Head,
    IntentAndSlots,
    NegativeBinomial,
    Quantiles,
    Ranking,
    Soundtrack,
    Strokes,
    StudentT,
)
from statewise.tasks.forecast.parallel import Mixture
from statewise.tasks.game.policy import Policy
from statewise.tasks.text.mixed_model import MixedChoices
from statewise.testing import HEAD_LAWS, check_head
from statewise_lab.classics.readout import Meaning, Readout

T, B, H, V = 7, 3, 4, 6
NUMBERS, COUNTS = torch.linspace(-3, 4, T * B).reshape(T, B), torch.arange(T * B).reshape(T, B).float()
PEN = torch.nn.functional.one_hot(torch.arange(T * B).reshape(T, B) % 3, 3).float()
MOVED = torch.stack([NUMBERS, NUMBERS.flip(0)], dim=-1)
BITS = (torch.arange(T * B * 2).reshape(T, B, 2) % 3 > 0).float()
HEARD = torch.linspace(0, 1, T * B * 15).reshape(T, B, 15)
STRUCK = (torch.arange(T * B * 3).reshape(T, B, 3) % 4 == 1).float()
SOUNDS = torch.cat([HEARD, STRUCK, STRUCK / 2, torch.arange(T * B * 3).reshape(T, B, 3) % 3 - 1.0], dim=-1)
LABELS = Padded.of([torch.tensor([3, 3, 1]), torch.tensor([2]), torch.tensor([5, 1]), torch.zeros(0, dtype=torch.long)])
LAST_BLANK = Padded.of([torch.tensor([0, 0, 1]), torch.tensor([4])])
SLOTS = Padded.of([torch.tensor([1, 2, 2, 2, 3]), torch.tensor([3]), torch.tensor([1, 1, 0]), torch.tensor([3, 0, 1])])
SAID = Padded(
    torch.stack([SLOTS.values, torch.tensor([[5], [0], [3], [1]]).expand_as(SLOTS.values)], dim=-1), SLOTS.mask
)
HEADS: dict[str, tuple[Callable[[], Head[Any]], Any]] = {
    "categorical": (lambda: Categorical(H, V), torch.arange(T * B).reshape(T, B) % V),
    "categorical-of-two": (lambda: Categorical(H, 2), torch.arange(T * B).reshape(T, B) % 2),
    "deep-output": (lambda: DeepOutput(H, V, 5), torch.arange(T * B).reshape(T, B) % V),
    "doubly-stochastic": (
        lambda: DoublyStochastic(DeepOutput(H - 3, V, 5), 3),
        torch.arange(T * B).reshape(T, B) % V,
    ),
    "deep-output-smoothed": (lambda: DeepOutput(H, V, smoothing=True), torch.arange(T * B).reshape(T, B) % V),
    "deep-output-of-a-table": (
        lambda: DeepOutput(H, V, table=torch.nn.Embedding(V, 5)),
        torch.arange(T * B).reshape(T, B) % V,
    ),
    "adaptive-softmax": (lambda: AdaptiveSoftmax(H, V, [2, 3]), torch.arange(T * B).reshape(T, B) % V),
    "adaptive-softmax-of-tables": (
        lambda: AdaptiveSoftmax(H, V, [1, 5], tables=AdaptiveTable(V, 8, [1, 5]).tables),
        torch.arange(T * B).reshape(T, B) % V,
    ),
    "gaussian": (lambda: Gaussian(H), NUMBERS),
    "student_t": (lambda: StudentT(H), NUMBERS),
    "negative_binomial": (lambda: NegativeBinomial(H), COUNTS),
    "negative_binomial-of-sizes": (lambda: NegativeBinomial(H, exposure=True), COUNTS),
    "gaussian_mixture": (lambda: GaussianMixture(H, components=V), NUMBERS),
    "quantiles": (lambda: Quantiles(H), NUMBERS),
    "quantiles-of-two": (lambda: Quantiles(H, levels=(0.2, 0.7)), NUMBERS),
    "mixture": (lambda: Mixture([StudentT(H), Gaussian(H)]), NUMBERS),
    "mixture-in-evaluation": (lambda: Mixture([StudentT(H), Gaussian(H)]).eval(), NUMBERS),
    "mixture-of-quantiles": (lambda: Mixture([Quantiles(H), Quantiles(2)]).eval(), NUMBERS),
    "mixture-of-counts": (lambda: Mixture([NegativeBinomial(H), NegativeBinomial(H, exposure=True)]).eval(), COUNTS),
    "soundtrack": (lambda: Soundtrack(H, 5, 2, cells=3), SOUNDS),
    "soundtrack-without-materials": (lambda: Soundtrack(H, 5, 0, cells=3), SOUNDS),
    "strokes": (lambda: Strokes(H, V), torch.cat([MOVED, PEN], dim=-1)),
    "strokes-without-an-end": (lambda: Strokes(H, V, "end_of_stroke"), torch.cat([MOVED, PEN[..., :1]], dim=-1)),
    "ctc": (lambda: CTC(H, V), LABELS),
    "ctc-with-the-blank-at-the-end": (lambda: CTC(H, V, blank=V - 1), LAST_BLANK),
    "crf": (lambda: CRF(H, 2), SLOTS),
    "intent-and-slots": (lambda: IntentAndSlots(H, V, 2), SAID),
    "readout-of-choices": (lambda: Readout(H, V, Meaning.CHOICE), torch.arange(T * B).reshape(T, B) % V),
    "readout-of-bits": (
        lambda: Readout(H, 2, Meaning.BITS),
        (torch.arange(T * B * 2).reshape(T, B, 2) % 3 > 0).float(),
    ),
    "readout-of-numbers": (lambda: Readout(H, 2, Meaning.NUMBERS), torch.linspace(-3, 4, T * B * 2).reshape(T, B, 2)),
    "policy": (lambda: Policy(H, (V,)), torch.arange(T * B).reshape(T, B) % V),
    "policy-of-two-halves": (lambda: Policy(H, (V,), apart=True, width=5), torch.arange(T * B).reshape(T, B) % V),
    "policy-of-several": (
        lambda: Policy(H, (2, 3)),
        torch.stack([torch.arange(T * B).reshape(T, B) % n for n in (2, 3)], dim=-1),
    ),
    "policy-of-numbers": (lambda: Policy(H, numbers=2, first_deviation=0.7), MOVED),
    "ranking": (lambda: Ranking(H, torch.arange(V) + 1.0), torch.arange(T * B).reshape(T, B) % V),
}


@pytest.mark.parametrize("law", HEAD_LAWS)
@pytest.mark.parametrize("head", HEADS)
def test_a_head_keeps_the_law(head: str, law: int) -> None:
    make, targets = HEADS[head]
    assert check_head(make, targets, laws=[law])[law].holds


def test_every_head_of_the_package_is_in_the_table() -> None:
    tried = {type(part) for make, _ in HEADS.values() for part in make().modules()}
    written = {kind for kind in subclasses_of(Head) if not inspect.isabstract(kind)}
    assert written - tried == {MixedChoices}, "add a line for each to HEADS"  # it reads what CountedNext alone writes
