"""Runs of strangers, damaged or made with bad intentions, are given to every verb: each is refused in one line.

    python proofs/strangers.py [--runs 3000] [--save FILE]

A small run of each task is copied, and something in it is changed: bits, a cut, or an insertion in any file; a value in
`run.yaml`, `codec.json`, an event or a place that becomes another type, another size, or goes; an alias that stands for
any amount; a pipe, a device, a link or 20 GiB of nothing in place of a file; a folder of an odd name. Digests are
computed again, as by someone who means it. Every verb then has to answer in one line with exit code 2 (or 1, where a
training failed), or to do what the run says; within half a minute, and within a gigabyte beyond what a verb takes.
What it prints moves no cursor. Exit code 1 for any other end.
"""

import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import yaml
from outcomes import arguments, conclude, counted

import statewise
from statewise.cli.main import run as command_line
from statewise.disk.manifest import MANIFEST, manifest_of
from statewise.errors import StatewiseError
from statewise.shown import HARMFUL

CLAIM = "a stranger's run, damaged or meant to do harm, is refused in one line by every verb, or used as it says"
MEMORY_CLAIM = "no verb takes more than a gigabyte for it"
GOOD = {"refused", "used"}
MEGABYTES, SECONDS, BATCH = 1024, 30, 50
ODD: list[Any] = [
    None, True, [], {}, "", "x", "\x1b[2J\n\u202e", "x" * 100_000, -1, 0, 1, 2**31, 2**53, 2**63, 10**30, -(10**9), 0.5,
    1e308, -1e-308, float("inf"), float("nan"), ["a"] * 1000, [[[[[1]]]]], {"a": {"b": {"c": 1}}}, [None], "\ud800",
    "../../etc/passwd", "/dev/zero", "corpus:python", "cuda", "2026-13-45", "999999999h", "\0",
]  # fmt: skip
DEEP = {".json": b"[" * 200_000, ".yaml": b"a: " + b"[" * 200_000, ".jsonl": b"[" * 200_000 + b"\n"}
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 9)) for n in range(ord("b"), ord("k"))
)
TEXT = "It was the best of times, it was the worst of times, it was the age of wisdom.\n" * 30
TINY: dict[str, Any] = {"width": 4, "rows": 3, "threads": 1, "updates": 4, "checks": 1, "save_updates": 2}
Case = tuple[str, list[str]]


class TooLong(BaseException):
    """A verb took longer than it may."""


def main() -> None:
    """Make runs, spoil copies of them, give them to verbs, judge and write."""
    asked = arguments(__doc__, "strangers", runs=(3000, "spoiled runs"))
    save = asked.save.resolve()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None) as folder:
        results = proved(asked.runs, Path(folder))
    conclude(results, save)


def proved(runs: int, folder: Path) -> list[dict[str, Any]]:
    """Return what came of so many spoiled runs, and how much memory they took."""
    os.chdir(folder)
    made = make_runs()
    outcomes, grown = [], [0.0]
    for begin in range(0, runs, BATCH):
        batch = range(begin, min(runs, begin + BATCH))
        for told in in_a_process(lambda batch=batch: judged(made, batch), len(batch)):  # type: ignore[misc]
            if "megabytes" in told:
                grown.append(told["megabytes"])
            else:
                outcomes.append(told["outcome"])
        print(f"{len(outcomes)} of {runs}", file=sys.stderr, flush=True)
    memory = ["within" if most <= MEGABYTES else f"{most:.0f} MB" for most in grown]
    results = [counted(CLAIM, outcomes, GOOD), counted(MEMORY_CLAIM, memory, {"within"})]
    results[1]["most_megabytes"] = round(max(grown))
    return results


def make_runs() -> dict[str, Path]:
    """Train a small run of each task, and use each once, so that what is imported late is imported."""
    Path("book.txt").write_text(TEXT)
    rows = [f"u{who},{(who * n) % 9},{5000 * who + n}" for who in range(30) for n in range(1, 7)]
    Path("log.csv").write_text("\n".join(["user_id,item_id,timestamp", *rows]) + "\n")
    hours = [f"2026-11-{1 + t // 24:02d}T{t % 24:02d}:00:00,{(7 * t) % 24}" for t in range(200)]
    Path("cars.csv").write_text("\n".join(["time,cars", *hours]) + "\n")
    tasks = [
        statewise.Text(source="book.txt", steps=8, embedding=3, orders=2, gap=10, average=0.9, keep="best", **TINY),
        statewise.Recommend(source="log.csv", least_support=1, k=2, steps=4, embedding=3, **TINY),
        statewise.Forecast(source="cars.csv", horizon="6h", context="24h", **TINY),
    ]
    for task in tasks:
        statewise.train(task, run=Path("runs", task.name))
        for verb in VERBS.values():
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                verb(Path("runs", task.name))
    return {task.name: Path("runs", task.name) for task in tasks}


def in_a_process(work: Callable[[], Iterator[dict[str, Any]]], expected: int) -> Iterator[dict[str, Any]]:
    """Do some work in a process of its own that may take so much memory, and yield what it says, a line each."""
    reading, writing = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(reading)
        _limit_memory()
        with os.fdopen(writing, "w") as out:
            for told in work():
                out.write(json.dumps(told) + "\n")
                out.flush()
        os._exit(0)
    os.close(writing)
    said = 0
    with os.fdopen(reading) as lines:
        for line in lines:
            said += 1
            yield json.loads(line)
    os.waitpid(process, 0)
    for _ in range(said, expected):
        yield {"outcome": "the process died"}


def _limit_memory() -> None:
    with Path("/proc/self/status").open() as lines:
        data = next(int(line.split()[1]) for line in lines if line.startswith("VmData"))
    most = (data << 10) + (2 * MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def judged(made: dict[str, Path], batch: range) -> Iterator[dict[str, Any]]:
    """Spoil some runs and yield what each verb made of them; then how much memory that took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in batch:
        draw = random.Random(number)
        task = draw.choice(sorted(made))
        folder = Path(f"case-{number}")
        shutil.copytree(made[task], folder / "run", symlinks=True)
        shutil.copytree(made[task].parent / ".data", folder / ".data")
        kind = draw.choice(sorted(SPOILS))
        what = SPOILS[kind](folder / "run", draw)
        for verb in draw.sample(sorted(VERBS), 3):
            outcome = outcome_of(verb, folder / "run")
            if outcome not in GOOD:
                yield {"outcome": f"{number}, {task}, {kind} ({what}), {verb}: {outcome}"}
                break
        else:
            yield {"outcome": outcome}
        shutil.rmtree(folder, ignore_errors=True)
    yield {"megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024}


def outcome_of(verb: str, run: Path) -> str:
    """Return what a verb makes of a run."""
    out, err = io.StringIO(), io.StringIO()

    def late(number: int, frame: object) -> None:
        raise TooLong

    signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = VERBS[verb](run)
    except TooLong:
        return "took too long"
    except MemoryError:
        return "took too much memory"
    except BaseException as error:
        return f"traceback ({type(error).__name__}: {error} at {_place(error)})"
    finally:
        signal.alarm(0)
    said = out.getvalue() + err.getvalue()
    if HARMFUL.search(said):
        return f"printed what is harmful: {HARMFUL.search(said)}"
    lines = [line for line in err.getvalue().splitlines() if line.startswith("statewise: ")]
    if "Traceback" in said or code not in (0, 1, 2):
        return f"exit code {code}: {said[-200:]}"
    if code and (len(lines) != 1 or not err.getvalue().splitlines()[-1].startswith("statewise: ")):
        return f"exit code {code} and {len(lines)} lines: {err.getvalue()[-200:]}"
    return "refused" if code else "used"


def _place(error: BaseException) -> str:
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if "statewise" in frame.filename]
    return f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "elsewhere"


def by_command(*arguments: str, given: str = "") -> Callable[[Path], int]:
    """Return a verb as a command line, in which RUN stands for the run, with something on standard input."""

    def use(run: Path) -> int:
        words = [word.replace("RUN", str(run)) for word in arguments]
        before, sys.stdin = sys.stdin, io.StringIO(given)
        try:
            return command_line(words)
        finally:
            sys.stdin = before

    return use


def resume_for_a_while(run: Path) -> int:
    """Resume, but no further than a few events: how long a training takes is the run's own affair."""
    events = statewise.resuming(run)
    try:
        for _ in islice(events, 5):
            pass
        events.close()
    except StatewiseError as error:
        print(f"statewise: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def show_in_a_notebook(run: Path) -> int:
    """Show a run as a notebook does."""
    try:
        shown = statewise.load(run)._repr_html_()
    except StatewiseError as error:
        print(f"statewise: {error}", file=sys.stderr)
        return error.exit_code
    print(shown)
    return 0


def answer_something(run: Path) -> int:
    """Predict, as the run's task does."""
    with contextlib.suppress(Exception):
        task = yaml.safe_load((run / "run.yaml").read_text())["task"]
        return command_line(["predict", str(run), *(["--session", "1,2"] if task == "recommend" else [])])
    return command_line(["predict", str(run)])


VERBS: dict[str, Callable[[Path], int]] = {
    "inspect": by_command("inspect", "RUN"),
    "inspect --json": by_command("inspect", "RUN", "--json"),
    "compare": by_command("compare", "RUN", "RUN"),
    "evaluate": by_command("evaluate", "RUN"),
    "predict": answer_something,
    "stream": by_command("stream", "RUN", given="1\n"),
    "export": by_command("export", "RUN", "--to", "RUN-out", "--format", "safetensors"),
    "tensorboard": by_command("tensorboard", "RUN"),
    "load": show_in_a_notebook,
    "resume": resume_for_a_while,
}


def files_of(run: Path) -> list[Path]:
    """Return the files of a run that a verb may read."""
    named = [run / "run.yaml", run / "codec.json", run / "events.jsonl"]
    inside = sorted(path for path in (run / "checkpoints").rglob("*") if path.is_file())
    kept = sorted(path for path in (run.parent / ".data").rglob("*") if path.is_file())
    return named + inside + kept


def write_as_if_meant(path: Path, content: bytes) -> None:
    """Write a file, and the manifest beside it, if any, as somebody does who means it."""
    path.write_bytes(content)
    if path.name != MANIFEST and (path.parent / MANIFEST).exists():
        others = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.name != MANIFEST}
        (path.parent / MANIFEST).write_bytes(manifest_of(others))


def spoil_bytes(run: Path, draw: random.Random) -> str:
    """Flip bits in a file, cut it, or put something in."""
    path = draw.choice(files_of(run))
    content = bytearray(path.read_bytes())
    place = draw.randrange(len(content)) if content else 0
    how = draw.choice(["flip", "cut", "insert", "double", "empty"])
    if how == "flip" and content:
        for _ in range(draw.choice([1, 1, 3, 20])):
            content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    elif how == "insert":
        content[place:place] = draw.choice([b"\0", b"\xff\xfe", b"\x1b[2J", b"[[[[", b"\n\n", b"*a", b"9" * 400])
    elif how == "double":
        content *= 2
    else:
        del content[place if how == "cut" else 0 :]
    (write_as_if_meant if draw.random() < 0.5 else Path.write_bytes)(path, bytes(content))
    return f"{how} {path.name}"


def spoil_value(run: Path, draw: random.Random) -> str:
    """Let a value somewhere in a file of plain values be another, or go, or let there be one more."""
    path = draw.choice([path for path in files_of(run) if path.suffix in (".yaml", ".json", ".jsonl")])
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = draw.randrange(len(lines))
    told = yaml.safe_load(lines[at]) if path.suffix == ".yaml" else json.loads(lines[at])
    holder, keys = told, list[Any]()
    while isinstance(holder, dict | list) and len(holder):
        keys.append(draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder))))
        below = holder[keys[-1]]
        if not isinstance(below, dict | list) or not len(below) or draw.random() < 0.4:
            break
        holder = below
    odd = draw.choice(ODD)
    how = draw.choice(["change", "change", "change", "remove", "add", "replace"])
    if how == "replace" or not keys:
        told = odd
    elif how == "remove":
        del holder[keys[-1]]
    elif how == "add":
        holder.update({"odd": odd}) if isinstance(holder, dict) else holder.append(odd)
    else:
        holder[keys[-1]] = odd
    lines[at] = as_text(told, path.suffix)
    write_as_if_meant(path, "\n".join(lines).encode("utf-8", "surrogatepass"))
    return f"{how} {path.name} {keys} {odd!r:.40}"


def as_text(told: Any, suffix: str) -> str:
    """Return a value as its kind of file has it, be it ever so odd."""
    return yaml.safe_dump(told, sort_keys=False) if suffix == ".yaml" else json.dumps(told)


def spoil_kind(run: Path, draw: random.Random) -> str:
    """Put something else in place of a file: a pipe, a device, a link, a folder, nothing, or 20 GiB of nothing."""
    path = draw.choice([*files_of(run), run / "lock", run / "report.md", run / "samples", run / "checkpoints"])
    how = draw.choice(["pipe", "device", "link", "loop", "folder", "nothing", "sparse", "deep", "bomb"])
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    if how == "pipe":
        os.mkfifo(path)
    elif how in ("device", "link", "loop"):
        path.symlink_to({"device": "/dev/zero", "link": "/etc/hostname", "loop": path.name}[how])
    elif how == "folder":
        path.mkdir()
    elif how == "sparse":
        with path.open("wb") as file:
            file.truncate(20 << 30)
    elif how in ("deep", "bomb"):
        path.write_bytes(BOMB if how == "bomb" else DEEP.get(path.suffix, DEEP[".json"]))
    return f"{how} {path.name}"


def spoil_sizes(run: Path, draw: random.Random) -> str:
    """Let the settings describe another model than the weights are of, or claim more than a machine has."""
    config = yaml.safe_load((run / "run.yaml").read_text())
    name = draw.choice(
        ["width", "layers", "embedding", "rows", "steps", "seed", "threads", "processes", "members", "cell"]
    )
    value = draw.choice([0, 5, 7, 60_000, 3_000_000, 2**31, 2**40, 2**62, "gru", "lstm"])
    (config if name == "processes" else config["settings"])[name] = value
    (run / "run.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return f"{name} {value}"


def spoil_names(run: Path, draw: random.Random) -> str:
    """Put folders and files of odd names where checkpoints are."""
    name = draw.choice(["²", "٣٣٣٣٣٣", "9" * 200, "000000", "1" * 16, ".000009.old.tmp", "a\x1b[2J", "000003 "])
    folder = run / "checkpoints" / name
    shutil.copytree(max((run / "checkpoints").iterdir()), folder) if draw.random() < 0.5 else folder.mkdir()
    if draw.random() < 0.5:
        (run / "checkpoints" / "000009").symlink_to(draw.choice(["/", "000004", "/dev/zero"]))
    return f"{name!r}"


SPOILS: dict[str, Callable[[Path, random.Random], str]] = {
    "bytes": spoil_bytes,
    "value": spoil_value,
    "value again": spoil_value,
    "kind": spoil_kind,
    "sizes": spoil_sizes,
    "names": spoil_names,
}


if __name__ == "__main__":
    main()
