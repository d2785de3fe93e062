"""What can this machine do at all?"""

from collections.abc import Iterator

import torch

from statewise.kernels import extension
from statewise_lab.benchmarking.gauges import WHOSE, MultiplyAdds, Products, Reading, level_bytes
from statewise_lab.benchmarking.question import Question, Settings
from statewise_lab.benchmarking.result import caches
from statewise_lab.benchmarking.row import BEST, Row

SIDES = (384, 768, 1024, 1536)
QUICK_BYTES = 2**22


def rows(settings: Settings) -> Iterator[Row]:
    """Yield a row for the matrix products at each number of threads, and for each level of memory on one thread."""
    before = torch.get_num_threads()
    if extension.instructions() is not None:
        registers = MultiplyAdds()
        for _ in range(10 * settings.rounds):
            registers.turn()
        what = "multiplying and adding in registers alone, 1 threads"
        yield _told(settings, what, registers.best_flops_per_second / 1e9, "GFLOP/s")
    for threads in sorted({1, settings.threads}):
        torch.set_num_threads(threads)
        for whose in WHOSE if extension.instructions() else WHOSE[:1]:
            products = Products(SIDES[:1] if settings.quick else SIDES, whose=(whose,))
            for _ in range(settings.rounds):
                products.turn(1)
            what = f"matrix products of {whose}, float32, {threads} threads"
            yield _told(settings, what, products.best_flops_per_second / 1e9, "GFLOP/s")
    for level, size_bytes in level_bytes(caches()).items():
        if settings.quick and size_bytes > QUICK_BYTES:
            continue
        for threads in sorted({1, settings.threads}) if level == "memory" else [1]:
            torch.set_num_threads(threads)
            reading = Reading(size_bytes)
            for _ in range(settings.rounds):
                reading.turn(1)
            what = f"reading {size_bytes / 2**20:.3g} MiB ({level}), {threads} threads"
            yield _told(settings, what, reading.best_bytes_per_second / 1e9, "GB/s")
    torch.set_num_threads(before)


def _told(settings: Settings, what: str, best: float, unit: str) -> Row:
    settings.say(f"{what}: {best:.0f} {unit}")
    return Row({"what": what}, extra={BEST: best, "unit": unit})


QUESTION = Question("roofline", "What can this machine do at all?", 1, rows, unit="GFLOP/s or GB/s")
