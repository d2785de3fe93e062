"""Criteria as papers state them: so many sequences in a row, of which so many may be wrong."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from statewise_lab.classics.experiment import Batch, Dice, Draw, Judge, Verdict
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

CHUNK, HELD_OUT = 256, 2_560


class Errors(NamedTuple):
    """What is wrong with each sequence, `[B]`: whether it counts as wrong, and by how much, as a mean over outputs."""

    wrong: Tensor
    size: Tensor


Compare = Callable[[Tensor, Batch], Errors]
"Holds outputs `[N, O]` against a batch."


def within(meaning: Meaning, most: float) -> Compare:
    """Return a comparison by which a sequence is right if every output is off by less than `most` at each place."""

    def compare(outputs: Tensor, batch: Batch) -> Errors:
        errors = meaning.errors(outputs, batch.targets[batch.places])
        return by_sequence(errors.amax(dim=1) >= most, errors.mean(dim=1), batch)

    return compare


def largest_is_right(outputs: Tensor, batch: Batch) -> Errors:
    """Count a sequence as right if at every place the target is what is thought likeliest."""
    targets = batch.targets[batch.places]
    likely = outputs.softmax(dim=-1)
    of_target = likely.gather(1, targets.unsqueeze(1)).squeeze(1)
    return by_sequence(outputs.argmax(dim=1) != targets, 1 - of_target, batch)


def by_sequence(wrong: Tensor, size: Tensor, batch: Batch) -> Errors:
    """Return errors at places as errors of sequences: wrong if anything is, and the mean size."""
    rows = batch.places.nonzero()[:, 1]
    count = batch.places.shape[1]
    counts = torch.zeros(count).index_add_(0, rows, torch.ones(len(rows))).clamp(min=1)
    any_wrong = torch.zeros(count).index_add_(0, rows, wrong.float()) > 0
    return Errors(any_wrong, torch.zeros(count).index_add_(0, rows, size) / counts)


def counted(
    draw: Draw, compare: Compare, sequences: int, *, most_wrong: int = 0, most_error: float = float("inf")
) -> Judge:
    """Return a judge of fresh sequences: at most so many wrong, and a mean error below `most_error`.

    It stops asking as soon as too many are wrong, so it costs a failing network little. To the end it asks 2,560, as
    Hochreiter & Schmidhuber did when all was over.
    """

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        wrong, total, asked = 0, 0.0, 0
        wanted = HELD_OUT if to_the_end else sequences
        while asked < wanted and (wrong <= most_wrong or to_the_end):
            batch = draw(dice, min(CHUNK, wanted - asked))
            errors = compare(network(batch.inputs, batch.places), batch)
            asked += len(errors.wrong)
            wrong += int(errors.wrong.sum())
            total += float(errors.size.sum())
        error = total / asked
        return Verdict(wrong <= most_wrong and error < most_error, {"wrong": wrong, "of": asked, "error": error})

    return judge
