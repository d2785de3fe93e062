"""A reader that was trained apart from what it judges: which letters ink says (CTC), or whose hand it is."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, ctc_loss

from statewise.cells import LSTM, Bidirectional
from statewise.data.strokes.prepared import Rows
from statewise.tasks.handwriting.data import leaning

UNITS, ROWS, RATE = 96, 32, 0.003
STRETCH, LEAN = 0.15, 0.2


class Ink(nn.Module):
    """Reads rows of `dx, dy, lift` both ways, twice over, and says one of some choices at each."""

    def __init__(self, choices: int) -> None:
        super().__init__()
        self.first = Bidirectional(LSTM(3, UNITS), LSTM(3, UNITS))
        self.second = Bidirectional(LSTM(2 * UNITS, UNITS), LSTM(2 * UNITS, UNITS))
        self.linear = nn.Linear(2 * UNITS, choices)

    def forward(self, ink: Sequence[Rows]) -> tuple[Tensor, Tensor]:
        """Return logits `[T, B, choices]`, and how long each line is, `[B]`."""
        lengths = torch.tensor([len(rows) for rows in ink])
        xs = nn.utils.rnn.pad_sequence([torch.from_numpy(rows) for rows in ink])
        mask = torch.arange(len(xs)).unsqueeze(1) < lengths
        ys, _ = self.first.scan(xs, mask=mask)
        ys, _ = self.second.scan(ys, mask=mask)
        return self.linear(ys), lengths


class Found(NamedTuple):
    """How a text was read: wrong letters of all, the share of its words that are there, and letters after its end."""

    wrong: int
    letters: int
    words: float
    after: int


def batches(count: int, updates: int, seed: int) -> Iterator[tuple[list[int], np.random.Generator]]:
    """Yield so many times which of `count` examples are learned from next, and what varies them."""
    draw = np.random.default_rng(seed)
    for _ in range(updates):
        yield draw.integers(0, count, ROWS).tolist(), draw


def learn(model: nn.Module, updates: int, losses: Iterator[Tensor]) -> None:
    """Follow the gradients of so many losses."""
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=updates)
    for loss in losses:
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()


def letter_reader(ink: Sequence[Rows], texts: Sequence[np.ndarray[Any, Any]], letters: int, updates: int) -> Ink:
    """Train a reader of letters on lines; the number after the last letter is the blank."""
    torch.manual_seed(0)
    model = Ink(letters + 1)

    def losses() -> Iterator[Tensor]:
        for chosen, draw in batches(len(ink), updates, 1):
            logits, lengths = model([leaning(ink[n], STRETCH, LEAN, draw) for n in chosen])
            wanted = [torch.from_numpy(texts[n]) for n in chosen]
            assert all(int(one.min()) >= 0 and int(one.max()) < letters for one in wanted)
            sizes = torch.tensor([len(one) for one in wanted])
            odds = logits.log_softmax(-1)
            yield ctc_loss(odds, torch.cat(wanted), lengths, sizes, blank=letters, zero_infinity=True)

    learn(model, updates, losses())
    return model.eval()


def hand_reader(ink: Sequence[Rows], hands: Sequence[int], count: int, updates: int) -> Ink:
    """Train a reader that says whose hand a line is: the mean of what it says at each point."""
    torch.manual_seed(0)
    model = Ink(count)

    def losses() -> Iterator[Tensor]:
        for chosen, _ in batches(len(ink), updates, 2):
            yield cross_entropy(mean_said(*model([ink[n] for n in chosen])), torch.tensor([hands[n] for n in chosen]))

    learn(model, updates, losses())
    return model.eval()


def hands_read(model: Ink, ink: Sequence[Rows]) -> list[int]:
    """Return the hand that each line is taken for."""
    with torch.no_grad():
        found: list[int] = mean_said(*model(ink)).argmax(dim=-1).tolist()
        return found


def mean_said(logits: Tensor, lengths: Tensor) -> Tensor:
    """Return the mean of what is said at the points of each row, `[B, choices]`."""
    mask = torch.arange(len(logits)).unsqueeze(1) < lengths
    return (logits * mask.unsqueeze(-1)).sum(dim=0) / lengths.unsqueeze(1)


def read_letters(model: Ink, ink: Sequence[Rows]) -> list[list[int]]:
    """Return the letters of each line: the likeliest at each point, what repeats and the blank left out."""
    found = []
    with torch.no_grad():
        for start in range(0, len(ink), 64):
            logits, lengths = model(ink[start : start + 64])
            best, blank = logits.argmax(dim=-1), logits.shape[-1] - 1
            for row, length in enumerate(lengths.tolist()):
                path = torch.unique_consecutive(best[:length, row]).tolist()
                found.append([letter for letter in path if letter != blank])
    return found


def judged(wanted: Sequence[int], read: Sequence[int], space: int | None) -> Found:
    """Set what was read next to what was to be written.

    A word is there where at least half of its letters were read at their places.

    >>> judged([1, 2, 0, 3], [1, 2, 0, 3, 4], space=0)
    Found(wrong=1, letters=4, words=1.0, after=1)
    """
    right, wrong, after = _aligned(wanted, read)
    words, word = [], list[bool]()
    for letter, is_right in zip([*wanted, space], [*right, False], strict=True):
        if letter != space:
            word.append(is_right)
        elif word:
            words.append(2 * sum(word) >= len(word))
            word = []
    if word:
        words.append(2 * sum(word) >= len(word))
    return Found(wrong, len(wanted), sum(words) / max(1, len(words)), after)


def _aligned(wanted: Sequence[int], read: Sequence[int]) -> tuple[list[bool], int, int]:
    """Return which letters were read at their places, how many edits apart the two are, and what was read after."""
    cost = np.zeros((len(wanted) + 1, len(read) + 1), np.int64)
    cost[:, 0], cost[0] = np.arange(len(wanted) + 1), np.arange(len(read) + 1)
    for i, one in enumerate(wanted, 1):
        for j, other in enumerate(read, 1):
            cost[i, j] = min(cost[i - 1, j - 1] + (one != other), cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    i, j, right, after = len(wanted), len(read), [False] * len(wanted), 0
    while i or j:
        if i and j and cost[i, j] == cost[i - 1, j - 1] + (wanted[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            right[i] = wanted[i] == read[j]
        elif j and cost[i, j] == cost[i, j - 1] + 1:
            j -= 1
            after += i == len(wanted)
        else:
            i -= 1
    return right, int(cost[-1, -1]), after
