"""Every experiment, in the order of the papers."""

import fnmatch
from collections.abc import Sequence

from statewise.errors import UsageError
from statewise.registry import unknown
from statewise_lab.classics import copying, counting, digits, elman_1990, hochreiter_1997, pascanu_2013
from statewise_lab.classics.experiment import Experiment

EXPERIMENTS: dict[str, Experiment] = {
    experiment.name: experiment
    for paper in (elman_1990, hochreiter_1997, pascanu_2013, counting, copying, digits)
    for experiment in paper.EXPERIMENTS
}
"Every experiment by its name."


def chosen(only: Sequence[str] = (), *, quick: bool = False) -> list[Experiment]:
    """Return the experiments of these names, in which `*` stands for anything; without names all, or the quick ones.

    Raises `UsageError` for a name that fits none.

    >>> [experiment.name for experiment in chosen(["order-2*"])]
    ['order-20', 'order-200']
    """
    for name in only:
        if not fnmatch.filter(EXPERIMENTS, name):
            raise UsageError(unknown("experiment", name, EXPERIMENTS))
    return [
        experiment
        for name, experiment in EXPERIMENTS.items()
        if any(fnmatch.fnmatchcase(name, one) for one in only) or (not only and (experiment.is_quick or not quick))
    ]
