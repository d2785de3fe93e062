"""Sentences of two and three words out of sixteen patterns, their exact odds, and the tree of a network's states.

Source: Elman 1990, tables 3 and 4: classes of words, patterns of classes, and the 29 words of the tree.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.errors import MissingExtra
from statewise_lab.classics.experiment import Batch, Contender, Dice, Experiment, Material, Paper, Verdict
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

CLASSES = {
    "human": "man woman boy girl",
    "animal": "cat dog mouse",
    "thing": "book rock car",
    "beast": "lion dragon monster",
    "fragile": "glass plate",
    "food": "cookie bread sandwich",
    "rest": "think exist sleep",
    "act on": "see chase like",
    "move": "move break",
    "perceive": "smell see",
    "destroy": "break smash",
    "eat": "eat",
}
PATTERNS = [
    pattern.split(", ")
    for pattern in (
        "human, eat, food",
        "human, perceive, thing",
        "human, destroy, fragile",
        "human, rest",
        "human, act on, human",
        "human, move, thing",
        "human, move",
        "animal, eat, food",
        "animal, act on, animal",
        "animal, move, thing",
        "animal, move",
        "thing, move",
        "beast, destroy, fragile",
        "beast, eat, human",
        "beast, eat, animal",
        "beast, eat, food",
    )
]
NOUNS = ("human", "animal", "thing", "beast", "fragile", "food")
ANIMATE = ("human", "animal", "beast")
WORDS = list(dict.fromkeys(word for words in CLASSES.values() for word in words.split()))
SENTENCES = 10_000
WORDS_READ = 30
TESTED_WORDS = 3_000
NEAR_ENOUGH = 0.053
"How far from the odds the paper's network was, as a root of a mean square."


def codes_in(names: tuple[str, ...]) -> list[int]:
    """Return the numbers of the words of some classes."""
    return [WORDS.index(word) for name in names for word in CLASSES[name].split()]


def draw_words(dice: Dice, sentences: int) -> Ints:
    """Draw sentences, each of any pattern with any word of each class, as one stream of words."""
    chosen = (PATTERNS[which] for which in dice.integers(0, len(PATTERNS), sentences))
    classes = [name for pattern in chosen for name in pattern]
    words = [codes_in((name,)) for name in classes]
    return np.array([codes[int(part * len(codes))] for codes, part in zip(words, dice.random(len(words)), strict=True)])


def exact_odds(stream: Ints) -> Floats:
    """Return the odds of each next word, `[N, V]`, given all words before it and that the first begins a sentence.

    Sentences are not marked off, so "man move" may be a whole one: every place in every pattern that the words allow is
    followed at once, as in a hidden Markov model.
    """
    places = [(pattern, place) for pattern in range(len(PATTERNS)) for place in range(len(PATTERNS[pattern]))]
    index = {where: number for number, where in enumerate(places)}
    emits = np.zeros((len(places), len(WORDS)))
    moves = np.zeros((len(places), len(places)))
    starts = np.array([float(place == 0) for _, place in places]) / len(PATTERNS)
    for number, (pattern, place) in enumerate(places):
        codes = codes_in((PATTERNS[pattern][place],))
        emits[number, codes] = 1 / len(codes)
        following = index.get((pattern, place + 1))
        moves[number] = starts if following is None else np.eye(len(places))[following]
    odds, belief = np.zeros((len(stream), len(WORDS))), starts
    for t, word in enumerate(stream):
        belief = belief * emits[:, word]
        belief = (belief / belief.sum()) @ moves
        odds[t] = belief @ emits
    return odds


def read(stream: Ints) -> Batch:
    """Return a stream as one row, the next word to be told at each place."""
    codes = torch.from_numpy(stream).unsqueeze(1)
    return Batch(codes[:-1], codes[1:], torch.ones(len(stream) - 1, 1, dtype=torch.bool))


def simple_sentences(seed: int) -> Material:
    """Return 10,000 sentences to learn from, and a judge of how near its odds of others are to the true ones."""
    stream = draw_words(np.random.default_rng([seed, SENTENCES]), SENTENCES)
    count = (len(stream) - 1) // WORDS_READ
    rows = torch.from_numpy(stream[: count * WORDS_READ + 1])
    inputs, targets = (part.reshape(count, WORDS_READ).T for part in (rows[:-1], rows[1:]))

    def draw(dice: Dice, wanted: int) -> Batch:
        chosen = torch.from_numpy(dice.choice(count, wanted, replace=False))
        return Batch(inputs[:, chosen], targets[:, chosen], torch.ones(WORDS_READ, wanted, dtype=torch.bool))

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        words = draw_words(dice, TESTED_WORDS)[:TESTED_WORDS]
        batch, odds = read(words), exact_odds(words[:-1])
        told = network(batch.inputs, batch.places).softmax(dim=-1).numpy()
        frequent = np.bincount(stream, minlength=len(WORDS)) / len(stream)
        off, off_by_frequency = (float(np.sqrt(np.square(one - odds).mean())) for one in (told, frequent))
        tree = _tree_measures(mean_states(network, words)) if off < NEAR_ENOUGH else {}
        is_met = off < NEAR_ENOUGH and all(share == 1 for share in tree.values())
        return Verdict(is_met, {"off the true odds": off, "frequencies alone": off_by_frequency, **tree})

    def look(network: Network, dice: Dice) -> dict[str, Any]:
        states = mean_states(network, draw_words(dice, TESTED_WORDS))
        return {"words": WORDS, "tree": tree_of(states).tolist()}

    return Material(draw, judge, look)


def mean_states(network: Network, stream: Ints) -> Floats:
    """Return the mean state after each word, `[V, H]`."""
    states = network.states(torch.from_numpy(stream).unsqueeze(1))[:, 0].detach().numpy()
    return np.stack([states[stream == word].mean(axis=0) for word in range(len(WORDS))])


def tree_of(states: Floats) -> Floats:
    """Return how vectors `[V, H]` are joined step by step, nearest groups first (Ward 1963), as SciPy writes a tree."""
    try:
        from scipy.cluster.hierarchy import linkage
    except ImportError as error:
        raise MissingExtra("the tree of words needs SciPy: pip install 'statewise[classics]'") from error
    tree: Floats = linkage(states, method="ward")
    return tree


def parted(tree: Floats, among: list[int], first: list[int]) -> float:
    """Return how much of `among` the best branch of a tree tells apart into `first` and the rest: 1 if all of it.

    >>> parted(np.array([[0, 1, 1.0, 2], [2, 3, 1.0, 2], [4, 5, 2.0, 4]]), [0, 1, 2, 3], [0, 1])
    1.0
    """
    wanted, everything = set(first), set(among)
    agreeing = (len((branch & everything) ^ wanted) for branch in branches(tree))
    return max(max(1 - off / len(among), off / len(among)) for off in agreeing)


def branches(tree: Floats) -> Iterator[set[int]]:
    """Yield what hangs on each branch of a tree."""
    leaves = [{leaf} for leaf in range(len(tree) + 1)]
    for left, right, *_ in tree:
        leaves.append(leaves[int(left)] | leaves[int(right)])
        yield leaves[-1]


def _tree_measures(states: Floats) -> dict[str, float]:
    tree, nouns = tree_of(states), codes_in(NOUNS)
    return {
        "nouns apart from verbs": parted(tree, list(range(len(WORDS))), nouns),
        "animate nouns apart from others": parted(tree, nouns, codes_in(ANIMATE)),
    }


def sentences_of(source: str) -> Experiment:
    """Return the experiment."""
    how: dict[str, Any] = {"units": 32, "most": 20_000, "rows": 10, "rate": 0.005}
    return Experiment(
        name="sentences",
        title="simple sentences",
        paper=Paper(
            source, "0.053 off the odds; the tree of states parts verbs, nouns, animate ones; 6 passes", 164_124
        ),
        criterion="less than 0.053 off the true odds; the tree parts nouns from verbs, and animate nouns, all of them",
        material=simple_sentences,
        meaning=Meaning.CHOICE,
        outputs=len(WORDS),
        symbols=len(WORDS),
        contenders=(Contender("lstm", **how), Contender("elman", **how)),
        every=500,
        unit="words",
        size=WORDS_READ,
        is_quick=True,
    )
