"""Elman 1990, "Finding structure in time": exclusive or in time, letters, words from letters, simple sentences."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from statewise_lab.classics.experiment import Batch, Contender, Dice, Experiment, Material, Paper, Verdict
from statewise_lab.classics.network import Network
from statewise_lab.classics.readout import Meaning
from statewise_lab.classics.sentences import sentences_of

Ints = NDArray[np.int64]
Floats = NDArray[np.floating[Any]]

TRIPLES = 10
"So many triples of bits are read in one go."
LETTERS = {"b": "101001", "d": "101101", "g": "101011", "a": "010011", "i": "010101", "u": "010111"}
"Six features: consonant, vowel, interrupted, high, back, voiced (table 1 of the paper)."
SYLLABLES = ("ba", "dii", "guuu")
READ_LETTERS = 50
CLEAR_AFTER = 4
"By how many letters a piece that begins anywhere has shown where in a syllable it is."
LEXICON = ["a", "the", "big", "old", "cat", "dog", "sees", "hunts", "mouse", "river", "quietly", "house"]
LEXICON += ["under", "walks", "always"]
"Fifteen words: as many as in the paper, of our own choice."
LETTER_BITS = 5
WORDS_READ = 60


def pieces(stream: Floats, length: int) -> Batch:
    """Cut a stream `[N, D]` into pieces side by side, in each of which the next item is to be told at every place."""
    count = (len(stream) - 1) // length
    inputs = stream[: count * length].reshape(count, length, -1).swapaxes(0, 1)
    targets = stream[1 : count * length + 1].reshape(count, length, -1).swapaxes(0, 1)
    places = torch.ones(length, count, dtype=torch.bool)
    return Batch(torch.from_numpy(inputs.copy()).float(), torch.from_numpy(targets.copy()).float(), places)


def some_of(whole: Batch, dice: Dice, rows: int) -> Batch:
    """Draw some of the pieces."""
    chosen = torch.from_numpy(dice.choice(whole.places.shape[1], min(rows, whole.places.shape[1]), replace=False))
    return Batch(whole.inputs[:, chosen], whole.targets[:, chosen], whole.places[:, chosen])


def errors_at(network: Network, whole: Batch, meaning: Meaning) -> Tensor:
    """Return how far each output is off, `[T, B, O]`."""
    outputs = network(whole.inputs, whole.places)
    errors = meaning.errors(outputs, whole.targets[whole.places])
    return errors.reshape(*whole.targets.shape)


def root_mean_square(errors: Tensor) -> float:
    """Return the root of the mean square."""
    return float(errors.square().mean().sqrt())


def xor_bits(dice: Dice, triples: int) -> Floats:
    """Draw triples of bits, of which the third is the exclusive or of the other two, as one stream `[N, 1]`."""
    bits = dice.integers(0, 2, (triples, 2))
    return np.column_stack([bits, bits[:, 0] ^ bits[:, 1]]).reshape(-1, 1).astype(float)


def xor_in_time(seed: int) -> Material:
    """Return 3,000 bits to learn from, and a judge that looks at the error of 1,200 others by its place in a triple.

    A piece that is learned from begins where a triple does, as the paper's stream did.
    """
    steps = 3 * TRIPLES
    learned = pieces(np.append(xor_bits(np.random.default_rng([seed, 3000]), 1000), [[0.0]], axis=0), steps)

    def by_place(network: Network, dice: Dice) -> Tensor:
        return errors_at(network, pieces(np.append(xor_bits(dice, 400), [[0.0]], axis=0), steps), Meaning.BITS)

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        errors = by_place(network, dice)[:-1]  # the last target of a piece belongs to the next one
        third = torch.arange(len(errors)) % 3 == 1
        told, untold = root_mean_square(errors[third]), root_mean_square(errors[~third])
        return Verdict(told < untold / 2, {"error where it follows": told, "error elsewhere": untold})

    def look(network: Network, dice: Dice) -> dict[str, Any]:
        errors = by_place(network, dice)[:12]
        return {"rms_by_step": errors.square().mean(dim=(1, 2)).sqrt().tolist()}

    return Material(lambda dice, rows: some_of(learned, dice, rows), judge, look)


def letters_of(dice: Dice, consonants: int) -> str:
    """Draw consonants in any order, each followed by its vowels: ba, dii or guuu."""
    return "".join(SYLLABLES[which] for which in dice.integers(0, 3, consonants))


def as_features(letters: str, table: dict[str, str]) -> Floats:
    """Return letters as vectors of noughts and ones, `[N, D]`."""
    return np.array([[float(bit) for bit in table[letter]] for letter in letters])


def letter_sequence(seed: int) -> Material:
    """Return letters of 1,000 consonants to learn from, and a judge that looks where others can be predicted.

    Each vowel can be, with all its features; of a consonant only that it is one.
    """
    stream = letters_of(np.random.default_rng([seed, 1000]), 1000)
    learned = pieces(as_features(stream, LETTERS), READ_LETTERS)

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        whole = pieces(as_features(letters_of(dice, 1000), LETTERS), READ_LETTERS)
        errors = errors_at(network, whole, Meaning.BITS)[CLEAR_AFTER:]
        is_vowel = whole.targets[CLEAR_AFTER:, :, 1] > 0
        wrong = float((errors[is_vowel].amax(dim=1) >= 0.5).float().mean())
        unknown = float((errors[~is_vowel][:, 0] >= 0.5).float().mean())
        measures = {
            "vowels wrong": wrong,
            "consonants not known to be one": unknown,
            "error at vowels": root_mean_square(errors[is_vowel]),
            "error at consonants": root_mean_square(errors[~is_vowel]),
        }
        return Verdict(not wrong and not unknown, measures)

    def look(network: Network, dice: Dice) -> dict[str, Any]:
        shown = letters_of(dice, 12)
        whole = pieces(as_features(shown + "b", LETTERS), len(shown))
        errors = errors_at(network, whole, Meaning.BITS)[:, 0]
        return {
            "letters": shown[1:],
            "rms": errors.square().mean(dim=1).sqrt()[:-1].tolist(),
            "rms_of_consonant_bit": errors[:-1, 0].tolist(),
        }

    return Material(lambda dice, rows: some_of(learned, dice, rows), judge, look)


def words_of(dice: Dice, sentences: int) -> list[str]:
    """Draw sentences of four to nine words, each word any of the lexicon, without anything between them."""
    return [LEXICON[which] for _ in range(sentences) for which in dice.integers(0, len(LEXICON), dice.integers(4, 10))]


def letter_codes(dice: Dice) -> dict[str, str]:
    """Draw a code of five bits for each letter, no two alike."""
    letters = sorted(set("".join(LEXICON)))
    numbers = dice.choice(2**LETTER_BITS, len(letters), replace=False)
    return {letter: format(number, f"0{LETTER_BITS}b") for letter, number in zip(letters, numbers, strict=True)}


def words_from_letters(seed: int) -> Material:
    """Return 200 sentences to learn, letter by letter, and a judge that asks whether errors show where words begin.

    He pairs each first letter of a word with each other letter and counts in how many pairs the first one's error is
    larger: the area under the curve of a detector.
    """
    own = np.random.default_rng([seed, 200])
    codes = letter_codes(own)
    learned = pieces(as_features("".join(words_of(own, 200)), codes), WORDS_READ)

    def read(network: Network, words: list[str]) -> tuple[Floats, NDArray[np.bool_], str]:
        letters = "".join(words)
        begins = np.concatenate([[True, *[False] * (len(word) - 1)] for word in words])
        whole = pieces(as_features(letters, codes), len(letters) - 1)
        errors = errors_at(network, whole, Meaning.BITS)[:, 0].square().mean(dim=1).sqrt().numpy()
        return errors, begins[1:], letters[1:]

    def judge(network: Network, dice: Dice, *, to_the_end: bool = False) -> Verdict:
        errors, begins, _ = read(network, words_of(dice, 200))
        area = area_under_curve(errors[begins], errors[~begins])
        means = {"error at first letters": errors[begins].mean(), "error within": errors[~begins].mean()}
        return Verdict(
            area > 0.9,
            {"pairs told apart": area, "by chance": 0.5, **{name: float(value) for name, value in means.items()}},
        )

    def look(network: Network, dice: Dice) -> dict[str, Any]:
        errors, begins, letters = read(network, words_of(dice, 3)[:14])
        return {"letters": letters, "begins": begins.tolist(), "rms": errors.tolist()}

    return Material(lambda dice, rows: some_of(learned, dice, rows), judge, look)


def area_under_curve(larger: Floats, smaller: Floats) -> float:
    """Return in which share of all pairs the first is the larger one, ties by half.

    >>> area_under_curve(np.array([3.0, 1.0]), np.array([2.0, 1.0]))
    0.625
    """
    ordered = np.sort(smaller)
    below = np.searchsorted(ordered, larger, side="left") + np.searchsorted(ordered, larger, side="right")
    return float(below.mean() / 2 / len(smaller))


def _in_bits(section: str, reached: str, count: int, *, features: int, units: int, most: int, **how: Any) -> Experiment:
    """Return an experiment in which as many bits are to be told as are read, for an LSTM and an Elman network."""
    return Experiment(
        paper=Paper(f"Elman 1990, {section}", reached, count),
        meaning=Meaning.BITS,
        outputs=features,
        features=features,
        contenders=(Contender("lstm", units, most), Contender("elman", units, most)),
        is_quick=True,
        **how,
    )


EXPERIMENTS = (
    _in_bits(
        "Exclusive-OR",
        "the error falls at every third bit, after 600 passes",
        1_800_000,
        name="xor",
        title="exclusive or in time",
        criterion="the error at bits that follow from the two before is less than half of that at the others",
        material=xor_in_time,
        features=1,
        units=4,
        most=60_000,
        every=500,
        unit="bits",
        size=3 * TRIPLES,
    ),
    _in_bits(
        "Structure in letter sequences",
        "vowels and the class of each letter foretold; 200 passes",
        600_000,
        name="letters",
        title="letter sequence",
        criterion="all vowels of 1,000 syllables foretold, and that a consonant comes",
        material=letter_sequence,
        features=6,
        units=20,
        most=12_000,
        every=200,
        unit="letters",
        size=READ_LETTERS,
    ),
    _in_bits(
        "Discovering the notion word",
        "errors peak where words begin; 10 passes",
        49_630,
        name="words",
        title="words from letters",
        criterion="a first letter has the larger error in more than 90 % of pairs with another letter",
        material=words_from_letters,
        features=LETTER_BITS,
        units=20,
        most=8_000,
        every=100,
        unit="letters",
        size=WORDS_READ,
    ),
    sentences_of("Elman 1990, Discovering lexical classes"),
)
