"""Movements that tests write: circles, waves and stillness, as tables of sensors, landmarks of a hand, and films."""

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.data.video.film_writer import write_film

RATE = 20.0
CLASSES = ("circle", "nod", "wave")


def moved(kind: str, steps: int, draw: np.random.Generator, rate: float = RATE) -> NDArray[np.float64]:
    """Where a point is, `[T, 2]`: it circles, goes up and down, goes left and right, or (`none`) hardly moves."""
    turn = 2 * math.pi * (1.0 + draw.uniform(-0.1, 0.1)) * np.arange(steps) / rate + draw.uniform(0, 6)
    x, y = np.cos(turn), np.sin(turn)
    still = np.zeros(steps)
    path = {"circle": (x, y), "nod": (still, y), "wave": (x, still), "none": (still, still)}[kind]
    return np.stack(path, axis=1) + draw.normal(0, 0.05, (steps, 2))


def sensor_table(folder: Path, *, people: int = 4, each: int = 3, seconds: float = 1.5) -> Path:
    """Write recordings of single gestures by several people, one after another."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, lines = np.random.default_rng(0), ["recording,time,person,label,x,y"]
    for number in range(people * each * len(CLASSES)):
        kind, person = CLASSES[number % 3], f"p{number // 3 % people}"
        for step, (x, y) in enumerate(moved(kind, round(seconds * RATE), draw)):
            lines.append(f"r{number},{step / RATE:.3f},{person},{kind},{x:.4f},{y:.4f}")
    path = folder / "sensors.csv"
    path.write_text("\n".join(lines) + "\n")
    (folder / "asked.csv").write_text("\n".join(line for line in lines if line.startswith(("rec", "r0,"))) + "\n")
    return path


def stretches_table(folder: Path, *, recordings: int = 8, gestures: int = 5) -> Path:
    """Write long recordings in which gestures come between pauses."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, lines = np.random.default_rng(1), ["recording,time,label,x,y"]
    for number in range(recordings):
        time = 0.0
        for place in range(2 * gestures + 1):
            kind = "none" if place % 2 == 0 else CLASSES[int(draw.integers(3))]
            for x, y in moved(kind, int(draw.integers(25, 40)), draw):
                lines.append(f"r{number},{time:.3f},{kind},{x:.4f},{y:.4f}")
                time += 1 / RATE
    path = folder / "stretches.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def hands(folder: Path, *, each: int = 8, steps: int = 12) -> Path:
    """Write a folder of arrays by class: landmarks of a hand that moves, sometimes not seen."""
    draw = np.random.default_rng(2)
    for kind in CLASSES:
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            hand = draw.normal(0, 0.05, (21, 3)) + np.linspace(0, 0.2, 21)[:, None]
            frames = np.tile(0.5 + hand, (steps, 1, 1))
            frames[:, :, :2] += 0.2 * moved(kind, steps, draw)[:, None]
            frames[int(draw.integers(steps))] = 0.0
            np.save(folder / kind / f"{number}.npy", frames.reshape(steps, -1).astype(np.float32))
    return folder


def picture(x: float, y: float, size: int = 24) -> NDArray[np.uint8]:
    """Draw a bright square at a place from -1 to 1."""
    found = np.full((size, size, 3), 20, np.uint8)
    row, column = (round((0.5 + 0.3 * part) * (size - 6)) for part in (y, x))
    found[row : row + 6, column : column + 6] = 230
    return found


def clips(folder: Path, *, each: int = 8, steps: int = 12, kind: str = ".mp4", **how: Any) -> Path:
    """Write clips of a square that moves, in a folder for each class."""
    draw = np.random.default_rng(3)
    for name in CLASSES[:2]:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for number in range(each):
            pictures = [picture(x, y) for x, y in moved(name, steps, draw)]
            write_film(folder / name / f"{number}{kind}", pictures, [n / RATE for n in range(steps)], **how)
    return folder
