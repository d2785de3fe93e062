"""Libraries that say what words mean, found when they are needed; the message says how to install them."""

import warnings
from functools import cache
from importlib import import_module
from typing import Any

from statewise.errors import MissingExtra


@cache
def library(module: str, package: str) -> Any:
    """Return a module of another package. Raises `MissingExtra` where it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return import_module(module)
    except ImportError:
        raise MissingExtra(
            f"what this slot means is found by {package}, which is not installed: pip install 'statewise[dialogue]'"
        ) from None
