"""One of very many words, the frequent ones told at once and the rare ones by the group they are in."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, log_softmax

from statewise.errors import UsageError
from statewise.heads.categorical import Categorical
from statewise.heads.head import Head, Loss, Over, Top, check_targets, check_temperature
from statewise.heads.linear_entropy import linear_entropy, linear_nats

SHRINK = 4.0
"By what each group's vectors are narrower than those of the group before it."


class Group(NamedTuple):
    """Some choices in a row, from `start` to before `stop`, and how wide their vectors are."""

    start: int
    stop: int
    width: int

    @property
    def size(self) -> int:
        """How many choices it has."""
        return self.stop - self.start


def groups_of(choices: int, cutoffs: Sequence[int], width: int, shrink: float = SHRINK) -> list[Group]:
    """Return the groups that choices are cut into. Raises `UsageError` for cut-offs that leave a group empty.

    >>> groups_of(10, [4, 7], width=8)
    [Group(start=0, stop=4, width=8), Group(start=4, stop=7, width=2), Group(start=7, stop=10, width=1)]
    """
    bounds = [0, *cutoffs, choices]
    if not cutoffs or any(b <= a for a, b in pairwise(bounds)):
        told = ",".join(map(str, cutoffs)) or "none"
        raise UsageError(
            f"cut-offs {told} do not cut {choices:,} choices: give numbers that rise, above 0 and below {choices:,}"
        )
    if not 1 <= shrink <= 2**16:
        raise UsageError(f"vectors cannot shrink by {shrink:g} from group to group: give from 1 to 65536")
    ends = pairwise(bounds)
    return [Group(a, b, max(1, int(width / shrink**number))) for number, (a, b) in enumerate(ends)]


@final
class AdaptiveSoftmax(Head[Tensor]):
    r"""A softmax over `choices` in groups: the first choices and a door to each group, then the choices of that group.

        p(w) = softmax(E_0 P_0 s + b_0)[w]                                    w among the first
        p(w) = softmax(E_0 P_0 s + b_0)[door i] softmax(E_i P_i s + b_i)[w]   w in group i

    Choices are numbered by frequency, the most frequent first, so that a door is rarely opened, and the choices
    of a group are told by ever narrower vectors, of `width / shrink^i` numbers. `cutoffs` are where groups end, the
    last one excepted. `P_0` is there only where `width` is not that of the features. With `tables`, one embedding a
    group, the E are theirs: a word is read and written by the same vector (tied), as by `AdaptiveTable`. With `counts`,
    how often each choice occurred, `b` begins at the logarithms of their shares.

    Its parameters are the features, so that what a stream carries does not grow with the choices. Training never
    holds scores of all choices at a place; `top` opens a group only while it can still hold a choice to be told.
    Shapes: features `[..., H]`, targets `[...]`. Raises `UsageError` for cut-offs that leave a group empty, tables that
    do not fit them, and counts that do not fall: a rare choice among the first costs all that is gained.
    Source: Grave et al. 2017; tied: Baevski & Auli 2019.

    >>> head = AdaptiveSoftmax(features=8, choices=10, cutoffs=[4, 7])
    >>> features = torch.randn(7, 3, 8)
    >>> head.logits(head(features)).exp().sum(dim=-1).allclose(torch.ones(7, 3))
    True
    """

    over: ClassVar[Over] = ""

    def __init__(
        self,
        features: int,
        choices: int,
        cutoffs: Sequence[int],
        *,
        width: int | None = None,
        shrink: float = SHRINK,
        tables: Sequence[nn.Embedding] | None = None,
        counts: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.features, self.choices = features, choices
        width = tables[0].embedding_dim if tables else width or features
        self.groups = groups_of(choices, cutoffs, width, shrink)
        if tables and [tuple(table.weight.shape) for table in tables] != [(g.size, g.width) for g in self.groups]:
            raise UsageError(f"tables of other sizes cannot tell {choices:,} choices in {len(self.groups)} groups")
        self.tables = nn.ParameterList([table.weight for table in tables] if tables else map(_vectors, self.groups))
        narrowed = [g.width for g in self.groups]
        is_whole = width == features
        self.projections = nn.ParameterList(
            _weights(narrow, features) for number, narrow in enumerate(narrowed) if number or not is_whole
        )
        self._skipped = 1 if is_whole else 0
        self.doors = _weights(len(self.groups) - 1, width)
        self.bias, self.door_bias = nn.Parameter(torch.zeros(choices)), nn.Parameter(torch.zeros(len(self.groups) - 1))
        if counts is not None:
            self._begin_at(counts)

    @torch.no_grad()
    def _begin_at(self, counts: Tensor) -> None:
        if len(counts) != self.choices or bool((counts.diff() > 0).any()):
            raise UsageError(
                "choices are not numbered by how often they occur, the most frequent first: sort them, else rare ones "
                "cost as much as frequent ones"
            )
        shares = (counts.double() + 1) / (counts.double() + 1).sum()
        of_groups = torch.stack([shares[group.start : group.stop].sum() for group in self.groups[1:]])
        self.bias.copy_(shares.log())
        self.door_bias.copy_(of_groups.log())

    def forward(self, features: Tensor) -> Tensor:
        """Return the features themselves: scores are made where they are asked for."""
        return features

    def loss(self, params: Tensor, targets: Tensor, mask: Tensor | None = None) -> Loss:
        """Return minus the log-probability of the targets, summed over the places where `mask` is true."""
        check_targets(params.shape[:-1], targets, mask)
        features, targets = self._told(params, targets, mask)
        total = features.new_zeros(())
        for number, rows, wanted in self._doors_of(targets):
            read = features[rows] if number else features
            total = total + linear_entropy(self._narrowed(read, number), *self._layer(number), wanted)
        return Loss(total, torch.tensor(len(targets)))

    def nats(self, params: Tensor, targets: Tensor) -> Tensor:
        """Return minus the log-probability of each target."""
        check_targets(params.shape[:-1], targets)
        features, wanted = self._told(params, targets, None)
        nats = features.new_zeros(len(wanted))
        for number, rows, within in self._doors_of(wanted):
            found = linear_nats(self._narrowed(features[rows], number), *self._layer(number), within)
            nats = nats.index_add(0, rows, found.to(nats.dtype))
        return nats.reshape(targets.shape)

    def logits(self, params: Tensor) -> Tensor:
        """Return the log-probabilities `[..., V]` of all choices."""
        first = self._scores(params, 0)
        size = self.groups[0].size
        parts = [first[..., :size]]
        parts += [first[..., size + i - 1, None] + self._scores(params, i) for i in range(1, len(self.groups))]
        return torch.cat(parts, dim=-1)

    def top(self, params: Tensor, count: int) -> Top:
        """Return the `count` likeliest choices at each place; a group is opened only where it can hold one of them.

        >>> head = AdaptiveSoftmax(4, 10, [4, 7])
        >>> head.top(torch.zeros(4), 11).probabilities.detach().sum().round(decimals=6)
        tensor(1., dtype=torch.float64)
        """
        count, size = min(count, self.choices), self.groups[0].size
        features = params.reshape(-1, self.features)
        first = self._scores(features, 0)
        best = first[:, :size].topk(min(count, size))
        odds, chosen = _widened(best.values, count, -torch.inf), _widened(best.indices, count, 0)
        for number, group in enumerate(self.groups[1:], start=1):
            door = first[:, size + number - 1]
            rows = (door > odds[:, -1]).nonzero().flatten()
            if not len(rows):
                continue
            within = (door[rows, None] + self._scores(features[rows], number)).topk(min(count, group.size))
            both = torch.cat([odds[rows], within.values], dim=1).topk(count)
            names = torch.cat([chosen[rows], within.indices + group.start], dim=1)
            odds[rows], chosen[rows] = both.values, names.gather(1, both.indices)
        places = params.shape[:-1]
        return Top(chosen.reshape(*places, count), odds.double().exp().reshape(*places, count))

    def sample(self, params: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """Draw one choice at each place: at temperature 1 first a door or a first choice, then one of that group.

        At other temperatures from all choices at once, since these do not act on a product factor by factor.
        """
        check_temperature(temperature)
        if temperature == 0:
            return self.top(params, 1).choices[..., 0]
        features = params.reshape(-1, self.features)
        uniforms = torch.rand(2, len(features), dtype=torch.double, device=params.device, generator=generator)
        if temperature != 1:
            return Categorical.choose(
                self.logits(params), uniforms[0].reshape(params.shape[:-1]), temperature=temperature
            )
        chosen, size = Categorical.choose(self._scores(features, 0), uniforms[0]), self.groups[0].size
        opened = chosen - size + 1
        for number, group in enumerate(self.groups[1:], start=1):
            rows = (opened == number).nonzero().flatten()
            if len(rows):
                within = Categorical.choose(self._scores(features[rows], number), uniforms[1, rows])
                chosen[rows] = group.start + within
        return chosen.reshape(params.shape[:-1])

    def _told(self, params: Tensor, targets: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the features and targets that are scored. Raises `IndexError` for a target that is not a choice."""
        features, targets = params.reshape(-1, self.features), targets.flatten()
        if mask is not None:
            features, targets = features[mask.flatten()], targets[mask.flatten()]
        if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < self.choices:
            raise IndexError(f"a target is not one of the {self.choices:,} choices")
        return features, targets

    def _doors_of(self, targets: Tensor) -> list[tuple[int, Tensor, Tensor]]:
        """Return each softmax that takes part: its number, the places that it is asked at, and what is wanted there."""
        bounds = torch.tensor([group.start for group in self.groups[1:]], device=targets.device)
        which = torch.bucketize(targets, bounds, right=True)
        size = self.groups[0].size
        asked = [
            (0, torch.arange(len(targets), device=targets.device), torch.where(which > 0, size + which - 1, targets))
        ]
        for number, group in enumerate(self.groups[1:], start=1):
            rows = (which == number).nonzero().flatten()
            if len(rows):
                asked.append((number, rows, targets[rows] - group.start))
        return asked

    def _narrowed(self, features: Tensor, number: int) -> Tensor:
        kept = number - self._skipped
        return features if kept < 0 else linear(features, self.projections[kept])

    def _layer(self, number: int) -> tuple[Tensor, Tensor]:
        """Return the vectors and biases of a softmax, those of the doors after those of the first choices."""
        group = self.groups[number]
        vectors, bias = self.tables[number], self.bias[group.start : group.stop]
        if number:
            return vectors, bias
        return torch.cat([vectors, self.doors]), torch.cat([bias, self.door_bias])

    def _scores(self, features: Tensor, number: int) -> Tensor:
        """Return the log-shares of a softmax at some places."""
        return log_softmax(linear(self._narrowed(features, number), *self._layer(number)), dim=-1)


def _vectors(group: Group) -> nn.Parameter:
    return _weights(group.size, group.width)


def _weights(rows: int, width: int) -> nn.Parameter:
    """Return weights drawn so that a product keeps about the size of what is read."""
    return nn.Parameter(nn.init.normal_(torch.empty(rows, width), std=width**-0.5))


def _widened(values: Tensor, count: int, filler: float) -> Tensor:
    return nn.functional.pad(values, (0, count - values.shape[-1]), value=filler)
