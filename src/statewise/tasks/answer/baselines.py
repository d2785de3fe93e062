"""Simple methods of answering: the commonest answer, and a bag of words without any order."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from statewise.tasks.answer.stories_codec import StoriesCodec
from statewise.tasks.answer.story_files import StoryQuestion

EPOCHS, ROWS, RATE = 12, 64, 0.02
SEED = 12345


def commonest(training: Sequence[StoryQuestion], asked: Sequence[StoryQuestion]) -> NDArray[np.bool_]:
    """Return whether the commonest answer of its file is right for each question; of all files for an unknown one.

    Baseline: `commonest answer`.
    """
    counts: dict[str, Counter[str]] = {}
    for one in training:
        counts.setdefault(one.file, Counter())[one.answer] += 1
    best = {file: max(sorted(found), key=found.__getitem__) for file, found in counts.items()}
    of_all = Counter(one.answer for one in training)
    usual = max(sorted(of_all), key=of_all.__getitem__)
    return np.array([best.get(_trained(one.file, best), usual) == one.answer for one in asked])


def _trained(file: str, known: dict[str, str]) -> str:
    """Return the file of the training part that belongs to a file: `qa1_train` to `qa1_test`."""
    return file if file in known else f"{file.removesuffix('_test').removesuffix('_valid')}_train"


def bag_of_words(
    training: Sequence[StoryQuestion], asked: Sequence[StoryQuestion], codec: StoriesCodec
) -> "Iterator[float | NDArray[np.bool_]]":
    """Learn a logistic regression on which words stand in the question and in the story; yield how much is done.

    What is yielded last is whether each answer is right. Words of the story and of the question are apart.

    Baseline: `bag of words`.
    """
    draw = torch.Generator().manual_seed(SEED)
    weights = torch.zeros(2 * (len(codec.words) + 1), len(codec.answers) + 1, requires_grad=True)
    learned = torch.optim.Adam([weights], RATE)
    wanted = torch.tensor([codec.answer_codes[one.answer] for one in training])
    bags = _bags(training, codec)
    for epoch in range(EPOCHS):
        order = torch.randperm(len(training), generator=draw)
        for begin in range(0, len(order), ROWS):
            numbers = order[begin : begin + ROWS]
            loss = nn.functional.cross_entropy(_scores(weights, [bags[at] for at in numbers.tolist()]), wanted[numbers])
            learned.zero_grad()
            torch.autograd.backward(loss)
            learned.step()
        yield (epoch + 1) / (EPOCHS + 1)
    found = []
    with torch.no_grad():
        tried = _bags(asked, codec)
        for begin in range(0, len(tried), 1024):
            found += _scores(weights, tried[begin : begin + 1024]).argmax(dim=1).tolist()
    yield np.array([code == codec.answer_codes.get(one.answer, -1) for code, one in zip(found, asked, strict=True)])


def _bags(questions: Sequence[StoryQuestion], codec: StoriesCodec) -> list[Tensor]:
    """Return the numbers of the words of each question, and of those of its story."""
    cut: dict[str, set[int]] = {}

    def coded(text: str) -> set[int]:
        if text not in cut:
            cut[text] = set(codec.coded(text))
        return cut[text]

    size = len(codec.words) + 1
    return [
        torch.tensor([*coded(one.text), *(size + code for code in set().union(*map(coded, one.sentences)))])
        for one in questions
    ]


def _scores(weights: Tensor, bags: Sequence[Tensor]) -> Tensor:
    offsets = torch.tensor([0, *(len(bag) for bag in bags[:-1])]).cumsum(0)
    return nn.functional.embedding_bag(torch.cat(list(bags)), weights, offsets, mode="sum")
