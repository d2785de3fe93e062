"""Logs made ready once: the places of both parts in files, the catalogue and the facts beside them, by content hash."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from statewise.data.catalogue import Catalogue, catalogue
from statewise.data.codes import CodeFile
from statewise.data.event_log import Columns, Names, Titles, is_cut_by_session, is_log, moment, read_events, read_titles
from statewise.data.sessions import HELD_OUT, PLACE, TRAINING, Events, Rules, Written, write_known, write_sessions
from statewise.data.texts import digest, find_files
from statewise.errors import DataError

BUILDING = ".building-"
FORMAT = 2
"What is kept in a cache is made again where this is another number."


class PreparedSessions(NamedTuple):
    """Sessions of both parts, the items in them, and what is known of them all."""

    codec: Catalogue
    training: CodeFile
    held_out: CodeFile
    facts: dict[str, Any]


def prepare_sessions(
    sources: Sequence[str], columns: Columns, rules: Rules, cache: Path, *, cold: bool = False
) -> PreparedSessions:
    """Return a log as sessions in two parts; they are made once and kept in `cache` under the hash of the contents.

    The sources are logs of events, all of one kind, and tables of items with titles. With `cold`, items that have
    features but were never trained on stand in the catalogue, too, behind all others.
    Raises `DataError` where one cannot be read, `UsageError` where a column is missing.
    """
    files = find_files(sources, "events")
    contents = digest(files)
    asked = json.dumps([FORMAT, contents, asdict(columns), asdict(rules), cold])
    folder = cache / hashlib.sha256(asked.encode()).hexdigest()[:16]
    if not (folder / "facts.json").is_file():
        _build(files, contents, columns, rules, folder, cold)
    facts = json.loads((folder / "facts.json").read_text())
    codec = catalogue(json.loads((folder / "codec.json").read_text()))
    training, held_out = (CodeFile.whole(folder / name, PLACE) for name in (TRAINING, HELD_OUT))
    return PreparedSessions(codec, training, held_out, facts)


def sessions_with(
    codec: Catalogue, sources: Sequence[str], columns: Columns, rules: Rules, cache: Path
) -> tuple[CodeFile, dict[str, Any]]:
    """Return the sessions of other logs, all of them, with the items of a catalogue that exists already."""
    files = find_files(sources, "events")
    key = hashlib.sha256(json.dumps([FORMAT, digest(files), codec.ids, asdict(rules)]).encode()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    logs, _ = _by_kind(files, columns)
    with tempfile.TemporaryDirectory(dir=cache, prefix=BUILDING) as temporary:
        fresh = Path(temporary, "places")
        names = Names(codec.ids[: codec.trained], grows=False)
        facts = write_known(_events(logs, columns, names), _fitting(rules, logs, columns), fresh)
        fresh.replace(cache / f"{key}.bin")
    return CodeFile.whole(cache / f"{key}.bin", PLACE), facts


def _build(files: list[Path], contents: str, columns: Columns, rules: Rules, folder: Path, cold: bool) -> None:
    logs, titles = _by_kind(files, columns)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=BUILDING) as temporary:
        fresh = Path(temporary, folder.name)
        fresh.mkdir()
        names = Names()
        written = write_sessions(_events(logs, columns, names), _fitting(rules, logs, columns), fresh)
        codec = _catalogue(list(names.numbers), written, titles, cold)
        facts = {**written.facts, "unit": "event", "choices": codec.trained, "sha256": contents}
        facts |= {"cold_items": codec.choices - codec.trained} if cold else {}
        facts |= {"split": moment(written.facts["split_at"]), "files": len(files)}
        facts |= {"training": facts["training_events"], "held_out": facts["held_out_events"]}
        (fresh / "codec.json").write_text(json.dumps(codec.as_json()))
        (fresh / "facts.json").write_text(json.dumps(facts))
        shutil.rmtree(folder, ignore_errors=True)
        fresh.rename(folder)


def _by_kind(files: list[Path], columns: Columns) -> tuple[list[Path], Titles]:
    """Tell logs from tables of items, and return the logs and what the tables say."""
    logs = [path for path in files if is_log(path, columns)]
    if not logs:
        raise DataError(f"no column of {', '.join(map(str, files[:3]))} says the time: give a log of events")
    titles = Titles({}, {})
    for path in files:
        if path not in logs:
            found = read_titles(path, columns.item, columns.how)
            titles.titles.update(found.titles)
            titles.features.update(found.features)
    return logs, titles


def _events(logs: list[Path], columns: Columns, names: Names) -> Iterator[Events]:
    return (piece for path in logs for piece in read_events(path, columns, names))


def _fitting(rules: Rules, logs: list[Path], columns: Columns) -> Rules:
    """Return rules that cut no session which the log itself names."""
    return replace(rules, gap_seconds=None) if is_cut_by_session(logs[0], columns) else rules


def _catalogue(names: list[str], written: Written, known: Titles, cold: bool) -> Catalogue:
    trained = [names[number] for number in written.items]
    seen = set(trained)
    others = sorted(name for name, has in known.features.items() if has and name not in seen) if cold else []
    if cold and not any(known.features.values()):
        raise DataError("no table of items says what they have, such as genres: give one, or leave out --features")
    ids = (*trained, *others)
    titles = tuple(known.titles.get(name, name) for name in ids) if known.titles else ()
    features = tuple(known.features.get(name, ()) for name in ids) if known.features else ()
    supports = (*(int(support) for support in written.supports), *[0] * len(others))
    return Catalogue(ids, supports, titles, features)
