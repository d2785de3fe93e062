"""Native ranking is the readable one: losses and gradients, on every instruction set, at any size, on any threads."""

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from statewise.heads import samples
from statewise.heads.ranking_losses import LOSSES
from statewise.kernels import extension, native_ranking, using
from statewise.kernels.native_ranking import Sample

if extension.instructions() is None:
    pytest.skip(f"native kernels: {extension.ABSENT}", allow_module_level=True)

T, B, D, N = 7, 3, 5, 11
REGULARIZATION = 0.7
every_loss = pytest.mark.parametrize("loss", sorted(LOSSES))


@pytest.fixture(params=["baseline", "avx2", "avx512"])
def instructions(request: pytest.FixtureRequest) -> Any:
    try:
        extension.use(request.param)
    except ValueError:
        pytest.skip(f"this processor has no {request.param}")
    yield request.param
    extension.use("best")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def some(
    steps: int = T, rows: int = B, width: int = D, drawn: int = N, *, scale: float = 1.0, choices: int = 40, **how: Any
) -> Sample:
    generator = torch.Generator().manual_seed(steps + rows + width + drawn)
    count = steps * rows + drawn
    queries = scale * torch.randn(steps, rows, width, generator=generator) / width**0.5
    vectors, biases = (torch.randn(*shape, generator=generator) for shape in ((count, width), (count,)))
    items = torch.randint(choices, (count,), generator=generator)
    mask = torch.rand(steps, rows, generator=generator) < 0.7 if how.get("sleeps") else None
    lowering = 3 * torch.rand(count, generator=generator) if how.get("corrected", True) else None
    return Sample(queries, items, vectors, biases, lowering, mask, how.get("in_batch", True))


def learned(given: Sample, loss: str, way: Any) -> list[Tensor]:
    """Return the loss and its gradients by queries, vectors and biases."""
    leaves = [tensor.clone().requires_grad_() for tensor in (given.queries, given.vectors, given.biases)]
    nats = way(given._replace(queries=leaves[0], vectors=leaves[1], biases=leaves[2]), loss, REGULARIZATION)
    (0.3 * nats).backward()
    return [nats.detach(), *(leaf.grad for leaf in leaves if leaf.grad is not None)]


def in_double(given: Sample, loss: str) -> list[Tensor]:
    lowering = None if given.lowering is None else given.lowering.double()
    doubled = given._replace(queries=given.queries.double(), vectors=given.vectors.double(), lowering=lowering)
    return learned(doubled._replace(biases=given.biases.double()), loss, samples.rank)


@every_loss
@pytest.mark.parametrize("sizes", [(7, 3, 5, 11), (1, 50, 100, 300), (3, 70, 33, 130), (2, 300, 17, 9), (9, 1, 16, 1)])
def test_losses_and_gradients_are_those_of_the_readable_way(
    sizes: tuple[int, ...], loss: str, instructions: str
) -> None:
    for in_batch, sleeps, corrected, scale in itertools.product([True, False], [True, False], [True, False], [1, 8]):
        given = some(*sizes, in_batch=in_batch, sleeps=sleeps, corrected=corrected, scale=scale)
        for found, wanted in zip(learned(given, loss, native_ranking.rank), in_double(given, loss), strict=True):
            error = (found.double() - wanted).abs().max() / (1 + wanted.abs().max())
            assert error < 2e-5, (instructions, in_batch, sleeps, corrected, scale)


@every_loss
def test_the_number_of_threads_changes_no_bit(loss: str) -> None:
    given, found = some(3, 70, 100, 700, choices=400), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(learned(given, loss, native_ranking.rank))
    for others in found[1:]:
        assert all(torch.equal(one, other) for one, other in zip(found[0], others, strict=True))


@every_loss
def test_scores_far_apart_give_the_losses_of_the_readable_way(loss: str) -> None:
    given = some(scale=300.0)
    for found, wanted in zip(learned(given, loss, native_ranking.rank), in_double(given, loss), strict=True):
        assert bool(found.isfinite().all())
        torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4)


@every_loss
def test_a_place_with_nothing_to_be_ranked_among_costs_nothing(loss: str) -> None:
    given = some(choices=1)
    found = learned(given, loss, native_ranking.rank)
    assert [tensor.abs().sum().item() for tensor in found] == [0.0] * 4


@every_loss
@pytest.mark.parametrize("spoiled", ["queries", "vectors", "biases"])
def test_what_is_not_a_number_is_not_hidden(loss: str, spoiled: str) -> None:
    given = some()
    getattr(given, spoiled).flatten()[1] = torch.nan
    assert learned(given, loss, native_ranking.rank)[0].isnan()


def test_it_takes_float32_where_a_gradient_is_wanted_and_nothing_else() -> None:
    given = some()
    assert native_ranking.takes(given, "bpr")
    assert not native_ranking.takes(given._replace(vectors=given.vectors.double()), "bpr")
    assert not native_ranking.takes(some(drawn=0), "bpr")
    with torch.no_grad():
        assert not native_ranking.takes(given, "bpr")
    with using("reference"):
        assert not native_ranking.takes(given, "bpr")


def test_every_loss_of_a_ranking_head_is_there() -> None:
    assert sorted(native_ranking.LOSSES) == sorted(LOSSES)
