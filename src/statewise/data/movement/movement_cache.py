"""Movements made ready once, by content hash, in three parts, and kept."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from statewise.data.cache import kept
from statewise.data.movement.movement_codec import MovementCodec
from statewise.data.movement.movement_files import files_read, read_recordings
from statewise.data.movement.movement_form import codec_for, with_classes
from statewise.data.movement.movement_preparing import MovementPreparing
from statewise.data.movement.movement_split import ToSplit, parts_of
from statewise.data.movement.movement_writing import MovementWriter
from statewise.data.movement.prepared_movement import NAMES, PreparedMovement, read_movement
from statewise.data.movement.recording import MovementReading
from statewise.data.texts import digest
from statewise.errors import UsageError
from statewise.shown import in_line

FORMAT = 1
"What is kept in a cache is made again where this is another number."


def prepare_movement(sources: Sequence[str], preparing: MovementPreparing, cache: Path) -> PreparedMovement:
    """Return recordings as even samples in three parts; they are made once, and kept in `cache` by their contents.

    Raises `DataError` where nothing can be read, there is one class only, or a class has too few recordings.
    """
    contents = digest(files_read(sources))
    asked = json.dumps([FORMAT, contents, [Path(s).name for s in sources], asdict(preparing)])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]
    found, notice = kept(cache, key, NAMES, lambda folder: _build(sources, contents, preparing, folder), read_movement)
    return replace(found, notice=notice)


def movement_with(
    codec: MovementCodec, sources: Sequence[str], reading: MovementReading, cache: Path
) -> PreparedMovement:
    """Return other recordings, all of them held out, by a codec that there is."""
    contents = digest(files_read(sources))
    asked = json.dumps([FORMAT, contents, reading._asdict(), codec.as_json()])
    key = hashlib.sha256(asked.encode()).hexdigest()[:16]

    def make(folder: Path) -> None:
        written = MovementWriter(codec, folder)
        written.take(read_recordings(sources, reading))
        told = [one._replace(part="held_out") for one in written.told]
        written.finish(codec, told, written.named, contents, is_new=False)

    found, notice = kept(cache, key, NAMES, make, read_movement)
    return replace(found, notice=notice)


def _build(sources: Sequence[str], contents: str, preparing: MovementPreparing, folder: Path) -> None:
    codec = codec_for(sources, preparing)
    written = MovementWriter(codec, folder)
    written.take(read_recordings(sources, preparing.reading))
    whole = all(names is None for names in written.named)
    _check_people(written, preparing)
    to_split = [
        ToSplit(one.label, one.person, part, hashed)
        for one, part, hashed in zip(written.told, written.parts, written.digests, strict=True)
    ]
    how = (preparing.split, preparing.held_out, preparing.validation, preparing.held_out_people)
    parts = parts_of(to_split, *how)
    told = [one._replace(part=part or "") for one, part in zip(written.told, parts, strict=True)]
    codec = with_classes(codec, told, written.named, preparing.background, whole=whole)
    written.finish(codec, told, written.named, contents, is_new=True)


def _check_people(written: MovementWriter, preparing: MovementPreparing) -> None:
    people = {one.person for one in written.told if one.person is not None}
    if preparing.reading.person is None:
        return
    if not people:
        raise UsageError(
            f"--person {preparing.reading.person} names no person in these recordings: name another column"
        )
    if len(people) == 1 and preparing.split == "person":
        written.left_out_notes.append(
            f"there is one person only ({in_line(next(iter(people)))}): recordings of the same person are held out, so "
            "nothing is known of other people"
        )
