"""An opening that is drawn: a sequence is read to a distribution, and what is drawn from it is where a model begins."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.cells import Bidirectional
from statewise.cells.recurrent import Recurrent
from statewise.data.window import Padded
from statewise.model import Opening

KL = "kl"
"The name of the term of the loss."
LARGEST_LOG = 10.0


class Belief(NamedTuple):
    """Means and log-variances of the latent numbers, both `[B, Z]`."""

    mean: Tensor
    log_variance: Tensor

    def drawn(self, noise: Tensor) -> Tensor:
        """Return latent numbers: the mean and so many deviations, `[B, Z]`."""
        return self.mean + (0.5 * self.log_variance).exp() * noise

    @property
    def divergence(self) -> Tensor:
        """How far each row is from the standard normal distribution in nats, a mean over its latent numbers, `[B]`."""
        away = self.mean.square() + self.log_variance.exp() - 1 - self.log_variance
        return 0.5 * away.mean(dim=-1)


@final
class Latent(nn.Module):
    """A reader that reads a sequence both ways and opens with `latent` numbers z, drawn from what it made of it.

        h = (last output ahead, last output back)      mu = W_mu h + b      log sigma^2 = 10 tanh((W_s h + b) / 10)
        z = mu + sigma eps                              kl = mean over the latent numbers of KL(N(mu, sigma) | N(0, 1))

    In training eps is drawn; in evaluation it follows from the sequence itself, so that a score repeats whatever rows
    are next to it, and is still that of a draw. The divergence joins the loss as the term `kl`, which `Recipe.weighed`
    weighs. Shapes: the sequences are a `Padded` `[B, S, D]`. Source: Kingma & Welling 2014, Ha & Eck 2017.

    >>> from statewise.cells import LSTM
    >>> reader = Latent(LSTM(3, 4), LSTM(3, 4), latent=2)
    >>> opening = reader(Padded.of([torch.ones(7, 3), torch.ones(5, 3)]))
    >>> opening.context.shape, opening.terms["kl"].shape
    (torch.Size([2, 2]), torch.Size([2]))
    """

    def __init__(self, ahead: Recurrent[Any], back: Recurrent[Any], latent: int) -> None:
        super().__init__()
        self.reader, self.latent, self.ahead_units = Bidirectional(ahead, back), latent, ahead.units
        self.mean = nn.Linear(self.reader.units, latent)
        self.spread = nn.Linear(self.reader.units, latent)

    def believe(self, sequences: Padded) -> Belief:
        """Return what is believed of z, having read the sequences; one of no step is read as nothing."""
        if not sequences.values.shape[1]:  # where no row has a step, one that is padding stands for it
            values, mask = sequences
            sequences = Padded(values.new_zeros(len(values), 1, values.shape[2]), mask.new_zeros(len(mask), 1))
        mask = sequences.mask.T
        ys, _ = self.reader.scan(sequences.values.transpose(0, 1), mask=mask)
        ahead, back = ys[..., : self.ahead_units], ys[..., self.ahead_units :]
        last = (sequences.lengths - 1).clamp(min=0)[None, :, None].expand(1, -1, ahead.shape[-1])
        read = torch.cat([ahead.gather(0, last)[0], back[0]], dim=-1)
        return Belief(self.mean(read), LARGEST_LOG * (self.spread(read) / LARGEST_LOG).tanh())

    def forward(self, sequences: Padded) -> Opening:
        """Return z and the divergence of what it was drawn from."""
        belief = self.believe(sequences)
        noise = torch.randn_like(belief.mean) if self.training else _noise_of(sequences.values, belief.mean)
        return Opening(belief.drawn(noise), {KL: belief.divergence})


def _noise_of(values: Tensor, like: Tensor) -> Tensor:
    """Return standard normal numbers that follow from each row's own bits, however far it is padded with zeros."""
    bits = values.detach().cpu().float().contiguous().view(torch.int32).flatten(1).long()
    seeds = (bits * bits).sum(dim=1)  # whole numbers: a sum of them has one value, in whatever order
    drawn = [torch.randn(like.shape[-1], generator=torch.Generator().manual_seed(int(seed))) for seed in seeds]
    return torch.stack(drawn).to(like)
