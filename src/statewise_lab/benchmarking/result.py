"""A result as it is kept: what was asked, on which machine, with which versions and commit, and every figure."""

import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from statewise.numerics import processor
from statewise.versions import versions
from statewise_lab.benchmarking.question import Question, Settings
from statewise_lab.benchmarking.row import Row

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
SCALES = {"K": 2**10, "M": 2**20, "G": 2**30}


def as_json(question: Question, settings: Settings, rows: Sequence[Row]) -> dict[str, Any]:
    """Return everything that there is to say of a result."""
    return {
        "question": question.name,
        "asks": question.asks,
        "commit": commit(),
        "machine": {**machine(), "threads": settings.threads},
        "versions": versions(),
        "peers": settings.peers.versions(),
        "rounds": settings.rounds,
        "quick": settings.quick,
        "rows": [row.as_json() for row in rows],
    }


def made_by() -> dict[str, Any]:
    """Return when, on which commit and machine and with which versions something is measured."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return {"date": now, "commit": commit(), "machine": machine(), "versions": versions()}


def machine() -> dict[str, Any]:
    """Return what the machine says of itself, and how busy it is with others' work."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "vectors": torch.backends.cpu.get_cpu_capability(),
        "caches_bytes": caches(),
        "system": platform.platform(),
        "load": round(os.getloadavg()[0], 2),
    }


def caches(folder: Path = CACHES) -> dict[str, int]:
    """Return the bytes of each level of cache that holds data; nothing where the system does not say."""
    found = {}
    for place in sorted(folder.glob("index*")):
        level, kind, size = ((place / name).read_text().strip() for name in ("level", "type", "size"))
        if kind != "Instruction":
            found[f"L{level}"] = int(size.rstrip("KMG")) * SCALES.get(size[-1], 1)
    return found


def commit() -> str | None:
    """Return the commit of the checkout that this runs from, with `+` where files differ from it, or None."""
    folder = Path(__file__).parent
    said = [
        subprocess.run(["git", "-C", str(folder), *words], check=False, capture_output=True, text=True)
        for words in (["ls-files", "--error-unmatch", __file__], ["rev-parse", "HEAD"], ["status", "--porcelain"])
    ]
    if any(answer.returncode != 0 for answer in said):
        return None
    return said[1].stdout.strip() + ("+" if said[2].stdout.strip() else "")
