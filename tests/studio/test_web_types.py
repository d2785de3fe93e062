"""The modules of the page hold to the types in their comments."""

import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
OURS = HERE.parents[1] / "build" / "web-types" / "node_modules" / ".bin" / "tsc"
"Where `.ci/run` puts it."
TSC = shutil.which("tsc") or (str(OURS) if OURS.exists() else None)


@pytest.mark.skipif(TSC is None, reason="no TypeScript is here (npm install --prefix build/web-types typescript)")
def test_every_module_of_the_page_holds_to_its_types() -> None:
    assert TSC is not None
    command = [TSC, "--project", str(HERE / "web_types.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == ""
    assert done.returncode == 0


def test_no_module_of_the_page_is_longer_than_can_be_read_at_once() -> None:
    web = HERE.parents[1] / "src" / "statewise" / "studio" / "web"
    lengths = {path.relative_to(web).as_posix(): path.read_text().count("\n") for path in web.rglob("*.js")}
    assert lengths["main.js"] > 100
    assert {name: length for name, length in lengths.items() if length > 300} == {}
