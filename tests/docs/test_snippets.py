"""Every snippet of the README and the docs is run: Python as it stands, commands on small stand-ins."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from made_bots import bot_file
from made_dialogues import dialogues
from made_films import one_film, sounding_films
from made_gestures import clips, sensor_table, stretches_table
from made_pictures import pictures, shape
from made_speech import recordings
from made_stories import passages, shop, stories

from statewise import registry
from statewise.cli.main import run
from statewise.encoders import EfficientNetLite0

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TINY = ["--hidden-size", "8", "--batch-size", "4", "--sequence-length", "16", "--updates", "4", "--threads", "1"]
TINY_BY_TASK = {
    "text": ["--orders", "2"],
    "recommend": ["--min-support", "1"],
    "sketch": ["--components", "2", "--reader-size", "4", "--held-out", "0.3"],
    "speech": ["--sequence-length", "100"],
    "handwriting": ["--components", "2", "--hills", "2", "--held-out", "0.3", "--sequence-length", "400"],
    "language": ["--embedding", "4", "--orders", "2", "--cutoffs", "4,8"],
    "answer": ["--held-out", "0.2", "--questions", "200"],
    "gesture": ["--held-out", "0.25"],
    "sound": ["--embedding", "4", "--height", "8", "--pieces", "6", "--bands", "6"],
    "game": ["--envs", "4", "--rollout", "32", "--passes", "1"],
    "caption": ["--embedding", "4", "--held-out", "0.3", "--validation", "0.1"],
    "chat": ["--embedding", "4", "--held-out", "0.2", "--validation", "0.1", "--scored", "9"],
    "dialogue": ["--embedding", "4", "--filters", "4"],
    "translate": ["--embedding", "4", "--held-out", "0.1", "--validation", "0.1"],
}
TINY_SERIES = ["--context", "24", "--held-out", "72"]
SIZES = {"--hidden-size", "--layers", "--batch-size", "--sequence-length"}
BUDGETS = {"--minutes", "--epochs", "--updates", "--steps-total", *SIZES, "--config", "--trials"}
ZOO: dict[tuple[registry.Kind, str], object] = {
    ("zoo", path.stem): path for path in (ROOT / "zoo" / "statewise_zoo").glob("*.zip")
}
TEXT = "It was the best of times, it was the worst of times.\n" * 150
CORPUS_OF = {
    "text": "shakespeare",
    "recommend": "movielens-100k",
    "sketch": "kanji",
    "handwriting": "synthetic-handwriting",
}
FILMS = ["Alien (1979)", "Aliens (1986)", "Toy Story (1995)", *(f"Film {n} (19{n})" for n in range(40, 70))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def commands(page: Path) -> list[list[str]]:
    lines = "".join(blocks(page, "console")).replace("\\\n", " ").splitlines()
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ statewise")]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a book, and a corpus `shakespeare` that is only a few lines long."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "one.txt").write_text(TEXT)
    titles = [f"{n}\t{title}" for n, title in enumerate(FILMS)]
    seen = [f"u{user}\t{(user * (n + 1)) % len(FILMS)}\t{5000 * user + n}" for user in range(40) for n in range(9)]
    for name, lines in {
        "films.tsv": ["item_id\ttitle", *titles],
        "events.tsv": ["user_id\titem_id\ttimestamp", *seen],
    }.items():
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    paired = [
        f"The {a} {n} {c}.\tLe {a} {n} {c}!" for a in ("cat", "dog") for n in range(150) for c in ("sees", "eats")
    ]
    (tmp_path / "pairs.tsv").write_text("\n".join(paired) + "\n")
    (tmp_path / "sentences.txt").write_text("The cat sees the dog.\n\nThe dog.\n")
    (tmp_path / "sessions.txt").write_text("Alien (1979), Aliens (1986)\nToy Story\n")
    tables = [tmp_path / "events.tsv", tmp_path / "films.tsv"]
    monkeypatch.setattr("statewise.data.corpora.PublishedCorpus.files", lambda self: [tmp_path / "book.txt"])
    days = [str(day) for day in np.busday_offset("2020-01-01", np.arange(200), roll="forward")]
    hours = [str(np.datetime64("2026-11-02T00", "s") + np.timedelta64(t, "h")) for t in range(400)]
    for name, lines in {
        "traffic": ["datetime,traffic_volume,temp,clouds_all,rain_1h,snow_1h"]
        + [f"{hour},{50 + t % 24},{t % 7},1,0,0" for t, hour in enumerate(hours)],
        "shares": ["Date,A,B"] + [f"{day},{100 + t % 7},{90 + t % 5}" for t, day in enumerate(days)],
    }.items():
        (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n")
    drawings = [{"strokes": [[[0, 0], [n, 90], [60, n]], [[5, 5], [9, n]]], "class": "ab"[n % 2]} for n in range(40)]
    (tmp_path / "drawings.jsonl").write_text("\n".join(map(json.dumps, drawings)))
    for name in ("begun", "other"):
        line = '<svg xmlns="http://www.w3.org/2000/svg"><path fill="none" stroke="black" d="M10 20 v100 h100"/></svg>'
        (tmp_path / f"{name}.svg").write_text(line)
    stories(tmp_path, 40)
    shop(tmp_path)
    dialogues(tmp_path, 300)
    bot_file(tmp_path)
    (tmp_path / "never.txt").write_text("darn, shut up\n")
    passages(tmp_path)
    said = recordings(tmp_path / "recordings")
    (sensor_table(tmp_path).parent / "asked.csv").rename(tmp_path / "one.csv")
    stretches_table(tmp_path)
    clips(tmp_path / "clips", each=6)
    sounding_films(tmp_path / "films", 7)
    sounding_films(tmp_path / "frames", 7, as_arrays=True)
    one_film(tmp_path / "silent.mp4")
    (tmp_path / "clip.mp4").write_bytes((tmp_path / "clips" / "nod" / "0.mp4").read_bytes())
    (tmp_path / "talk.wav").write_bytes((said / "low_voice0_1.wav").read_bytes())
    written = [
        {"text": text, "writer": str(n % 4), "strokes": [[[9 * k, 0], [9 * k + n % 5, 9]] for k in range(len(text))]}
        for n, text in enumerate(["My name is", "Luka", "is Luka", "a mean snake"] * 4)
    ]
    for name in ("lines", "mine"):
        (tmp_path / f"{name}.jsonl").write_text("\n".join(map(json.dumps, written[: 16 if name == "lines" else 1])))
    pictures(tmp_path / "photos")
    shape("red").save(tmp_path / "photo.jpg")
    (tmp_path / "site").mkdir()
    shape("blue").save(tmp_path / "site" / "blue.png")
    (tmp_path / "site" / "page.md").write_text("![](blue.png)\n")
    monkeypatch.setattr(EfficientNetLite0, "trained", classmethod(lambda cls: cls().eval()))
    named = {name: [tmp_path / f"{name}.csv"] for name in ("traffic", "shares")}
    named["synthetic-handwriting"] = [tmp_path / "lines.jsonl"]
    named["kanji"] = [tmp_path / "drawings.jsonl"]
    monkeypatch.setattr("statewise.data.corpora.PublishedTables.files", lambda self: named.get(self.name, tables))
    monkeypatch.setattr(registry, "_registered", {**registry._registered, **ZOO})
    torch.set_num_threads(1)
    return tmp_path


def small(arguments: list[str]) -> list[str]:
    """The same command with a budget that takes a moment."""
    if arguments[0] == "demo":
        return [*arguments, "--minutes", "0.02"]
    if arguments[0] not in ("train", "tune") or "--help" in arguments:
        return arguments
    if "--processes" in arguments:  # to other processes the corpus is not a stand-in
        arguments = ["book.txt" if a == "shakespeare" else a for a in arguments]
    kept = [a for i, a in enumerate(arguments) if a not in BUDGETS and (i == 0 or arguments[i - 1] not in BUDGETS)]
    source = [] if "--config" not in arguments else [CORPUS_OF[arguments[1]]]
    trials = ["--trials", "2"] if arguments[0] == "tune" else []
    return [*kept, *source, *TINY, *TINY_BY_TASK.get(arguments[1], TINY_SERIES), *trials]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_python_of_a_page_runs_as_it_stands(page: Path, place: Path) -> None:
    code = "\n".join(blocks(page, "python"))
    shorter = re.sub(r"(minutes|epochs)=[\d.]+", "updates=4", code)
    namespace: dict[str, object] = {"__name__": "snippet"}
    exec(compile(shorter, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", [p for p in PAGES if commands(p)], ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_run(page: Path, place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not any(arguments[1] in ("train", "demo") for arguments in commands(page)):
        assert run(small(["train", "text", "shakespeare"])) == 0
    for _, *arguments in commands(page):
        if arguments[0] in ("serve", "studio"):
            serve_a_moment([*arguments, *(["--no-browser"] if arguments[0] == "studio" else [])])
        else:
            assert run(small(arguments)) == 0, f"{arguments}: {capsys.readouterr().err}"


def serve_a_moment(arguments: list[str]) -> None:
    command = [sys.executable, "-m", "statewise", *arguments, "--port", "0", "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        assert " at http://127.0.0.1:" in server.stdout.readline()
        server.terminate()
        assert server.wait(40) == 0


def test_every_page_is_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        seen.add(page)
        for link in re.findall(r"\]\(([^)#]+\.md)", page.read_text()):
            target = (page.parent / link).resolve()
            assert target.exists(), f"{page.name} links to {link}"
            if target not in seen:
                waiting.append(target)
    assert set(PAGES) <= seen


def test_the_tutorial_shows_the_lines_that_doctor_begins_with(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 0
    said = capsys.readouterr().out.splitlines()
    (shown,) = [block for block in blocks(ROOT / "docs/tutorials/text.md", "text") if block.startswith("versions\n")]
    names = [re.split(r"  +", line.strip())[0] for line in shown.splitlines()]
    assert names == [re.split(r"  +", line.strip())[0] for line in said[: len(names)]]
    assert said[len(names)] == "kernels, the preferred one first"
