"""Names that a translation takes over from its source."""

from collections.abc import Sequence

from torch import Tensor

from statewise.data.pairs.subwords import END, UNKNOWN


def copied_words(codes: Sequence[int], alignment: Tensor, source: Sequence[int], words: Sequence[str]) -> list[str]:
    """Return what stands for each unknown code of a translation: the word of the source that it looked at most.

    An unknown word of the source is taken before any other, each but once while there are others. `alignment` `[T, S]`
    is of the codes, `words` are those that the codes of the source belong to.

    >>> import torch
    >>> copied_words([0, 2], torch.tensor([[0.2, 0.7, 0.1], [0.0, 0.0, 1.0]]), [0, 5, 2], ["Luka", "came", ""])
    ['Luka']
    """
    unknown = [place for place, code in enumerate(source) if code == UNKNOWN]
    found, left = [], list(unknown)
    for code, shares in zip(codes, alignment, strict=True):
        if code != UNKNOWN:
            continue
        among = left or unknown or [place for place, other in enumerate(source) if other != END]
        place = max(among, key=lambda at: float(shares[at]), default=None)
        found.append("" if place is None else words[place])
        if place in left:
            left.remove(place)
    return found
