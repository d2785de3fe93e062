"""Which clips are learned from: by what their folders say, by their contents, or by folder."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from statewise.data.sounding.sounding_clips import SoundingClip
from statewise.data.video.part_folders import ClipPart
from statewise.errors import UsageError


def parts_of_clips(
    clips: Sequence[SoundingClip], digests: Sequence[bytes], split: str, held_out: float, validation: float
) -> list[ClipPart]:
    """Return the part of each clip: what its folder says; else by its contents, or by folder; equal ones in one part.

    Raises `UsageError` where there are too few.
    """
    if len({clip.part for clip in clips} - {None}) > 1:
        given: list[ClipPart] = [clip.part or "training" for clip in clips]
        if "validation" in given or not validation:
            return given
        own = [n for n, part in enumerate(given) if part == "training"]
        count = round(validation * len(own)) if len(own) > 3 else 0
        for n in sorted(own, key=lambda n: digests[n])[:count]:
            given[n] = "validation"
        return given
    groups = [_group(clip, digest, split) for clip, digest in zip(clips, digests, strict=True)]
    order = sorted(set(groups), key=lambda group: hashlib.sha256(group).digest())
    scored = max(1, round(held_out * len(order)))
    checks = max(1, round(validation * len(order))) if validation and len(order) >= 5 else 0
    if scored + checks >= len(order):
        raise UsageError(
            f"of {len(order):,} {split}s {scored + checks:,} would be kept from training: give more clips, "
            "or smaller shares"
        )
    part_of: dict[bytes, ClipPart] = dict.fromkeys(order, "training")
    part_of |= dict.fromkeys(order[:scored], "held_out")
    part_of |= dict.fromkeys(order[scored : scored + checks], "validation")
    return [part_of[group] for group in groups]


def _group(clip: SoundingClip, digest: bytes, split: str) -> bytes:
    return str(Path(clip.name).parent).encode() if split == "folder" else digest
