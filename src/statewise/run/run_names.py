"""What a run may be given as: its folder, a zip of that, or a name such as `zoo:shakespeare` or `hub:someone/plays`."""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from statewise import registry
from statewise.data.archives import LARGEST_BYTES, Member, check_size, members_of_zip, unpack
from statewise.data.packages import cache_directory, keeping
from statewise.disk.manifest import Entry
from statewise.disk.reading import read_file
from statewise.errors import DataError, MissingExtra, RunError, UsageError
from statewise.run.hub_names import HUB, hub_folder

ZOO = "zoo:"
"What a run begins with that is asked for by a name."
DIGESTS, LARGEST_DIGESTS = "SHA256SUMS", 1 << 20
"The file next to the zips of a package that says what each must be, as `sha256sum` writes it."
MOST_FILES = 10_000
"Of a zip of a run: one that was trained for days has some hundreds."
CONFIG_NAME, LONGEST_CARD = "run.yaml", 1 << 20


def folder_of(run: str | Path) -> Path:
    """Return the folder of a run that is given as a folder, as a zip of one, as `zoo:NAME`, or as `hub:OWNER/NAME`.

    A zip is unpacked once, into the cache, under its sha256: nothing in it is executed, and all that it claims is
    bounded. Raises `MissingExtra` where no zoo, or no client of the Hub, is installed, `UsageError` for a name that
    is none, `DataError` for a zip that cannot be unpacked, `RunError` where there is no run.

    >>> folder_of("runs/text-book-1").name
    'text-book-1'
    """
    if str(run).startswith(HUB):
        return hub_folder(str(run).removeprefix(HUB))
    if is_named(run):
        return _unpacked(zoo_archive(str(run).removeprefix(ZOO)))
    return _unpacked(Path(run)) if is_zip(run) else Path(run)


def is_named(run: str | Path) -> bool:
    """Say whether a run is given by a name, as `zoo:shakespeare` is."""
    return str(run).startswith((ZOO, HUB))


def is_zip(run: str | Path) -> bool:
    """Say whether a run is given as a file that calls itself a zip."""
    try:
        return Path(run).suffix.lower() == ".zip" and Path(run).is_file()
    except (OSError, ValueError):  # what no name can be
        return False


def zoo_archive(name: str) -> Path:
    """Return the zip of a run of the zoo, once it is proved to be the one that was measured.

    Raises `MissingExtra` where no zoo is installed, `UsageError` for a name that it does not have, `RunError` where its
    sha256 is another than the one next to it.
    """
    known = registry.names("zoo")
    if not known:
        raise MissingExtra(f"{ZOO}{name} is in the package statewise-zoo: pip install 'statewise[zoo]'")
    if not name:
        raise UsageError(f"{ZOO} names no run: give one of {', '.join(ZOO + one for one in known)}")
    archive = registry.find("zoo", name)
    if not isinstance(archive, Path):
        raise UsageError(f"what is announced as {ZOO}{name} is not a path but a {type(archive).__name__}")
    lines = read_file(archive.with_name(DIGESTS), LARGEST_DIGESTS).decode("ascii", errors="replace").splitlines()
    if f"{Entry.of_file(archive).sha256}  {archive.name}" not in lines:
        raise RunError(f"{archive} is not what {DIGESTS} next to it says: install the package again")
    return archive


def zoo_titles() -> dict[str, str]:
    """Return what each run of the zoo is, by name: the first line of the card next to it."""
    titles = {}
    for name in registry.names("zoo"):
        archive = registry.find("zoo", name)
        card = archive.with_suffix(".md") if isinstance(archive, Path) else Path()
        text = read_file(card, LONGEST_CARD).decode(errors="replace") if card.is_file() else ""
        titles[name] = text.partition("\n")[0].lstrip("# ") or name
    return titles


def _unpacked(archive: Path) -> Path:
    """Return the folder in the cache where a zip of a run lies unpacked; it is unpacked again where it is not whole."""
    check_size(archive)
    with keeping(archive.name):
        title = archive.stem.lstrip(".") or "run"  # a name of dots is another folder
        folder = cache_directory() / "runs" / Entry.of_file(archive).sha256[:32] / title
        sizes = {member.name: member.claimed for member in _members_of_run(archive)}
        if not _is_whole(folder, sizes):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent, prefix=".opening-") as temporary:
                fresh = Path(temporary, "run")
                unpack(_members_of_run(archive), archive.name, fresh, LARGEST_BYTES)
                if folder.exists():
                    folder.rename(Path(temporary, "damaged"))
                try:
                    fresh.rename(folder)
                except OSError:
                    if not _is_whole(folder, sizes):  # else another process came first
                        raise
    return folder


def _members_of_run(archive: Path) -> Iterator[Member]:
    """Yield the files of the run in a zip, named as from its folder. Raises `RunError` where there is no run in it."""
    names = [PurePosixPath(member.name) for member in members_of_zip(archive)]
    if len(names) > MOST_FILES:
        raise DataError(f"{archive.name} is refused: it has more than {MOST_FILES:,} files")
    roots = [name.parent for name in names if name.name == CONFIG_NAME]
    if not roots:
        raise RunError(
            f"{archive} holds no {CONFIG_NAME}: give a zip of a run, as `statewise export RUN --to NAME.zip` writes it"
        )
    root = min(roots, key=lambda path: len(path.parts))
    for member in members_of_zip(archive):
        place = PurePosixPath(member.name)
        if place.is_relative_to(root):
            yield member._replace(name=str(place.relative_to(root)))


def _is_whole(folder: Path, sizes: dict[str, int]) -> bool:
    try:
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False
