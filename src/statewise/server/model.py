"""A model that is served: its run, the kinds of sessions that it has, and its answers."""

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

from statewise.errors import DataError, UsageError
from statewise.server.json_values import count_values, dumps_in_turns, plain_json
from statewise.server.live_sessions import LiveSessions
from statewise.server.method_arguments import MethodArguments
from statewise.server.metrics import Metrics
from statewise.server.session_kind import LIVE, STREAM, SessionKind
from statewise.server.settings import ServerSettings
from statewise.server.stream_sessions import StreamSessions
from statewise.shown import in_block
from statewise.stream import keep_digest
from statewise.verbs import Trained


@final
class ServedModel:
    """One model of a server, under the name of its run.

    Its sessions are streams, where a step of its task reads what users have (`Task.inputs`), and live streams, where
    the task has them. Raises `UsageError` where it has neither, or what it gives as an example cannot be read.
    """

    def __init__(self, name: str, trained: Trained, settings: ServerSettings, metrics: Metrics) -> None:
        self.name, self.trained, self._settings, self._metrics = name, trained, settings, metrics
        self.digest = keep_digest(trained.model)
        self._questions = MethodArguments.of(trained.task.predict)
        self.kinds: dict[str, SessionKind] = {}
        if (stream := self._streams()) is not None:
            self.kinds[STREAM] = stream
        try:
            self.kinds[LIVE] = LiveSessions(name, trained, settings, metrics)
        except (UsageError, DataError) as error:
            if not self.kinds:
                raise UsageError(f"{name} cannot be served: {error}") from None
        self._check_sizes()

    @property
    def is_bot(self) -> bool:
        """Whether its live sessions are conversations in the shape of Lex V2."""
        live = self.kinds.get(LIVE)
        return isinstance(live, LiveSessions) and live.is_bot

    @property
    def usual(self) -> SessionKind:
        """The kind of session that is begun where no other is asked for."""
        return next(iter(self.kinds.values()))

    def kind(self, *, live: bool | None) -> SessionKind:
        """Return a kind of session. Raises `UsageError` where this model has none of that kind."""
        if live is None:
            return self.usual
        kind_name = LIVE if live else STREAM
        if kind_name not in self.kinds:
            raise UsageError(f"{self.name} has no {kind_name} sessions: leave out live")
        return self.kinds[kind_name]

    def key(self, kind: SessionKind) -> str:
        """Return the words stored with a session, which identify its model and kind."""
        return self.digest if kind.kind_name == STREAM else f"{self.digest}+{kind.kind_name}"

    def takes(self, *names: str) -> bool:
        """Tell whether the task's `predict` has these settings."""
        return all(name in self._questions for name in names)

    @property
    def answers_prompts(self) -> bool:
        """Whether a session can be asked: whether the task's `predict` reads a stream on."""
        return STREAM in self.kinds and "stream" in inspect.signature(self.trained.task.predict).parameters

    @property
    def questions(self) -> dict[str, Any]:
        """What the task's `predict` may be given, by name, as JSON schemas."""
        return dict(self._questions.schema().get("properties", {}))

    @property
    def files(self) -> frozenset[str]:
        """Which arguments of the task's `predict` hold the bytes of a file."""
        return self._questions.files

    @property
    def example_question(self) -> dict[str, Any]:
        """Arguments of the task's `predict` that show what it answers."""
        return self.trained.task.example_question(self.trained.codec)

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments of the task's `predict`, checked. Raises `UsageError` for one that does not fit."""
        return self._questions.check(given)

    def predict(self, row: bytes | None, prompt: str, how: dict[str, Any]) -> tuple[Any, Iterator[str]]:
        """Return a stream at a session, and the task's answer to a prompt, which reads it on piece by piece.

        Raises `UsageError` where the task answers no prompts on a stream.
        """
        if not self.answers_prompts:
            raise UsageError(f"{self.name} answers no prompts in a session: read inputs, or ask for POST /v1/predict")
        stream = self.trained.stream(row)
        return stream, self.trained.predict(prompt, stream=stream, **how)

    def count(self, text: str) -> int:
        """Return how many inputs a text is: characters, bytes or words, as the task splits it."""
        inputs = self.trained.task.inputs(self.trained.codec)
        return len(inputs.split(text)) if inputs is not None and inputs.split is not None else len(text)

    def answer(self, arguments: dict[str, Any], most: int, table: bytes | None = None) -> bytes:
        """Return what `statewise predict --json` does, for arguments that were checked. It may take long.

        Raises `UsageError` for an answer of more than `most` values, and for a table where the task reads none.
        """
        with self._with_table(arguments, table) as given:
            answer = self.trained.answer(**given)
            notices = {"notices": list(answer.notices)} if answer.notices else {}
            found = plain_json({**answer.as_json(), **notices})
        if (count := count_values(found)) > most:
            raise UsageError(f"an answer of {count:,} values is too long: ask for less (at most {most:,})")
        return dumps_in_turns(found)

    def answer_in_text(self, arguments: dict[str, Any], most: int, table: bytes | None = None) -> bytes:
        """Return what `statewise predict` prints, as `text` with the `notices` before it, for checked arguments.

        Raises `UsageError` for a text of more than `most` characters, and for a table where the task reads none.
        """
        pieces, length = list[str](), 0
        with self._with_table(arguments, table) as given:
            answer = self.trained.answer(**given)
            for piece in answer.pieces:
                pieces.append(piece)
                length += len(piece)
                if length > most:
                    raise UsageError(f"an answer of more than {most:,} characters is too long: ask for less")
        text = in_block("".join(pieces) + answer.end)
        return dumps_in_turns({"text": text, "notices": [in_block(notice) for notice in answer.notices]})

    @contextmanager
    def _with_table(self, arguments: dict[str, Any], table: bytes | None) -> Iterator[dict[str, Any]]:
        """Yield arguments with a table in CSV among them, as a file. Raises `UsageError` where the task reads none."""
        if table is None:
            yield arguments
            return
        if (name := self._questions.table) is None:
            raise UsageError(f"{self.name} reads no table: ask POST /v1/predict")
        with TemporaryDirectory() as folder:
            path = Path(folder, "table.csv")
            path.write_bytes(table)
            yield {**arguments, name: str(path)}

    def facts(self) -> dict[str, Any]:
        """Return what a client may know of the model."""
        trained = self.trained
        return {
            "id": self.name,
            "object": "model",
            "created": 0,
            "owned_by": "statewise",
            "task": trained.task.name,
            "parameters": trained.model.parameter_count,
            "digest": self.digest,
            **self.usual.facts(),
            "sessions": {kind_name: kind.facts() for kind_name, kind in self.kinds.items()},
            "predict": self._questions.schema(),
        }

    async def close(self) -> None:
        """Let what waits be read, then stop."""
        for kind in self.kinds.values():
            await kind.close()

    def _streams(self) -> StreamSessions | None:
        trained = self.trained
        inputs = trained.task.inputs(trained.codec)
        if inputs is None:
            return None
        codec = trained.codec
        called = getattr(codec, "show", None) or getattr(codec, "name", None) or int
        return StreamSessions(self.name, trained.stream(), inputs, self._settings, self._metrics, called)

    def _check_sizes(self) -> None:
        most = self._settings.max_state_bytes
        for kind in self.kinds.values():
            if len(kind.fresh) > most:
                raise UsageError(
                    f"{self.name} cannot be served: a session has {len(kind.fresh):,} bytes, more than {most:,}"
                )
