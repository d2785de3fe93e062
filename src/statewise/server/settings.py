"""How a server is to behave: what it lets in, how much of it, and how long it waits."""

from dataclasses import dataclass, field
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits and time-outs, safe as they are.

    `owners` maps the sha256 of each token to the name of its owner; empty, everybody is one owner and needs no token.
    `key_file` holds the keys that sign snapshots, None means those of the store; with `accept_foreign_snapshots` a
    session may begin where any snapshot of the model is, whoever made it.
    """

    owners: dict[bytes, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    origins: frozenset[str] = frozenset()
    key_file: Path | None = None
    accept_foreign_snapshots: bool = False
    most_body_bytes: int = MIB
    most_state_bytes: int = 16 * MIB
    max_bodies_bytes: int = 256 * MIB
    min_bytes_per_second: int = 64 << 10
    max_inputs: int = 10_000
    max_answer_numbers: int = 100_000
    max_sessions: int = 1_000_000
    max_sessions_per_owner: int = 100_000
    most_requests: int = 2048
    most_requests_an_owner: int = 2048
    most_predictions: int = 64
    most_sockets: int = 10_000
    most_connections: int = 20_000
    most_rows: int = 256
    window_microseconds: float = 0.0
    deadline_seconds: float = 10.0
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    idle_seconds: float = 60.0
    predict_seconds: float = 300.0
    drain_seconds: float = 1.0
    stop_seconds: float = 25.0
