"""Films that are made: things of several materials fall, bounce and are struck, and recorded hits sound with them."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from statewise.data.audio.sound import Samples, SoundFile
from statewise.data.sounding.film_hits import FilmHit, hits_table
from statewise.data.video.film import Film, Picture
from statewise.data.video.film_muxing import write_with_sound
from statewise.data.video.film_writer import write_film
from statewise.errors import DataError, MissingExtra

RATES = (24.0, 25.0, float(Fraction(30000, 1001)), 30.0, 30.0, 30.0, 60.0)
"Frames a second of films, one of these each."
WIDE, HIGH, FLOOR = 2.0, 1.5, 0.12
"The room that is seen, and how high its floor is, in metres."
GRAVITY, STEP, STRIDE = -9.8, 1 / 600, 1
SLOWEST, FASTEST = 0.5, 5.0
"Metres a second at which a hit is heard at all, and at which it is as loud as can be."
PAUSE = 0.05
"Seconds in which a thing sounds once."
NEAREST = 0.075
"Seconds between two hits of a scene, at least."
RATE = 44_100
LONGEST_HIT = 1.2
PARTS = {"train": 0, "validation": 1, "test": 2}
COLOURS: tuple[tuple[int, int, int], ...] = (
    (150, 60, 40),
    (225, 190, 90),
    (140, 160, 190),
    (235, 235, 235),
    (70, 170, 90),
    (150, 90, 180),
    (230, 130, 40),
    (60, 190, 200),
)
"Of the first, second ... material by name."


def physics() -> Any:
    """Return pymunk. Raises `MissingExtra` where it is not installed."""
    try:
        import pymunk
    except ImportError:
        raise MissingExtra("films are made with pymunk: pip install 'statewise[sound]'") from None
    return pymunk


@final
@dataclass(frozen=True)
class Thing:
    """A thing in a scene: its material's number, size, colour, and where it is at each step of time `[N, 2]`."""

    material: int
    radius: float
    colour: tuple[float, float, float]
    is_square: bool
    places: NDArray[np.float64]


@final
@dataclass(frozen=True)
class MadeScene:
    """What happens in a scene: things, and hits as time, strength and number of the material."""

    seconds: float
    things: tuple[Thing, ...]
    hits: tuple[tuple[float, float, int], ...]


def made_scene(materials: int, seconds: float, draw: np.random.Generator) -> MadeScene:
    """Return a scene: one to three things fall and bounce, and in some a stick strikes one that stands.

    No two hits are nearer to each other than `NEAREST` seconds: such a scene is drawn again.
    """
    while True:
        scene = _drawn_scene(materials, seconds, draw)
        times = [hit[0] for hit in scene.hits]
        if all(after - before >= NEAREST for before, after in pairwise(times)):
            return scene


def _drawn_scene(materials: int, seconds: float, draw: np.random.Generator) -> MadeScene:
    things, hits = [], []
    chosen = draw.permutation(materials)
    is_struck = draw.random() < 0.4
    falling = int(draw.integers(1, 3 if is_struck else 4))
    columns = draw.permutation(np.linspace(0.3, WIDE - 0.3, falling + is_struck))
    for number in range(falling):
        material = int(chosen[number % materials])
        thing, own = _fallen(material, float(columns[number]), seconds, draw)
        things.append(thing)
        hits += own
    if is_struck:
        material = int(chosen[falling % materials])
        standing, own = _struck(material, float(columns[falling]), seconds, draw)
        things += standing
        hits += own
    return MadeScene(seconds, tuple(things), tuple(sorted(hits)))


def _colour(material: int, draw: np.random.Generator) -> tuple[float, float, float]:
    red, green, blue = COLOURS[material % len(COLOURS)]
    return tuple(float(np.clip(part * draw.uniform(0.88, 1.12), 0, 255)) for part in (red, green, blue))  # type: ignore[return-value]


def _fallen(
    material: int, column: float, seconds: float, draw: np.random.Generator
) -> tuple[Thing, list[tuple[float, float, int]]]:
    """Let a thing fall after a while; return it with the hits of its bounces."""
    pymunk = physics()
    space = pymunk.Space()
    space.gravity = (0, GRAVITY)
    radius = float(draw.uniform(0.09, 0.16))
    floor = pymunk.Segment(space.static_body, (-9, FLOOR - 0.5), (9, FLOOR - 0.5), 0.5)
    sides = [pymunk.Segment(space.static_body, (x, -9), (x, 99), 0.5) for x in (-0.5, WIDE + 0.5)]
    body = pymunk.Body(1.0, pymunk.moment_for_circle(1.0, 0, radius))
    shape = pymunk.Circle(body, radius)
    bounce = float(draw.uniform(0.3, 0.75))
    for one in (floor, *sides, shape):
        one.elasticity, one.friction = bounce**0.5, 0.4
    shape.collision_type = 1
    space.add(floor, *sides, body, shape)
    begins = float(draw.uniform(0.1, 0.35 * seconds))
    body.position = (column, float(draw.uniform(0.7, HIGH - 0.05)))
    speed = (float(draw.uniform(-0.8, 0.8)), float(draw.uniform(-0.5, 1.0)))
    hits: list[tuple[float, float, int]] = []
    now = [0.0, -9.0]

    def struck(arbiter: Any, space: Any, data: Any) -> None:
        if arbiter.is_first_contact and now[0] - now[1] > PAUSE:
            fast = arbiter.total_impulse.length / (1 + bounce)
            if fast > SLOWEST:
                now[1] = now[0]
                hits.append((now[0], _strength(fast), material))

    space.on_collision(1, 0, post_solve=struck)
    places = []
    for number in range(round(seconds / STEP)):
        now[0] = number * STEP
        if now[0] >= begins:
            if speed != (0.0, 0.0):
                body.velocity, speed = speed, (0.0, 0.0)
            space.step(STEP)
        if number % STRIDE == 0:
            places.append(tuple(body.position))
    thing = Thing(material, radius, _colour(material, draw), bool(draw.random() < 0.4), np.array(places))
    return thing, hits


def _strength(fast: float) -> float:
    return float(np.clip(fast / FASTEST, 0.05, 1.0))


def _struck(
    material: int, column: float, seconds: float, draw: np.random.Generator
) -> tuple[list[Thing], list[tuple[float, float, int]]]:
    """Let a stick strike a thing that stands, now and then, sometimes twice in a tenth of a second."""
    radius = float(draw.uniform(0.12, 0.18))
    stands = FLOOR + radius
    times = np.arange(0, seconds, STEP)[::STRIDE]
    tip = 0.06
    rest = stands + radius + tip + 0.35
    contact = stands + radius + tip
    height = np.full(len(times), rest)
    hits, at = [], float(draw.uniform(0.3, 0.8))
    while at < seconds - 0.15:
        count, apart = (2, float(draw.uniform(0.08, 0.14))) if draw.random() < 0.25 else (1, 0.0)
        strength = float(draw.uniform(0.3, 1.0))
        first, last = at, at + (count - 1) * apart
        height = np.minimum(height, _swing(times, first, contact, rest, strength, before=True))
        height = np.minimum(height, _swing(times, last, contact, rest, strength, before=False))
        if count == 2:
            between = (times > first) & (times < last)
            phase = (times[between] - first) / apart
            height[between] = contact + 0.35 * apart * 4 * phase * (1 - phase)
        hits += [(first + k * apart, strength, material) for k in range(count)]
        at = last + float(draw.uniform(0.35, 0.9))
    standing = np.tile([column, stands], (len(times), 1))
    stick = np.stack([np.full(len(times), column), height], axis=1)
    thing = Thing(material, radius, _colour(material, draw), bool(draw.random() < 0.4), standing)
    return [thing, Thing(-1, tip, (40.0, 30.0, 30.0), True, stick)], hits


def _swing(times: Any, at: float, contact: float, rest: float, strength: float, *, before: bool) -> Any:
    """Return how high a stick is that comes down to `contact` at a time, or goes up from it."""
    takes = 0.22 - 0.12 * strength
    phase = (at - times) / takes if before else (times - at) / (1.6 * takes)
    inside = (phase >= 0) & (phase < 1)
    shape = 1 - (1 - phase.clip(0, 1)) ** 2
    return np.where(inside, contact + (rest - contact) * shape, rest)


def pictures_of(
    scene: MadeScene, times: Sequence[float], draw: np.random.Generator, height: int = 64
) -> Iterator[Picture]:
    """Yield the pictures of a scene at some times, as a camera of its own sees them in a light of its own."""
    width = 2 * round(height * WIDE / HIGH / 2)
    zoom, light = draw.uniform(0.85, 1.15), draw.uniform(0.65, 1.15)
    across, up = draw.uniform(-0.12, 0.12), draw.uniform(-0.06, 0.06)
    drift = draw.uniform(-0.05, 0.05, 2) if draw.random() < 0.3 else np.zeros(2)
    wall, ground = draw.uniform(60, 130, 3), draw.uniform(20, 70, 3)
    tint, slope = draw.uniform(0.93, 1.07, 3), draw.uniform(-0.15, 0.15)
    rows = (height - 0.5 - np.arange(height))[:, None] / height * HIGH
    columns = (np.arange(width) + 0.5)[None] / width * WIDE
    pixel = HIGH / height / zoom
    for time in times:
        x = (columns - WIDE / 2) / zoom + WIDE / 2 + across + drift[0] * time
        y = (rows - HIGH / 2) / zoom + HIGH / 2 + up + drift[1] * time
        below = ((FLOOR - y) / pixel + 0.5).clip(0, 1)[..., None]
        picture = (1 - below) * wall + below * ground + 0 * x[..., None]
        for thing in scene.things:
            place = min(len(thing.places) - 1, round(time / (STEP * STRIDE)))
            left, high = thing.places[place]
            x_away, y_away = np.abs(x - left), np.abs(y - high)
            away = np.maximum(x_away, y_away) if thing.is_square else np.hypot(x_away, y_away)
            covers = ((thing.radius - away) / pixel + 0.5).clip(0, 1)[..., None]
            shine = 1 + 0.25 * ((y - high) / thing.radius).clip(-1, 1)[..., None]
            picture = picture * (1 - covers) + covers * np.array(thing.colour) * shine
        picture = picture * light * tint * (1 + slope * (columns / WIDE - 0.5))[..., None]
        noise = draw.normal(0, 1.5, picture.shape)
        yield (picture + noise).clip(0, 255).astype(np.uint8)


def sound_of_scene(scene: MadeScene, recordings: Sequence[Sequence[Samples]], draw: np.random.Generator) -> Samples:
    """Return what a scene sounds like: at each hit a recording of its material, as loud as the hit is strong."""
    found = np.zeros(round(scene.seconds * RATE), np.float32)
    own = [int(draw.integers(len(of))) for of in recordings]
    for seconds, strength, material in scene.hits:
        samples = recordings[material][own[material]] * np.float32(0.1 + 0.9 * strength)
        first = round(seconds * RATE)
        piece = samples[: max(0, len(found) - first)]
        found[first : first + len(piece)] += piece
    return found * np.float32(0.5)


def recording_of(path: Path) -> Samples:
    """Return a recorded hit from where it begins, as loud as others, not longer than is wanted."""
    samples, _ = SoundFile(path).samples(RATE)
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-4:
        raise DataError(f"{path} is silent: give a recorded hit")
    first = int(np.argmax(np.abs(samples) > 0.05 * peak))
    samples = samples[max(0, first - 20) :][: round(LONGEST_HIT * RATE)] / np.float32(peak)
    fade = min(len(samples), RATE // 20)
    samples[len(samples) - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
    return samples


def parted_recordings(paths: Sequence[Path], held_out: float = 0.25) -> tuple[list[Path], list[Path]]:
    """Return recordings to learn from, and those that are kept for the films that are scored, by their names."""
    order = sorted(paths, key=lambda path: hashlib.sha256(path.name.encode()).digest())
    if len(order) < 2:
        raise DataError("there are fewer than 2 recordings of a material: give some to learn from, and some to score")
    count = max(1, round(held_out * len(order)))
    return order[count:], order[:count]


def write_falling_films(
    recordings: Mapping[str, Sequence[Path]],
    folder: Path,
    *,
    clips: tuple[int, int, int] = (300, 40, 80),
    seconds: float = 3.0,
    seed: int = 0,
    rates: Sequence[float] = RATES,
) -> Iterator[float]:
    """Write films for training, checks and scoring, each with a table of what is struck, yielding how much is done.

    `recordings` are files of recorded hits by material; those of the films that are scored are in no other film, nor is
    a scene. Raises `DataError` for too few, `MissingExtra` without pymunk.
    """
    materials = sorted(recordings)
    parted = [parted_recordings(recordings[name]) for name in materials]
    learned, kept = ([[recording_of(path) for path in own[n]] for own in parted] for n in range(2))
    total, done = max(1, sum(clips)), 0
    for (part, number), count in zip(PARTS.items(), clips, strict=True):
        own = folder / part
        own.mkdir(parents=True, exist_ok=True)
        for clip in range(count):
            draw = np.random.default_rng([seed, number, clip])
            scene = made_scene(len(materials), seconds, draw)
            rate = float(rates[int(draw.integers(len(rates)))])
            write_scene(own / f"scene{clip:04d}.mp4", scene, materials, kept if part == "test" else learned, rate, draw)
            done += 1
            yield done / total


def write_scene(
    path: Path,
    scene: MadeScene,
    materials: Sequence[str],
    recordings: Sequence[Sequence[Samples]],
    rate: float,
    draw: np.random.Generator,
) -> None:
    """Write one film with its sound, and next to it what is struck."""
    times = [n / rate for n in range(math.floor(scene.seconds * rate))]
    silent = path.with_name(f".silent-{path.name}")
    try:
        write_film(silent, pictures_of(scene, times, draw), times)
        write_with_sound(Film(silent), path, iter([sound_of_scene(scene, recordings, draw)]), RATE, 0.0, keep=False)
    finally:
        silent.unlink(missing_ok=True)
    hits = [FilmHit(seconds, strength, materials[material]) for seconds, strength, material in scene.hits]
    path.with_suffix(".csv").write_text(hits_table(hits))
