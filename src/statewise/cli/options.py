"""Arguments and options that many commands have."""

from pathlib import Path
from typing import Annotated

import typer

RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="a run directory, as `statewise train` names it")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="a run: directory, .zip, zoo:NAME or hub:OWNER/NAME")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON object")]
Quiet = Annotated[bool, typer.Option("--quiet", help="print nothing but the result")]
