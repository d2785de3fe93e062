"""Attention to a few places of a picture: what lies there, and where that is."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from statewise.kernels.native_tensors import is_readable, room

LEAST_SALIENCE, MOST_SALIENCE = 2.0, 8.0
"How much more a place is looked at first for each unit of its salience, by the first glance and by the last."


class SeenPlaces(NamedTuple):
    """What is known of the places of pictures besides what is seen there: no gradient is made for it.

    `pixels` `[N, H, W, R]` are looked up where attention goes; `salience` `[N, H, W]` says where it begins.
    """

    pixels: Tensor
    salience: Tensor


@final
class SpatialAttention(nn.Module):
    """What lies at a few places of a picture, each found by a softmax over all its places, and where these are.

        a_kp = softmax_p(w_k . z_p + u_k s_p + b_k)        v_k = sum_p a_kp (z_p, r_p, x_p, y_p)

    s is the salience of a place, as how much moves there: since u is above nought to begin with, attention begins at
    what stands out, and learns from there. r are pixels; x and y go from -1 to 1. Shapes: z `[N, H, W, C]`, found
    `[N, glances (C + R + 2)]`. Source: the spatial softmax of Levine et al. 2016, with what is seen at its places.

    >>> attention = SpatialAttention(channels=3, pixels=1, height=4, width=5, glances=2)
    >>> attention(torch.zeros(7, 4, 5, 3), SeenPlaces(torch.zeros(7, 4, 5, 1), torch.zeros(7, 4, 5))).shape
    torch.Size([7, 12])
    """

    where: Tensor

    def __init__(self, channels: int, pixels: int, height: int, width: int, glances: int) -> None:
        super().__init__()
        self.scores = nn.Linear(channels, glances)
        self.salience = nn.Parameter(torch.linspace(LEAST_SALIENCE, MOST_SALIENCE, glances))
        self.features = glances * (channels + pixels + 2)
        down, across = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        where = torch.stack([across.expand(height, width), down.unsqueeze(1).expand(height, width)], dim=-1)
        self.register_buffer("where", where.flatten(0, 1).contiguous(), persistent=False)

    def forward(self, pictures: Tensor, places: SeenPlaces) -> Tensor:
        """Return what is at each place, and where that is."""
        where = self.where.expand(len(pictures), *self.where.shape)
        known = torch.cat([places.pixels.detach().flatten(1, 2), where], dim=-1)
        salience = places.salience.detach().flatten(1).unsqueeze(-1)
        given = (pictures.flatten(1, 2), self.scores.weight, self.scores.bias, self.salience, salience, known)
        if _is_plain(given):
            found: Tensor = _Attended.apply(*given)  # type: ignore[no-untyped-call]
        else:
            found = attended(*given)[0]
        return found.flatten(1)


def attended(
    seen: Tensor, weight: Tensor, bias: Tensor, share: Tensor, salience: Tensor, known: Tensor
) -> tuple[Tensor, Tensor]:
    """Return what is found `[N, K, C + R]` in `[N, P, C]` and `[N, P, R]`, and the shares of places `[N, K, P]`."""
    scores = torch.nn.functional.linear(seen, weight, bias) + salience * share
    shares = scores.softmax(dim=1).transpose(1, 2)
    return torch.cat([shares @ seen, shares @ known], dim=-1), shares


def _is_plain(given: tuple[Tensor, ...]) -> bool:
    """Tell whether gradients by hand are worth it, and right: of float32 on a CPU, to be differentiated once."""
    if not given[0].requires_grad or not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    return all(one.dtype == torch.float32 and one.device.type == "cpu" for one in given) and is_readable(given)


class _Attended(torch.autograd.Function):
    """The same with gradients by hand: all that pictures are owed is summed in one place, not in three."""

    @staticmethod
    def forward(
        ctx: Any, seen: Tensor, weight: Tensor, bias: Tensor, share: Tensor, salience: Tensor, known: Tensor
    ) -> Tensor:
        """Return what is found."""
        found, shares = attended(seen, weight, bias, share, salience, known)
        ctx.save_for_backward(seen, weight, salience, known, shares)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, owed: Tensor) -> tuple[Tensor | None, ...]:
        """Bring the gradient of what is found back to pictures, weights, the bias and the share of salience."""
        seen, weight, salience, known, shares = ctx.saved_tensors
        channels, glances = seen.shape[2], len(weight)
        of_seen, of_known = owed[..., :channels].contiguous(), owed[..., channels:]
        of_shares = of_seen @ seen.transpose(1, 2) + of_known @ known.transpose(1, 2)
        of_scores = shares * (of_shares - (shares * of_shares).sum(dim=2, keepdim=True))
        of_scores = of_scores.transpose(1, 2).reshape(-1, glances)
        to_seen = torch.bmm(shares.transpose(1, 2), of_seen, out=room(*seen.shape))
        to_seen.view(-1, channels).addmm_(of_scores, weight)
        to_weight, to_share = of_scores.t() @ seen.reshape(-1, channels), of_scores.t() @ salience.reshape(-1)
        return to_seen, to_weight, of_scores.sum(dim=0), to_share, None, None
