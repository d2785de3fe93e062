"""The laws of an encoder: each step by itself, each row by itself, and everything in it learns and is kept."""

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch.nn.functional import pad

from statewise.data.window import Padded
from statewise.encoders import Encoder, step_input
from statewise.state import leaves, map_leaves, read_tensors, write_tensors
from statewise.testing.laws import Law, LawResult, chosen, judge, pronounce, same

MakeEncoder = Callable[[], Encoder]
ELSEWHERE = "meta"
"A device that every machine has: tensors there have a form and no numbers, and do not mix with others."
FURTHER = 2
"By how much longer a context is padded, which must change nothing."


@dataclass(frozen=True)
class EncoderTrial:
    """An encoder in float64, another with other weights, and what they read: of steps `[T, B, ...]`, or a context."""

    encoder: Encoder
    twin: Encoder
    inputs: Any

    @property
    def outputs(self) -> Any:
        """What the encoder makes of it, with the same random numbers every time."""
        return self.read(self.inputs)

    def read(self, inputs: Any) -> Any:
        """Encode other inputs, with the same random numbers."""
        torch.manual_seed(1)
        return self.encoder(inputs)

    @property
    def rows(self) -> int:
        """Which axis rows are on: the second of steps, the first of a context."""
        return 1 if self.encoder.causal else 0


def _trial(make: MakeEncoder, inputs: Any) -> EncoderTrial:
    torch.manual_seed(0)
    encoder, twin = make().double().eval(), make().double().eval()
    return EncoderTrial(
        encoder, twin, map_leaves(lambda leaf: leaf.double() if leaf.is_floating_point() else leaf, inputs)
    )


@torch.no_grad()
def _features_are_numbers(trial: EncoderTrial) -> None:
    features = leaves(trial.outputs)[0]
    if features.dtype != torch.float64:
        raise AssertionError(f"its features are {features.dtype} where its weights are float64")
    if features.shape[-1] != trial.encoder.features:
        raise AssertionError(f"it gives {features.shape[-1]} features where it says {trial.encoder.features}")
    if not bool(features.isfinite().all()):
        raise AssertionError("its features are not finite")


@torch.no_grad()
def _steps_are_read_alone(trial: EncoderTrial) -> None:
    if trial.encoder.causal:
        steps = [trial.read(x) for x in trial.inputs]
        same("what it says step by step", torch.stack(steps), trial.outputs)
        return
    context = cast(Padded, trial.inputs)
    spare = (0, 0) * (context.values.dim() - 2)
    longer = Padded(pad(context.values, (*spare, 0, FURTHER)), pad(context.mask, (0, FURTHER)))
    ours, wanted = leaves(trial.read(longer))[0], leaves(trial.outputs)[0]
    same("what it says of a context that is padded further", ours[:, : wanted.shape[1]], wanted)


@torch.no_grad()
def _rows_do_not_mix(trial: EncoderTrial) -> None:
    whole = trial.outputs
    rows = leaves(whole)[0].shape[trial.rows]
    for row in range(rows):
        at = torch.tensor([row])
        alone = trial.read(map_leaves(lambda leaf, at=at: leaf.index_select(trial.rows, at), trial.inputs))
        same(f"row {row} alone", alone, map_leaves(lambda leaf, at=at: leaf.index_select(trial.rows, at), whole))


def _gradients_reach_all(trial: EncoderTrial) -> None:
    features = leaves(trial.outputs)[0]
    named = {name: weight for name, weight in trial.encoder.named_parameters() if weight.requires_grad}
    if not named:
        return
    dice = torch.Generator().manual_seed(2)
    loss = (features * torch.randn(features.shape, generator=dice, dtype=features.dtype)).sum()
    found = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    for name, gradient in zip(named, found, strict=True):
        if gradient is None or not bool(gradient.to_dense().any()):
            raise AssertionError(f"no gradient reaches {name}")
        if not bool(gradient.to_dense().isfinite().all()):
            raise AssertionError(f"the gradient of {name} is not finite")


@torch.no_grad()
def _weights_keep_everything(trial: EncoderTrial) -> None:
    held, _ = read_tensors(write_tensors(trial.encoder.state_dict()), "the weights")
    trial.twin.load_state_dict(held)
    torch.manual_seed(1)
    same("read by another of the same weights, the features", trial.twin(trial.inputs), trial.outputs, exact=True)


@torch.no_grad()
def _a_step_is_what_it_says(trial: EncoderTrial) -> None:
    given = step_input(trial.encoder, trial.encoder.features)
    if not trial.encoder.causal or not (given.codes or given.numbers):
        return
    x = given.read(given.example, torch.empty(0, dtype=torch.float64))
    same("the form of one step", torch.zeros_like(trial.read(x)), torch.zeros(trial.encoder.features).double())
    form = trial.inputs.shape[2:] if trial.inputs.dim() > 2 else torch.Size([])
    if form != x.shape:
        raise AssertionError(f"a step is {list(form)} where it says {list(x.shape)}")


@torch.no_grad()
def _follows_its_weights(trial: EncoderTrial) -> None:
    if not trial.encoder.causal:
        return
    elsewhere = copy.deepcopy(trial.encoder).to(ELSEWHERE)
    features = elsewhere(trial.inputs.to(ELSEWHERE))
    if features.device.type != ELSEWHERE:
        raise AssertionError(f"its features lie on {features.device.type} where inputs and weights lie on {ELSEWHERE}")


ENCODER_LAWS: dict[int, Law[EncoderTrial]] = {
    1: Law("its features are finite, of the type of its weights, and as many as it says", _features_are_numbers),
    2: Law("one step is read as many are, and padding of a context does not matter", _steps_are_read_alone),
    3: Law("a row's output does not depend on the other rows of the batch", _rows_do_not_mix),
    4: Law("a gradient reaches each of its weights", _gradients_reach_all),
    5: Law("weights written down and read back give the same features, bit for bit", _weights_keep_everything),
    6: Law("a step is what it says that it reads", _a_step_is_what_it_says),
    7: Law("its features lie on the device of its inputs and weights", _follows_its_weights),
}
"The laws of an encoder by their number."


def judge_encoder(make: MakeEncoder, inputs: Any, *, laws: Iterable[int] | None = None) -> dict[int, LawResult]:
    """Return what each law says of an encoder made by `make`, raising nothing.

    Shapes: `inputs` `[T, B, ...]`, some steps that it can read, or a `Padded` where it reads contexts.
    """
    with torch.random.fork_rng(devices=[]):
        whose = type(make()).__name__

    def trials() -> Iterator[tuple[str, Callable[[], EncoderTrial]]]:
        yield whose, partial(_trial, make, inputs)

    return {number: judge(number, law, trials()) for number, law in chosen(ENCODER_LAWS, laws).items()}


def check_encoder(make: MakeEncoder, inputs: Any, *, laws: Iterable[int] | None = None) -> dict[int, LawResult]:
    """Hold an encoder to its laws, as `judge_encoder` does, and return what each says.

    Raises `AssertionError` with one line for each law that is broken.

    >>> from statewise.encoders import Table
    >>> check_encoder(lambda: Table(6, 5), torch.randint(6, (7, 3)), laws=[4])[4].statement
    'a gradient reaches each of its weights'
    """
    verdicts = judge_encoder(make, inputs, laws=laws)
    pronounce(verdicts)
    return verdicts
