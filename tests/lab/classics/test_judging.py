"""Criteria say yes where they hold and no where they do not."""

import numpy as np
import pytest
import torch
from torch import Tensor

from statewise.errors import UsageError
from statewise_lab.classics import digits, elman_1990, reber, sentences
from statewise_lab.classics.counting import reads_up_to
from statewise_lab.classics.experiment import Batch, Dice
from statewise_lab.classics.experiments import EXPERIMENTS, chosen
from statewise_lab.classics.judging import counted, largest_is_right, within
from statewise_lab.classics.network import Network, scale_radius
from statewise_lab.classics.readout import Meaning

B = 3


class Told(Network):
    """A network that says what it is told to."""

    def __init__(self, outputs: Tensor) -> None:
        super().__init__("elman", 2, 2, features=1)
        self.outputs = outputs

    def __call__(self, inputs: Tensor, places: Tensor) -> Tensor:
        return self.outputs


def test_a_sequence_is_right_if_every_output_is_near_enough_at_every_place() -> None:
    places = torch.tensor([[True, True, False], [True, False, True]])
    batch = Batch(torch.zeros(2, B, 1), torch.tensor([[[0.5], [0.1], [0.0]], [[0.5], [0.0], [0.9]]]), places)
    errors = within(Meaning.NUMBERS, 0.04)(torch.tensor([[0.53], [0.15], [0.55], [0.9]]), batch)
    assert errors.wrong.tolist() == [True, True, False]
    assert errors.size.tolist() == pytest.approx([0.04, 0.05, 0.0], abs=1e-6)


@pytest.mark.parametrize(("shift", "most", "is_met"), [(0.0, 0, True), (0.1, 0, False), (0.1, 20, True)])
def test_a_judge_lets_so_many_be_wrong_and_stops_asking_when_there_are_more(
    shift: float, most: int, *, is_met: bool
) -> None:
    def draw(dice: Dice, rows: int) -> Batch:
        return Batch(torch.zeros(1, rows, 1), torch.zeros(1, rows, 1), torch.ones(1, rows, dtype=torch.bool))

    outputs = torch.zeros(20, 1)
    outputs[:5] = shift
    judge = counted(draw, within(Meaning.NUMBERS, 0.04), 20, most_wrong=most)
    verdict = judge(Told(outputs), np.random.default_rng(0))
    assert verdict.is_met is is_met
    assert verdict.measures["wrong"] == (5 if shift else 0)
    strict = counted(draw, within(Meaning.NUMBERS, 0.04), 20, most_wrong=most, most_error=0.01)
    assert strict(Told(outputs), np.random.default_rng(0)).is_met is (shift == 0)


def test_a_choice_is_right_if_it_is_thought_likeliest() -> None:
    batch = Batch(torch.zeros(1, B), torch.tensor([[0, 1, 1]]), torch.ones(1, B, dtype=torch.bool))
    errors = largest_is_right(torch.tensor([[2.0, 1.0], [2.0, 1.0], [0.0, 1.0]]), batch)
    assert errors.wrong.tolist() == [False, True, False]


class Grammarian(Network):
    """A network that knows the embedded grammar; without the branch it knows all but its last symbol."""

    def __init__(self, strings: dict[str, list[str]], *, knows_branch: bool) -> None:
        super().__init__("elman", 2, 7, symbols=7)
        self.strings, self.knows_branch = strings, knows_branch

    def __call__(self, inputs: Tensor, places: Tensor) -> Tensor:
        outputs = torch.zeros(*inputs.shape, 7)
        for row in range(inputs.shape[1]):
            symbols = "".join(reber.SYMBOLS[code] for code in inputs[places[:, row], row].tolist())
            for t, allowed in enumerate(_followers(symbols, knows_branch=self.knows_branch)):
                outputs[t, row, [reber.SYMBOLS.index(symbol) for symbol in allowed]] = 1
        return outputs[places]


def _followers(symbols: str, *, knows_branch: bool) -> list[str]:
    might, node = ["TP", "B"], 0
    for symbol in symbols[2:-1]:
        node = 0 if symbol == "B" else reber.GRAPH[node].get(symbol, 5) if node != 5 else 6
        might.append("".join(reber.GRAPH[node]) if node < 5 else "E" if node == 5 else symbols[1])
        if node == 6 and not knows_branch:
            might[-1] = "T"
    return [*might, "E"]


@pytest.mark.parametrize("knows", [True, False])
def test_the_judge_of_the_embedded_grammar_wants_the_branch_remembered(*, knows: bool) -> None:
    judge = reber.embedded_reber(0).judge
    verdict = judge(Grammarian({}, knows_branch=knows), np.random.default_rng(1))
    assert verdict.is_met is knows
    assert (100 < verdict.measures["wrong"] < 156) is not knows


class Counter(Network):
    """A network that counts up to so many."""

    def __init__(self, most: int) -> None:
        super().__init__("elman", 2, 4, symbols=4)
        self.most = most

    def __call__(self, inputs: Tensor, places: Tensor) -> Tensor:
        counts = ((inputs == 1).sum(dim=0) <= self.most).long()
        following = torch.cat([inputs[1:], torch.zeros(1, inputs.shape[1], dtype=torch.long)])
        return torch.nn.functional.one_hot(following * counts + 3 * (1 - counts), 4)[places].float()


@pytest.mark.parametrize("most", [0, 5, 30, 47, 60])
def test_how_far_a_network_counts_is_found(most: int) -> None:
    assert reads_up_to(Counter(most), 60, 2) == most


def test_a_tree_that_parts_words_is_told_from_one_that_does_not() -> None:
    tree = sentences.tree_of(np.array([[0.0], [0.1], [5.0], [5.1], [5.2]]))
    assert sentences.parted(tree, [0, 1, 2, 3, 4], [0, 1]) == 1
    assert sentences.parted(tree, [0, 1, 2, 3, 4], [0, 2]) < 1


@pytest.mark.parametrize("name", ["xor", "letters", "words", "sentences"])
@pytest.mark.parametrize("cell", ["elman"])
def test_what_has_learned_nothing_meets_no_criterion(name: str, cell: str) -> None:
    torch.manual_seed(0)
    experiment = EXPERIMENTS[name]
    network = Network(cell, 4, experiment.outputs, features=experiment.features, symbols=experiment.symbols)
    material = experiment.material(0)
    with torch.no_grad():
        assert not material.judge(network, np.random.default_rng(0)).is_met


def test_the_area_under_the_curve_counts_pairs() -> None:
    assert elman_1990.area_under_curve(np.array([2.0, 3.0]), np.array([1.0, 2.5])) == 0.75


def test_digits_are_split_and_held_against_a_model_that_sees_all_at_once() -> None:
    learned, tested = digits.split(0)
    assert (len(learned), len(tested)) == (1437, 360)
    assert not set(learned.tolist()) & set(tested.tolist())
    assert 0.9 < digits.at_once(0) < 1


def test_weights_have_the_spectral_radius_that_was_asked_for() -> None:
    network = Network("elman", 5, 2, features=1, radius=1.3)
    radius = torch.linalg.eigvals(network.model.core.get_parameter("recurrent_weights").detach()).abs().max()
    assert float(radius) == pytest.approx(1.3, rel=1e-4)
    weights = torch.ones(4, 4)
    scale_radius(weights, 0.5)
    assert float(torch.linalg.eigvals(weights).abs().max()) == pytest.approx(0.5, rel=1e-4)


def test_experiments_are_chosen_by_name_and_an_unknown_one_is_named() -> None:
    assert [one.name for one in chosen(["adding*", "6a"])] == ["adding-100", "adding-500", "adding-1000", "6a"]
    assert len(chosen()) == len(EXPERIMENTS) > len(chosen(quick=True)) > 10
    with pytest.raises(UsageError, match="unknown experiment 'addin-100': did you mean 'adding-100'"):
        chosen(["addin-100"])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_draws_what_its_networks_read(name: str) -> None:
    experiment = EXPERIMENTS[name]
    torch.manual_seed(0)
    batch = experiment.material(0).draw(np.random.default_rng(0), B)
    network = Network("elman", 4, experiment.outputs, features=experiment.features, symbols=experiment.symbols)
    losses = experiment.meaning.losses(network(batch.inputs, batch.places), batch.targets[batch.places])
    assert bool(losses.isfinite().all())
    assert len({contender.label for contender in experiment.contenders}) == len(experiment.contenders)
