"""A beam search over many rows: what it finds, when it stops, and that no row depends on another."""

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from statewise.cells import GRU, AttentionCell, Luong, Recurrent
from statewise.data.window import Padded
from statewise.decode import Limits, SearchRule, draw, sample, search
from statewise.encoders import Table, TwoWay
from statewise.errors import UsageError
from statewise.heads import Categorical, Head
from statewise.heads.head import Loss
from statewise.model import Model
from statewise.sampling import SamplingRule
from statewise.state import select_rows
from statewise.stream import Stream

V, END, START = 7, 2, 1


def attending(seed: int = 0, sharpness: float = 3.0) -> Model[Tensor]:
    torch.manual_seed(seed)
    core = AttentionCell(GRU(5 + 8, 6), Luong(6, 8))
    model = Model(Table(V, 5), core, Categorical(core.units, V), TwoWay(V, 4))
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(sharpness)
    return model.eval()


def drawn(count: int) -> list[Tensor]:
    draw = torch.Generator().manual_seed(3)
    return [torch.randint(3, V, (int(torch.randint(1, 9, (), generator=draw)),), generator=draw) for _ in range(count)]


def found(model: Model[Tensor], sources: list[Tensor], rule: SearchRule, most: int = 9, least: int = 0):  # type: ignore[no-untyped-def]
    state = model.begin(len(sources), Padded.of(sources))
    with torch.no_grad():
        return search(model, state, [START] * len(sources), END, [Limits(least, most)] * len(sources), rule)


class Scripted(Recurrent[Tensor]):
    """A state that is the codes read so far, as a number: what follows is looked up in a table."""

    features, units = 1, 1

    def initial(self, rows: int) -> Tensor:
        return torch.zeros(rows, 1)

    def step(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        after = state * 10 + x
        return after, after

    def scan(self, xs: Tensor, state: Tensor, *, reset: Tensor | None = None, mask: Tensor | None = None):  # type: ignore[no-untyped-def]
        raise NotImplementedError


class LookedUp(Head[Tensor]):
    """Odds by what was read: every other choice of what is not in the table is as likely as any."""

    features, choices = 1, 4

    def __init__(self, table: dict[int, dict[int, float]]) -> None:
        super().__init__()
        self.table, self.spare = table, nn.Parameter(torch.zeros(1))

    def forward(self, features: Tensor) -> Tensor:
        rows = []
        for past in features.flatten().tolist():
            odds = self.table.get(int(past), {})
            left = max(1e-9, 1 - sum(odds.values())) / (self.choices - len(odds)) if len(odds) < self.choices else 0
            rows.append([math.log(odds.get(choice, left)) for choice in range(self.choices)])
        return torch.tensor(rows)

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        raise NotImplementedError

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        raise NotImplementedError


class AsItIs(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.float().unsqueeze(-1)


def scripted(table: dict[int, dict[int, float]]) -> Model[Tensor]:
    return Model(AsItIs(), Scripted(), LookedUp(table))


def of_script(table: dict[int, dict[int, float]], rule: SearchRule, most: int = 4, least: int = 0):  # type: ignore[no-untyped-def]
    model = scripted(table)
    return search(model, model.begin(1), [START], END, [Limits(least, most)], rule)[0]


def test_a_beam_one_wide_is_greedy() -> None:
    model, sources = attending(), drawn(9)
    for source, (best,) in zip(sources, found(model, sources, SearchRule(width=1)), strict=True):
        stream = Stream(model, context=Padded.of([source]))
        stream.push(START)
        chosen = list(itertools.takewhile(lambda code: code != END, itertools.islice(sample(stream, temperature=0), 9)))
        assert best.codes == chosen


def test_a_wide_beam_finds_the_likeliest_of_all_sequences() -> None:
    model, sources = attending(), drawn(3)
    every = [path for n in range(4) for path in itertools.product([0, 1, 3, 4, 5, 6], repeat=n)]
    for source, (best, *_) in zip(sources, found(model, sources, SearchRule(V**4, 1, 0.0), most=3), strict=True):
        scored = {}
        with torch.no_grad():
            for path in every:
                state, total = model.begin(1, Padded.of([source])), 0.0
                for read, wanted in itertools.pairwise([START, *path, END]):
                    logits, state = model.step(torch.tensor([read]), state)
                    total += float(logits.log_softmax(dim=-1)[0, wanted])
                scored[path] = total
        likeliest = max(scored, key=scored.__getitem__)
        assert tuple(best.codes) == likeliest
        assert best.log_probability == pytest.approx(scored[likeliest], abs=1e-4)


@pytest.mark.parametrize("rule", [SearchRule(1), SearchRule(3, 3), SearchRule(5, 2, 0.0)])
def test_no_row_depends_on_how_many_others_there_are_or_on_their_order(rule: SearchRule) -> None:
    model, sources = attending(), drawn(100)
    together = [[one.codes for one in each] for each in found(model, sources, rule)]
    alone = [[one.codes for one in found(model, [source], rule)[0]] for source in sources]
    by_eight = [each for at in range(0, 100, 8) for each in found(model, sources[at : at + 8], rule)]
    turned = found(model, sources[::-1], rule)[::-1]
    assert together == alone == [[one.codes for one in each] for each in by_eight]
    assert together == [[one.codes for one in each] for each in turned]


def test_a_fork_of_a_row_finds_what_a_fresh_one_does() -> None:
    model, sources = attending(), drawn(4)
    state = model.begin(4, Padded.of(sources))
    forked = select_rows(state, torch.tensor([2, 2, 0]))
    limits, rule = [Limits(0, 9)] * 3, SearchRule(3, 3)
    from_fork = search(model, forked, [START] * 3, END, limits, rule)
    fresh = found(model, [sources[2], sources[2], sources[0]], rule)
    assert [[one.codes for one in each] for each in from_fork] == [[one.codes for one in each] for each in fresh]


def test_an_untrained_model_answers_with_a_finite_score() -> None:
    model = attending(sharpness=0.0)
    for each in found(model, drawn(5), SearchRule(5, 5)):
        assert len(each) == 5
        assert all(math.isfinite(one.score) for one in each)


def test_a_model_that_never_ends_is_cut_at_the_limit_and_says_so() -> None:
    forever = {past: {3: 0.999} for past in (1, 13, 133, 1333, 13333)}
    (greedy,) = of_script(forever, SearchRule(1), most=3)
    assert greedy == ([3, 3, 3], pytest.approx(3 * math.log(0.999)), pytest.approx(math.log(0.999)), False)


def test_an_end_at_the_limit_itself_is_still_an_end() -> None:
    table = {1: {3: 0.9}, 13: {3: 0.9}, 133: {END: 0.9}}
    (best,) = of_script(table, SearchRule(1), most=2)
    assert best.codes == [3, 3]
    assert best.is_finished


def test_a_finished_hypothesis_is_never_gone_on_from() -> None:
    table = {1: {END: 0.6, 3: 0.3}, 12: {3: 0.99}, 13: {END: 0.9}}
    for one in of_script(table, SearchRule(3, 3, 0.0)):
        assert END not in one.codes
    assert [one.codes for one in of_script(table, SearchRule(2, 2, 0.0))] == [[], [3]]


def test_the_mean_prefers_the_longer_and_the_plain_probability_the_shorter() -> None:
    table = {1: {END: 0.4, 3: 0.6}, 13: {3: 0.6, END: 0.3}, 133: {END: 0.9}}
    assert of_script(table, SearchRule(3, 1, 0.0))[0].codes == []
    assert of_script(table, SearchRule(3, 1, 1.0))[0].codes == [3, 3]


def test_the_mean_adds_no_tail_of_dots() -> None:
    # 3 is a full stop: each one more is likely, but the end after the first one is likelier by the mean
    table = {1: {0: 0.9}, 10: {3: 0.9}, 103: {END: 0.8, 3: 0.2}, 1033: {3: 0.7, END: 0.3}, 10333: {END: 0.3, 3: 0.7}}
    assert of_script(table, SearchRule(4, 1, 1.0), most=5)[0].codes == [0, 3]


def test_the_search_goes_on_while_one_under_way_can_still_win() -> None:
    # the first two to end are worse than one that ends later: stopping at two finished ones would miss it
    table = {1: {END: 0.3, 0: 0.3, 3: 0.4}, 10: {END: 0.6, 3: 0.2}, 13: {3: 0.99}, 133: {3: 0.99}, 1333: {END: 0.99}}
    assert of_script(table, SearchRule(2, 1, 1.0))[0].codes == [3, 3, 3]


def test_a_least_length_is_kept_and_a_choice_that_is_never_made() -> None:
    model, sources = attending(), drawn(6)
    for each in found(model, sources, SearchRule(3, 1, 1.0, never=(4, 5)), least=5):
        assert len(each[0].codes) >= 5
        assert not {4, 5} & set(each[0].codes)


def test_no_three_choices_come_twice_where_that_is_asked() -> None:
    forever = {int("1" + "3" * n): {3: 0.9} for n in range(9)}
    (best,) = of_script(forever, SearchRule(1, no_repeat=2), most=6)
    pairs = list(itertools.pairwise(best.codes))
    assert len(pairs) == len(set(pairs))


def test_a_row_of_which_nothing_may_be_chosen_still_has_an_answer() -> None:
    (best,) = of_script({}, SearchRule(2, never=(0, 1, 2, 3)))
    assert (best.codes, best.is_finished) == ([], False)


def test_diversity_lets_another_beginning_in_and_changes_no_score() -> None:
    table = {1: {0: 0.6, 3: 0.3}, 10: {0: 0.5, 3: 0.4}, 13: {3: 0.6, 0: 0.3}}
    table |= {past: {END: 0.99} for past in (100, 103, 133, 130)}
    plain = of_script(table, SearchRule(2, 2, 0.0))
    diverse = of_script(table, SearchRule(2, 2, 0.0, diversity=1.0))
    assert [one.codes for one in plain] == [[0, 0], [0, 3]]
    assert [one.codes for one in diverse] == [[0, 0], [3, 3]]
    assert diverse[0] == plain[0]
    assert diverse[1].log_probability == pytest.approx(math.log(0.3 * 0.6 * 0.99))


def test_choices_that_may_not_follow_do_not_in_a_search_or_a_draw() -> None:
    model, sources = attending(), drawn(6)
    state, limits = model.begin(6, Padded.of(sources)), [Limits(3, 9)] * 6

    def barring(codes):  # type: ignore[no-untyped-def]
        return [codes[-1], END] if codes else [4]

    searched = [one for (one,) in search(model, state, [START] * 6, END, limits, SearchRule(3), barring)]
    for one in [*searched, *draw(model, state, [START] * 6, END, limits, SamplingRule(), [*range(6)], barring)]:
        assert one.codes[0] != 4
        assert all(a != b for a, b in itertools.pairwise(one.codes))
        assert len(one.codes) == 9
        assert not one.is_finished


def test_a_draw_at_temperature_zero_is_greedy_and_a_seed_repeats_whatever_the_others_are() -> None:
    model, sources = attending(), drawn(9)
    state, limits, first = model.begin(9, Padded.of(sources)), [Limits(0, 9)] * 9, [START] * 9
    greedy = [one for (one,) in found(model, sources, SearchRule(1))]
    cold = draw(model, state, first, END, limits, SamplingRule(temperature=0), [7] * 9)
    assert [one.codes for one in cold] == [one.codes for one in greedy]
    assert [one.log_probability for one in cold] == pytest.approx([one.log_probability for one in greedy], abs=1e-4)
    seeds = [*range(20, 29)]
    together = draw(model, state, first, END, limits, SamplingRule(), seeds)
    for row, one in enumerate(together):
        (alone,) = draw(
            model, select_rows(state, torch.tensor([row])), [START], END, limits[:1], SamplingRule(), [seeds[row]]
        )
        assert alone.codes == one.codes
    assert draw(model, state, first, END, limits, SamplingRule(), [n + 9 for n in seeds]) != together


def test_a_draw_comes_up_as_often_as_its_odds_say() -> None:
    model = scripted({1: {END: 0.3, 0: 0.6, 3: 0.1}, 10: {END: 1.0}, 13: {END: 1.0}})
    count = 2000
    rows = draw(
        model, model.begin(count), [START] * count, END, [Limits(0, 3)] * count, SamplingRule(), [*range(count)]
    )
    share = sum(one.codes == [0] for one in rows) / count
    assert abs(share - 0.6) < 4 * math.sqrt(0.6 * 0.4 / count)


def test_a_draw_that_may_choose_nothing_is_cut_and_wrong_seeds_are_refused() -> None:
    model = scripted({})
    (one,) = draw(model, model.begin(1), [START], END, [Limits(0, 3)], SamplingRule(never=(0, 1, 2, 3)), [1])
    assert (one.codes, one.is_finished) == ([], False)
    with pytest.raises(UsageError, match="give as many"):
        draw(model, model.begin(1), [START], END, [Limits(0, 3)], SamplingRule(), [1, 2])


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        (SearchRule(0), "beam"),
        (SearchRule(2, 3), "give a wider beam"),
        (SearchRule(2, 1, -1.0), "length penalty"),
        (SearchRule(2, 1, math.nan), "length penalty"),
        (SearchRule(2, diversity=-0.1), "diversity"),
        (SearchRule(2, diversity=math.inf), "diversity"),
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule: SearchRule, wanted: str) -> None:
    with pytest.raises(UsageError, match=wanted):
        rule.check()


def test_limits_and_rows_that_do_not_fit_are_refused() -> None:
    model = attending()
    state = model.begin(2, Padded.of(drawn(2)))
    with pytest.raises(UsageError, match="give as many"):
        search(model, state, [START], END, [Limits(0, 3)], SearchRule())
    with pytest.raises(UsageError, match="give 1 or more"):
        search(model, state, [START] * 2, END, [Limits(0, 3), Limits(5, 3)], SearchRule())
