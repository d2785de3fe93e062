"""Small trained runs for statewise: where the zip of each lies. Its card is next to it, its sha256 in `SHA256SUMS`."""

from pathlib import Path

FOLDER = Path(__file__).parent
FRONT_DESK, SHAKESPEARE = (FOLDER / f"{name}.zip" for name in ("front-desk", "shakespeare"))
