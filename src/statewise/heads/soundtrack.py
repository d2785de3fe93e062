"""What a picture sounds like: envelopes of a few cells of time, whether something is struck in each, and of what."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from statewise.bounds import MOST_UNITS, check_whole
from statewise.errors import UsageError
from statewise.heads.head import Head, Loss, check_targets, check_temperature

ENVELOPE_SPREAD, STRENGTH_SPREAD = 0.1, 0.2
"Deviations within which an envelope and a strength are as good as right."
RARE = -3.0
"Log-odds of a stroke with which training begins: they are rare."


class SoundtrackParams(NamedTuple):
    """Of each cell: envelopes `[..., S, B]`, log-odds of a stroke `[..., S]`, its strength `[..., S]`.

    And of the whole step the log-odds of materials `[..., M]`.
    """

    envelopes: Tensor
    strokes: Tensor
    strengths: Tensor
    materials: Tensor


@final
class Soundtrack(Head[SoundtrackParams]):
    """`cells` envelopes of `bands`, and at each of them a stroke or none, with a strength, of one of `materials`.

        e = W h + b        p = sigmoid(V h + c)        s = U h + d        m = softmax(R h + f)
        loss = sum_cells [ mean_bands ((y - e) / 0.1)^2 / 2 + H(o, p) + o (((t - s) / 0.2)^2 / 2 - log m[k]) ]

    H is the cross-entropy of a stroke, `o` from 0 to 1 says how much one is there. Strengths and materials count where
    one is. The mean over bands makes it no likelihood of the whole. Targets are numbers `[..., S (B + 3)]`: envelopes
    of all cells, then strokes, strengths, and the numbers of materials, below 0 where not known. Shapes: features
    `[..., H]`.

    >>> head = Soundtrack(features=4, bands=5, materials=2, cells=3)
    >>> params = head(torch.zeros(7, 2, 4))
    >>> params.envelopes.shape, head.loss(params, torch.zeros(7, 2, head.width)).places
    (torch.Size([7, 2, 3, 5]), tensor(14))
    """

    is_likelihood = False

    def __init__(self, features: int, bands: int, materials: int, cells: int = 3) -> None:
        super().__init__()
        for what, number, least in (("bands", bands, 1), ("materials", materials, 0), ("cells", cells, 1)):
            check_whole(f"the number of {what}", number, least, MOST_UNITS)
        self.features, self.bands, self.materials, self.cells = features, bands, materials, cells
        self.linear = nn.Linear(features, cells * (bands + 2) + materials)
        with torch.no_grad():
            self.linear.bias[cells * bands : cells * (bands + 1)] = RARE

    @property
    def width(self) -> int:
        """How many numbers a target has."""
        return self.cells * (self.bands + 3)

    def forward(self, features: Tensor) -> SoundtrackParams:
        """Return what each step sounds like."""
        s, b = self.cells, self.bands
        envelopes, strokes, strengths, materials = self.linear(features).split([s * b, s, s, self.materials], dim=-1)
        return SoundtrackParams(envelopes.unflatten(-1, (s, b)), strokes, strengths, materials)

    def nats(self, params: SoundtrackParams, targets: Tensor) -> Tensor:
        """Return the loss of each step."""
        if targets.shape[-1:] != (self.width,):
            raise UsageError(
                f"targets of shape {list(targets.shape)} are not those of {self.cells} cells of {self.bands} bands: "
                f"give [..., {self.width}]"
            )
        check_targets(params.strokes.shape[:-1], targets[..., 0])
        s, b = self.cells, self.bands
        given: Any = targets
        envelopes, strokes, strengths, materials = given.split([s * b, s, s, s], dim=-1)
        away = (params.envelopes - envelopes.unflatten(-1, (s, b))) / ENVELOPE_SPREAD
        nats: Tensor = away.square().mean(dim=-1).sum(dim=-1) / 2
        nats = nats + binary_cross_entropy_with_logits(params.strokes, strokes, reduction="none").sum(dim=-1)
        nats = nats + (strokes * ((params.strengths - strengths) / STRENGTH_SPREAD).square()).sum(dim=-1) / 2
        if self.materials:
            known = strokes * (materials >= 0)
            odds = params.materials.unsqueeze(-2).expand(*strokes.shape, self.materials)
            wanted = materials.clamp(min=0).long().flatten()
            missed = cross_entropy(odds.reshape(-1, self.materials), wanted, reduction="none").reshape(strokes.shape)
            nats = nats + (known * missed).sum(dim=-1)
        return nats

    def loss(self, params: SoundtrackParams, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return the sum of `nats` over the places where `mask` is true; elsewhere a target may be NaN."""
        if mask is None:
            nats = self.nats(params, targets)
            return Loss(nats.sum(), torch.tensor(nats.numel()))
        check_targets(targets.shape[:-1], targets[..., 0], mask)
        nats = self.nats(params, targets.masked_fill(~mask.unsqueeze(-1), 0.0))
        return Loss(nats.masked_fill(~mask, 0.0).sum(), mask.sum())

    def sample(
        self, params: SoundtrackParams, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """Draw a target at each place; temperature 0 gives the likeliest."""
        check_temperature(temperature)
        envelopes = params.envelopes.flatten(-2)
        if temperature:
            noise = torch.empty_like(envelopes).normal_(generator=generator)
            envelopes = envelopes + temperature * ENVELOPE_SPREAD * noise
            uniform = torch.empty_like(params.strokes).uniform_(generator=generator)
            strokes = (uniform < (params.strokes / temperature).sigmoid()).to(envelopes)
        else:
            strokes = (params.strokes > 0).to(envelopes)
        if self.materials:
            likely = params.materials.argmax(dim=-1, keepdim=True).to(envelopes)
        else:
            likely = envelopes.new_full((*params.strokes.shape[:-1], 1), -1.0)
        return torch.cat([envelopes, strokes, params.strengths, likely.expand_as(params.strokes)], dim=-1)
