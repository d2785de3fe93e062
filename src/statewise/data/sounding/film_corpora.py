"""Films with sound that come by name: they are made, of recorded hits out of a published package."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import final

from statewise.data.corpora import Content, Corpus
from statewise.data.packages import Package, cache_directory, keeping
from statewise.data.sounding.falling_film import write_falling_films
from statewise.errors import DataError

FORMAT = 1
"What was made by another number is made again."


@final
@dataclass(frozen=True)
class MadeFilms(Corpus):
    """Generated films in the folders train, validation and test, in which recorded hits out of a package are heard.

    `materials` are, by name, patterns of the names of the recordings of each.
    """

    package: Package
    materials: Mapping[str, Sequence[str]]
    clips: tuple[int, int, int] = (300, 40, 80)
    holds: Content = field(default="films", kw_only=True)

    @property
    def folder(self) -> Path:
        """Where the films are kept, whether or not they are there yet."""
        return cache_directory() / "corpora" / self.name / f"{FORMAT}-{self.package.digest[:16]}"

    def files(self) -> list[Path]:
        """Return the films and their tables, which are made where they are not there; that takes minutes.

        Raises `MissingExtra` without pymunk, besides what the package raises.
        """
        if not self.folder.is_dir():
            recordings = self.recordings(self.package.fetch())
            with keeping(self.title):
                self.folder.parent.mkdir(parents=True, exist_ok=True)
                with TemporaryDirectory(dir=self.folder.parent, prefix=".making-") as temporary:
                    made = Path(temporary, "films")
                    for _ in write_falling_films(recordings, made, clips=self.clips):
                        pass
                    if not self.folder.is_dir():  # else another process came first
                        shutil.move(made, self.folder)
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def recordings(self, folder: Path) -> dict[str, list[Path]]:
        """Return the recordings of each material. Raises `DataError` where there is none."""
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        found = {
            name: [path for path in paths if any(fnmatchcase(path.stem, pattern) for pattern in patterns)]
            for name, patterns in self.materials.items()
        }
        if missing := [name for name, own in found.items() if not own]:
            raise DataError(f"{self.package} has no recording of {missing[0]}: use recordings of your own")
        return found

    def is_cached(self) -> bool:
        """Say whether the films are there, or can be made of what is."""
        return self.folder.is_dir() or self.package.is_cached()


DRUMKITS = MadeFilms(
    name="hydrogen-drumkits",
    title="Generated films of things that fall and are struck, with hits recorded for the drum machine Hydrogen",
    licence="CC BY-SA 3.0, GPL-2 and others, by kit",
    size="420 films of 3 s",
    package=Package(
        "debian",
        "hydrogen-drumkits",
        "2017.09.19",
        members="*/drumkits/*.[wf][al][va]*",
        digest="8a38db89ee668143fe0a7672914d0a98f677f8a814ee88477b602835409deee0",
    ),
    materials={
        "drum": ("Kick-*", "PearlKick*", "bd_*", "TomLow-*", "floortom_*", "CajonThumps-*"),
        "glass": ("Waterglass*",),
        "metal": ("Cowbell-*", "Agogo*", "RideBell-*", "PaisteBell*", "Dununba1 Bell*", "misc_Cowbell"),
        "skin": ("Bongo*", "Djembe*", "EE_Conga*", "Kenkeni1 Head*", "TomHigh-*"),
        "wood": ("Clave-*", "WoodBlock-*", "Stick-*", "RimClick-*", "PearlSideStick*"),
    },
)
