"""How a studio is begun: fields with `Doc` are flags of `statewise studio`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Interval, Le

from statewise.server.settings import ListenOptions


@dataclass(frozen=True, kw_only=True)
class StudioOptions(ListenOptions):
    """Where a studio listens, where runs and data lie, and how much may be sent to it."""

    name: ClassVar[str] = "studio"

    port: Annotated[int, Doc("the port to listen at; 0 takes a free one"), Interval(ge=0, le=65535)] = 8970
    runs_folder: Annotated[Path, Doc("the folder where runs lie and are made")] = Path("runs")
    data: Annotated[tuple[str, ...], Doc("folders that trainings may read; uploads go into the first")] = ("data",)
    upload_megabytes: Annotated[int, Doc("largest file that can be uploaded, in MB"), Ge(1), Le(1_000_000)] = 1024
    browser: Annotated[bool, Doc("open the page in the browser")] = True
