"""Pictures made ready once: looked at, split so that no picture is in two parts, their captions as codes."""

import hashlib
import json
from collections.abc import Callable, Container, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from statewise.data.left_out import LeftOutCount
from statewise.data.naming import path_of
from statewise.data.pairs.prepared_pairs import PARTS, Splitting, part_of
from statewise.data.pairs.subwords import Subwords
from statewise.data.pictures.caption_codec import CaptionCodec, PictureExample, PictureSight
from statewise.data.pictures.caption_files import read_captioned
from statewise.data.pictures.captioned import Captioned, CaptionPart
from statewise.data.pictures.feature_store import FeatureStore, Seen
from statewise.data.pictures.picture_file import LARGEST_FILE, Pixels, read_picture
from statewise.data.texts import find_files
from statewise.disk.reading import read_file
from statewise.errors import DataError

AT_ONCE = 4
"Pictures that are looked at together: more of them do not fit the caches of a processor, and take longer each."
EXAMPLES = 3
MOST_SUBWORDS = 10_000
"""Unless told otherwise, so that in all but large sets every word of training is a subword of its own: out of parts a
caption may be put together whose words there are not."""
DigestedPicture = tuple[str, Captioned]
CaptionSplit = Literal["picture", "caption"]
Look = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"Returns what is seen in pictures `[N, side, side, 3]`: `[N, S, F]`."


class CaptionPreparing(NamedTuple):
    """How captions are made ready: subwords (none: by the amount of text), the longest, capitals, and the split."""

    subwords: int | None
    longest: int
    capitals: bool
    held_out: float
    validation: float
    split: CaptionSplit


@dataclass(frozen=True)
class SeenPicture:
    """A picture that was looked at: its name, the digest of its file, its captions, the part that it is in."""

    name: str
    digest: str
    captions: tuple[str, ...]
    part: str


@dataclass(frozen=True)
class PreparedCaptions:
    """Pictures in three parts, and each caption as codes, with the number of its picture."""

    codec: CaptionCodec
    store: FeatureStore
    pictures: tuple[SeenPicture, ...]
    codes: tuple[NDArray[np.int64], ...]
    owners: NDArray[np.int64]
    facts: dict[str, Any]

    def numbers(self, part: CaptionPart) -> NDArray[np.int64]:
        """Return which pictures are of a part."""
        return np.array([n for n, one in enumerate(self.pictures) if one.part == part], np.int64)

    def captions(self, part: CaptionPart) -> NDArray[np.int64]:
        """Return which captions are of pictures of a part."""
        is_of = np.array([one.part == part for one in self.pictures], bool)
        return np.flatnonzero(is_of[self.owners])

    def seen(self, number: int) -> Seen:
        """Return what is seen in a picture, `[S, F]`."""
        return self.store.read(self.pictures[number].digest)


def listed(
    sources: Sequence[str],
    pictures: str | None,
    left_out: LeftOutCount,
    *,
    capitals: bool,
    seen_elsewhere: Container[str] = (),
) -> list[Captioned]:
    """Return the pictures of some sources that have captions. Raises `DataError` where there is none."""
    files = find_files(sources, "pictures")
    folder = None if pictures is None else path_of(pictures)
    found = read_captioned(files, folder, left_out, capitals=capitals, seen_elsewhere=seen_elsewhere)
    if not found:
        why = "; ".join(left_out.told()) or "there is no picture, and no list of captions"
        raise DataError(f"{', '.join(sources)} has no picture with a caption: {why}")
    return found


def look_at(
    found: Sequence[Captioned],
    store: FeatureStore,
    sight: PictureSight,
    look: Callable[[], Look],
    left_out: LeftOutCount,
) -> Generator[float, None, list[DigestedPicture]]:
    """Look at pictures that were not looked at before, yielding how much is done; return each with its digest.

    `look` is asked for what looks at them where there is one to look at. A picture that cannot be read is left out and
    counted.
    """
    done: list[DigestedPicture] = []
    waiting: list[tuple[str, Pixels]] = []
    see: Look | None = None

    def see_waiting() -> None:
        nonlocal see
        see = see or look()
        for (digest, _), seen in zip(waiting, see(np.stack([pixels for _, pixels in waiting])), strict=True):
            store.write(digest, seen)
        waiting.clear()

    for number, one in enumerate(found):
        try:
            content = read_file(one.path, LARGEST_FILE, DataError)
            digest = hashlib.sha256(content).hexdigest()
            if not store.has(digest) and all(digest != other for other, _ in waiting):
                waiting.append((digest, read_picture(content, str(one.path)).sized(sight.side)))
        except DataError as error:
            left_out.add("that cannot be read", str(error))
            continue
        done.append((digest, one))
        if len(waiting) == AT_ONCE:
            see_waiting()
        yield (number + 1) / len(found)
    if waiting:
        see_waiting()
    if not done:
        raise DataError(f"none of {len(found):,} pictures can be read: {left_out.told()[-1]}")
    return done


def prepare_captions(
    looked_at: Sequence[DigestedPicture],
    store: FeatureStore,
    sight: PictureSight,
    preparing: CaptionPreparing,
    left_out: LeftOutCount,
) -> PreparedCaptions:
    """Return pictures that were looked at in three parts, and their captions as codes.

    Pictures that look the same are in one part, also where a list says otherwise: then those of training are left out.
    Raises `DataError` where nothing is left to learn from, or nothing is held out.
    """
    own = _in_parts(_joined(looked_at), store, preparing, left_out)
    counts = {part: sum(one.part == part for one in own) for part in PARTS}
    if not counts["training"] or not counts["held_out"]:
        empty = "to learn from" if not counts["training"] else "held out"
        raise DataError(f"of {len(own):,} pictures none is {empty}: give more pictures, or other shares")
    texts = [caption for one in own if one.part == "training" for caption in one.captions]
    codec = CaptionCodec(
        Subwords.learned(texts, preparing.subwords or MOST_SUBWORDS), sight, preparing.longest + 1, preparing.capitals
    )
    return _coded(codec, store, own, left_out, _split_facts(looked_at, own, preparing))


def captions_with(
    codec: CaptionCodec, looked_at: Sequence[DigestedPicture], store: FeatureStore, left_out: LeftOutCount
) -> PreparedCaptions:
    """Return other pictures that were looked at, all of them held out, by a codec that there is."""
    own = [SeenPicture(one.name, digest, one.captions, "held_out") for digest, one in _joined(looked_at)]
    return _coded(codec, store, own, left_out, {"split": "all of them, as they are"})


def _joined(looked_at: Sequence[DigestedPicture]) -> list[DigestedPicture]:
    """Return pictures of which none is there twice: captions of files that hold the same are together."""
    found: dict[str, Captioned] = {}
    for digest, one in looked_at:
        before = found.get(digest)
        if before is None:
            found[digest] = one
        else:
            more = tuple(caption for caption in one.captions if caption not in before.captions)
            found[digest] = before._replace(captions=before.captions + more, part=_held_back(before.part, one.part))
    return list(found.items())


def _held_back(one: CaptionPart | None, other: CaptionPart | None) -> CaptionPart | None:
    """Return the part of a picture that is in two: the one that is learned from least."""
    return max((one, other), key=lambda part: -1 if part is None else PARTS.index(part))


def _in_parts(
    found: Sequence[DigestedPicture], store: FeatureStore, preparing: CaptionPreparing, left_out: LeftOutCount
) -> list[SeenPicture]:
    looks = [store.digest(digest) for digest, _ in found]
    is_given = len({one.part for _, one in found if one.part}) > 1
    if is_given:
        parts = [one.part or "training" for _, one in found]
        outside = {look for look, part in zip(looks, parts, strict=True) if part != "training"}
        kept = []
        for (digest, one), look, part in zip(found, looks, parts, strict=True):
            if part == "training" and look in outside:
                left_out.add("learned from that look the same as one kept from training", one.name)
            else:
                kept.append(SeenPicture(one.name, digest, one.captions, part))
        return kept
    groups = _groups(found, looks, preparing.split)
    splitting = Splitting(preparing.held_out, preparing.validation)
    parts = [PARTS[part_of(groups[number], splitting)] for number in range(len(found))]  # type: ignore[misc]
    return [SeenPicture(one.name, digest, one.captions, part) for (digest, one), part in zip(found, parts, strict=True)]


def _groups(found: Sequence[DigestedPicture], looks: Sequence[str], split: CaptionSplit) -> list[str]:
    """Return for each picture the name of its group, which is split as one: those that look alike, or say the same."""
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            name = above[name]
        return name

    for (_, one), look in zip(found, looks, strict=True):
        keys = [look, *((f"caption {caption.lower()}" for caption in one.captions) if split == "caption" else ())]
        first, *others = sorted({top(key) for key in keys})
        for other in others:
            above[other] = first
    return [top(look) for look in looks]


def _split_facts(
    looked_at: Sequence[DigestedPicture], own: Sequence[SeenPicture], preparing: CaptionPreparing
) -> dict[str, Any]:
    is_given = len({one.part for _, one in looked_at if one.part}) > 1
    split = (
        "as the list says, the rest of the validation pictures (restval) learned from"
        if is_given
        else f"by {preparing.split}, {preparing.held_out:g} held out"
    )
    told = "\n".join(sorted(f"{one.digest} {one.part}" for one in own))
    return {"split": split, "split_sha256": hashlib.sha256(told.encode()).hexdigest()}


def _coded(
    codec: CaptionCodec,
    store: FeatureStore,
    own: Sequence[SeenPicture],
    left_out: LeftOutCount,
    more: Mapping[str, Any],
) -> PreparedCaptions:
    codes: list[NDArray[np.int64]] = []
    owners: list[int] = []
    pictures: list[SeenPicture] = []
    for one in own:
        coded = [codec.encode(caption) for caption in one.captions]
        fits = [number for number, each in enumerate(coded) if 1 < len(each) <= codec.longest]
        if one.part == "training" and len(fits) < len(coded):
            left_out.add(f"a caption longer than {codec.longest - 1:,} subwords", one.name)
        if one.part == "training" and not fits:
            continue
        for number in fits if one.part == "training" else range(len(coded)):
            codes.append(np.array(coded[number], np.int64))
            owners.append(len(pictures))
        pictures.append(one)
    where = np.array(owners, np.int64)
    made = PreparedCaptions(codec, store, tuple(pictures), tuple(codes), where, _facts(pictures, codec, left_out, more))
    return made if codec.examples else _with_examples(made)


def _with_examples(made: PreparedCaptions) -> PreparedCaptions:
    """Return the same with a few pictures of different captions that are not learned."""
    part: CaptionPart = "validation" if len(made.numbers("validation")) else "held_out"
    chosen = {made.pictures[int(n)].captions[0]: int(n) for n in made.numbers(part)[:50]}
    examples = tuple(
        PictureExample.of(made.pictures[n].name, caption, made.seen(n)) for caption, n in [*chosen.items()][:EXAMPLES]
    )
    codec = CaptionCodec(made.codec.subwords, made.codec.sight, made.codec.longest, made.codec.capitals, examples)
    return PreparedCaptions(codec, made.store, made.pictures, made.codes, made.owners, made.facts)


def _facts(
    pictures: Sequence[SeenPicture], codec: CaptionCodec, left_out: LeftOutCount, more: Mapping[str, Any]
) -> dict[str, Any]:
    counts = {part: sum(one.part == part for one in pictures) for part in PARTS}
    if not counts["validation"]:
        del counts["validation"]
    training = {caption for one in pictures if one.part == "training" for caption in one.captions}
    held_out = [one for one in pictures if one.part == "held_out"]
    contents = json.dumps([[one.digest, one.captions, one.part] for one in pictures])
    return {
        "unit": "subword",
        **counts,
        "captions": {part: sum(len(one.captions) for one in pictures if one.part == part) for part in counts},
        "held_out_captions_trained": sum(any(c in training for c in one.captions) for one in held_out),
        "encoder": codec.sight.name,
        "places": codec.sight.places,
        "features": codec.sight.features,
        "subwords": codec.subwords.size,
        **more,
        **left_out.facts(),
        "sha256": hashlib.sha256(contents.encode()).hexdigest(),
    }
