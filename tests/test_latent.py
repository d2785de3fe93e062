"""A latent opening is read both ways, drawn, weighed by its divergence, and learned with the rest."""

from typing import Any

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from statewise.cells import LSTM, Conditioned
from statewise.data.window import Padded, Window
from statewise.heads import Gaussian
from statewise.latent import Belief, Latent
from statewise.learning.learner import Learner
from statewise.model import Model
from statewise.run.recipe import Recipe

D, H, Z = 3, 4, 2
SEQUENCES = [torch.randn(length, D, generator=torch.Generator().manual_seed(length)) for length in (7, 5, 6)]


def reader() -> Latent:
    torch.manual_seed(0)
    return Latent(LSTM(D, H), LSTM(D, 6), Z)


def test_the_divergence_is_the_mean_over_latent_numbers_of_that_of_torch() -> None:
    belief = Belief(torch.randn(5, Z), torch.randn(5, Z))
    normal = Normal(belief.mean, (0.5 * belief.log_variance).exp())
    wanted = kl_divergence(normal, Normal(torch.zeros(5, Z), torch.ones(5, Z)))
    assert torch.allclose(belief.divergence, wanted.mean(dim=-1), atol=1e-6)


def test_a_row_is_read_as_it_is_alone_and_whatever_its_padding() -> None:
    read = reader().eval()
    together = read(Padded.of(SEQUENCES))
    for row, sequence in enumerate(SEQUENCES):
        alone = read(Padded.of([sequence]))
        assert torch.allclose(alone.context[0], together.context[row], atol=1e-6)
        assert torch.allclose(alone.terms["kl"][0], together.terms["kl"][row], atol=1e-6)


def test_rows_without_a_step_are_read_as_nothing_in_any_company() -> None:
    read, nothing = reader().eval(), torch.zeros(0, D)
    alone, together = read(Padded.of([nothing, nothing])), read(Padded.of([*SEQUENCES, nothing]))
    for row in alone.context:
        assert torch.allclose(row, together.context[-1], atol=1e-6)


def test_what_is_believed_depends_on_both_ends() -> None:
    read = reader().eval()
    base = read.believe(Padded.of(SEQUENCES[:1])).mean
    for place in (0, 6):
        other = SEQUENCES[0].clone()
        other[place] += 1
        assert not torch.allclose(read.believe(Padded.of([other])).mean, base)


def test_in_training_it_draws_and_in_evaluation_it_repeats() -> None:
    read, given = reader(), Padded.of(SEQUENCES)
    assert not torch.equal(read(given).context, read(given).context)
    read.eval()
    random = torch.get_rng_state()
    first = read(given).context
    assert torch.equal(first, read(given).context)
    assert not torch.equal(first, read.believe(given).mean)
    assert torch.equal(torch.get_rng_state(), random)


class Weighed(Recipe):
    """A recipe by which the divergence counts so much."""

    weight = 0.0

    def weighed(self, name: str, term: Any, update: int, fraction: float) -> Any:
        assert name == "kl"
        return self.weight * term


@pytest.mark.parametrize(("weight", "falls"), [(0.0, False), (30.0, True)])
def test_the_divergence_is_trained_down_by_its_weight(weight: float, falls: bool) -> None:
    torch.manual_seed(0)
    model = Model(torch.nn.Identity(), Conditioned(LSTM(D, H), Z), Gaussian(H), Latent(LSTM(D, H), LSTM(D, H), Z))
    reset = torch.zeros(7, 3, dtype=torch.bool)
    reset[0] = True
    window = Window(torch.randn(7, 3, D), torch.randn(7, 3), reset=reset, context=Padded.of(SEQUENCES))
    recipe = Weighed(updates=60, warmup=0, schedule="constant")
    object.__setattr__(recipe, "weight", weight)
    learner = Learner(model, [window], recipe)
    terms = [(learner.update().terms or {})["kl"] for _ in range(60)]
    assert (terms[-1] < 0.5 * terms[0]) == falls
    assert model.reader is not None
    assert all(weights.grad is not None for weights in model.reader.parameters())
