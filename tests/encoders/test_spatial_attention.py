"""Attention to places of a picture finds what stands out, and its gradients by hand are those of PyTorch."""

import torch

from statewise.encoders.spatial_attention import SpatialAttention, attended


def test_gradients_by_hand_are_those_of_the_equation() -> None:
    torch.manual_seed(0)
    module, pictures = SpatialAttention(3, height=4, width=5, glances=2, further=1), torch.randn(7, 4, 5, 3)
    further = torch.randn(7, 4, 5, 1)
    owed = torch.randn(7, module.features)
    leaves = [pictures.clone().requires_grad_(), *module.parameters()]
    module(leaves[0], further).backward(owed)
    same = [leaf.detach().double().requires_grad_() for leaf in leaves]
    known = torch.cat([further.flatten(1, 2), module.places.expand(7, -1, -1)], dim=-1)
    found, _ = attended(same[0].flatten(1, 2), same[1], same[2], known.double())
    found.flatten(1).backward(owed.double())  # type: ignore[no-untyped-call]
    for own, other in zip(leaves, same, strict=True):
        assert own.grad is not None
        assert other.grad is not None
        assert torch.allclose(own.grad.double(), other.grad, atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        assert torch.allclose(module(pictures, further).double(), found.flatten(1), atol=1e-6)


def test_a_bright_place_is_found_with_its_color_and_where_it_is() -> None:
    module = SpatialAttention(channels=2, height=4, width=5, glances=1)
    with torch.no_grad():
        module.scores.weight.copy_(torch.tensor([[30.0, 0.0]]))
    picture = torch.zeros(1, 4, 5, 2)
    picture[0, 3, 1] = torch.tensor([1.0, 0.7])
    expected = torch.tensor([[1.0, 0.7, -0.5, 1.0]])
    assert torch.allclose(module(picture), expected, atol=1e-4)
