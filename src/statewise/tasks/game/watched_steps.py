"""An episode step by step, to be watched: what was seen, what was done and why, and what it brought."""

import base64
import io
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from statewise.tasks.game.environment import GameCodec
from statewise.tasks.game.live import Acted, acted
from statewise.tasks.game.playing import Player, PolicyPlayer
from statewise.tasks.game.policy import PolicyParams

MOST_STEPS, MOST_PICTURES = 2000, 500
"Of an episode are told; further steps are played, and counted alone."


@dataclass(frozen=True)
class WatchedStep:
    """What was to be seen, as characters or as a PNG in base 64, and what was done then; at the end nothing is."""

    text: str | None
    image: str | None
    did: Acted | None = None
    reward: float | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        did = {"action": None, "value": None, "odds": []} if self.did is None else self.did.as_json()
        return {"text": self.text, "image": self.image, **did, "reward": self.reward}


@dataclass
class WatchedEpisode:
    """The steps of one episode as it is played."""

    codec: GameCodec
    player: Player
    kept: list[WatchedStep] = field(default_factory=list)

    def saw(self, text: str | None, frame: NDArray[np.uint8] | None) -> None:
        """Keep what is to be seen now."""
        if len(self.kept) < MOST_STEPS:
            image = None if frame is None or len(self.kept) >= MOST_PICTURES else _png(frame)
            self.kept.append(WatchedStep(text, image))

    def did(self, chosen: NDArray[Any], reward: float) -> None:
        """Say what was done at what was seen last."""
        if self.kept and self.kept[-1].did is None:
            self.was_done(self._did(chosen), reward)

    def was_done(self, did: Acted, reward: float) -> None:
        """Say what was done at what was seen last, as it is to be told."""
        if self.kept and self.kept[-1].did is None:
            self.kept[-1] = replace(self.kept[-1], did=did, reward=reward)

    def _did(self, chosen: NDArray[Any]) -> Acted:
        if isinstance(self.player, PolicyPlayer) and self.player.last is not None:
            params = PolicyParams(self.player.last.action[0], self.player.last.value[0])
            return acted(params, self.codec, torch.from_numpy(np.asarray(chosen))[0])
        (action,) = self.codec.actions.made(chosen)
        return Acted(np.asarray(action).tolist())


def _png(frame: NDArray[np.uint8]) -> str:
    from PIL import Image

    into = io.BytesIO()
    Image.fromarray(frame[..., :3]).save(into, "PNG")
    return base64.b64encode(into.getvalue()).decode()
