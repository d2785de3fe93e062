"""What a client sends and is sent, as types: checked at the door, and shown with examples in the OpenAPI."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from statewise.server.calls import CallKey
from statewise.server.session_kind import OutputOptions, Show

Key = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9_.~-]*$")]


class Body(BaseModel):
    """A JSON object that holds these fields and no others."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True, protected_namespaces=())


class Idempotent(Body):
    """A call that may be repeated without being applied twice."""

    steps: int | None = Field(
        None, ge=0, le=2**53, strict=True, description="how many inputs the session has read, as far as you know"
    )
    key: Key = Field("", description="what tells your call from another's of the same number; needs `steps`")

    @model_validator(mode="after")
    def _a_key_needs_a_number(self) -> "Idempotent":
        if self.key and self.steps is None:
            raise ValueError("a key needs steps, or a repeated call could not be known")
        return self

    @property
    def call(self) -> CallKey:
        """How this call is known."""
        return CallKey(self.steps, self.key)


class WithOutput(Idempotent):
    """A call that is told what comes next."""

    show: Show | None = Field(
        None, description="the likeliest choices (the default), all `params` of the distribution, or nothing"
    )
    choices: int | None = Field(None, ge=1, le=100, strict=True, description="how many of the likeliest choices [5]")
    settings: dict[str, Any] = Field(
        default_factory=dict, description="of a live session: the settings of the task's live stream"
    )

    @property
    def how(self) -> OutputOptions:
        """How the outcome is to be told."""
        return OutputOptions.asked(self.show, self.choices, self.settings)


class CreateRequest(Body):
    """Which model to begin a session of; it may be left out where there is one."""

    model: str | None = Field(None, max_length=200, examples=["text-shakespeare-1"])
    live: bool | None = Field(
        None, strict=True, description="whether each input is answered as `statewise stream` answers a line"
    )
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="of a live session: settings of the task's live stream to begin with",
    )


class StepRequest(WithOutput):
    """One input: what the model's users have, as `GET /v1/models` says."""

    input: Any = Field(examples=["a"])


class RunRequest(WithOutput):
    """A sequence: a list of inputs, or a text whose units are the inputs."""

    inputs: list[Any] | None = Field(None, min_length=1, examples=[["a", "b"]])
    text: str | None = Field(None, min_length=1, examples=["It was"])
    each: bool = Field(False, strict=True, description="tell what follows every input, not the last alone")

    @model_validator(mode="after")
    def _one_of_two(self) -> "RunRequest":
        if (self.inputs is None) == (self.text is None):
            raise ValueError("give inputs or text, one of them")
        return self

    @property
    def given(self) -> str | list[Any]:
        """What is to be read."""
        return self.inputs if self.inputs is not None else self.text or ""


class SessionPredictRequest(Idempotent):
    """A prompt, and the settings of the task's `predict`, such as `length` and `temperature`."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, hide_input_in_errors=True)

    prompt: str = Field("", examples=["It was"])


class PredictRequest(Body):
    """Arguments of the task's `predict`, by name."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False, hide_input_in_errors=True)

    model: str | None = Field(None, max_length=200, examples=["text-shakespeare-1"])


class SocketPredictRequest(Body):
    """A question over a WebSocket; the session stays where it is."""

    predict: dict[str, Any] = Field(description="arguments of the task's `predict`, by name")


class CompletionRequest(Body):
    """A prompt to be completed, in the words of OpenAI's completions."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False, hide_input_in_errors=True)

    model: str | None = Field(None, max_length=200, examples=["text-shakespeare-1"])
    prompt: str = Field("", examples=["It was"])
    max_tokens: int = Field(16, ge=1, le=10_000, strict=True)
    temperature: float = Field(1.0, ge=0, le=100, strict=True)
    top_p: float | None = Field(None, gt=0, le=1, strict=True)
    seed: int | None = Field(None, ge=-(2**63), lt=2**63, strict=True)
    stop: str | list[str] | None = Field(None)
    stream: bool = False
    echo: bool = False
    n: int = Field(1, ge=1, le=1, strict=True)


class SessionInfo(BaseModel):
    """A session, and where it is."""

    session: str = Field(examples=["X0b1o2rT9dGq5fJ7wZkL3A"])
    model: str = Field(examples=["text-shakespeare-1"])
    steps: int = Field(examples=[0])
    live: bool = Field(examples=[False])


class StepResponse(BaseModel):
    """What a session was told: `choices` with their probabilities, `params`, an `answer`, or `each` a list of these."""

    model_config = ConfigDict(extra="allow")

    session: str = Field(examples=["X0b1o2rT9dGq5fJ7wZkL3A"])
    steps: int = Field(examples=[1])


class ErrorBody(BaseModel):
    """Why something could not be done."""

    model_config = ConfigDict(extra="allow")

    code: str = Field(examples=["conflict"])
    message: str


class ErrorResponse(BaseModel):
    """The answer to what could not be done."""

    error: ErrorBody
