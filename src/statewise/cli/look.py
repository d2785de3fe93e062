"""Commands that only look: list, inspect, doctor, data."""

import json as json_format
import shutil
import textwrap
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from statewise import registry
from statewise.errors import UsageError
from statewise.progress.terminal import width
from statewise.registry import unknown
from statewise.run.run_names import zoo_titles
from statewise.shown import in_json, in_line, sample_in_block

KINDS: tuple[registry.Kind, ...] = ("tasks", "cells", "heads", "encoders", "corpora", "zoo")
SHOWN_SAMPLES = 5
NARROWEST_TEXT = 30
UNBROKEN = "\N{NO-BREAK SPACE}"


def list_kinds(kind: str | None, *, json: bool) -> None:
    """Print every name of one kind, or of all."""
    if kind is not None and kind not in KINDS:
        raise UsageError(unknown("kind", kind, KINDS))
    if kind == "cells":
        list_cells(json=json)
        return
    listed = {of: {name: _line(of, name) for name in registry.names(of)} for of in KINDS if kind in (None, of)}
    if json:
        print(json_format.dumps(listed))
        return
    for of, things in listed.items():
        print(of)
        _print_pairs(things)


def list_cells(*, json: bool) -> None:
    """Print every cell, no wider than the terminal: what it is, its size and state, how it reads, its kernels."""
    from statewise.cells.description import describe_cell

    facts = {name: describe_cell(name) for name in registry.names("cells")}
    if json:
        print(json_format.dumps({name: of._asdict() for name, of in facts.items()}))
        return
    indent = 2 + max(len(name) for name in facts)
    columns = max(shutil.get_terminal_size().columns, indent + NARROWEST_TEXT)
    for name, of in facts.items():
        shapes = [f"{path or 'state'} {shape or '(a number)'}" for path, shape in of.state.items()]
        state = ", ".join(shape.replace(" ", UNBROKEN) for shape in shapes) or "empty"
        reads = f"{'steps' if of.steps else 'cannot step'}, scans {'in parallel' if of.parallel else 'step by step'}"
        size = f"{of.parameters:,} weights at width {of.width}; state: {state}"
        for head, line in zip((name, "", ""), (of.title, size, f"{reads}; kernels: {', '.join(of.kernels)}")):
            filled = textwrap.fill(line, columns, initial_indent=head.ljust(indent), subsequent_indent=" " * indent)
            print(filled.replace(UNBROKEN, " "))


def _line(kind: registry.Kind, name: str) -> str:
    if kind == "zoo":
        return zoo_titles()[name]
    thing = registry.find(kind, name)
    words = getattr(thing, "title", None) or (thing.__doc__ or "").strip()
    return str(words).splitlines()[0]


def _print_pairs(pairs: Mapping[str, Any]) -> None:
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        words = ", ".join(map(str, value)) if isinstance(value, list) else value
        print(f"  {in_line(name).ljust(width)}  {in_line(words)}")


def inspect_run(run: Path, *, json: bool) -> None:
    """Print what there is to know of a run."""
    from statewise.numerics import changed
    from statewise.report import Report
    from statewise.verbs import inspect

    seen = inspect(run)
    if json:
        print(in_json(seen))
        return
    size = f"{seen['parameters']:,} parameters, {seen['bytes'] / 1e6:.1f} MB on disk"
    print(f"{in_line(run)}: {in_line(seen['task'])}, {size}")
    print("settings")
    _print_pairs({name: value for name, value in seen["settings"].items() if value not in (None, [], "")})
    if seen["sources"]:
        print("sources lie in")
        _print_pairs(seen["sources"])
    print("data")
    _print_pairs(seen["data"])
    print("ran with")
    _print_pairs({**_ran_with(seen), "one step at a time": seen.get("stepping", "model.step")})
    for before, now in pairwise(seen["stretches"]):
        if differing := changed(before["numerics"], now["numerics"]):
            print(f"  from update {now['update']:,} on: {in_line(differing)}")
    if seen["last_update"]:
        last = seen["last_update"]
        print(f"update {last['update']:,}, {last['fraction']:.0%} of training, {last['seconds'] / 60:.1f} minutes")
    if seen["best"]:
        print("finished" if seen["finished"] else "best so far")
        print(Report(seen["task"], str(run), seen["data"], seen["best"], seen["baselines"], 0.0).table(width()))
    if seen["warning"]:
        print(in_line(seen["warning"]))
    for update, sample in _spread(list(seen["samples"].items())):
        print(f"--- update {update:,} ---\n{sample_in_block(sample)}")


def show_names(run: Path, *, json: bool) -> None:
    """Print what a run knows by name, a row a line."""
    from statewise.verbs import known_names

    known = known_names(run)
    if json:
        print(in_json(known))
        return
    for kind, rows in known.items():
        print(f"{len(rows):,} {in_line(kind)}")
        shown = [[_visible(value) for value in row.values()] for row in rows]
        widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
        for row in shown:
            print(f"  {'  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))}".rstrip())


def _visible(value: Any) -> str:
    text = str(value)
    return in_line(text if text.isprintable() and text == text.strip() != "" else repr(text))


def _ran_with(seen: Mapping[str, Any]) -> dict[str, str]:
    """Return what the first stretch of a run ran with, or what little an older run has kept of that."""
    from statewise.numerics import named

    return named(seen["stretches"][0]["numerics"] if seen["stretches"] else seen["versions"])


def _spread(samples: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Pick a few, evenly, the first and the last among them."""
    if len(samples) <= SHOWN_SAMPLES:
        return samples
    return [samples[round(i * (len(samples) - 1) / (SHOWN_SAMPLES - 1))] for i in range(SHOWN_SAMPLES)]


def show_doctor(*, json: bool) -> None:
    """Print what a bug report should say."""
    import torch

    from statewise.cells import Cell
    from statewise.kernels import extension, kernels_of
    from statewise.numerics import devices, processor, vectors
    from statewise.versions import missing_extras, versions

    cells = {name: cast(type[Cell[Any]], registry.find("cells", name)) for name in registry.names("cells")}
    kernels = {name: kernels_of(getattr(cell(1, 1), "recurrence", None)) for name, cell in cells.items()}
    found = {"versions": versions(), "threads": torch.get_num_threads(), "devices": devices(), "kernels": kernels}
    found |= {"native_kernels": extension.instructions(), "processor": processor(), "vectors": vectors()}
    found["vector_limit"] = extension.LIMIT or None
    found["missing_extras"] = missing_extras()
    if json:
        print(json_format.dumps(found))
        return
    print("versions")
    _print_pairs(versions())
    print(f"threads  {found['threads']}\ndevices  {', '.join(devices())}\nprocessor  {processor()}")
    limit = f" ({extension.VARIABLE} allows {extension.LIMIT})" if extension.LIMIT else ""
    print(f"native kernels  {extension.ABSENT or f'{extension.instructions()}{limit}'}")
    print(f"vectors of PyTorch  {vectors()['torch']}")
    print("kernels, the preferred one first")
    _print_pairs({name: ", ".join(of) for name, of in kernels.items()})
    print("extras that are not installed" if missing_extras() else "every extra is installed")
    _print_pairs(missing_extras())


def list_corpora(*, json: bool) -> None:
    """Print the corpora."""
    from statewise.data.corpora import listing

    rows = {c.name: {"title": c.title, "size": c.size, "licence": c.licence, "here": c.is_cached()} for c in listing()}
    if json:
        print(json_format.dumps(rows))
        return
    width = max(len(name) for name in rows)
    for name, row in rows.items():
        here = "here" if row["here"] else "fetched at first use"
        print(f"{name.ljust(width)}  {row['title']}")
        print(f"{' ' * width}  {row['size']}; {row['licence']}; {here}")


def get_corpus(name: str) -> None:
    """Fetch a corpus."""
    from statewise.data.corpora import corpus

    files = corpus(name).files()
    print(f"{name}: {len(files)} files in {files[0].parent}")


def print_corpus_files(name: str) -> None:
    """Print the files of a corpus, one a line."""
    from statewise.data.corpora import corpus

    for path in corpus(name).files():
        print(path)
