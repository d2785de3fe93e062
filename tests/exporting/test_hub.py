"""A run is put on a Hub and pulled from there, over HTTP, by the Hub's own client.

The Hub is a stand-in on this machine: it speaks as much of the protocol as these calls use, and no more.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_hub import FakeHub, fake_hub

import statewise
from statewise.errors import MissingExtra, RunError, UsageError
from statewise.run import hub_names
from statewise.run.hub_names import repository_of

pytest.importorskip("huggingface_hub")


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with fake_hub() as made:
        yield made


def asked(hub: FakeHub, folder: Path, *words: str, token: str = "hf_of_a_test") -> tuple[int, str, str]:
    """What a command says, run as a person does whose Hub is this one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    environment |= {"HF_ENDPOINT": hub.address, "HF_TOKEN": token, "HF_HOME": str(folder / "hf")}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "HF_HUB_DISABLE_XET": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "statewise", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


PUSH = ("export", "run", "--format", "safetensors", "--storage", "bfloat16", "--to")


def test_what_is_pushed_is_pulled_and_used_with_a_card_that_has_the_table(
    hub: FakeHub, run_path: Path, tmp_path: Path
) -> None:
    code, said, error = asked(hub, tmp_path, *PUSH, "hub:someone/plays")
    assert (code, error) == (0, ""), error
    assert said.startswith("hub:someone/plays ")
    there = hub.files["someone/plays"]
    assert {"run.yaml", "codec.json", "README.md", "checkpoints/000005/weights.safetensors"} <= set(there)
    card = there["README.md"].decode()
    report = statewise.evaluate(run_path, quiet=True)
    for name in ("this model", *report.baselines):
        assert f"| {name} |" in card
    assert str(tmp_path) not in card
    there["payload.py"] = b"raise SystemExit(9)"
    predict = ("predict", "hub:someone/plays", "It", "--length", "9", "--seed", "1", "--quiet")
    code, said, error = asked(hub, tmp_path, *predict, token="")
    assert (code, error) == (0, ""), error
    rounded = statewise.export(run_path, tmp_path / "r.zip", format="safetensors", storage="bfloat16").path
    assert said == "It" + "".join(statewise.load(rounded).predict("It", length=9, seed=1)) + "\n"
    assert not list((tmp_path / "cache").rglob("payload.py"))
    before = len(hub.asked)
    assert asked(hub, tmp_path, *predict)[0] == 0
    assert [line for line in hub.asked[before:] if "/resolve/" in line] == [], "it is pulled once"


def test_older_weights_are_removed_by_the_next_push(hub: FakeHub, run_path: Path, tmp_path: Path) -> None:
    hub.files["someone/plays"] = {"checkpoints/000003/weights.safetensors": b"old", "notes.md": b"mine"}
    assert asked(hub, tmp_path, *PUSH, "hub:someone/plays")[0] == 0
    assert "checkpoints/000003/weights.safetensors" not in hub.files["someone/plays"]
    assert hub.files["someone/plays"]["notes.md"] == b"mine"


def test_what_cannot_be_had_is_said_in_one_line(hub: FakeHub, run_path: Path, tmp_path: Path) -> None:
    hub.files["someone/else"] = {"model.bin": b"x"}
    hub.files["someone/liar"] = {"run.yaml": b"task: text", "codec.json": b"{}"}
    hub.lies["codec.json"] = b"{" + b" " * 999
    for words, wanted in {
        ("inspect", "hub:someone/nothing"): "hub:someone/nothing cannot be reached",
        ("inspect", "hub:someone/else"): "holds no run.yaml",
        ("inspect", "hub:someone/liar"): "hub:someone/liar",
        ("inspect", "hub:../../etc"): "does not name a run on the Hub",
        (*PUSH, "hub:someone/plays@v1"): "names a revision",
        ("export", "run", "--to", "hub:someone/plays"): "give --format safetensors too",
    }.items():
        code, _, error = asked(hub, tmp_path, *words)
        assert code == 2, error
        assert wanted in error
        assert error.count("\n") == 1
    assert asked(hub, tmp_path, *PUSH, "hub:someone/plays", token="wrong")[0] == 2
    assert [path for path in (tmp_path / "cache").rglob("*") if path.name == "codec.json"] == []


def test_what_a_hub_says_wrongly_or_not_at_all_is_told_in_one_line(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for error in (
        KeyError("id"),
        TypeError("must be a mapping, not list"),
        type("ConnectError", (Exception,), {})("x\ny"),
    ):

        def asked_in_vain(*_: object, raised: Exception = error, **__: object) -> None:
            raise raised

        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", asked_in_vain)
        with pytest.raises(RunError, match="hub:someone/plays cannot be reached") as refused:
            statewise.load("hub:someone/plays")
        assert "\n" not in str(refused.value)
    for sha, size in (("../up", 1), (None, 1), ("a" * 40, "9"), ("a" * 40, -1), ("a" * 40, None)):
        part = SimpleNamespace(rfilename="run.yaml", size=size)
        told = SimpleNamespace(sha=sha, siblings=[part, SimpleNamespace(rfilename=5, size=1)])
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, told=told, **__: told)
        with pytest.raises(RunError, match="does not say its commit, or how large its files are"):
            statewise.load("hub:someone/plays")
    assert not (tmp_path / "cache").exists()


def test_a_file_that_is_longer_than_was_said_is_left_as_it_comes() -> None:
    client = hub_names.client()
    bar = hub_names.counting(client, 3)["tqdm_class"](disable=True)
    bar.update(3 + hub_names.SPARE)
    with pytest.raises(OSError, match="longer than the 3 bytes that were said"):
        bar.update(1)
    assert hub_names.counting(SimpleNamespace(hf_hub_download=lambda repo_id: None), 3) == {}


def test_a_name_is_an_owner_and_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert repository_of("a/b-c.d@main") == ("a/b-c.d", "main")
    for wrong in ("plays", "a/b/c", "a/..", "a/b@../x", "-a/b", "a/b c"):
        with pytest.raises(UsageError, match="does not name a run on the Hub"):
            repository_of(wrong)
    monkeypatch.setattr(hub_names, "import_module", lambda name: (_ for _ in ()).throw(ModuleNotFoundError(name)))
    with pytest.raises(MissingExtra, match=r"pip install 'statewise\[hub\]'"):
        statewise.load("hub:someone/plays")
