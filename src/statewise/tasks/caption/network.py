"""The network: what was seen in a picture is the memory of a writer that looks at it before each word."""

from typing import Any, NamedTuple, final

import torch
from torch import Tensor, nn

from statewise.cells import AttentionCell, AttentionMemory, Bahdanau, Conditioned, GatedAttention, Luong
from statewise.encoders import Table, WordDropout
from statewise.heads import DeepOutput, DoublyStochastic
from statewise.model import Model
from statewise.task import stacked_core


class CaptionNetwork(NamedTuple):
    """The settings of the network: `look` says whether it sees places, the whole as one vector, or nothing."""

    cell: str
    embedding: int
    hidden: int
    layers: int
    attention: str
    look: str
    has_gate: bool
    is_tied: bool
    words: float
    values: float
    smooths: bool


@final
class PictureReader(nn.Module):
    """Vectors of places as the writer's memory, or the mean of them as one vector.

        m_s = norm(W f_s + b) + p_s        p_s is learned for each place

    Shapes: `[B, S, F]` to an `AttentionMemory` of `[B, S, width]`, or as a whole to `[B, width]`.

    >>> PictureReader(places=4, features=5, width=3)(torch.randn(2, 4, 5)).values.shape
    torch.Size([2, 4, 3])
    """

    def __init__(self, places: int, features: int, width: int, *, dropout: float = 0.0, is_whole: bool = False) -> None:
        super().__init__()
        self.is_whole = is_whole
        self.narrow = nn.Linear(features, width)
        self.norm = nn.LayerNorm(width)
        self.positions = None if is_whole else nn.Parameter(torch.randn(places, width) * 0.1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, seen: Tensor) -> AttentionMemory | Tensor:
        """Return what the writer begins from."""
        if self.positions is None:
            whole: Tensor = self.dropout(self.norm(self.narrow(seen.mean(dim=1))))
            return whole
        values = self.dropout(self.norm(self.narrow(seen)) + self.positions)
        return AttentionMemory(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))


def caption_model(network: CaptionNetwork, subwords: int, places: int, features: int) -> Model[Any]:
    """Return an untrained model of so many subwords over pictures of so many places and features.

        m = read(f_1 ... f_S)    h_t = cell(y_(t-1), g_(t-1))    g_t = gate(h_t) attention(h_t, m)
        p(y_t) = softmax(E tanh(W (h_t, g_t)))    h_0 = W_0 mean(m)

    As a whole the picture is what h_0 is made from and nothing else. Source: Xu et al. 2015, with the attention after
    the cell as in Luong, Pham & Manning 2015; as a whole Vinyals et al. 2015.
    """
    table = Table(subwords, network.embedding)
    nn.init.normal_(table.weight, std=network.embedding**-0.5)  # what is tied is a matrix of odds, too
    written = WordDropout(table, network.words, network.values)
    width = network.hidden
    how: dict[str, Any] = {"dropout": network.values, "smoothing": network.smooths}
    how["table"] = table if network.is_tied else None
    if network.look != "places":
        core = stacked_core(network.cell, network.embedding, width, network.layers)
        head = DeepOutput(width, subwords, network.embedding, **how)
        if network.look == "nothing":
            return Model(written, core, head)
        reader = PictureReader(places, features, width, dropout=network.values, is_whole=True)
        return Model(written, Conditioned(core, width), head, reader)
    inner = stacked_core(network.cell, network.embedding + width, width, network.layers)
    look: Any = Bahdanau(width, width, width) if network.attention == "additive" else Luong(width, width)
    attending = AttentionCell(
        Conditioned(inner, width), GatedAttention(look) if network.has_gate else look, shown=places
    )
    output = DeepOutput(2 * width, subwords, network.embedding, **how)
    reader = PictureReader(places, features, width, dropout=network.values)
    return Model(written, attending, DoublyStochastic(output, places), reader)
