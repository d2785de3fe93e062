"""Make the runs of the zoo: train each by its recipe, pack it, score what was packed, write its card and its digest.

`python zoo/build.py` makes what is missing, `python zoo/build.py NAME` one of them again where its training is gone.
Trainings lie in build/zoo, so that one which was interrupted goes on there.
"""

import hashlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from statewise import registry
from statewise.errors import StatewiseError
from statewise.exporting import export
from statewise.plain.strict_yaml import read_yaml
from statewise.progress.running import evaluate, resume, train
from statewise.run.config import build, plain
from statewise.run.directory import RunDirectory
from statewise.run.history import RunHistory
from statewise.run.run_names import DIGESTS
from statewise.shown import in_code, in_markdown
from statewise.verbs import load

ROOT = Path(__file__).parents[1]
LISTED, PACKAGE, TRAININGS = ROOT / "zoo" / "zoo.yaml", ROOT / "zoo" / "statewise_zoo", Path("build", "zoo")
MOST_BYTES = 3 << 20
"Of a zip that is kept in the repository."
CARD = """# {title}

```console
{commands}
```

- **Data**: {data}. Licence: {licence}.
- **Made by** {train}, seed {seed}, {updates:,} updates on {threads}, on {date}, at commit {commit}.
- **Is** task {task}, {parameters:,} parameters as bfloat16, {kilobytes:,} kB.
- **sha256** `{sha256}`

Scored by {score}, from these very weights:

{table}

{remarks}{differs} [The tutorial]({tutorial}) has its table.
"""


@dataclass(frozen=True)
class Entry:
    """What zoo.yaml says of one run."""

    task: str
    title: str
    recipe: str
    data: str
    licence: str
    tutorial: str
    differs: str
    try_: list[list[str]]


def entries(listed: Path = LISTED) -> dict[str, Entry]:
    """Return what is said of each run, by name."""
    told: Any = read_yaml(listed.read_bytes())
    return {name: Entry(try_=of.pop("try"), **of) for name, of in told.items()}


def trained(name: str, entry: Entry, folder: Path = TRAININGS) -> Path:
    """Train a run by its recipe, or go on with it, or leave it as it is where it is finished; return its folder."""
    run = folder / name
    if not RunDirectory(run).config.exists():
        settings: Any = read_yaml((ROOT / entry.recipe).read_bytes())
        kind: Any = registry.find("tasks", entry.task)
        train(build(kind, settings), run=run)
    elif RunHistory.of(run).report is None:
        resume(run)
    return run


def packed(name: str, run: Path, package: Path = PACKAGE) -> Path:
    """Write the zip of a run. Raises `SystemExit` where it is larger than the repository keeps."""
    archive = package / f"{name}.zip"
    archive.unlink(missing_ok=True)
    size = export(run, archive, format="safetensors", storage="bfloat16").bytes
    if size > MOST_BYTES:
        archive.unlink()
        raise SystemExit(f"{archive} has {size:,} bytes, more than {MOST_BYTES:,}: give its recipe fewer units")
    return archive


def card(name: str, entry: Entry, archive: Path) -> str:
    """Return the card of a run: what `evaluate` says of its zip, and all that is known of how it was made."""
    report, made = evaluate(archive, quiet=True), load(archive)
    shown = [shlex.join(["statewise", "predict", f"zoo:{name}", *words]) for words in entry.try_]
    commit = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    settings = plain(made.task)
    return CARD.format(
        title=entry.title,
        commands="\n".join(f"$ {line}" for line in shown),
        data=entry.data,
        licence=entry.licence,
        train=in_code(f"statewise train {entry.task} --config {entry.recipe}"),
        seed=settings["seed"],
        updates=made.update,
        threads="one thread" if settings["threads"] == 1 else f"{settings['threads']} threads",
        date=time.strftime("%d %B %Y"),
        commit=subprocess.run(commit, capture_output=True, text=True, check=True).stdout.strip(),
        task=entry.task,
        parameters=made.model.parameter_count,
        kilobytes=round(archive.stat().st_size / 1000),
        sha256=sha256(archive),
        score=in_code(f"statewise evaluate zoo:{name}"),
        table=report.markdown(),
        remarks="".join(f"{in_markdown(remark)}\n\n" for remark in report.remarks),
        differs=entry.differs,
        tutorial=f"../../{entry.tutorial}",
    )


def sha256(file: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def write_digests(package: Path = PACKAGE) -> None:
    """Write what each zip is, as `sha256sum` does, so that `sha256sum --check` reads it."""
    lines = [f"{sha256(archive)}  {archive.name}\n" for archive in sorted(package.glob("*.zip"))]
    (package / DIGESTS).write_text("".join(lines))


def make(names: Sequence[str]) -> None:
    """Make the runs of these names, or those that are missing where none is named."""
    known = entries()
    for name in names or [one for one in known if not (PACKAGE / f"{one}.zip").is_file()]:
        if name not in known:
            raise SystemExit(registry.unknown("run of the zoo", name, known))
        before = PACKAGE / f"{name}.zip"
        was = sha256(before) if before.is_file() else None
        try:
            run = trained(name, known[name])
        except StatewiseError as error:  # as where data are yours
            if names:
                raise SystemExit(str(error)) from error
            print(f"{name} is left out: {error}", file=sys.stderr)
            continue
        archive = packed(name, run)
        archive.with_suffix(".md").write_text(card(name, known[name], archive))
        write_digests()
        print(f"{archive}  {archive.stat().st_size:,} bytes")
        if was not in (None, sha256(archive)):
            print(
                f"{name} has other bits than before: another recipe, or another processor; its card says what it scores"
            )


if __name__ == "__main__":
    os.chdir(ROOT)  # so that no run tells where the repository lies
    make(sys.argv[1:])
