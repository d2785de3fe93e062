"""What looks at pictures, by its name: a network, or a file of what another program saw."""

import hashlib
import io
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.archives import BROKEN
from statewise.data.left_out import LeftOutCount
from statewise.data.naming import path_of
from statewise.data.pictures.caption_codec import PictureSight, check_sight
from statewise.data.pictures.captioned import Captioned
from statewise.data.pictures.feature_store import FeatureStore, Seen
from statewise.data.pictures.picture_file import Picture
from statewise.data.pictures.prepared_captions import DigestedPicture, Look, look_at
from statewise.disk.reading import read_file
from statewise.encoders.named import encoder_named
from statewise.encoders.picture_encoder import PictureEncoder
from statewise.errors import DataError, UsageError

LARGEST_ARRAYS = 1 << 34
FILE = ".npz"


def is_file_of_features(encoder: str) -> bool:
    """Tell whether what looks at pictures is a file of what was seen."""
    return encoder.lower().endswith(FILE)


def kind_of_encoder(name: str) -> type[PictureEncoder]:
    """Return what makes an encoder of pictures of that name. Raises `UsageError`, with those that there are."""
    return cast(type[PictureEncoder], encoder_named(name, "picture"))


@dataclass
class Eyes:
    """An encoder at work, made when the first picture is to be seen: so a run whose pictures were seen needs none."""

    name: str
    _made: PictureEncoder | None = field(default=None, repr=False)

    @property
    def kind(self) -> type[PictureEncoder]:
        """What makes it."""
        return kind_of_encoder(self.name)

    @cached_property
    def sight(self) -> PictureSight:
        """What it sees, without its weights."""
        with torch.device("meta"):
            form: Any = self.kind()
        found = PictureSight(self.name, self.kind.identity, form.rows, form.columns, form.features, form.side)
        try:
            check_sight(found)
        except ValueError as error:
            raise UsageError(f"encoder {self.name} cannot be used ({error}): give another") from None
        return found

    def look(self) -> Look:
        """Return what sees pictures `[N, side, side, 3]`, with its weights."""
        if self._made is None:
            self._made = self.kind.trained().eval()
        made = self._made

        def see(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            with torch.no_grad():
                seen: NDArray[np.float32] = made(torch.from_numpy(pixels)).float().numpy()
            return seen

        return see

    def sees(self, picture: Picture) -> Seen:
        """Return what is seen in one picture, in the numbers that are kept."""
        seen = self.look()(picture.sized(self.sight.side)[None])[0]
        kept: Seen = seen.astype(np.float16).astype(np.float32)
        return kept


@dataclass(frozen=True)
class FeatureFile:
    """What another program saw: an `.npz` with an array for each picture, or one of `names` and one of `features`.

    An array is `[S, F]`, or `[F]` for a picture as a whole.
    """

    path: Path

    @cached_property
    def arrays(self) -> Mapping[str, Any]:
        """The arrays by the names of pictures. Raises `DataError` where there are none, or they are not alike."""
        try:
            held = np.load(io.BytesIO(read_file(self.path, LARGEST_ARRAYS, DataError)), allow_pickle=False)
            arrays: dict[str, Any] = {name: held[name] for name in held.files}
        except BROKEN as error:
            why = " ".join(str(error).split())[:80]
            raise DataError(f"{self.path} is not a file of arrays ({why}): write it by numpy.savez") from None
        if set(arrays) == {"names", "features"} and len(arrays["names"]) == len(arrays["features"]):
            arrays = {str(name): one for name, one in zip(arrays["names"], arrays["features"], strict=True)}
        found = {name: one[None] if one.ndim == 1 else one for name, one in arrays.items()}
        shapes = {one.shape for one in found.values()}
        if len(shapes) != 1 or len(next(iter(shapes))) != 2 or any(a.dtype.kind not in "fiu" for a in found.values()):
            raise DataError(f"{self.path} does not hold arrays [S, F] or [F] that are all alike: give such")
        return {name: checked(one, str(self.path)) for name, one in found.items()}

    @cached_property
    def sight(self) -> PictureSight:
        """The form of what was seen."""
        places, features = next(iter(self.arrays.values())).shape
        side = math.isqrt(places)
        rows, columns = (side, side) if side * side == places else (1, places)
        found = PictureSight(str(self.path), "given", rows, columns, features, 0)
        try:
            check_sight(found)
        except ValueError as error:
            raise DataError(f"{self.path} cannot be used ({error}): give fewer") from None
        return found

    def named(self, one: Captioned) -> Seen | None:
        """Return what was seen in a picture, by the name in its list, of its file, or of that without its ending."""
        names = (one.name, one.path.name, one.path.stem)
        return next((self.arrays[name] for name in names if name in self.arrays), None)

    def taken(self, found: Sequence[Captioned], store: FeatureStore, left_out: LeftOutCount) -> list[DigestedPicture]:
        """Keep what was seen in pictures; those that are not in the file are left out and counted."""
        done = []
        for one in found:
            seen = self.named(one)
            if seen is None:
                left_out.add("without features in the file of features", one.name)
                continue
            digest = hashlib.sha256(one.name.encode() + seen.tobytes()).hexdigest()
            if not store.has(digest):
                store.write(digest, seen)
            done.append((digest, one))
        if not done:
            raise DataError(f"{self.path} has features of none of {len(found):,} pictures: check the names in it")
        return done


def checked(seen: Any, what: str) -> Seen:
    """Return what was seen in numbers that are kept. Raises `DataError` where they are not finite."""
    found: Seen = np.asarray(seen, np.float16).astype(np.float32)
    if not np.isfinite(found).all():
        raise DataError(f"{what} holds features that are not finite numbers of ordinary size: give others")
    return found


def seen_pictures(
    found: Sequence[Captioned], encoder: str, cache: Path, left_out: LeftOutCount
) -> Generator[float, None, tuple[PictureSight, FeatureStore, list[DigestedPicture]]]:
    """Look at pictures, or take what was seen in them, yielding how much is done."""
    if is_file_of_features(encoder):
        file = FeatureFile(path_of(encoder))
        store = _store(cache, file.sight)
        return file.sight, store, file.taken(found, store, left_out)
    eyes = Eyes(encoder)
    store = _store(cache, eyes.sight)
    look: Callable[[], Look] = eyes.look
    return eyes.sight, store, (yield from look_at(found, store, eyes.sight, look, left_out))


def _store(cache: Path, sight: PictureSight) -> FeatureStore:
    return FeatureStore.of(cache, sight.identity, sight.places, sight.features)
