"""A small picture to ask about, where a person has given none."""

import base64
import io

from statewise.errors import MissingExtra


def small_picture() -> str:
    """Return a red square on white as PNG in base 64. Raises `MissingExtra` where Pillow is not installed."""
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra("pictures need Pillow: pip install 'statewise[caption]'") from None
    image = Image.new("RGB", (16, 16), "white")
    image.paste((200, 30, 30), (4, 4, 12, 12))
    into = io.BytesIO()
    image.save(into, "PNG")
    return base64.b64encode(into.getvalue()).decode()
