"""Hochreiter & Schmidhuber 1997: every experiment with long time lags, sections 5.1 to 5.6."""

from typing import Any

import numpy as np

from statewise_lab.classics.experiment import Contender, Draw, Experiment, Paper, every_seed
from statewise_lab.classics.judging import counted, within
from statewise_lab.classics.long_lags import (
    lag_of_distractors,
    lag_of_fixed_symbols,
    lag_of_random_symbols,
    order_of_symbols,
    two_marked_numbers,
    two_sequences,
)
from statewise_lab.classics.readout import Meaning
from statewise_lab.classics.reber import embedded_reber

MOST_STEPS = 10_000_000
"After so many steps an Elman network that has not learned it is given up."
CHOICE, BITS, NUMBERS = Meaning.CHOICE, Meaning.BITS, Meaning.NUMBERS
SOURCE = "Hochreiter & Schmidhuber 1997"


def _two(most: int, units: int, longest: int, *, elman_most: int | None = None, **how: Any) -> tuple[Contender, ...]:
    """Return an LSTM whose units begin by remembering up to `longest` steps, and an Elman network that tries as long.

    The LSTM's recurrent weights begin at zero: else what it reads on the way is carried round and drowns the rest.
    """
    options = {"recurrent_initializer": "zeros"}
    shared: dict[str, Any] = {"rows": 8, "rate": 0.01, "average": 0.98, **how}
    lstm = Contender("lstm", units, most, options=options, longest=longest, **shared)
    return lstm, Contender("elman", units, elman_most or most, **shared)


def _paper(section: str, reached: str, sequences: int | None) -> Paper:
    return Paper(f"{SOURCE}, {section}", reached, sequences)


def _reber() -> Experiment:
    return Experiment(
        name="reber",
        title="embedded Reber grammar",
        paper=_paper("5.1", "LSTM 97 to 100 % of runs, after 8,440 to 39,740; Elman 0 %", 8_440),
        criterion="of 256 strings learned from and 256 others, at each symbol those that may follow are the likeliest",
        material=embedded_reber,
        meaning=CHOICE,
        outputs=7,
        symbols=7,
        contenders=_two(8_440, 24, 10, rows=4, average=0.0),
        every=256,
        is_quick=True,
    )


def _lag(draw: Draw, most: int, *, said: str = "LSTM 100 %", asked: str = "in", **how: Any) -> Experiment:
    """Return an experiment of section 5.2; the paper's LSTM needed at most so many sequences."""
    return Experiment(
        paper=_paper("5.2", said, most),
        criterion=f"every output within 0.25 {asked} 10,000 sequences",
        material=every_seed(draw, counted(draw, within(CHOICE, 0.25), 10_000)),
        meaning=CHOICE,
        **how,
    )


def _fixed_lag() -> Experiment:
    return _lag(
        lag_of_fixed_symbols(100),
        5_040,
        said="LSTM 100 %, BPTT and RTRL 0 %",
        asked="at every step of",
        name="2a",
        title="2a: lag of 100, always the same symbols",
        outputs=101,
        symbols=101,
        contenders=_two(5_040, 128, 100, rows=4, spread=1.0, cell_rate=0.0006, average=0.0),
        every=200,
        is_quick=True,
    )


def _random_lag() -> Experiment:
    return _lag(
        lag_of_random_symbols(100),
        5_680,
        name="2b",
        title="2b: lag of 100, symbols at random",
        outputs=101,
        symbols=101,
        contenders=_two(5_680, 16, 100, rows=4),
        every=200,
        is_quick=True,
    )


def _distractors(lag: int, symbols: int, reached: int) -> Experiment:
    return _lag(
        lag_of_distractors(lag, symbols),
        reached,
        name=f"2c-{lag}-{symbols}",
        title=f"2c: lag of {lag:,}, {symbols:,} distracting symbols",
        outputs=2,
        symbols=symbols + 4,
        contenders=_two(reached, 16, lag, elman_most=min(reached, MOST_STEPS // lag)),
        every=500,
        is_quick=lag == 50,
    )


def _two_sequences(task: str, steps: int, telling: int, reached: int, **how: Any) -> Experiment:
    noise = task != "3a"
    draw = judged = two_sequences(steps, telling, noise=noise)
    meaning, most_wrong, most_error, wrong, words = BITS, 0, 0.01, 0.5, "none of 256 wrong"
    if task == "3b":
        most_wrong, most_error, words = 5, 0.04, "at most 5 of 256 wrong"
    if task == "3c":
        targets = (0.2, 0.8)
        draw = two_sequences(steps, telling, noise=noise, targets=targets, target_variance=0.1)
        judged = two_sequences(steps, telling, noise=noise, targets=targets)
        meaning, most_wrong, most_error, wrong, words = NUMBERS, 5, 0.015, 0.3, "at most 5 of 256 wrong"
    judge = counted(judged, within(meaning, wrong), 256, most_wrong=most_wrong, most_error=most_error)
    return Experiment(
        name=f"{task}-{steps}-{telling}",
        title=f"{task}: T = {steps:,}, the first {telling} tell",
        paper=_paper("5.3", "LSTM solved it", reached),
        criterion=f"{words}, mean error below {most_error}",
        material=every_seed(draw, judge),
        meaning=meaning,
        outputs=1,
        features=1,
        contenders=_two(reached, 8, steps, elman_most=min(reached, MOST_STEPS // steps), **how),
        every=500,
        is_quick=steps == 100 and task != "3c",
    )


def _marked(name: str, steps: int, reached: int, *, most_wrong: int = 0) -> Experiment:
    is_sum = name == "adding"
    lowest, combine = (-1.0, lambda a, b: 0.5 + (a + b) / 4) if is_sum else (0.0, np.multiply)
    draw = two_marked_numbers(steps, lowest, combine)
    most_error = 0.01 if is_sum else float("inf")
    judge = counted(draw, within(NUMBERS, 0.04), 2_000, most_wrong=most_wrong, most_error=most_error)
    words = "all of 2,000 within 0.04" if not most_wrong else f"at most {most_wrong} of 2,000 further off than 0.04"
    return Experiment(
        name=f"{name}-{steps}" + (f"-{most_wrong}" if most_wrong else ""),
        title=f"{name}, T = {steps:,}" + (f", {most_wrong} may be wrong" if most_wrong else ""),
        paper=_paper("5.4" if is_sum else "5.5", "LSTM solved it", reached),
        criterion=words + (", mean error below 0.01" if is_sum else ""),
        material=every_seed(draw, judge),
        meaning=NUMBERS,
        outputs=1,
        features=2,
        contenders=_two(reached, 16, steps, elman_most=min(reached, MOST_STEPS // steps)),
        every=1000,
        is_quick=is_sum and steps == 100,
    )


def _order(name: str, windows: list[tuple[int, int]], reached: int) -> Experiment:
    draw, classes = order_of_symbols(*windows), 2 ** len(windows)
    return Experiment(
        name=name,
        title=f"{name}: order of {len(windows)} symbols",
        paper=_paper("5.6", "LSTM solved it", reached),
        criterion="every output within 0.3 in 2,000 sequences, mean error below 0.1",
        material=every_seed(draw, counted(draw, within(CHOICE, 0.3), 2_000, most_error=0.1)),
        meaning=CHOICE,
        outputs=classes,
        symbols=8,
        contenders=_two(reached, 16, 100, elman_most=min(reached, MOST_STEPS // 100)),
        every=500,
        is_quick=name == "6a",
    )


EXPERIMENTS = (
    _reber(),
    _fixed_lag(),
    _random_lag(),
    *(_distractors(*asked) for asked in ((50, 50, 30_000), (100, 100, 31_000), (200, 200, 33_000))),
    *(_distractors(*asked) for asked in ((500, 500, 38_000), (1000, 1000, 49_000), (1000, 50, 203_000))),
    *(_two_sequences("3a", *asked) for asked in ((100, 3, 27_380), (100, 1, 58_370), (1000, 3, 446_850))),
    *(_two_sequences("3b", *asked) for asked in ((100, 3, 41_740), (100, 1, 74_950))),
    # one number of a thousand tells, itself with noise: of the gradient of a few sequences nearly all is chance
    _two_sequences("3b", 1000, 1, 481_060, rows=16, rate=0.002),
    *(_two_sequences("3c", *asked) for asked in ((100, 3, 269_650), (100, 1, 565_640))),
    *(_marked("adding", *asked) for asked in ((100, 74_000), (500, 209_000), (1000, 853_000))),
    _marked("multiplication", 100, 482_000, most_wrong=140),
    _marked("multiplication", 100, 1_273_000, most_wrong=13),
    _order("6a", [(10, 20), (50, 60)], 31_390),
    _order("6b", [(10, 20), (33, 43), (66, 76)], 571_100),
)
