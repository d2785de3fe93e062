"""A cell, a head, an encoder and a task of another package: they keep the laws, in commands and the studio."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE, PAGES = ROOT / "examples" / "package", ROOT / "docs" / "contributing"
SMALL = ["--hidden-size=4", "--batch-size=3", "--sequence-length=7", "--updates=4", "--threads=1", "--seed=3"]
LAWS = """
import json, math, sys, tempfile
from pathlib import Path
import torch
from mypackage.laplace import Laplace
from mypackage.leaky import Leaky
from mypackage.numbers import Numbers
from mypackage.sines import Sines
from statewise.testing import check_cell, check_encoder, check_head, check_task

torch.set_num_threads(1)
kept = {
    "cell": check_cell(lambda: Leaky(5, 4)),
    "head": check_head(lambda: Laplace(4), torch.linspace(-3, 4, 21).reshape(7, 3)),
    "encoder": check_encoder(lambda: Sines(6, 5), torch.randint(6, (7, 3))),
    "task": check_task(lambda: Numbers(source="numbers.txt", cell="leaky", head="laplace", hidden_size=4, batch_size=3,
                                       sequence_length=7, updates=4, threads=1)),
}
print(json.dumps({of: sum(verdict.holds for verdict in verdicts.values()) for of, verdicts in kept.items()}))
"""
COMMANDS = """
import json, sys
from statewise.cli.main import run

for arguments in json.loads(sys.argv[1]):
    print("$", *arguments, flush=True)
    assert run(arguments) == 0, arguments
"""

STUDIO = """
import json, shutil, sys, time
from pathlib import Path
from starlette.testclient import TestClient
from statewise.server.settings import ServerSettings
from statewise.store import MemoryStore
from statewise.studio.application import studio
from statewise.studio.options import StudioOptions

Path("data").mkdir()
shutil.copy("numbers.txt", "data/numbers.txt")
made = studio([], MemoryStore(), ServerSettings(), StudioOptions(), 8970)
page = TestClient(made.app, base_url="http://127.0.0.1:8970")
asked = {"task": "numbers", "settings": json.loads(sys.argv[1])}
told = {"tasks": page.get("/studio/tasks").json(), "form": page.get("/studio/tasks/numbers").json()}
told["text"] = page.get("/studio/tasks/text").json()
told["command"] = page.post("/studio/command", json=asked).json()["command"]
name, end = page.post("/studio/train", json=asked).json()["run"], time.monotonic() + 120
while (run := page.get(f"/studio/runs/{name}").json())["state"] != "finished":
    assert time.monotonic() < end and run["state"] != "failed", run
    time.sleep(0.2)
told["run"], told["facts"] = run, page.post(f"/studio/runs/{name}/open").json()
told["answer"] = page.post(f"/studio/runs/{name}/answer", json={"arguments": {"steps": 3}}).json()
print(json.dumps(told))
"""


class Environment:
    """A virtual environment in which statewise and what it needs are installed, and nothing else is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
        where = {"base": str(folder / "env"), "platbase": str(folder / "env")}
        site = Path(sysconfig.get_path("purelib", "venv", vars=where))
        # what is installed here is seen there, an editable statewise too, and stays as it is
        (site / "lent.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
        self.python = folder / "env" / "bin" / "python"

    def run(self, *arguments: str | Path) -> str:
        environment: Mapping[str, str] = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}
        done = subprocess.run(
            [self.python, *arguments], cwd=self.folder, capture_output=True, text=True, env=environment, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    folder = tmp_path_factory.mktemp("strangers")
    found = Environment(folder)
    shutil.copytree(PACKAGE, folder / "package", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    install = ["install", "--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]
    found.run("-m", "pip", *install, folder / "package")
    shutil.rmtree(folder / "package")  # it is used as it was installed
    (folder / "numbers.txt").write_text("\n".join(f"{math.sin(t / 3):.4f}" for t in range(200)))
    (folder / "book.txt").write_text("It was the best of times, it was the worst of times.\n" * 40)
    return found


def test_what_it_brings_keeps_every_law(environment: Environment) -> None:
    assert json.loads(environment.run("-c", LAWS)) == {"cell": 11, "head": 8, "encoder": 7, "task": 8}


def test_the_command_line_lists_trains_scores_and_uses_it(environment: Environment) -> None:
    numbers = ["train", "numbers", "numbers.txt", "--cell", "leaky", "--head", "laplace", "--run", "n", *SMALL]
    text = ["train", "text", "book.txt", "--cell", "leaky", "--encoder", "sines", "--run", "t", "--orders=1", *SMALL]
    used = [["evaluate", "n", "--json"], ["predict", "n", "--steps", "3", "--json"], ["predict", "t", "--length", "5"]]
    listed = [["list", kind] for kind in ("tasks", "cells", "heads", "encoders")]
    said = environment.run("-c", COMMANDS, json.dumps([*listed, numbers, text, *used])).split("$ ")[1:]
    for name, part in zip(("numbers", "leaky", "laplace", "sines"), said[:4], strict=True):
        assert re.search(rf"^\s*{name}\s+\S", part, re.MULTILINE), part
    assert "this model" in said[4]
    assert "constant normal" in said[4]
    assert all(math.isfinite(value) for value in json.loads(said[6].splitlines()[-1])["metrics"].values())
    assert len(json.loads(said[7].splitlines()[-1])["answer"]) == 3
    settings = (environment.folder / "n" / "run.yaml").read_text() + (environment.folder / "t" / "run.yaml").read_text()
    assert {"cell: leaky", "head: laplace", "encoder: sines"} <= {line.strip() for line in settings.splitlines()}


def test_the_studio_has_its_form_trains_it_and_lets_it_answer(environment: Environment) -> None:
    pytest.importorskip("uvicorn")
    given = {"source": "numbers.txt", "cell": "leaky", "head": "laplace", "hidden_size": 4, "batch_size": 3}
    given |= {"sequence_length": 7, "updates": 4, "threads": 1}
    told = json.loads(environment.run("-c", STUDIO, json.dumps(given)).splitlines()[-1])
    titles = {task["name"]: task["title"] for task in told["tasks"]["tasks"]}
    assert (
        titles["numbers"]
        == told["form"]["title"]
        == "Learn what number comes next in a file with a number on each line"
    )
    settings = {setting["name"]: setting for setting in told["form"]["settings"]}
    assert settings["source"]["required"]
    assert "leaky" in settings["cell"]["suggestions"]
    assert "laplace" in settings["head"]["suggestions"]
    assert settings["head"]["description"] == "the distribution of a next number, by name"
    of_text = {setting["name"]: setting for setting in told["text"]["settings"]}
    assert "sines" in of_text["encoder"]["suggestions"]
    assert told["command"].startswith("statewise train numbers ")
    assert "--cell leaky" in told["command"]
    assert told["run"]["score"]["baseline"] == "constant normal"
    assert len(re.findall(r"-?\d+\.\d+", json.dumps(told["answer"]))) >= 3


@pytest.mark.parametrize(("page", "name"), [("cell", "leaky"), ("head", "laplace"), ("encoder", "sines")])
def test_the_page_shows_the_whole_file_and_the_whole_entry_point(page: str, name: str) -> None:
    text = next(PAGES.glob(f"add-a*-{page}.md")).read_text()
    python, toml = (re.findall(rf"^```{of}\n(.*?)^```", text, re.MULTILINE | re.DOTALL) for of in ("python", "toml"))
    file = (PACKAGE / "mypackage" / f"{name}.py").read_text()
    assert file.split('"""\n\n', 1)[1] == python[0], "the page and the file of the package differ"
    group = f"statewise.{page}s"
    announced = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["entry-points"][group]
    assert tomllib.loads(toml[0])["project"]["entry-points"][group] == announced


def test_the_page_about_tasks_shows_the_entry_point_of_the_package() -> None:
    toml = re.findall(r"^```toml\n(.*?)^```", (PAGES / "add-a-task.md").read_text(), re.MULTILINE | re.DOTALL)
    announced = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["entry-points"]
    assert tomllib.loads(toml[0])["project"]["entry-points"]["statewise.tasks"] == announced["statewise.tasks"]
