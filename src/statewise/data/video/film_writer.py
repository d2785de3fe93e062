"""Films written out of pictures: for what is shown, and for tests and proofs that need some."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from statewise.data.video.film import Picture, video_library
from statewise.errors import UsageError

CODECS = {
    ".mp4": ("libx264", "yuv420p"),
    ".webm": ("libvpx", "yuv420p"),
    ".avi": ("ffv1", "bgr0"),
    ".gif": ("gif", "rgb8"),
}
TICKS = 90_000
"Of a second, in which times of frames are written."


def write_film(path: Path, pictures: Iterable[Picture], seconds: Sequence[float], *, turned: int = 0) -> None:
    """Write pictures `[H, W, 3]` as a film, each shown from a time of its own on.

    The kind is by the name: MP4, WebM, AVI (without loss) or GIF. `turned` is by how many degrees, to the left, players
    are told to turn it. Raises `UsageError` for another kind.
    """
    av, kind = video_library(), path.suffix.lower()
    if kind not in CODECS:
        raise UsageError(f"{path} ends in none of {', '.join(CODECS)}: give another name")
    codec, form = CODECS[kind]
    with av.open(str(path), "w") as container:
        stream: Any = None
        for picture, time in zip(pictures, seconds, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            if stream is None:
                stream = container.add_stream(codec, rate=Fraction(TICKS) if kind == ".mp4" else 25)
                stream.width, stream.height, stream.pix_fmt = frame.width, frame.height, form
                stream.codec_context.time_base = Fraction(1, TICKS if kind == ".mp4" else 1000)
                if turned:
                    stream.set_display_rotation(turned)
            frame.pts, frame.time_base = round(time / stream.codec_context.time_base), stream.codec_context.time_base
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))
