"""What a server counts and measures, for Prometheus to read."""

from typing import Any, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from statewise.server.errors import BUSY, ErrorKind

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@final
class Metrics:
    """The figures of one server."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        named: dict[str, Any] = {"registry": self.registry, "namespace": "statewise"}
        self.steps = Counter("steps", "inputs that sessions have read", ["model"], **named)
        self.rows = Histogram("batch_rows", "sessions stepped in one call", ["model"], buckets=ROWS, **named)
        self.batch_seconds = Histogram(
            "batch_seconds", "time of one call of the model", ["model"], buckets=SECONDS, **named
        )
        self.seconds = Histogram("request_seconds", "time from request to answer", ["verb"], buckets=SECONDS, **named)
        self.store_seconds = Histogram("store_seconds", "time of one call of the store", buckets=SECONDS, **named)
        self.sessions = Gauge("sessions", "sessions in the store", **named)
        self.sockets = Gauge("sockets", "WebSockets that are open", **named)
        self.waiting = Gauge("waiting", "sessions that wait for their turn", **named)
        self._refusals = Counter("refusals", "requests that were not granted", ["code"], **named)
        self._refusals.labels(BUSY.code)  # shown before the first one, so that its increase can be asked for
        self.unfinished_bodies = Counter(
            "unfinished_bodies", "requests whose client left before its body was whole", **named
        )
        self.unread_answers = Counter(
            "unread_answers", "requests that were ended because their client left before the answer", **named
        )

    def refused(self, kind: ErrorKind) -> None:
        """Count a request that was not granted."""
        self._refusals.labels(kind.code).inc()

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
