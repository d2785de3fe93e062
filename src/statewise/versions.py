"""Which versions of what are at work."""

import platform
from importlib.metadata import PackageNotFoundError, version

EXTRAS = {"plot": "matplotlib", "parquet": "pyarrow", "baselines": "statsforecast", "tb": "tensorboard"}
EXTRAS |= {"tune": "optuna", "ray": "ray", "classics": "scikit-learn", "holidays": "holidays", "translate": "sacrebleu"}
EXTRAS |= {"game": "gymnasium"}
EXTRAS |= {"chat": "tokenizers", "zoo": "statewise-zoo", "hub": "huggingface-hub"}
CORE = ["torch", "numpy", "safetensors", "typer", "rich", "pydantic", "lightning-fabric"]


def versions() -> dict[str, str]:
    """Return the versions that a result may depend on.

    >>> list(versions())[:2]
    ['statewise', 'python']
    """
    return {
        "statewise": version("statewise"),
        "python": platform.python_version(),
        **{name: version(name) for name in CORE},
    }


def missing_extras() -> dict[str, str]:
    """Return each extra that is not installed, with the line that installs it."""
    return {name: f"pip install 'statewise[{name}]'" for name, package in EXTRAS.items() if not _installed(package)}


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
