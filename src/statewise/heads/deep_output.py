"""One of many choices, told by a narrow layer between the features and the table of the choices."""

from types import MappingProxyType
from typing import ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, log_softmax

from statewise.errors import UsageError
from statewise.heads.categorical import Categorical, code_nats
from statewise.heads.head import Head, Loss, Over, Term, check_targets

SMOOTHING = "smoothing"
"The name of the term of the loss that draws all choices to equal odds."


@final
class DeepOutput(Head[Tensor]):
    r"""A softmax over `choices`, of what a layer as wide as a table makes of the features.

        t = tanh(W_t s + b_t)        y = softmax(E t + b)        loss = -log y[target]

    `table` is E: where it is that of the encoder, a word is read and written by the same vector (tied). With
    `smoothing`, a training's loss has a term of that name, the mean of -log y over all choices: label smoothing by eps
    is that term weighed by eps / (1 - eps). Shapes: features `[..., H]`, logits `[..., V]`, targets `[...]`.

    Raises `UsageError` for a table of another number of choices, and a rate of dropout below 0 or from 1 on. Source:
    Pascanu et al. 2014 (deep output); Luong, Pham & Manning 2015, equation 5; Press & Wolf 2017 (tied); Szegedy et al.
    2016 (smoothing).

    >>> head = DeepOutput(features=4, choices=3, width=5)
    >>> logits = head(torch.zeros(7, 2, 4))
    >>> logits.shape, head.loss(logits, torch.zeros(7, 2, dtype=torch.long)).places
    (torch.Size([7, 2, 3]), tensor(14))
    """

    over: ClassVar[Over] = "choice"

    def __init__(
        self,
        features: int,
        choices: int,
        width: int | None = None,
        *,
        table: nn.Embedding | None = None,
        dropout: float = 0.0,
        smoothing: bool = False,
    ) -> None:
        super().__init__()
        if table is not None and table.num_embeddings != choices:
            raise UsageError(f"a table of {table.num_embeddings:,} vectors cannot tell {choices:,} choices apart")
        if not 0 <= dropout < 1:
            raise UsageError(
                f"DeepOutput was given the rate {dropout}: give at least 0, which drops nothing, and below 1"
            )
        width = table.embedding_dim if table is not None else width or features
        self.features, self.choices, self.smoothing = features, choices, smoothing
        self.narrow_weights = nn.Parameter(nn.init.xavier_uniform_(torch.empty(width, features)))
        self.narrow_bias = nn.Parameter(torch.zeros(width))
        if table is not None:
            self.weights = table.weight
        else:
            self.weights = nn.Parameter(nn.init.xavier_uniform_(torch.empty(choices, width)))
        self.bias = nn.Parameter(torch.zeros(choices))
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits `[..., V]`."""
        narrow = torch.tanh(linear(features, self.narrow_weights, self.narrow_bias))
        return linear(self.dropout(narrow), self.weights, self.bias)

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of the targets, summed over the places where `mask` is true."""
        check_targets(params.shape[:-1], targets, mask)
        params, targets = params.reshape(-1, self.choices), targets.flatten()
        if mask is not None:
            params, targets = params[mask.flatten()], targets[mask.flatten()]
        nats, places = code_nats(params, targets, reduction="sum"), torch.tensor(len(targets))
        if not (self.smoothing and self.training):
            return Loss(nats, places)
        even = -log_softmax(params, dim=-1).mean(dim=-1).sum()
        return Loss(nats, places, MappingProxyType({SMOOTHING: Term(even, places)}))

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        """Return minus the log-probability of each target."""
        check_targets(params.shape[:-1], targets)
        return code_nats(params.reshape(-1, self.choices), targets.flatten()).reshape(targets.shape)

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one choice at each place, from `softmax(logits / temperature)`; temperature 0 gives the likeliest."""
        uniforms = torch.rand(params.shape[:-1], dtype=torch.double, device=params.device, generator=generator)
        return Categorical.choose(params, uniforms, temperature=temperature)
