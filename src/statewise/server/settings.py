"""How a server is to behave: where it listens, what it lets in, how much of it, and how long it waits.

Fields with `Doc` are flags of `statewise serve`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

from annotated_doc import Doc
from annotated_types import Ge, Gt, Interval, Le

MIB = 1 << 20
COUNT = Interval(ge=1, le=2**31 - 1)
LONGEST_SECONDS = 1e6
OPEN_PATHS = frozenset({"/livez", "/readyz"})
"What a proxy asks, which has no token."


@dataclass(frozen=True, kw_only=True)
class ListenOptions:
    """Where to listen, which tokens are accepted, and where sessions are stored."""

    name: ClassVar[str] = "serve"

    store: Annotated[str, Doc("session store: memory, sqlite:PATH or redis://HOST:PORT/NUMBER")] = "memory"
    host: Annotated[str, Doc("the address to listen at")] = "127.0.0.1"
    port: Annotated[int, Doc("the port to listen at; 0 takes a free one"), Interval(ge=0, le=65535)] = 8000
    token_file: Annotated[Path | None, Doc("accepted tokens: lines TOKEN or NAME TOKEN; made if missing")] = None
    key_file: Annotated[Path | None, Doc("keys that sign snapshots, made if need be [default: those of the store]")] = (
        None
    )
    accept_foreign_snapshots: Annotated[bool, Doc("restore snapshots that no server of the store has made")] = False
    allow_host: Annotated[tuple[str, ...], Doc("also answer under this Host")] = ()
    allow_origin: Annotated[tuple[str, ...], Doc("also answer pages of this Origin (CORS)")] = ()
    conversation_log: Annotated[
        Path | None, Doc("append what bots hear and say under /v1/bots to this file, without what is private")
    ] = None
    ttl_hours: Annotated[float, Doc("hours after its last step until a session is deleted"), Gt(0), Le(1e6)] = 24.0


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """Limits and time-outs, safe as they are.

    `owners` maps the sha256 of each token to the name of its owner; empty, all clients are one owner and need no token.
    `key_file` holds the keys that sign snapshots, None means those of the store; with `accept_foreign_snapshots` a
    session may begin at any snapshot of the model, also one that a client made. `cookie` names a cookie that may hold
    the token instead of the header, "" none; what lies at `open_paths` and below `open_prefixes` wants no token.
    """

    name: ClassVar[str] = "serve"

    owners: dict[bytes, str] = field(default_factory=dict)
    hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    origins: frozenset[str] = frozenset()
    cookie: str = ""
    open_paths: frozenset[str] = OPEN_PATHS
    open_prefixes: tuple[str, ...] = ()
    key_file: Path | None = None
    accept_foreign_snapshots: bool = False
    conversation_log: Path | None = None
    max_body_bytes: int = MIB
    max_state_bytes: int = 16 * MIB
    max_bodies_bytes: int = 256 * MIB
    min_bytes_per_second: int = 64 << 10
    max_answer_numbers: int = 100_000
    max_predictions: int = 64
    max_batch_size: Annotated[int, Doc("maximum number of sessions stepped in one call"), COUNT] = 256
    max_requests: Annotated[int, Doc("maximum number of requests at once, then 503"), COUNT] = 2048
    max_requests_per_owner: Annotated[int, Doc("maximum number of an owner's requests at once, then 429"), COUNT] = 2048
    max_sockets: Annotated[int, Doc("maximum number of WebSockets at once, then 503"), COUNT] = 10_000
    max_connections: Annotated[int, Doc("maximum number of connections at once, then 503"), COUNT] = 20_000
    max_inputs: Annotated[int, Doc("most inputs read by one call, and characters of a prompt"), COUNT] = 10_000
    max_sessions: Annotated[int, Doc("most sessions in the store, then 507"), COUNT] = 1_000_000
    max_sessions_per_owner: Annotated[int, Doc("most sessions of one owner, then 507"), COUNT] = 100_000
    window_microseconds: Annotated[
        float, Doc("microseconds that a step waits for other requests"), Interval(ge=0, le=1e9)
    ] = 0.0
    deadline_seconds: Annotated[float, Doc("how long a step may take, then 503"), Ge(0.001), Le(LONGEST_SECONDS)] = 10.0
    idle_seconds: Annotated[float, Doc("how long a silent connection is kept"), Ge(1), Le(LONGEST_SECONDS)] = 60.0
    body_seconds: float = 10.0
    header_seconds: float = 10.0
    predict_seconds: float = 300.0
    drain_seconds: float = 1.0
    stop_seconds: float = 25.0
