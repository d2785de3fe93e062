"""Attention to a few places of a picture: what lies there, and where that is."""

from typing import Any, final

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from statewise.kernels.native_tensors import is_readable, room


@final
class SpatialAttention(nn.Module):
    """What lies at a few places of a picture, each found by a softmax over all its places, and where these are.

        a_kp = softmax_p(w_k . z_p + b_k)        v_k = sum_p a_kp (z_p, r_p, x_p, y_p)

    r are further numbers of each place, as its colors, for which no gradient is made; x and y go from -1 to 1. Shapes:
    z `[N, H, W, C]`, r `[N, H, W, R]`, found `[N, glances (C + R + 2)]`. Source: the spatial softmax of Levine et al.
    2016, with what is seen at its places.

    >>> attention = SpatialAttention(3, height=4, width=5, glances=2, further=1)
    >>> attention(torch.zeros(7, 4, 5, 3), torch.zeros(7, 4, 5, 1)).shape
    torch.Size([7, 12])
    """

    places: Tensor

    def __init__(self, channels: int, height: int, width: int, glances: int, further: int = 0) -> None:
        super().__init__()
        self.scores = nn.Linear(channels, glances)
        self.features = glances * (channels + further + 2)
        down, across = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
        places = torch.stack([across.expand(height, width), down.unsqueeze(1).expand(height, width)], dim=-1)
        self.register_buffer("places", places.flatten(0, 1).contiguous(), persistent=False)

    def forward(self, pictures: Tensor, further: Tensor | None = None) -> Tensor:
        """Return what is at each place, and where that is."""
        known = self.places.expand(len(pictures), *self.places.shape)
        known = known if further is None else torch.cat([further.detach().flatten(1, 2), known], dim=-1)
        given = (pictures.flatten(1, 2), self.scores.weight, self.scores.bias, known)
        if _is_plain(given):
            found: Tensor = _Attended.apply(*given)  # type: ignore[no-untyped-call]
        else:
            found = attended(*given)[0]
        return found.flatten(1)


def attended(seen: Tensor, weight: Tensor, bias: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return what is found `[N, K, C + R]` in `[N, P, C]` and `[N, P, R]`, and the shares of places `[N, K, P]`."""
    shares = torch.nn.functional.linear(seen, weight, bias).softmax(dim=1).transpose(1, 2)
    return torch.cat([shares @ seen, shares @ known], dim=-1), shares


def _is_plain(given: tuple[Tensor, ...]) -> bool:
    """Tell whether gradients by hand are worth it, and right: of float32 on a CPU, to be differentiated once."""
    if not given[0].requires_grad or not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    return all(one.dtype == torch.float32 and one.device.type == "cpu" for one in given) and is_readable(given)


class _Attended(torch.autograd.Function):
    """The same with gradients by hand: all that pictures are owed is summed in one place, not in three."""

    @staticmethod
    def forward(ctx: Any, seen: Tensor, weight: Tensor, bias: Tensor, known: Tensor) -> Tensor:
        """Return what is found."""
        found, shares = attended(seen, weight, bias, known)
        ctx.save_for_backward(seen, weight, known, shares)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, owed: Tensor) -> tuple[Tensor | None, ...]:
        """Bring the gradient of what is found back to pictures, weights and the bias."""
        seen, weight, known, shares = ctx.saved_tensors
        channels, glances = seen.shape[2], len(weight)
        of_seen, of_known = owed[..., :channels].contiguous(), owed[..., channels:]
        of_shares = of_seen @ seen.transpose(1, 2) + of_known @ known.transpose(1, 2)
        of_scores = shares * (of_shares - (shares * of_shares).sum(dim=2, keepdim=True))
        of_scores = of_scores.transpose(1, 2).reshape(-1, glances)
        to_seen = torch.bmm(shares.transpose(1, 2), of_seen, out=room(*seen.shape))
        to_seen.view(-1, channels).addmm_(of_scores, weight)
        return to_seen, of_scores.t() @ seen.reshape(-1, channels), of_scores.sum(dim=0), None
