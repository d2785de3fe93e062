"""What is drawn is what the papers describe, and what it counts as is what one would count by hand."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from statewise_lab.classics import copying, counting, elman_1990, long_lags, pascanu_2013, reber, sentences
from statewise_lab.classics.experiment import Batch, Draw

ROWS = 200


def drawn(draw: Draw, seed: int = 0) -> Batch:
    return draw(np.random.default_rng(seed), ROWS)


def asked(batch: Batch) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return at which step each row is asked, and for what, where it is asked once."""
    assert batch.places.sum(dim=0).tolist() == [1] * ROWS
    return batch.places.int().argmax(dim=0).numpy(), batch.targets.swapaxes(0, 1)[batch.places.T].numpy()


def test_every_third_bit_is_the_exclusive_or_of_the_two_before() -> None:
    bits = elman_1990.xor_bits(np.random.default_rng(0), 50).astype(int).reshape(-1, 3)
    assert ((bits[:, 0] ^ bits[:, 1]) == bits[:, 2]).all()
    assert {tuple(row) for row in bits.tolist()} == {(0, 0, 0), (0, 1, 1), (1, 0, 1), (1, 1, 0)}


def test_a_consonant_is_followed_by_its_own_vowels() -> None:
    letters = elman_1990.letters_of(np.random.default_rng(0), 50)
    assert letters.replace("ba", "").replace("dii", "").replace("guuu", "") == ""
    assert {"ba", "dii", "guuu"} == {s for s in elman_1990.SYLLABLES if s in letters}


def test_pieces_of_a_stream_ask_at_each_place_for_what_comes_next() -> None:
    batch = elman_1990.pieces(np.arange(11.0).reshape(-1, 1), 5)
    assert batch.inputs[..., 0].T.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
    assert batch.targets[..., 0].T.tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]


def test_words_stand_in_sentences_of_four_to_nine_without_a_gap() -> None:
    words = elman_1990.words_of(np.random.default_rng(0), 30)
    assert 120 <= len(words) <= 270
    assert set(words) == set(elman_1990.LEXICON)
    assert len(elman_1990.LEXICON) == 15


def test_the_lexicon_of_sentences_is_that_of_the_paper_in_number() -> None:
    assert len(sentences.WORDS) == 29
    assert len(sentences.PATTERNS) == 16
    words = sentences.draw_words(np.random.default_rng(0), 10_000)
    assert 25_000 < len(words) < 29_000  # 27,354 in the paper


def test_the_exact_odds_of_the_next_word_are_those_of_counting() -> None:
    words = sentences.draw_words(np.random.default_rng(0), 60_000)
    eat, seen = sentences.WORDS.index("eat"), np.zeros(29)
    for before, word, following in zip(words[:-2], words[1:-1], words[2:], strict=True):
        if sentences.WORDS[before] == "dragon" and word == eat:
            seen[following] += 1
    odds = sentences.exact_odds(np.array([sentences.WORDS.index("dragon"), eat]))
    assert odds.sum(axis=1) == pytest.approx([1, 1])
    # dragon eat: a human, an animal, a food, each class as likely
    assert odds[1, sentences.codes_in(("human",))] == pytest.approx(1 / 3 / 4)
    assert seen / seen.sum() == pytest.approx(odds[1], abs=0.03)


def test_a_place_that_may_begin_a_sentence_or_go_on_with_one_has_the_odds_of_both() -> None:
    odds = sentences.exact_odds(np.array([sentences.WORDS.index("man"), sentences.WORDS.index("sleep")]))
    starts = [pattern[0] for pattern in sentences.PATTERNS].count("thing") / 16 / 3
    assert odds[1, sentences.WORDS.index("book")] == pytest.approx(starts)  # a verb of rest ends its sentence


@pytest.mark.parametrize("seed", range(5))
def test_a_string_of_the_embedded_grammar_can_be_followed_by_hand(seed: int) -> None:
    string, might = reber.embedded_string(np.random.default_rng(seed))
    assert string[0] + string[-1] == "BE"
    assert string[1] == string[-2] in "TP"
    assert len(might) == len(string) - 1
    assert all(symbol in allowed for symbol, allowed in zip(string[1:], might, strict=True))
    node = 0
    for symbol in string[3:-3]:
        node = reber.GRAPH[node][symbol]
    assert string[2] == "B"
    assert reber.GRAPH[node] == {}


def test_strings_side_by_side_keep_what_may_follow() -> None:
    strings = reber.draw_strings(np.random.default_rng(0), 7)
    batch = strings.batch(torch.tensor([2, 4]))
    assert set(strings.may_follow[0].nonzero()[:, 1].tolist()) == {1, 2}  # T or P
    allowed = strings.may_follow[:, [2, 4]].gather(2, batch.targets.unsqueeze(2)).squeeze(2)
    assert bool(allowed[batch.places].all())


def test_a_lag_of_fixed_symbols_ends_as_it_began() -> None:
    batch = drawn(long_lags.lag_of_fixed_symbols(7))
    assert batch.inputs.shape == (7, ROWS)
    assert batch.inputs[1:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert batch.targets[:-1, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert torch.equal(batch.targets[-1], batch.inputs[0])
    assert set(batch.inputs[0].tolist()) == {6, 7}


def test_a_lag_of_random_symbols_asks_at_the_end_for_the_first() -> None:
    batch = drawn(long_lags.lag_of_random_symbols(7))
    steps, targets = asked(batch)
    assert set(steps.tolist()) == {6}
    assert targets.tolist() == batch.inputs[0].tolist()
    assert set(batch.inputs[1:].flatten().tolist()) == {0, 1, 2, 3, 4, 5}


def test_distractors_are_at_least_as_many_as_the_lag_and_end_in_a_sign() -> None:
    lag, kinds = 9, 5
    batch = drawn(long_lags.lag_of_distractors(lag, kinds))
    steps, targets = asked(batch)
    inputs = batch.inputs.numpy()
    assert (inputs[0] == kinds).all()
    assert (inputs[1] == kinds + 2 + targets).all()
    assert (inputs[steps, np.arange(ROWS)] == kinds + 1).all()
    for row, step in enumerate(steps):
        assert (inputs[2:step, row] < kinds).all()
    assert (steps - 2).min() == lag
    assert (steps - 2).mean() == pytest.approx(lag + 9, abs=2)


def test_two_sequences_are_told_by_their_first_numbers() -> None:
    steps, targets = asked(drawn(long_lags.two_sequences(50, 3)))
    batch = drawn(long_lags.two_sequences(50, 3))
    assert torch.equal(batch.inputs[:3, :, 0], batch.inputs[:1, :, 0].expand(3, ROWS))
    assert ((batch.inputs[0, :, 0] == 1).numpy() == (targets[:, 0] == 1)).all()
    assert float(batch.inputs[3:].var()) == pytest.approx(0.2, abs=0.01)
    assert set(steps.tolist()) <= set(range(49, 55))
    noisy = drawn(long_lags.two_sequences(50, 3, noise=True, targets=(0.2, 0.8), target_variance=0.1))
    _, targets = asked(noisy)
    is_first = noisy.inputs[:3].mean(dim=0).squeeze() > 0
    assert targets[is_first].mean() == pytest.approx(0.2, abs=0.1)
    assert targets.var() > 0.1


def test_two_numbers_are_marked_and_added_or_multiplied() -> None:
    draw = long_lags.two_marked_numbers(40, -1.0, lambda a, b: 0.5 + (a + b) / 4)
    batch = drawn(draw)
    steps, targets = asked(batch)
    for row, step in enumerate(steps):
        values, marks = batch.inputs[: step + 1, row].T
        places = (marks == 1).nonzero()[:, 0].tolist()
        assert len(places) == 2
        assert min(places) < 10
        assert max(places) < 19
        assert marks[step] == -1
        assert places[0] == 0 or marks[0] == -1
        counted = [0.0 if place == 0 else float(values[place]) for place in places]
        assert float(targets[row, 0]) == pytest.approx(0.5 + sum(counted) / 4, abs=1e-6)
        assert set(marks.tolist()) <= {-1, 0, 1}
    product = drawn(long_lags.two_marked_numbers(40, 0.0, np.multiply))
    assert float(product.inputs[..., 0].min()) >= 0
    assert float(asked(product)[1].max()) <= 1


@pytest.mark.parametrize("windows", [[(10, 20), (50, 60)], [(10, 20), (33, 43), (66, 76)]])
def test_the_order_of_symbols_is_their_class(windows: list[tuple[int, int]]) -> None:
    batch = drawn(long_lags.order_of_symbols(*windows))
    steps, targets = asked(batch)
    for row, step in enumerate(steps):
        symbols = batch.inputs[: step + 1, row].tolist()
        signs = [(place, symbol) for place, symbol in enumerate(symbols) if symbol in (4, 5)]
        assert [first <= place <= last for (place, _), (first, last) in zip(signs, windows, strict=True)]
        assert int("".join(str(symbol - 4) for _, symbol in signs), 2) == targets[row]
        assert (symbols[0], symbols[-1]) == (6, 7)
    assert {*(steps + 1).tolist()} <= {*range(100, 111)}
    assert {*targets.tolist()} == {*range(2 ** len(windows))}


def test_temporal_order_has_its_symbols_in_the_second_and_fifth_tenth() -> None:
    batch = drawn(pascanu_2013.temporal_order(50, 50))
    _, targets = asked(batch)
    for row in range(ROWS):
        symbols = batch.inputs[:, row].tolist()
        (first, one), (second, other) = [(place, s) for place, s in enumerate(symbols) if s < 2]
        assert 5 <= first <= 10
        assert 20 <= second <= 25
        assert 2 * one + other == targets[row]
    assert len({len(pascanu_2013.temporal_order(20, 30)(np.random.default_rng(n), 1).inputs) for n in range(9)}) > 3


def test_a_random_permutation_ends_as_it_began() -> None:
    batch = drawn(pascanu_2013.random_permutation(12))
    steps, targets = asked(batch)
    assert set(steps.tolist()) == {10}
    assert targets.tolist() == batch.inputs[0].tolist()
    assert int(batch.inputs[1:].min()) >= 2


def test_strings_that_are_counted_ask_only_for_what_is_certain() -> None:
    batch = counting.strings_of(np.array([1, 3]), 3)
    assert batch.inputs[:, 1].tolist() == [0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert batch.targets[batch.places[:, 1], 1].tolist() == [2, 2, 3, 3, 3, 0]
    assert batch.targets[batch.places[:, 0], 0].tolist() == [3, 0]


def test_parity_is_asked_for_after_each_bit() -> None:
    batch = drawn(counting.parity(7, 7))
    assert batch.inputs.shape == (7, ROWS)
    assert torch.equal(batch.targets[-1], batch.inputs.sum(dim=0) % 2)
    assert torch.equal(batch.targets[0], batch.inputs[0])


def test_what_is_to_be_copied_is_asked_for_at_the_end() -> None:
    batch = drawn(copying.copy_memory(5))
    assert batch.inputs.shape == (25, ROWS)
    assert batch.inputs[10:, 0].tolist() == [8, 8, 8, 8, 9, *[8] * 10]
    assert torch.equal(batch.targets[-10:], batch.inputs[:10])
    assert set(batch.places.sum(dim=0).tolist()) == {10}
