"""A small picture to ask about, where a person has given none."""

import base64
import io

from statewise.errors import MissingExtra


def small_picture() -> str:
    """Return a square, red to orange, on white as PNG in base 64. Raises `MissingExtra` where there is no Pillow."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("pictures need Pillow: pip install 'statewise[caption]'") from None
    image = Image.new("RGB", (32, 32), "white")
    for step in range(12):
        image.paste((200, 15 * step, 30), (4 + step, 4 + step, 28 - step, 28 - step))
    into = io.BytesIO()
    image.save(into, "PNG")
    return base64.b64encode(into.getvalue()).decode()
