"""The run directory: everything about one training, readable by eye, with nothing in it that is executed."""

import os
import platform
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from statewise.disk.reading import file_size, open_file, read_file, refuse_links, refuse_unwritable
from statewise.disk.system import lock
from statewise.errors import RunError, UsageError
from statewise.plain.strict_json import count_values, read_json
from statewise.plain.strict_yaml import LARGEST_YAML, read_yaml
from statewise.run.config import as_yaml
from statewise.run.files import make_folder, saving, sync_folder, write_whole
from statewise.run.recorded import CONFIG, LARGEST_EVENT, check_event, misfit, read_line
from statewise.run.run_names import folder_of
from statewise.shown import in_json, in_line

TAIL_BYTES = 1 << 20
"So much of the end of the events is read where only what came last is asked for."
FORMAT = 1
DEFAULT_FOLDER = Path("runs")
CACHE = ".data"
LOCK = "lock"
HOLDER = re.compile(r"process \d+ on [\w.-]+")
LARGEST_CODEC, MOST_CODEC_VALUES = 1 << 28, 1 << 24
NEEDED = {"format", "task", "settings"}
ABSENT: dict[str, Any] = {"sources": {}, "data": {}, "parameters": 0, "versions": {}}
"What `run.yaml` is taken to say where it says nothing of it."
BEGUN = re.compile(r"codec\.json|\.(codec\.json|run\.yaml)\.\d+\.tmp")


class RunDirectory(NamedTuple):
    """Where a run's files lie."""

    path: Path

    @classmethod
    def of(cls, run: str | Path) -> Self:
        """Return the directory of a run that is given as a folder, a zip or a name; raises what `folder_of` does."""
        return cls(folder_of(run))

    @property
    def config(self) -> Path:
        """The task and every setting, versions and data: written once, last of what makes a run."""
        return self.path / "run.yaml"

    @property
    def codec(self) -> Path:
        """What decoding needs."""
        return self.path / "codec.json"

    @property
    def calibration(self) -> Path:
        """What was found after training besides weights, where the task looks for something."""
        return self.path / "calibration.json"

    @property
    def events(self) -> Path:
        """One event a line."""
        return self.path / "events.jsonl"

    @property
    def checkpoints(self) -> Path:
        """The last checkpoints."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """What the model made at each stage."""
        return self.path / "samples"

    @property
    def report(self) -> Path:
        """The final metrics of the model and the baselines."""
        return self.path / "report.md"

    @property
    def cache(self) -> Path:
        """Where prepared data lie: in the folder of the run, shared by all runs there."""
        return self.path.parent / CACHE

    def read_config(self) -> dict[str, Any]:
        """Return what `run.yaml` says.

        Raises `RunError` where this is not a run, a half-made one, a damaged one, or one of another format.
        """
        if not is_there(self.path, is_folder=True):
            raise RunError(f"there is no run at {self.path}: give the folder that `statewise train` named")
        if not is_there(self.config):
            raise RunError(f"{self.path} has no run.yaml: it is not a run, or was cut off while it was made")
        try:
            config = read_yaml(read_file(self.config, LARGEST_YAML))
        except ValueError as error:
            raise RunError(f"{self.config} cannot be read ({error}): the run is damaged") from None
        if not isinstance(config, dict) or not config.keys() >= NEEDED:
            raise RunError(f"{self.config} lacks format, task or settings: the run is damaged")
        if config["format"] != FORMAT:
            versions = config.get("versions")
            made = versions.get("statewise") if isinstance(versions, dict) else None
            other = f"{in_line(config['format'], 20)}, not {FORMAT}: use statewise {made or 'another version'}"
            raise RunError(f"{self.path} has format {other}, which made it")
        config = {**ABSENT, **config}
        if odd := misfit(config, CONFIG, set(CONFIG) - NEEDED):
            raise RunError(f"{self.config} has a {odd} of another type than it may be: the run is damaged")
        return config

    def read_codec(self) -> dict[str, Any]:
        """Return what `codec.json` says. Raises `RunError` where it is missing or damaged."""
        try:
            written = read_json(read_file(self.codec, LARGEST_CODEC), most_values=MOST_CODEC_VALUES)
        except ValueError as error:
            raise RunError(f"{self.codec} is damaged ({error}): the run cannot be decoded") from None
        if not isinstance(written, dict):
            raise RunError(f"{self.codec} is damaged: the run cannot be decoded")
        return written

    def read_calibration(self, update: int) -> dict[str, Any] | None:
        """Return what was found after training, None where nothing was for the weights of this update.

        Raises `RunError` where it is damaged.
        """
        if not is_there(self.calibration):
            return None
        try:
            written = read_json(read_file(self.calibration, LARGEST_CODEC), most_values=MOST_CODEC_VALUES)
        except ValueError as error:
            raise RunError(f"{self.calibration} is damaged ({error}): `statewise resume` writes it again") from None
        if not isinstance(written, dict) or not isinstance(written.get("found"), dict):
            raise RunError(f"{self.calibration} is damaged: `statewise resume` writes it again")
        if type(written.get("update")) is not int:
            raise RunError(f"{self.calibration} does not say of which update it is: `statewise resume` writes it again")
        return written["found"] if written["update"] == update else None

    def begin(self, config: Mapping[str, Any], codec: Mapping[str, Any]) -> None:
        """Write what never changes again. Raises `UsageError` where there is more of it than would be read again."""
        files = {self.codec: in_json(codec).encode(), self.config: as_yaml({"format": FORMAT, **config}).encode()}
        for path, most in ((self.codec, LARGEST_CODEC), (self.config, LARGEST_YAML)):
            if len(files[path]) > most:
                raise UsageError(f"{path.name} would have more than {most:,} bytes: give fewer names or sources")
        if count_values(files[self.codec]) > MOST_CODEC_VALUES:
            raise UsageError(f"codec.json would have more than {MOST_CODEC_VALUES:,} values: give fewer names or items")
        with saving(f"the run {self.path}", "free some space and train again"):
            for path, content in files.items():
                write_whole(path, content)

    def write(self, path: Path, content: str) -> None:
        """Write one of the run's files, whole. Raises `RunError` where its folder is a link."""
        refuse_links(path.parent if path.parent != self.path else path)
        with saving(str(path), "free some space, then `statewise resume` the run"):
            make_folder(path.parent)
            write_whole(path, content.encode())

    def append_event(self, event: Mapping[str, Any]) -> None:
        """Add one line to the events; one that was cut off before stays by itself."""
        refuse_links(self.events)
        with (
            saving(str(self.events), "free some space, then `statewise resume` the run"),
            self.events.open("a+b") as file,
        ):
            separator = b"\n" if _is_cut_off(file) else b""
            file.write(separator + in_json(event).encode() + b"\n")

    def read_events(self) -> Iterator[dict[str, Any]]:
        """Yield the events; a line that was cut off is left out. Raises `RunError` for a whole one that is no event."""
        yield from self.read_lines(check_event)

    def read_last_events(self) -> Iterator[dict[str, Any]]:
        """Yield the last of the events, however many there are; what cannot be read is left out."""
        if not is_there(self.events):
            return
        with open_file(self.events) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read(TAIL_BYTES).splitlines()
        for line in lines:  # the first may be cut
            with suppress(ValueError):
                told = read_line(line)
                if told is not None:
                    check_event(told)
                    yield told

    def read_lines(self, check: Callable[[dict[str, Any]], None] = lambda told: None) -> Iterator[dict[str, Any]]:
        """Yield the tables that `events.jsonl` has, a line each; one that was cut off is left out.

        Raises `RunError` for a line that is whole and no table, of which `check` raises `ValueError`, or that is longer
        than one may be.
        """
        if not is_there(self.events):
            return
        number = 0
        with open_file(self.events) as file:  # as bytes, since a cut may go through a character
            while line := file.readline(LARGEST_EVENT):
                number += 1
                if len(line) == LARGEST_EVENT:
                    raise RunError(f"{self.events} has a line {number} of endless length: the run is damaged")
                try:
                    told = read_line(line)
                    if told is not None:
                        check(told)
                except ValueError as error:
                    raise RunError(f"{self.events} line {number} is damaged ({error}): leave it out") from None
                if told is not None:
                    yield told

    def size(self) -> int:
        """Return how many bytes its files have, as far as they can be seen; one may be replaced meanwhile."""
        total = 0
        for folder, _, names in os.walk(self.path):
            for name in names:
                with suppress(OSError):
                    total += os.lstat(os.path.join(folder, name)).st_size  # noqa: PTH118  # as os.walk gives them
        return total

    def sweep(self) -> None:
        """Remove files that were being written when a process was killed."""
        for folder in (self.path, self.samples):
            for orphan in folder.glob(".*.tmp"):
                orphan.unlink(missing_ok=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second process from training the same run. Raises `RunError` where one does already.

        The system lets go of the lock when its process ends, however it ends: the lock of a killed process is taken
        over.
        """
        refuse_links(self.path / LOCK)
        refuse_unwritable(self.path, "go on with a copy of it in another folder", RunError)
        if (self.path / LOCK).exists():
            file_size(self.path / LOCK)  # a pipe would wait for ever
        with (self.path / LOCK).open("a+") as file:
            try:
                lock(file.fileno())
            except BlockingIOError:
                file.seek(0)
                holder = HOLDER.match(file.read(100))
                by = holder[0] if holder else "another process"
                raise RunError(f"{self.path} is being trained by {by}: wait for it or stop it") from None
            except OSError as error:
                raise RunError(
                    f"{self.path} cannot be locked ({error.strerror}): give --run on a disk with locks"
                ) from None
            file.truncate(0)
            file.write(f"process {os.getpid()} on {platform.node()}\n")
            file.flush()
            yield


def is_there(path: Path, *, is_folder: bool = False) -> bool:
    """Say whether something is there, a folder where it is to be one; nothing is under what no name can be."""
    try:
        return path.is_dir() if is_folder else path.exists()
    except (OSError, ValueError):  # a name too long, or one with a zero byte
        return False


def create_run(task: str, name: str, path: Path | None = None, made: list[Path] | None = None) -> RunDirectory:
    """Make a new run directory: the given one, or the next free `runs/TASK-NAME-N`.

    Its path is put into `made` just before, so that an interrupt at any moment finds it there.
    Raises `RunError` where the given one is there already, and holds anything.
    """
    made = [] if made is None else made
    with saving("the run directory", "give another folder with --run"):
        if path is not None:
            refuse_taken(path)
            made.append(path)
            make_folder(path)
            return RunDirectory(path)
        return RunDirectory(_next_free(f"{task}-{_slug(name)}", made))


def refuse_taken(path: Path) -> None:
    """Raise `RunError` where a run directory is there already and holds more than a killed `begin` may have left.

    Raises `UsageError` for a name that is not UTF-8, which the files of the run could not hold.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise UsageError("the name of the run is not UTF-8 text: give another") from None
    if path.exists() and (not path.is_dir() or not all(BEGUN.fullmatch(inside.name) for inside in path.iterdir())):
        raise RunError(f"{path} exists already: go on with `statewise resume {path}`, or give another --run")


def _next_free(stem: str, made: list[Path]) -> Path:
    make_folder(DEFAULT_FOLDER)
    taken = [int(m[1]) for p in DEFAULT_FOLDER.iterdir() if (m := re.fullmatch(rf"{re.escape(stem)}-(\d+)", p.name))]
    number = max(taken, default=0) + 1
    while True:
        path = DEFAULT_FOLDER / f"{stem}-{number}"
        made.append(path)
        try:
            path.mkdir()
        except FileExistsError:
            made.remove(path)
            number += 1
        else:
            sync_folder(DEFAULT_FOLDER)
            return path


def _is_cut_off(lines: BinaryIO) -> bool:
    length = lines.seek(0, os.SEEK_END)
    lines.seek(max(0, length - 1))
    return lines.read(1) not in (b"", b"\n")


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:30] or "run"
