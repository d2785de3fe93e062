"""Small trained runs for statewise: where the zip of each lies. Its card is next to it, its sha256 in `SHA256SUMS`."""

from pathlib import Path

FOLDER = Path(__file__).parent
CARTPOLE, FRONT_DESK, KANJI, SHAKESPEARE, TRAFFIC = (
    FOLDER / f"{name}.zip" for name in ("cartpole", "front-desk", "kanji", "shakespeare", "traffic")
)
DIGITS, FALLING, FINGERTIP, FRED, HANDWRITING, SHARES, STORIES, WORDS = (
    FOLDER / f"{name}.zip"
    for name in ("digits", "falling", "fingertip", "fred", "handwriting", "shares", "stories", "words")
)
