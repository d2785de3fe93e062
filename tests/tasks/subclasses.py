"""Every class of the package that is derived from another, wherever it is written."""

import importlib
import pkgutil
from typing import Any

import statewise


def subclasses_of(kind: type[Any]) -> set[type[Any]]:
    """Import the whole package, and return the subclasses of a class that it defines."""
    for module in pkgutil.walk_packages(statewise.__path__, "statewise."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    return {found for found in _below(kind) if found.__module__.split(".")[0] == "statewise"}


def _below(kind: type[Any]) -> set[type[Any]]:
    return set().union(*({derived, *_below(derived)} for derived in kind.__subclasses__()))
