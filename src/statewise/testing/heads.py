"""The laws of a head: its loss is a sum, its draws are repeatable, and the one agrees with the other."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import gradcheck

from statewise.data.window import Padded
from statewise.heads import Head, Loss, Real
from statewise.state import leaves, map_leaves
from statewise.testing.laws import Law, LawResult, chosen, judge, pronounce, same

LEVELS, CLOSE = (0.05, 0.5, 0.9), 1e-6
"Levels whose quantiles are looked at, and how far these may lie from where the distribution function has them."

MakeHead = Callable[[], Head[Any]]

STEPS_PER_LABEL = 4
"So many steps are read for each label of the longest row: what can be spelled in them with some masked."

DRAWS = 4000
"How many draws are counted against the odds of a discrete head."

SIGMAS = 5.0
"How far a count may lie from what is expected, in standard deviations."


@dataclass(frozen=True)
class HeadTrial:
    """A head in float64 with all weights shaken, what it reads, and targets that it might score.

    Shapes: `features` `[T, B, H]`, `targets` `[T, B, ...]` or the labels of whole rows, a `Padded` `[B, S]`, `mask`
    `[T, B]`, false at some places.
    """

    head: Head[Any]
    features: Tensor
    targets: Any
    mask: Tensor

    @property
    def is_labelled(self) -> bool:
        """Whether targets are the labels of whole rows."""
        return isinstance(self.targets, Padded)

    def loss(self, features: Tensor, targets: Any, mask: Tensor | None = None) -> Loss:
        """Score targets against what the features say."""
        return self.head.loss(self.head(features), targets, mask)

    def draw(self, features: Tensor, seed: int, temperature: float = 1.0) -> Tensor:
        """Draw one target at each place."""
        generator = torch.Generator().manual_seed(seed)
        return self.head.sample(self.head(features), temperature=temperature, generator=generator)


def _trial(make: MakeHead, targets: Any) -> HeadTrial:
    torch.manual_seed(0)
    head = make().double()
    with torch.no_grad():
        for weights in head.parameters():
            weights.add_(torch.randn_like(weights), alpha=0.5)
    is_labelled = isinstance(targets, Padded)
    places = _places(head, targets) if is_labelled else targets.shape[:2]
    features = torch.randn(*places, head.features, dtype=torch.float64)
    mask = torch.ones(places, dtype=torch.bool)
    mask.flatten()[1::3] = False
    is_real = not is_labelled and targets.is_floating_point()
    return HeadTrial(head, features, targets.double() if is_real else targets, mask)


def _places(head: Head[Any], targets: Padded) -> tuple[int, int]:
    """Return how many steps and rows are read where targets are the labels of whole rows."""
    rows, labels = targets.values.shape[:2]
    return (labels if head.labels_each_step else STEPS_PER_LABEL * labels), rows


@torch.no_grad()
def _loss_is_a_sum(trial: HeadTrial) -> None:
    whole = trial.loss(trial.features, trial.targets, trial.mask)
    parts = _parts(trial)
    same("the loss of all parts", whole.nats, torch.stack([part.nats for part in parts]).sum())
    all_places = sum(int(part.places) for part in parts) if trial.is_labelled else int(trial.mask.sum())
    _counts("all parts", whole, all_places)
    open_loss = trial.loss(trial.features, trial.targets)
    full = trial.loss(trial.features, trial.targets, torch.ones_like(trial.mask))
    same("the loss without a mask", open_loss.nats, full.nats)
    _counts("a window without a mask", open_loss, int(full.places) if trial.is_labelled else trial.mask.numel())
    nothing = trial.loss(trial.features, trial.targets, torch.zeros_like(trial.mask))
    same("the loss of no place", nothing.nats, torch.zeros_like(nothing.nats))
    _counts("no place", nothing, 0)


def _parts(trial: HeadTrial) -> list[Loss]:
    """Return the loss of each step, or where targets belong to whole rows that of each row."""
    if trial.is_labelled:
        rows = [slice(row, row + 1) for row in range(trial.mask.shape[1])]
        return [
            trial.loss(trial.features[:, row], Padded(*(part[row] for part in trial.targets)), trial.mask[:, row])
            for row in rows
        ]
    steps = zip(trial.features, trial.targets, trial.mask, strict=True)
    return [trial.loss(x[None], target[None], mask[None]) for x, target, mask in steps]


def _counts(what: str, loss: Loss, places: int) -> None:
    if loss.nats.dim() or int(loss.places) != places:
        shape = list(loss.nats.shape)
        raise AssertionError(f"the loss of {what} is {shape} over {int(loss.places)} places where [] over {places} is")


def _masked_places_do_not_matter(trial: HeadTrial) -> None:
    asleep = (~trial.mask).nonzero().unbind(dim=1)
    targets, features = _other_targets(trial, asleep), trial.features.clone()
    features[asleep] += 10
    results = []
    for xs, wanted in ((trial.features, trial.targets), (features, targets)):
        given = xs.clone().requires_grad_()
        loss = trial.loss(given, wanted, trial.mask)
        results.append((loss.nats.detach(), *torch.autograd.grad(loss.nats, given)))
    same("with other features and targets at masked places, the loss", results[1][0], results[0][0])
    same("with other features and targets at masked places, the gradient", results[1][1], results[0][1])
    same("the gradient at masked places", results[0][1][asleep], torch.zeros_like(features[asleep]), exact=True)


def _other_targets(trial: HeadTrial, asleep: tuple[Tensor, ...]) -> Any:
    """Return targets that are others where nothing is scored: at masked places, or beyond the labels of a row."""
    if trial.is_labelled:
        values, mask = trial.targets
        return Padded(torch.where(mask.reshape(*mask.shape, *[1] * (values.dim() - 2)), values, -1), mask)
    targets = trial.targets.clone()
    targets[asleep] = trial.targets[asleep].flip(0)
    return targets


@torch.no_grad()
def _temperature_nought_is_the_likeliest(trial: HeadTrial) -> None:
    likeliest = trial.draw(trial.features, seed=0, temperature=0)
    same("another draw at temperature 0", trial.draw(trial.features, seed=1, temperature=0), likeliest, exact=True)
    if trial.is_labelled or trial.targets.is_floating_point():
        return
    best = trial.loss(trial.features, likeliest).nats
    for seed in range(8):
        if trial.loss(trial.features, trial.draw(trial.features, seed)).nats < best - 1e-9:
            raise AssertionError("a draw at temperature 1 is likelier than the one at temperature 0")


@torch.no_grad()
def _same_seed_same_draw(trial: HeadTrial) -> None:
    torch.manual_seed(2)
    first = trial.draw(trial.features, seed=0)
    wanted = trial.mask.long() if trial.is_labelled else trial.targets
    same("the form of a draw", torch.zeros_like(first), torch.zeros_like(wanted))
    torch.manual_seed(3)
    same("the second draw of a seed", trial.draw(trial.features, seed=0), first, exact=True)
    if all(torch.equal(trial.draw(trial.features, seed), first) for seed in range(1, 9)):
        raise AssertionError("nine seeds draw the same")


def _gradients_are_those_of_finite_differences(trial: HeadTrial) -> None:
    weights = dict(trial.head.named_parameters())

    def score(mask: Tensor | None, features: Tensor, *given: Tensor) -> Any:
        lent = {f"head.{name}": tensor for name, tensor in zip(weights, given, strict=True)}
        return torch.func.functional_call(_Scored(trial.head, mask), lent, (features, trial.targets))

    given = [tensor.detach().requires_grad_() for tensor in (trial.features, *weights.values())]
    for mask in (None, trial.mask):
        try:
            gradcheck(partial(score, mask), given, fast_mode=True, nondet_tol=1e-12)
        except RuntimeError as error:
            raise AssertionError(" ".join(str(error).split())[:240]) from error


class _Scored(torch.nn.Module):
    """A head whose call is its loss, so that other weights can be lent to the whole of it."""

    def __init__(self, head: Head[Any], mask: Tensor | None) -> None:
        super().__init__()
        self.head, self.mask = head, mask

    def forward(self, features: Tensor, targets: Any) -> Tensor:
        """Return the loss in nats."""
        return self.head.loss(self.head(features), targets, self.mask).nats


@torch.no_grad()
def _draws_agree_with_the_loss(trial: HeadTrial) -> None:
    if isinstance(trial.head, Real):
        _draws_spread_as_the_distribution_says(trial, trial.head)
    choices = trial.head.choices
    if trial.is_labelled or not choices or trial.targets.dim() != 2 or trial.targets.is_floating_point():
        return
    place = trial.features[:1, :1]
    every = [trial.loss(place, torch.tensor([[choice]])).nats for choice in range(choices)]
    odds = torch.stack(every).neg().exp()
    same("the sum of exp(-loss) over every choice", odds.sum(), torch.ones_like(odds[0]))
    drawn = trial.draw(place.expand(DRAWS, 1, -1), seed=0).flatten()
    share = torch.bincount(drawn, minlength=choices) / DRAWS
    for choice, (found, wanted) in enumerate(zip(share.tolist(), odds.tolist(), strict=True)):
        if abs(found - wanted) > SIGMAS * (wanted * (1 - wanted) / DRAWS) ** 0.5 + 1 / DRAWS:
            raise AssertionError(f"choice {choice} is {found:.4f} of {DRAWS} draws where exp(-loss) is {wanted:.4f}")


def _draws_spread_as_the_distribution_says(trial: HeadTrial, head: Real[Any]) -> None:
    """Compare the shares of draws up to some numbers with the distribution function."""
    place = trial.features[:1, :1]
    drawn = trial.draw(place.expand(DRAWS, 1, -1), seed=0).flatten()
    for number in drawn.quantile(torch.tensor([0.05, 0.3, 0.5, 0.7, 0.95], dtype=drawn.dtype)).floor():
        found = float((drawn <= number).double().mean())
        wanted = float(head.cdf(head(place), number[None, None]))
        if abs(found - wanted) > SIGMAS * (wanted * (1 - wanted) / DRAWS) ** 0.5 + 1 / DRAWS:
            raise AssertionError(f"{found:.4f} of {DRAWS} draws are up to {number:.3g} where cdf is {wanted:.4f}")


@torch.no_grad()
def _one_step_reads_as_many_do(trial: HeadTrial) -> None:
    many, likeliest = trial.head(trial.features), trial.draw(trial.features, seed=0, temperature=0)
    one = trial.head(trial.features[0])
    same("the distribution of one step", one, map_leaves(lambda leaf: leaf[0], many))
    one_draw = trial.draw(trial.features[0], seed=0, temperature=0)
    # a choice is the same; a number is as near as the distribution, which a product of other rows rounds otherwise
    same(
        "the draw of one step", one_draw, likeliest[0], exact=trial.is_labelled or not trial.targets.is_floating_point()
    )


@torch.no_grad()
def _what_it_says_of_itself_agrees(trial: HeadTrial) -> None:
    head, features = trial.head, trial.features.flatten(0, 1)
    params = head(features)
    likely = head.likely(params)
    same("the likeliest target", likely, trial.draw(features, seed=0, temperature=0), exact=True)
    if trial.is_labelled:
        nats, rows = head.nats(head(trial.features), trial.targets), trial.mask.shape[1]
    else:
        nats, rows = head.nats(params, trial.targets.flatten(0, 1)), len(features)
    same("the sum of nats", nats.sum(), trial.loss(trial.features, trial.targets).nats)
    same("the form of nats", torch.zeros_like(nats), features.new_zeros(rows))
    json.dumps(head.show(map_leaves(lambda leaf: leaf[0], params)), allow_nan=False)
    if head.choices and not trial.is_labelled:
        _odds_agree(head, params, likely)
    if isinstance(head, Real):
        _quantiles_agree(head, params)


def _odds_agree(head: Head[Any], params: Any, likely: Tensor) -> None:
    odds = head.logits(params).softmax(dim=-1)
    if odds.shape[-1] != head.choices:
        raise AssertionError(f"there are {odds.shape[-1]} odds where there are {head.choices} choices")
    every = [head.nats(params, torch.full_like(likely, choice)) for choice in range(head.choices)]
    same("the softmax of the logits", odds, torch.stack(every, dim=-1).neg().exp())
    top = head.top(params, head.choices + 1)
    same("the first of the top", top.choices[..., 0], likely, exact=True)
    same("the probabilities of the top", top.probabilities, odds.gather(-1, top.choices).to(top.probabilities))
    if bool((top.probabilities.diff(dim=-1) > 0).any()):
        raise AssertionError("the top does not begin with the likeliest")


def _quantiles_agree(head: Real[Any], params: Any) -> None:
    for level in LEVELS:
        levels = torch.full(leaves(params)[0].shape[:1], level, dtype=torch.float64)
        numbers = head.quantile(params, levels)
        below, up_to = head.cdf(params, numbers - CLOSE * (1 + numbers.abs())), head.cdf(params, numbers)
        if bool((up_to < levels - CLOSE).any()) or bool((below > levels + CLOSE).any()):
            raise AssertionError(f"the quantile of {level} is not the least number up to which that share lies")


HEAD_LAWS: dict[int, Law[HeadTrial]] = {
    1: Law("the loss is a sum over the places where the mask is true, and says how many", _loss_is_a_sum),
    2: Law("what lies at a masked place does not matter", _masked_places_do_not_matter),
    3: Law("temperature 0 draws the likeliest, whatever the seed", _temperature_nought_is_the_likeliest),
    4: Law("a draw has the form of a target and follows from the seed alone", _same_seed_same_draw),
    5: Law("gradients are those of finite differences", _gradients_are_those_of_finite_differences),
    6: Law("draws are as frequent as the loss says", _draws_agree_with_the_loss),
    7: Law("one step is read as many are", _one_step_reads_as_many_do),
    8: Law(
        "what it says of its odds, quantiles and likeliest target agrees with its loss", _what_it_says_of_itself_agrees
    ),
}
"The laws of a head by their number."


def judge_head(make: MakeHead, targets: Any, *, laws: Iterable[int] | None = None) -> dict[int, LawResult]:
    """Return what each law says of a head made by `make`, raising nothing.

    Shapes: `targets` `[T, B, ...]`, some that the head can score, or the labels of whole rows, a `Padded` `[B, S]`: a
    loss is then a sum over rows, and a draw has a choice at each step. The second half of law 3 concerns discrete heads
    alone, law 6 those that name their number of `choices`, and those over one number; neither those of whole rows.
    """
    with torch.random.fork_rng(devices=[]):
        whose = type(make()).__name__

    def trials() -> Iterator[tuple[str, Callable[[], HeadTrial]]]:
        yield whose, partial(_trial, make, targets)

    return {number: judge(number, law, trials()) for number, law in chosen(HEAD_LAWS, laws).items()}


def check_head(make: MakeHead, targets: Any, *, laws: Iterable[int] | None = None) -> dict[int, LawResult]:
    """Hold a head to its laws, as `judge_head` does, and return what each says.

    Raises `AssertionError` with one line for each law that is broken.

    >>> from statewise.heads import Categorical
    >>> check_head(lambda: Categorical(4, 3), torch.randint(3, (7, 2)), laws=[6])[6].statement
    'draws are as frequent as the loss says'
    """
    verdicts = judge_head(make, targets, laws=laws)
    pronounce(verdicts)
    return verdicts
