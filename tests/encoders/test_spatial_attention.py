"""Attention to places of a picture finds what stands out, and its gradients by hand are those of PyTorch."""

import torch

from statewise.encoders import SpaceTime
from statewise.encoders.spatial_attention import SeenPlaces, SpatialAttention, attended


def test_gradients_by_hand_are_those_of_the_equation() -> None:
    torch.manual_seed(0)
    module, pictures = SpatialAttention(3, pixels=1, height=4, width=5, glances=2), torch.randn(7, 4, 5, 3)
    places = SeenPlaces(torch.randn(7, 4, 5, 1), torch.rand(7, 4, 5))
    owed = torch.randn(7, module.features)
    weights = (module.scores.weight, module.scores.bias, module.salience)
    leaves = [pictures.clone().requires_grad_(), *weights]
    module(leaves[0], places).backward(owed)
    same = [leaf.detach().double().requires_grad_() for leaf in leaves]
    known = torch.cat([places.pixels.flatten(1, 2), module.where.expand(7, -1, -1)], dim=-1)
    salience = places.salience.flatten(1).unsqueeze(-1)
    weight, bias, share = same[1:]
    found, _ = attended(same[0].flatten(1, 2), weight, bias, share, salience.double(), known.double())
    found.flatten(1).backward(owed.double())  # type: ignore[no-untyped-call]
    for own, other in zip(leaves, same, strict=True):
        assert own.grad is not None
        assert other.grad is not None
        assert torch.allclose(own.grad.double(), other.grad, atol=1e-6, rtol=1e-4)
    with torch.no_grad():
        assert torch.allclose(module(pictures, places).double(), found.flatten(1), atol=1e-6)


def test_a_bright_place_is_found_with_its_color_and_where_it_is() -> None:
    module = SpatialAttention(2, pixels=1, height=4, width=5, glances=1)
    with torch.no_grad():
        module.scores.weight.copy_(torch.tensor([[30.0, 0.0]]))
    picture, pixels = torch.zeros(1, 4, 5, 2), torch.zeros(1, 4, 5, 1)
    picture[0, 3, 1], pixels[0, 3, 1] = torch.tensor([1.0, 0.7]), 0.2
    expected = torch.tensor([[1.0, 0.7, 0.2, -0.5, 1.0]])
    assert torch.allclose(module(picture, SeenPlaces(pixels, torch.zeros(1, 4, 5))), expected, atol=1e-4)


def test_attention_begins_at_what_moves_now() -> None:
    torch.manual_seed(0)
    encoder = SpaceTime(32, 43, 3, 3, features=16, maps=(4, 6, 6), glances=3)
    planes = torch.zeros(1, 1, 32, 43, 6)
    planes[..., 13:18, 21:26, 3] = 3.0  # the newest change of brightness
    planes[..., 2:7, 33:38, 4] = 3.0  # an older one, elsewhere
    found: list[torch.Tensor] = []
    attending = encoder.seen.attending
    assert attending is not None
    attending.register_forward_hook(lambda module, given, out: found.append(out))
    encoder(torch.cat([planes.flatten(2), torch.zeros(1, 1, 1)], dim=-1))
    across, down = found[0].view(3, -1)[-1, -2:].tolist()
    assert abs(across - (23 / 21 - 1)) < 0.25
    assert abs(down - (15 / 15.5 - 1)) < 0.25
