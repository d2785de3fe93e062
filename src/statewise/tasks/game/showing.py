"""Episodes to be looked at: one after another, as characters in a terminal or as the frames of a film."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.data.naming import path_of
from statewise.errors import MissingExtra, UsageError
from statewise.task import Answer
from statewise.tasks.game.environment import Environment, GameCodec
from statewise.tasks.game.live import Acted
from statewise.tasks.game.making import INSTALL, maker_of
from statewise.tasks.game.playing import Player, RandomPlayer, agent_draws
from statewise.tasks.game.seats import Seat, SeatTable
from statewise.tasks.game.teams.contests import SCRIPTED, TwoPlayers, scripted_player, sides_of
from statewise.tasks.game.teams.matches import Matches
from statewise.tasks.game.teams.parallel import is_parallel, two_teams
from statewise.tasks.game.watched_steps import WatchedEpisode, WatchedStep

Frame = NDArray[np.uint8]
ITSELF, RANDOM = "itself", "random"
"Of predict --against: the player of the other team."
KINDS = (".gif", ".mp4")
MOST_FRAMES = 20_000
"Of a film: at 30 a second eleven minutes."
FRAMES_PER_SECOND = 30
SMALLEST_SIDE = 160
"Pixels; smaller frames are enlarged by a whole number."


@dataclass(frozen=True)
class Shown:
    """An episode that was played: its return, how long it was, and what was to be seen, as characters."""

    number: int
    seed: int
    total: float
    steps: int
    texts: tuple[str, ...] = ()
    told: tuple[WatchedStep, ...] | None = None
    teams: tuple[tuple[str, float], ...] = ()
    "Of several agents, the mean of what those of each team got."

    def __str__(self) -> str:
        told = f"episode {self.number}: return {self.total:g} in {self.steps:,} steps"
        if self.teams:
            got = ", ".join(f"{team} {mean:g}" for team, mean in self.teams)
            told = f"match {self.number}: {got} in {self.steps:,} steps"
        return "\n".join([*self.texts, told])

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        told: dict[str, Any] = {"episode": self.number, "seed": self.seed, "return": self.total, "steps": self.steps}
        told |= {"teams": dict(self.teams)} if self.teams else {}
        if self.told is None:
            return told
        return {**told, "told": [step.as_json() for step in self.told]}


@dataclass
class Theatre:
    """One environment that is played and rendered; with `watch` each step of an episode is told."""

    name: str
    codec: GameCodec
    longest: int
    mode: str | None = None
    frames: list[Frame] = field(default_factory=list)
    watch: bool = False

    def shows(self, player: Player, seeds: list[int], against: str = ITSELF) -> Iterator[Shown]:
        """Play an episode of each seed. Raises `UsageError` where it cannot be rendered in that mode."""
        env = self._made()
        try:
            if is_parallel(env):
                yield from self._matches(env, player, seeds, against)
                return
            if against != ITSELF:
                raise UsageError(f"{self.name} has one agent, and --against {against} is for two teams: leave it out")
            seat = Seat(self.name, env, self.codec.observed, self.longest)
            for number, seed in enumerate(seeds, start=1):
                yield self._episode(player, seat, number, seed)
        finally:
            env.close()

    def _made(self) -> Any:
        make = maker_of(self.name)
        if self.mode is None:
            return make()
        plain = make()
        modes = list(plain.metadata.get("render_modes") or [])
        plain.close()
        if self.mode not in modes:
            told = f"it can be {', '.join(map(str, modes))}" if modes else "it cannot be rendered"
            raise UsageError(f"{self.name} is not rendered as {self.mode}: {told}")
        return make(render_mode=self.mode)

    def _episode(self, player: Player, seat: Seat, number: int, seed: int) -> Shown:
        table, total, texts = SeatTable.of(1, self.codec.observed.size), 0.0, list[str]()
        watched = WatchedEpisode(self.codec, player) if self.watch else None
        draws, begun = [np.random.default_rng(seed)], np.ones(1, np.bool_)
        player.begin(1)
        seat.reset(seed, table.observations[0])
        texts += self._seen(seat.env)
        if watched is not None:
            watched.saw(*self._last(texts))
        while True:
            with torch.no_grad():
                chosen = player.act(table.observations, begun, draws)
            seat.step(self.codec.actions.made(chosen)[0], table, 0)
            total, begun = total + float(table.rewards[0]), np.zeros(1, np.bool_)
            is_last = bool(table.terminated[0] or table.truncated[0])
            seat.check(table.observations[0], is_last=is_last)
            texts += self._seen(seat.env)
            if watched is not None:
                watched.did(chosen, float(table.rewards[0]))
                watched.saw(*self._last(texts))
            if is_last:
                kept = None if watched is None else tuple(watched.kept)
                return Shown(number, seed, total, seat.steps, tuple(texts), kept)

    def _matches(self, env: Any, player: Player, seeds: list[int], against: str) -> Iterator[Shown]:
        """Play matches; against another player the policy has the team that is named first."""
        matches = Environment(self.name, self.longest).matches(self.codec, 1, [env])
        if against != ITSELF:
            player = TwoPlayers(player, self._opponent(matches, against), sides_of(matches))
        for number, seed in enumerate(seeds, start=1):
            yield self._match(player, matches, number, seed)

    def _opponent(self, matches: Matches, against: str) -> Player:
        two_teams(self.name, matches.agents, f"--against {against}")
        known = self.codec
        if against == RANDOM:
            return RandomPlayer(known.observed, known.actions)
        script = scripted_player(matches.envs[0], known.observed, known.actions)
        if script is None:
            raise UsageError(f"{self.name} has no method `{SCRIPTED}` that plays by a script: give --against {RANDOM}")
        return script

    def _match(self, player: Player, matches: Matches, number: int, seed: int) -> Shown:
        env, draws, texts = matches.envs[0], agent_draws(seed, matches.each), list[str]()
        watched = WatchedEpisode(self.codec, player) if self.watch else None
        begun, is_over = np.ones(matches.each, np.bool_), False
        player.begin(matches.each)
        matches.start(0, seed)
        texts += self._seen(env)
        if watched is not None:
            watched.saw(*self._last(texts))
        while not is_over:
            with torch.no_grad():
                chosen = player.act(matches.observations, begun, draws)
            there, made = matches.present[0].copy(), self.codec.actions.made(chosen)
            is_over = matches.advance(0, made)
            begun = ~matches.present[0]
            texts += self._seen(env)
            if watched is not None:
                names = matches.agents.names
                did = {name: np.asarray(made[at]).tolist() for at, name in enumerate(names) if there[at]}
                watched.was_done(Acted(did), float(matches.table.rewards[there].mean()))
                watched.saw(*self._last(texts))
        got, of = matches.gathered[0], np.array(matches.agents.teams)
        teams = tuple((team, float(got[of == team].mean())) for team in dict.fromkeys(matches.agents.teams))
        told = None if watched is None else tuple(watched.kept)
        return Shown(number, seed, float(got.mean()), int(matches.steps[0]), tuple(texts), told, teams)

    def _last(self, texts: list[str]) -> tuple[str | None, Frame | None]:
        """Return what was seen last, as characters or as a frame, as far as the environment is rendered."""
        return (texts[-1] if texts else None), (self.frames[-1] if self.frames else None)

    def _seen(self, env: Any) -> list[str]:
        if self.mode is None:
            return []
        frame = env.render()
        if self.mode == "ansi":
            return [str(frame).rstrip()]
        if len(self.frames) < MOST_FRAMES:
            self.frames.append(np.asarray(frame, np.uint8))
        return []


def answer_of(theatre: Theatre, video: str | None, shows: Callable[[], Iterator[Shown]]) -> Answer:
    """Return what was played as it is printed; with `video` also a film of it."""
    if video is None:
        shown = shows()
        return Answer((f"{one}\n" for one in shown), lambda: {"answer": [one.as_json() for one in shown]}, end="")
    kind_of(video)
    played = list(shows())
    notice = write_film(video, theatre.frames)
    return Answer((f"{one}\n" for one in played), lambda: {"answer": [one.as_json() for one in played]}, "", [notice])


def mode_to_watch(name: str) -> str | None:
    """Return how an environment can be seen: as characters, or else as frames; None where it is not rendered."""
    plain = maker_of(name)()
    modes = list(plain.metadata.get("render_modes") or [])
    plain.close()
    return next((mode for mode in ("ansi", "rgb_array") if mode in modes), None)


def kind_of(path: str) -> str:
    """Return the ending of a film's name. Raises `UsageError` for any other."""
    kind = Path(path).suffix.lower()
    if kind not in KINDS:
        raise UsageError(f"--video {path} is not a film: give a name that ends in {' or '.join(KINDS)}")
    return kind


def write_film(path: str, frames: list[Frame], pace: float = FRAMES_PER_SECOND) -> str:
    """Write frames as a GIF or MP4, and say so. Raises `UsageError` where there are none."""
    if not frames:
        raise UsageError(f"there are no frames to write to {path}")
    kind, place = kind_of(path), path_of(path)
    enlarged = [_enlarged(frame) for frame in frames]
    temporary = place.with_name(f".{place.name}.part{kind}")
    writer: Callable[[Path, list[Frame], float], None] = _gif if kind == ".gif" else _mp4
    try:
        writer(temporary, enlarged, pace)
        temporary.replace(place)
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror or error}): give another place") from error
    finally:
        temporary.unlink(missing_ok=True)
    return f"{path} shows {len(frames):,} frames"


def _enlarged(frame: Frame) -> Frame:
    times = max(1, -(-SMALLEST_SIDE // min(frame.shape[:2])))
    large = frame.repeat(times, axis=0).repeat(times, axis=1)
    return large[: large.shape[0] // 2 * 2, : large.shape[1] // 2 * 2, :3]  # films have even sides


def _gif(place: Path, frames: list[Frame], pace: float) -> None:
    try:
        from PIL import Image
    except ImportError:
        raise MissingExtra(f"a GIF needs Pillow: {INSTALL}") from None
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(place, save_all=True, append_images=others, duration=max(20, round(1000 / pace)), loop=0)


def _mp4(place: Path, frames: list[Frame], pace: float) -> None:
    try:
        import av
    except ImportError:
        raise MissingExtra(f"an MP4 needs PyAV: {INSTALL}") from None
    with av.open(str(place), "w") as film:
        stream: Any = film.add_stream("libx264", rate=round(pace))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        film.mux(stream.encode())
