"""Whole numbers packed into text, so that a file of plain values can hold many: little-endian, deflated, base 64."""

import base64
import zlib
from binascii import Error as NotBase64
from typing import Any

import numpy as np
from numpy.typing import NDArray

BYTES = 4


def packed(codes: NDArray[np.integer[Any]]) -> str:
    """Return numbers of 32 bits as text.

    >>> unpacked(packed(np.array([3, -1])), most=2)
    array([ 3, -1], dtype=int32)
    """
    return base64.b64encode(zlib.compress(codes.astype("<i4").tobytes(), 9)).decode()


def unpacked(text: str, most: int) -> NDArray[np.int32] | None:
    """Return packed numbers, None for what is none or more than `most`, of which no more memory is taken."""
    try:
        content = zlib.decompressobj().decompress(base64.b64decode(text, validate=True), BYTES * most + 1)
    except (NotBase64, ValueError, zlib.error):
        return None
    if len(content) > BYTES * most or len(content) % BYTES:
        return None
    return np.frombuffer(content, "<i4").astype(np.int32)
