"""Which recordings are learned from: people stay on one side, and so do blocks of recordings that overlap."""

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

from statewise.data.movement.recording import MovementPart
from statewise.errors import DataError, UsageError

MovementSplit = Literal["person", "recording", "block"]
BLOCKS = 20
"Of each class, where recordings are split by blocks of neighbours."
NEXT_TO = 16
"So many recordings at each edge of a block that is held out belong to no part: windows that overlap hold the same."
FEWEST = 3
"Recordings of a class: one to learn from, one to check on, one to score."


class ToSplit(NamedTuple):
    """What a split goes by: class, person, what the source says of the part, and the digest of the samples."""

    label: str
    person: str | None
    part: MovementPart | None
    digest: bytes


def parts_of(
    recordings: Sequence[ToSplit],
    how: MovementSplit,
    held_out: float,
    validation: float,
    people: Sequence[str] = (),
) -> list[MovementPart | None]:
    """Return the part of each recording, None for none of them.

    By what the source says; else by person, where there are several that are known; by blocks of neighbours where
    asked; else by recording, as many of each class, and what is there twice in one part. Raises `UsageError` for a
    person that there is not.
    """
    if len({one.part for one in recordings} - {None}) > 1:
        return _said(recordings, validation)
    known = sorted({one.person for one in recordings if one.person is not None}, key=_order)
    if missing := [name for name in people if name not in known]:
        raise UsageError(f"there is no person {missing[0]}: there are {', '.join(sorted(known)[:20]) or 'none known'}")
    if people or (how == "person" and len(known) > 1):
        return _by_person(recordings, known, people, held_out, validation)
    if how == "block":
        return _by_block(recordings, held_out, validation)
    return _by_recording(recordings, held_out, validation)


def _said(recordings: Sequence[ToSplit], validation: float) -> list[MovementPart | None]:
    """Keep what the source says; without a part for checks, some of what is learned from is for them."""
    if any(one.part == "validation" for one in recordings) or not validation:
        return [one.part or "training" for one in recordings]
    own = [n for n, one in enumerate(recordings) if one.part in (None, "training")]
    checks = _by_recording([recordings[n] for n in own], 0.0, validation)
    found: list[MovementPart | None] = [one.part or "training" for one in recordings]
    for n, part in zip(own, checks, strict=True):
        found[n] = part
    return found


def _by_person(
    recordings: Sequence[ToSplit], known: Sequence[str], people: Sequence[str], held_out: float, validation: float
) -> list[MovementPart | None]:
    count = max(1, round(held_out * len(known)))
    scored = list(people) or list(known[:count])
    others = [name for name in known if name not in scored]
    if not others:
        raise DataError(f"all {len(known)} people are held out: leave some to learn from")
    checks = others[: round(validation * len(others))]
    found: list[MovementPart | None] = []
    for one in recordings:
        is_check = one.person in checks or (not checks and _share(one.digest) < validation)
        found.append("held_out" if one.person in scored else "validation" if is_check else "training")
    return found


def _by_recording(recordings: Sequence[ToSplit], held_out: float, validation: float) -> list[MovementPart | None]:
    found: list[MovementPart | None] = ["training"] * len(recordings)
    by_class: dict[str, list[bytes]] = {}
    for one in recordings:
        if one.digest not in by_class.setdefault(one.label, []):
            by_class[one.label].append(one.digest)
    part_of: dict[bytes, MovementPart] = {}
    for digests in by_class.values():
        scored = max(1, round(held_out * len(digests))) if held_out else 0
        checks = max(1, round(validation * len(digests))) if validation and len(digests) >= 10 else 0
        for place, digest in enumerate(sorted(digests)):
            part_of.setdefault(
                digest, "held_out" if place < scored else "validation" if place < scored + checks else "training"
            )
    for n, one in enumerate(recordings):
        found[n] = part_of[one.digest]
    return found


def _by_block(recordings: Sequence[ToSplit], held_out: float, validation: float) -> list[MovementPart | None]:
    """Cut the recordings of each class, in their order, into blocks of neighbours, and hold whole blocks out."""
    found: list[MovementPart | None] = ["training"] * len(recordings)
    by_class: dict[str, list[int]] = {}
    for n, one in enumerate(recordings):
        by_class.setdefault(one.label, []).append(n)
    for label, numbers in by_class.items():
        blocks = min(BLOCKS, max(2, len(numbers) // (4 * NEXT_TO)))
        order = sorted(range(blocks), key=lambda block: _order(f"{label} {block}"))
        scored = max(1, round(held_out * blocks))
        checks = max(1, round(validation * blocks)) if validation and blocks >= 4 else 0
        named: dict[int, MovementPart] = dict.fromkeys(order[:scored], "held_out")
        named |= dict.fromkeys(order[scored : scored + checks], "validation")
        for place, n in enumerate(numbers):
            found[n] = named.get(place * blocks // len(numbers), "training")
        own = [found[n] for n in numbers]
        for place in range(1, len(numbers)):
            if own[place] != own[place - 1]:
                for near in range(place - NEXT_TO // 2, min(place + NEXT_TO // 2, len(numbers))):
                    found[numbers[max(0, near)]] = None
    return found


def _order(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def _share(digest: bytes) -> float:
    return int.from_bytes(digest[:8], "big") / 2**64
