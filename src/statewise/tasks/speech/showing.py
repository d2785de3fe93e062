"""A short sound as an example of what may be sent."""

import base64
import struct

import numpy as np

RATE, HERTZ, SECONDS = 8000, 440.0, 0.1


def short_tone() -> str:
    """Return a tenth of a second of a tone as a WAV file in base 64.

    >>> base64.b64decode(short_tone())[:4]
    b'RIFF'
    """
    times = np.arange(int(RATE * SECONDS)) / RATE
    raw = (8000 * np.sin(2 * np.pi * HERTZ * times)).astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    body = b"WAVE" + form + struct.pack("<4sI", b"data", len(raw)) + raw
    return base64.b64encode(struct.pack("<4sI", b"RIFF", len(body)) + body).decode()
