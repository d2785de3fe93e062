"""Runs on the Hugging Face Hub, by `hub:OWNER/NAME`: only the files of a run are pulled, of bounded sizes."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from inspect import signature
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from statewise.data.archives import LARGEST_BYTES
from statewise.data.packages import cache_directory, keeping
from statewise.errors import MissingExtra, RunError, UsageError

HUB = "hub:"
"What a run begins with that lies on the Hub."
NAME = re.compile(r"(?P<repository>\w[\w.-]{0,95}/\w[\w.-]{0,95})(@(?P<revision>\w[\w./-]{0,99}))?", re.ASCII)
COMMIT = re.compile(r"[0-9a-f]{7,64}")
PARTS = re.compile(
    r"(run\.yaml|codec\.json|calibration\.json|events\.jsonl|report\.md|checkpoints/\d{6,16}/[\w.]{1,99})"
)
"The files that are pulled; whatever else lies in a repository is left there."
MOST_PARTS = 100
SECONDS = 30.0
"So long the Hub may take to say what lies in a repository."
SPARE = 1 << 20
"So many bytes more than it is long may a file take on its way."


def hub_folder(name: str) -> Path:
    """Return the folder of a run that lies on the Hub, pulled into the cache once for each commit.

    Raises `MissingExtra` without the client, `UsageError` for what is no name, `RunError` where it cannot be had.
    """
    repository, revision = repository_of(name)
    hub = client()
    with of_hub(name):
        told = hub.HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=SECONDS)
        commit, listed = str(told.sha), {str(one.rfilename): one.size for one in told.siblings or ()}
    sizes = {part: size for part, size in listed.items() if PARTS.fullmatch(part)}
    if "run.yaml" not in sizes:
        raise RunError(f"{HUB}{name} holds no run.yaml: it is not a run of statewise")
    if not COMMIT.fullmatch(commit) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise RunError(f"{HUB}{name} is refused: the Hub does not say its commit, or how large its files are")
    if len(sizes) > MOST_PARTS or sum(sizes.values()) > LARGEST_BYTES:
        raise RunError(f"{HUB}{name} is refused: it has more than {MOST_PARTS} files or {LARGEST_BYTES:,} bytes")
    folder = cache_directory() / "hub" / repository.replace("/", "--") / commit / PurePosixPath(repository).name
    with keeping(f"{HUB}{name}"):
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with TemporaryDirectory(dir=folder.parent, prefix=".pulling-") as temporary:
                fresh = Path(temporary, "run")
                for part, size in sizes.items():
                    with of_hub(name):
                        bounds = counting(hub, size)
                        hub.hf_hub_download(repository, part, revision=commit, local_dir=fresh, **bounds)
                if any((fresh / part).stat().st_size != most for part, most in sizes.items()):
                    raise RunError(f"{HUB}{name} sent other files than it lists: try again")
                try:
                    fresh.rename(folder)
                except OSError:
                    if not folder.is_dir():  # else another process came first
                        raise
    return folder


def repository_of(name: str) -> tuple[str, str | None]:
    """Return the repository and the revision that a name says. Raises `UsageError` where it is none.

    >>> repository_of("someone/plays@v2")
    ('someone/plays', 'v2')
    """
    found = NAME.fullmatch(name)
    if not found or ".." in name:
        raise UsageError(f"{HUB}{name} does not name a run on the Hub: give {HUB}OWNER/NAME or OWNER/NAME@REVISION")
    return found["repository"], found["revision"]


def client() -> Any:
    """Return the client of the Hub, silent. Raises `MissingExtra` where it is not installed."""
    try:
        hub = import_module("huggingface_hub")
        utilities = import_module("huggingface_hub.utils")
        utilities.disable_progress_bars()
        utilities.logging.set_verbosity_error()
    except ModuleNotFoundError:
        raise MissingExtra("the Hub needs huggingface-hub: pip install 'statewise[hub]'") from None
    return hub


def counting(hub: Any, size: int) -> dict[str, Any]:
    """Return by what the client stops a file, as it comes, that is longer than was said: its progress bar counts.

    Clients before bars could be given hold a file to its size only once it is whole.
    """
    if "tqdm_class" not in signature(hub.hf_hub_download).parameters:
        return {}

    def update(bar: Any, count: float = 1) -> None:
        bar.came = getattr(bar, "came", 0) + count
        if bar.came > size + SPARE:
            raise OSError(f"a file is longer than the {size:,} bytes that were said")

    return {"tqdm_class": type("CountingBar", (import_module("huggingface_hub.utils").tqdm,), {"update": update})}


@contextmanager
def of_hub(name: str) -> Iterator[None]:
    """Let whatever the client raises be a `RunError`, in one line: also what it does at answers that it cannot read."""
    try:
        yield
    except Exception as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise RunError(
            f"{HUB}{name} cannot be reached ({said[0][:200]}): check the name, the network and HF_TOKEN"
        ) from None
