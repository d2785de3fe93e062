"""`--processes N`: the same command in N processes on this machine, which end together; and what each of them is."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType

from statewise.stopping import answer_with, hand_back

MEETING = "STATEWISE_MEETING"
"A folder through which the processes of one command find each other; set in each of them."
RUN = "run"
MEET_MINUTES = 5
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05
KILLED = 1


def rank_here() -> int:
    """Return which process of its training this is: 0 where it is the only one."""
    started_with_others = MEETING in os.environ or "TORCHELASTIC_RUN_ID" in os.environ
    return int(os.environ.get("RANK", "0")) if started_with_others else 0


def is_one_of_several() -> bool:
    """Say whether this process was started together with others, by `--processes` or torchrun."""
    return MEETING in os.environ or "TORCHELASTIC_RUN_ID" in os.environ


def meet() -> None:
    """Find the other processes of a command given with `--processes`; stop, saving, when that command is gone."""
    if MEETING not in os.environ:
        return
    from torch import distributed

    from statewise.distributed.ranks import PATIENCE

    count = int(os.environ["WORLD_SIZE"])
    store = distributed.FileStore(f"{os.environ[MEETING]}/store", count)  # type: ignore[attr-defined]
    store.set_timeout(timedelta(minutes=MEET_MINUTES))
    distributed.init_process_group("gloo", store=store, rank=rank_here(), world_size=count, timeout=PATIENCE)
    threading.Thread(target=_end_with_the_command, daemon=True).start()


def _end_with_the_command() -> None:
    """Wait for the end of standard input, which the command holds open while it lives; then ask to save and stop."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def note_run(run: str) -> None:
    """Let the command know which run its processes train."""
    if MEETING in os.environ:
        Path(os.environ[MEETING], RUN).write_text(run, encoding="utf-8")


def leave(code: int) -> None:
    """End this process; one of several at once, since its threads may wait for another that is gone.

    What is still held for a reader that is gone is let go, or Python would complain of it and leave with another code.
    """
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if is_one_of_several():
        os._exit(code)
    sys.exit(code)


def launch(count: int, arguments: list[str]) -> int:
    """Run `statewise` with these arguments in so many processes, until all have ended, and return the exit code.

    Where one of them fails, the others notice at their next message; a process that has not after ten seconds is
    killed. A signal is passed on to all of them.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        _workers(count, arguments, folder) as workers,
        _passed_on(workers) as came,
    ):
        _wait(workers)
        run = Path(folder, RUN)
        codes = [worker.returncode for worker in workers]
        if came and KILLED not in codes:
            return 128 + came[0]
        return _told(codes, run.read_text(encoding="utf-8") if run.exists() else "")


def _wait(workers: list["subprocess.Popen[bytes]"]) -> None:
    failed_at = None
    while any(worker.poll() is None for worker in workers):
        time.sleep(POLL_SECONDS)
        if failed_at is None and any(worker.returncode for worker in workers):
            failed_at = time.monotonic()
        if failed_at and time.monotonic() > failed_at + GRACE_SECONDS:
            for worker in workers:
                worker.kill()


def _told(codes: list[int], run: str) -> int:
    """Return the exit code of the whole, and say it where the process that talks could not."""
    if codes[0] < 0:
        how = f"go on with `statewise resume {run}`" if run else "train it again"
        print(f"statewise: process 0 of {len(codes)} was killed by signal {-codes[0]}: {how}", file=sys.stderr)
    if codes[0] > 0:
        return codes[0]
    return KILLED if any(code < 0 for code in codes) else max(codes)


@contextmanager
def _workers(count: int, arguments: list[str], folder: str) -> Iterator[list["subprocess.Popen[bytes]"]]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    loopback = "lo0" if sys.platform == "darwin" else "lo"
    shared = {"OMP_NUM_THREADS": str(max(1, cores // count)), "GLOO_SOCKET_IFNAME": loopback, **os.environ}
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(count):
            own = {MEETING: folder, "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)}
            command = [sys.executable, "-m", "statewise", *arguments]
            nowhere = subprocess.DEVNULL if rank else None
            # a session of its own: the terminal's Ctrl-C comes to the command alone, which passes it on once
            workers.append(
                subprocess.Popen(
                    command, env=shared | own, stdin=subprocess.PIPE, stdout=nowhere, start_new_session=True
                )
            )
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


@contextmanager
def _passed_on(workers: list["subprocess.Popen[bytes]"]) -> Iterator[list[int]]:
    """Send each signal that comes to all processes, and give the list of those that came."""
    came: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        came.append(number)
        for worker in workers:
            worker.send_signal(number)

    before = answer_with(pass_on)
    try:
        yield came
    finally:
        hand_back(before)
