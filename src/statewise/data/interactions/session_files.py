"""Logs made ready once: the places of both parts in files, with the catalogue and the facts, by content hash."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from statewise.data.cache import building, kept
from statewise.data.code_file import CodeFile
from statewise.data.interactions.catalogue import Catalogue, catalogue
from statewise.data.interactions.event_log import (
    LogColumns,
    Names,
    Titles,
    is_cut_by_session,
    is_log,
    moment,
    read_events,
    read_titles,
)
from statewise.data.interactions.session_table import (
    HELD_OUT,
    PLACE,
    TRAINING,
    LogEvents,
    Rules,
    WrittenSessions,
    write_known,
    write_sessions,
)
from statewise.data.tables.tables import column_names
from statewise.data.texts import CODEC, FACTS, digest, find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError
from statewise.plain.strict_json import read_json

NAMES = (TRAINING, HELD_OUT, CODEC, FACTS)
LARGEST_TOLD, MOST_TOLD = 1 << 30, 1 << 26
FORMAT = 3
"What is kept in a cache is made again where this is another number."


class PreparedSessions(NamedTuple):
    """Sessions of both parts, the items in them, and what is known of them all."""

    codec: Catalogue
    training: CodeFile
    held_out: CodeFile
    facts: dict[str, Any]
    notice: str | None = None


def prepare_sessions(
    sources: Sequence[str], columns: LogColumns, rules: Rules, cache: Path, *, cold: bool = False
) -> PreparedSessions:
    """Return a log as sessions in two parts; they are made once and kept in `cache` under the hash of the contents.

    The sources are logs of events, all of one kind, and tables of items with titles. With `cold`, items that have
    features but were never trained on stand in the catalogue, too, after all others.
    Raises `DataError` where one cannot be read, `UsageError` where a column is missing.
    """
    files = find_files(sources, "events")
    contents = digest(files)
    asked = json.dumps([FORMAT, contents, asdict(columns), asdict(rules), cold])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    sessions, notice = kept(
        cache,
        key,
        NAMES,
        lambda folder: _build(files, contents, columns, rules, folder, cold),
        lambda folder: _prepared(folder, contents),
    )
    return sessions._replace(notice=notice)


def _prepared(folder: Path, contents: str) -> PreparedSessions:
    """Return the sessions that a folder holds. Raises `DataError` where its files do not fit each other."""
    facts, written = (
        read_json(read_file(folder / name, LARGEST_TOLD, DataError), most_values=MOST_TOLD) for name in (FACTS, CODEC)
    )
    codec = catalogue(written)
    training, held_out = (CodeFile.whole(folder / name, PLACE, codec.trained) for name in (TRAINING, HELD_OUT))
    for part, codes in (("training", training), ("held_out", held_out)):
        places = int(facts[f"{part}_events"]) - int(facts[f"{part}_sessions"])
        if len(codes) != 2 * places:
            raise DataError(f"{folder} holds files that do not fit each other")
    if facts["sha256"] != contents or facts["choices"] != codec.trained:
        raise DataError(f"{folder} holds files that do not fit each other")
    return PreparedSessions(codec, training, held_out, facts)


def sessions_with(
    codec: Catalogue, sources: Sequence[str], columns: LogColumns, rules: Rules, cache: Path
) -> tuple[CodeFile, dict[str, Any]]:
    """Return the sessions of other logs, all of them, with the items of a catalogue that exists already."""
    files = find_files(sources, "events")
    key = hashlib.sha256(json.dumps([FORMAT, digest(files), codec.ids, asdict(rules)]).encode()).hexdigest()[:16]
    logs, _ = _by_kind(files, columns)
    with building(cache) as temporary:
        fresh = temporary / "places"
        names = Names(codec.ids[: codec.trained], grows=False)
        facts = write_known(_events(logs, columns, names), _fitting(rules, logs, columns), fresh)
        fresh.replace(cache / f"{key}.bin")
    return CodeFile.whole(cache / f"{key}.bin", PLACE, codec.trained), facts


def _build(files: list[Path], contents: str, columns: LogColumns, rules: Rules, folder: Path, cold: bool) -> None:
    logs, titles = _by_kind(files, columns)
    names = Names()
    written = write_sessions(_events(logs, columns, names), _fitting(rules, logs, columns), folder)
    codec = _catalogue(list(names.numbers), written, titles, cold)
    facts = {**written.facts, "unit": "event", "choices": codec.trained, "sha256": contents}
    facts |= {"cold_items": codec.choices - codec.trained} if cold else {}
    facts |= {"split": moment(written.facts["split_at"]), "files": len(files)}
    facts |= {"training": facts["training_events"], "held_out": facts["held_out_events"]}
    (folder / CODEC).write_text(json.dumps(codec.as_json()))
    (folder / FACTS).write_text(json.dumps(facts))


def _by_kind(files: list[Path], columns: LogColumns) -> tuple[list[Path], Titles]:
    """Tell logs from tables of items, and return the logs and what the tables say."""
    logs = [path for path in files if is_log(path, columns)]
    if not logs:
        listed = "; ".join(f"{path} ({', '.join(column_names(path, columns.of(path).how))})" for path in files[:3])
        raise DataError(f"no column of {listed} says the time: name it with --time, or give a log of events")
    titles = Titles({}, {})
    for path in files:
        if path not in logs:
            found = read_titles(path, columns.item, columns.how)
            titles.titles.update(found.titles)
            titles.features.update(found.features)
    return logs, titles


def _events(logs: list[Path], columns: LogColumns, names: Names) -> Iterator[LogEvents]:
    return (piece for path in logs for piece in read_events(path, columns, names))


def _fitting(rules: Rules, logs: list[Path], columns: LogColumns) -> Rules:
    """Return rules that cut no session which the log itself names."""
    return replace(rules, gap_seconds=None) if is_cut_by_session(logs[0], columns) else rules


def _catalogue(names: list[str], written: WrittenSessions, known: Titles, cold: bool) -> Catalogue:
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
