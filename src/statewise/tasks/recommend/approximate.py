"""An index over a catalogue that looks at some of the items only: sooner, and nearly always the same list."""

from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from statewise.errors import MissingExtra, UsageError
from statewise.heads import ItemHead
from statewise.tasks.recommend.lists import Listed

CELLS_PER_ROOT = 4
SEEN_PER_CELL = 64
LOOKED_AT = 32


@final
class ApproximateIndex:
    """Items in cells about a few thousand centres, of which a query looks into the `looked_at` nearest (faiss, IVF).

    The score of an item is that of the head, `E_j . q + b_j`; only which items are scored is a matter of luck. It is
    made of the weights as they are: make another after training. Raises `MissingExtra` where faiss is not installed.

    >>> from statewise.heads import Ranking
    >>> head = Ranking(4, torch.ones(50))
    >>> index = ApproximateIndex(head, looked_at=50)  # all there are: exact
    >>> bool((index.top(torch.ones(1, 4), 3).items == head.scores(torch.ones(1, 4)).topk(3).indices).all())
    True
    """

    def __init__(self, head: ItemHead, *, looked_at: int = LOOKED_AT, seed: int = 0) -> None:
        faiss = _faiss()
        vectors, biases = head.rows()
        items = torch.cat([vectors, biases.unsqueeze(1)], dim=1).detach().cpu().numpy()
        cells = max(
            1, min(int(CELLS_PER_ROOT * len(items) ** 0.5), len(items) // 39)
        )  # as few a cell as faiss asks for
        self._index: Any = faiss.IndexIVFFlat(
            faiss.IndexFlatIP(items.shape[1]), items.shape[1], cells, faiss.METRIC_INNER_PRODUCT
        )
        self._index.cp.seed = 1 + seed
        sample = np.random.default_rng(seed).permutation(len(items))[: SEEN_PER_CELL * cells]
        self._index.train(items[sample])
        self._index.add(items)
        self._index.nprobe = min(looked_at, cells)
        self.choices = len(items)

    def top(self, asked: Tensor, k: int, *, seen: list[list[int]] | None = None) -> Listed:
        """Return the `k` best items that were found for each query `[n, D]`, without those that its session has had.

        Raises `UsageError` where fewer are found.
        """
        most_seen = max((len(set(had)) for had in seen or ()), default=0)
        queries = torch.cat([asked.detach(), asked.new_ones(len(asked), 1)], dim=1).cpu().contiguous().numpy()
        scores, items = self._index.search(queries, min(k + most_seen, self.choices))
        if seen:
            for row, had in enumerate(seen):
                gone = np.isin(items[row], had)
                order = np.argsort(gone, kind="stable")
                items[row], scores[row] = np.where(gone, -1, items[row])[order], scores[row][order]
        if (items[:, :k] < 0).any() or items.shape[1] < k:
            raise UsageError(
                f"fewer than {k} items were found by the index: give a smaller k, or leave out --approximate"
            )
        return Listed(torch.from_numpy(items[:, :k].copy()), torch.from_numpy(scores[:, :k].copy()))


def _faiss() -> Any:
    try:
        import faiss
    except ImportError:
        raise MissingExtra("an approximate index needs faiss: pip install 'statewise[index]'") from None
    return faiss
