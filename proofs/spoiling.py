"""Ways to spoil a run as a damaged disk does, or as an attacker does: `SPOILS`, each by its name.

Each takes the folder of a run and a source of random numbers, changes one thing, and says what it did.
"""

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from statewise.disk.manifest import MANIFEST, manifest_of

ODD: list[Any] = [
    None, True, [], {}, "", "x", "\x1b[2J\n\u202e", "x" * 100_000, -1, 0, 1, 2**31, 2**53, 2**63, 10**30, -(10**9), 0.5,
    1e308, -1e-308, float("inf"), float("nan"), ["a"] * 1000, [[[[[1]]]]], {"a": {"b": {"c": 1}}}, [None], "\ud800",
    "../../etc/passwd", "/dev/zero", "corpus:python", "cuda", "2026-13-45", "999999999h", "\0", [1], [[0.5, 1.0]],
]  # fmt: skip
DEEP = {".json": b"[" * 200_000, ".yaml": b"a: " + b"[" * 200_000, ".jsonl": b"[" * 200_000 + b"\n"}
BOMB = b"a: &a [x, x, x, x, x, x, x, x, x]\n" + b"".join(
    b"%c: &%c [%s]\n" % (n, n, b", ".join([b"*%c" % (n - 1)] * 9)) for n in range(ord("b"), ord("k"))
)
NAMES = ["²", "٣٣٣٣٣٣", "9" * 200, "000000", "1" * 16, ".000009.old.tmp", ".000009.tmp", "a\x1b[2J", "000003 "]
SIZES = ["hidden_size", "layers", "embedding", "batch_size", "sequence_length", "seed", "threads", "members", "cell"]
SIZES += ["updates", "processes"]
NOTHING_BYTES = 20 << 30
Draw = random.Random


def files_of(run: Path) -> list[Path]:
    """Return the files of a run that a verb may read, and those of the data that are kept with it."""
    named = [run / "run.yaml", run / "codec.json", run / "events.jsonl"]
    inside = sorted(path for path in (run / "checkpoints").rglob("*") if path.is_file())
    kept = sorted(path for path in (run.parent / ".data").rglob("*") if path.is_file())
    return named + inside + kept


def write_as_if_meant(path: Path, content: bytes) -> None:
    """Write a file, and its manifest, if any, as an attacker would."""
    path.write_bytes(content)
    if path.name != MANIFEST and (path.parent / MANIFEST).exists():
        others = {one.name: one.read_bytes() for one in path.parent.iterdir() if one.name != MANIFEST}
        (path.parent / MANIFEST).write_bytes(manifest_of(others))


def spoil_bytes(run: Path, draw: Draw) -> str:
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


def spoil_value(run: Path, draw: Draw) -> str:
    """Let a value in a file of plain values be another, or go, or let there be one more."""
    return _spoil_value(draw.choice([path for path in files_of(run) if path.suffix in AS_TEXT]), draw)


def spoil_settings(run: Path, draw: Draw) -> str:
    """Do so in `run.yaml` or `codec.json`."""
    return _spoil_value(run / draw.choice(["run.yaml", "codec.json"]), draw)


def _spoil_value(path: Path, draw: Draw) -> str:
    lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
    at = draw.randrange(len(lines))
    told = yaml.safe_load(lines[at]) if path.suffix == ".yaml" else json.loads(lines[at])
    keys, holder = _a_place(told, draw)
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
    lines[at] = AS_TEXT[path.suffix](told)
    write_as_if_meant(path, "\n".join(lines).encode("utf-8", "surrogatepass"))
    return f"{how} {path.name} {keys} {odd!r:.40}"


def _a_place(told: Any, draw: Draw) -> tuple[list[Any], Any]:
    """Return the way to a value somewhere inside, and what holds it."""
    keys, holder = list[Any](), told
    while isinstance(holder, dict | list) and len(holder):
        keys.append(draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder))))
        below = holder[keys[-1]]
        if not isinstance(below, dict | list) or not len(below) or draw.random() < 0.4:
            break
        holder = below
    return keys, holder


def spoil_kind(run: Path, draw: Draw) -> str:
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
            file.truncate(NOTHING_BYTES)
    elif how in ("deep", "bomb"):
        path.write_bytes(BOMB if how == "bomb" else DEEP.get(path.suffix, DEEP[".json"]))
    return f"{how} {path.name}"


def spoil_sizes(run: Path, draw: Draw) -> str:
    """Let the settings describe another model than the weights are of, or claim more than a machine has."""
    config = yaml.safe_load((run / "run.yaml").read_text())
    name = draw.choice(SIZES)
    value = draw.choice([0, 5, 7, 1000, 60_000, 1_000_000, 3_000_000, 2**31, 2**40, 2**62, "gru", "lstm"])
    (config if name == "processes" else config["settings"])[name] = value
    (run / "run.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    return f"{name} {value}"


def spoil_names(run: Path, draw: Draw) -> str:
    """Put folders and files of odd names where checkpoints are."""
    name = draw.choice(NAMES)
    folder = run / "checkpoints" / name
    shutil.copytree(max((run / "checkpoints").iterdir()), folder) if draw.random() < 0.5 else folder.mkdir()
    if draw.random() < 0.5:
        (run / "checkpoints" / "000009").symlink_to(draw.choice(["/", "000004", "/dev/zero"]))
    return f"{name!r}"


AS_TEXT: dict[str, Callable[[Any], str]] = {
    ".json": json.dumps,
    ".jsonl": json.dumps,
    ".yaml": lambda told: str(yaml.safe_dump(told, sort_keys=False)),
}
SPOILS: dict[str, Callable[[Path, Draw], str]] = {
    "bytes": spoil_bytes,
    "value": spoil_value,
    "settings": spoil_settings,
    "kind": spoil_kind,
    "sizes": spoil_sizes,
    "names": spoil_names,
}
