"""The fast model beside a slow one: dictionaries of n-grams and the textbook's formulas, one code at a time."""

import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewise.errors import DataError, UsageError
from statewise.tasks.shared import kneser_ney
from statewise.tasks.shared.kneser_ney import KneserNey

ORDERS = range(1, 7)
ABACAB = np.array([0, 1, 0, 2, 0, 1])
Gram = tuple[int, ...]


class Textbook:
    """Chen & Goodman 1998, read aloud."""

    def __init__(self, text: Sequence[int], choices: int, *, modified: bool = False) -> None:
        self.choices, self.modified = choices, modified
        sizes = range(1, 8)
        self.raw = {n: Counter(tuple(text[i : i + n]) for i in range(len(text) - n + 1)) for n in sizes}
        self.continued = {n: Counter(gram[1:] for gram in self.raw[n + 1]) for n in sizes if n + 1 in self.raw}

    def probability(self, code: int, context: Gram, *, top: bool = True) -> float:
        n = len(context) + 1
        counts = (self.raw if top else self.continued)[n]
        below = self.probability(code, context[1:], top=False) if context else 1 / self.choices
        followers = [counts[(*context, w)] for w in range(self.choices)]
        if not sum(followers):
            return below
        n1, n2, n3, n4 = (list(counts.values()).count(times) for times in (1, 2, 3, 4))
        discount = n1 / (n1 + 2 * n2) if n1 and n2 else 0.5
        by_count = [0.0, discount, discount, discount]
        if self.modified:
            by_count = [0.0, 0.5, 1.0, 1.5]
            if n1 and n2 and n3 and n4:
                found = [1 - 2 * discount * n2 / n1, 2 - 3 * discount * n3 / n2, 3 - 4 * discount * n4 / n3]
                by_count = [0.0, *found] if all(0 < d <= c for d, c in zip(found, (1, 2, 3))) else by_count
        kept = max(counts[(*context, code)] - by_count[min(counts[(*context, code)], 3)], 0)
        return (kept + sum(by_count[min(c, 3)] for c in followers) * below) / sum(followers)


def structured(length: int) -> np.ndarray:
    """Walk in a ring of 12, whose next step depends on the last two codes, with a random one now and then."""
    rng = np.random.default_rng(0)
    codes = [0, 1]
    for noise in rng.random(length - 2):
        codes.append(int(rng.integers(12)) if noise < 0.1 else (codes[-1] + 5 * codes[-2] + 1) % 12)
    return np.array(codes)


texts = st.integers(1, 5).flatmap(
    lambda choices: st.tuples(
        st.just(choices),
        st.lists(st.integers(0, choices - 1), min_size=1, max_size=60),
        st.lists(st.integers(0, choices - 1), min_size=1, max_size=12),
    )
)


@settings(max_examples=80, derandomize=True)
@given(texts)
def test_every_order_equals_the_textbook(drawn: tuple[int, list[int], list[int]]) -> None:
    choices, seen, unseen = drawn
    model, textbook = KneserNey.fit(np.array(seen), choices), Textbook(seen, choices)
    for order in ORDERS:
        contexts = [tuple(unseen[max(0, i - order + 1) : i]) for i in range(len(unseen))]
        expected = [textbook.probability(code, context) for code, context in zip(unseen, contexts, strict=True)]
        np.testing.assert_allclose(np.exp(model.log_probabilities(np.array(unseen), order)), expected, rtol=1e-12)
        whole = [textbook.probability(code, contexts[-1]) for code in range(choices)]
        np.testing.assert_allclose(model.distribution(unseen[:-1], order), whole, rtol=1e-12)


@pytest.mark.parametrize("modified", [False, True])
def test_a_longer_random_text_equals_the_textbook(modified: bool) -> None:
    text = np.random.default_rng(1).geometric(0.4, 700).clip(max=9) - 1
    model = KneserNey.fit(text[:600], 9, modified=modified)
    textbook = Textbook(text[:600].tolist(), 9, modified=modified)
    held = text[600:].tolist()
    for order in ORDERS:
        expected = [textbook.probability(held[i], tuple(held[max(0, i - order + 1) : i])) for i in range(len(held))]
        np.testing.assert_allclose(np.exp(model.log_probabilities(text[600:], order)), expected, rtol=1e-12)


def test_a_text_of_six_codes_equals_what_a_hand_computes() -> None:
    model = KneserNey.fit(ABACAB, 3, order=2)  # ab twice; ba, ac, ca once: D_2 = 3 / (3 + 2) = 0.6
    # left of a stand b and c, left of b and of c only a: continuation counts 2, 1, 1 and D_1 = 2 / (2 + 2) = 0.5
    alone = [(2 - 0.5 + 0.5 * 3 / 3) / 4, (1 - 0.5 + 0.5 * 3 / 3) / 4, (1 - 0.5 + 0.5 * 3 / 3) / 4]
    after_a = [0.6 * 2 / 3 * alone[0], (2 - 0.6) / 3 + 0.6 * 2 / 3 * alone[1], (1 - 0.6) / 3 + 0.6 * 2 / 3 * alone[2]]
    np.testing.assert_allclose(model.distribution([0]), after_a)
    # order 1 on top: occurrences 3, 2, 1, so D_1 = 1 / (1 + 2)
    np.testing.assert_allclose(model.distribution([0], order=1), [1 / 2, 1 / 3, 1 / 6])
    assert model.nats(np.array([0, 1])) == pytest.approx(-math.log(1 / 2) - math.log(1.7 / 3))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("context", [[], [0], [1, 2], [0, 7, 1, 2, 9, 4, 3], [10, 10, 10, 10, 10], [11, 12, 12, 13]])
def test_a_distribution_sums_to_one_after_seen_and_unseen_contexts(order: int, context: list[int]) -> None:
    probabilities = KneserNey.fit(structured(2000), 14).distribution(context, order)
    assert probabilities.shape == (14,)
    assert probabilities.sum() == pytest.approx(1)
    assert (probabilities > 0).all()


@pytest.mark.parametrize("order", ORDERS)
def test_log_probabilities_agree_with_distributions_also_across_chunks(
    order: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kneser_ney, "CHUNK", 3)
    text = structured(600)
    model, held = KneserNey.fit(text[:550], 12), text[550:]
    scored = model.log_probabilities(held, order)
    expected = [math.log(model.distribution(held[:i], order)[code]) for i, code in enumerate(held)]
    np.testing.assert_allclose(scored, expected, rtol=1e-12)
    assert model.nats(held, order) == pytest.approx(-scored.sum())


def test_a_code_never_seen_has_a_probability_above_zero() -> None:
    model = KneserNey.fit(ABACAB, 5)
    for order in ORDERS:
        assert np.isfinite(model.log_probabilities(np.array([4, 4, 0, 3, 1, 0, 4]), order)).all()


def test_a_model_of_order_six_answers_as_the_one_fitted_at_a_lower_order() -> None:
    text = structured(1000)
    model = KneserNey.fit(text[:900], 12)
    assert (model.orders, model.choices) == (range(1, 7), 12)
    for order in ORDERS:
        assert model.nats(text[900:], order) == KneserNey.fit(text[:900], 12, order).nats(text[900:])


def test_a_longer_context_helps_on_a_text_with_structure() -> None:
    text = structured(6000)
    model = KneserNey.fit(text[:5000], 12)
    first, second, third = (model.nats(text[5000:], order) / 1000 for order in (1, 2, 3))
    assert third < second - 0.5 < first - 0.5
    assert third < 0.9  # the noise alone is 0.55 nats


def test_a_text_of_noise_costs_no_less_than_uniform_codes() -> None:
    text = np.random.default_rng(2).integers(0, 8, 4000)
    model = KneserNey.fit(text[:3000], 8)
    assert all(model.nats(text[3000:], order) / 1000 > 0.99 * math.log(8) for order in ORDERS)


def test_a_million_choices_are_ranked_exactly() -> None:
    high = np.array([999_999, 123_456, 999_999, 7, 999_999, 123_456], np.uint32)
    model, small = KneserNey.fit(high, 1_000_000), Textbook(ABACAB.tolist(), 1_000_000)
    after = model.distribution([999_999], order=2)
    assert after.sum() == pytest.approx(1)
    expected = 1.4 / 3 + 0.4 * (0.5 / 4 + 0.5 * 3 / 4 / 1_000_000)
    assert after[123_456] == pytest.approx(expected)
    assert small.probability(1, (0,)) == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64, np.int8, np.int64])
def test_codes_of_any_integer_type_give_the_same_model(dtype: type[np.integer[Any]]) -> None:
    text = structured(500)
    expected = KneserNey.fit(text, 12).log_probabilities(text[:50])
    np.testing.assert_array_equal(KneserNey.fit(text.astype(dtype), 12).log_probabilities(text[:50]), expected)
    np.testing.assert_array_equal(KneserNey.fit(text, 12).log_probabilities(text[:50].astype(dtype)), expected)


def test_a_memory_map_is_read_in_place(tmp_path: Path) -> None:
    text = structured(500).astype(np.uint16)
    text.tofile(tmp_path / "codes.bin")
    mapped = np.memmap(tmp_path / "codes.bin", dtype=np.uint16, mode="r")
    model = KneserNey.fit(mapped, 12)
    assert model.nats(mapped) == KneserNey.fit(text, 12).nats(text)
    np.testing.assert_array_equal(mapped, text)


@pytest.mark.parametrize(
    ("codes", "error", "line"),
    [
        (np.array([0, 3]), DataError, "codes 0 to 3 given, 0 to 2 wanted: encode with the model's own alphabet"),
        (np.array([-1, 2]), DataError, "codes -1 to 2 given"),
        (np.array([0.0, 1.0]), DataError, "1-d codes of float64 given, 1-d integers wanted: encode the text first"),
        (np.array([[0, 1]]), DataError, "2-d codes of int64 given"),
        (np.array([], np.uint8), DataError, "no codes given, at least one wanted: give a text that is not empty"),
    ],
)
def test_codes_that_cannot_be_counted_are_refused_in_one_line(
    codes: np.ndarray, error: type[Exception], line: str
) -> None:
    model = KneserNey.fit(ABACAB, 3)
    for use in (lambda: KneserNey.fit(codes, 3), lambda: model.nats(codes), lambda: model.log_probabilities(codes)):
        with pytest.raises(error) as caught:
            use()
        assert line in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_context_outside_the_alphabet_is_refused() -> None:
    with pytest.raises(DataError, match="codes 3 to 3 given"):
        KneserNey.fit(ABACAB, 3).distribution([3])


def test_an_order_that_was_not_fitted_is_refused() -> None:
    model = KneserNey.fit(ABACAB, 3, order=2)
    for order in (0, 3):
        with pytest.raises(UsageError, match=f"order {order} was not fitted: give one from 1 to 2"):
            model.nats(ABACAB, order)


def test_an_order_or_an_alphabet_below_one_is_refused() -> None:
    with pytest.raises(UsageError, match="order 0 is below 1"):
        KneserNey.fit(ABACAB, 3, order=0)
    with pytest.raises(UsageError, match="choices 0 is below 1"):
        KneserNey.fit(ABACAB, 0)


def test_more_codes_than_ranks_can_number_are_refused_before_counting() -> None:
    with pytest.raises(DataError, match="too many to rank"):
        KneserNey.fit(ABACAB, 2**62)


def test_modified_discounts_are_those_worked_out_by_hand() -> None:
    # codes 0 to 9: six occur once, three twice, two three times, one four times
    text = np.array([0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 8, 8, 9, 9, 9, 10, 10, 10, 11, 11, 11, 11])
    discounts = KneserNey.fit(text, choices=12, order=1, modified=True).occurrences[0].discounts
    y = 6 / (6 + 2 * 3)
    assert discounts.tolist() == pytest.approx([0, 1 - 2 * y * 3 / 6, 2 - 3 * y * 2 / 3, 3 - 4 * y * 1 / 2])


def test_where_modified_discounts_cannot_be_found_they_are_the_usual_ones() -> None:
    discounts = KneserNey.fit(ABACAB, choices=3, order=1, modified=True).occurrences[0].discounts
    assert discounts.tolist() == [0, 0.5, 1, 1.5]
