"""A studio over copies of a small run, asked in this process."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

PORT = 8970
HERE = f"http://127.0.0.1:{PORT}"


def studios_over(run: Path, folder: Path) -> Callable[..., Any]:
    """Return what begins a studio over `runs` of a folder, with `one` and `two` in it; keywords are its options."""
    pytest.importorskip("uvicorn")
    from starlette.testclient import TestClient

    from statewise.server.settings import ServerSettings
    from statewise.store import MemoryStore
    from statewise.studio.application import studio
    from statewise.studio.options import StudioOptions

    for name in ("one", "two"):
        shutil.copytree(run, folder / "runs" / name)
    (folder / "data").mkdir()

    def begin(*named: Path, owners: dict[bytes, str] | None = None, **options: Any) -> TestClient:
        settings = replace(ServerSettings(), owners=owners or {})
        made = studio(named, MemoryStore(), settings, StudioOptions(**options), PORT)
        return TestClient(made.app, base_url=HERE, raise_server_exceptions=False)

    return begin


def problem(answer: Any) -> tuple[int, str]:
    """Return the status of an answer that is a problem, and its one line."""
    said = answer.json()["error"]["message"]
    assert "\n" not in said
    return answer.status_code, said
