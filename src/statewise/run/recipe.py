"""How to train: the settings that every task shares."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from statewise.bounds import (
    LARGEST_SEED,
    LONGEST_MINUTES,
    MOST_AT_ONCE,
    MOST_CHECKS,
    MOST_EPOCHS,
    MOST_PLACES,
    MOST_SEQUENCES,
    MOST_STEPS,
    MOST_THREADS,
    MOST_UPDATES,
)
from statewise.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

DEFAULT_MINUTES = 10.0
DEFAULT_SAVE_SECONDS = 60.0
LARGEST_SHARE_OF_SAVING = 0.02


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How long, how fast and from where to train. Give one of `minutes`, `epochs` and `updates`; none means 10 minutes.

    >>> Recipe(epochs=3).fraction(update=150, epoch_updates=100, seconds=9.0)
    0.5
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"allow_inf_nan": False}
    "Every number of a recipe or a task is finite."

    batch_size: Annotated[int, Doc("batch size: sequences read in parallel"), Ge(1), Le(MOST_SEQUENCES)] = 32
    sequence_length: Annotated[
        int, Doc("sequence length: steps of a window, through which gradients flow back"), Ge(1), Le(MOST_STEPS)
    ] = 64
    truncate: Annotated[
        Literal["window", "none"],
        Doc("truncation of BPTT: `window` cuts gradients at the edges of a window, `none` reads whole rows"),
    ] = "window"
    stride: Annotated[
        int | None,
        Doc(
            "new steps of each window; the steps before them are read again for the gradient; if not given, all are new"
        ),
        Ge(1),
        Le(MOST_STEPS),
    ] = None
    vary: Annotated[
        float,
        Doc("standard deviation of random window lengths, in steps (AWD-LSTM: 5); 0 keeps them equal"),
        Ge(0),
        Le(MOST_STEPS),
    ] = 0.0
    shuffle: Annotated[
        int,
        Doc("shuffle groups of this many windows in each epoch; 0 keeps the order"),
        Ge(0),
        Le(MOST_PLACES),
    ] = 0
    segment: Annotated[
        int,
        Doc("gradient checkpointing: steps whose activations are kept at once; 0 keeps all"),
        Ge(0),
        Le(MOST_STEPS),
    ] = 0
    minutes: Annotated[
        float | None,
        Doc("time budget of the training in minutes; give one budget, or none for 10 minutes at most"),
        Gt(0),
        Le(LONGEST_MINUTES),
    ] = None
    epochs: Annotated[float | None, Doc("budget in epochs: passes over the training part"), Gt(0), Le(MOST_EPOCHS)] = (
        None
    )
    updates: Annotated[int | None, Doc("budget in updates of the weights"), Ge(1), Le(MOST_UPDATES)] = None
    optimizer: Annotated[
        Literal["adam", "adamw", "rmsprop", "sgd", "averaged_sgd", "adagrad", "momentum_adagrad"],
        Doc("optimization method"),
    ] = "adam"
    momentum: Annotated[float, Doc("momentum of sgd and momentum_adagrad; 0 turns it off"), Ge(0), Lt(1)] = 0.9
    weight_decay: Annotated[
        float | None, Doc("weight decay (L2 penalty); if not given, 0, and 0.01 for adamw"), Ge(0)
    ] = None
    learning_rate: Annotated[float, Doc("maximum learning rate"), Gt(0)] = 0.004
    schedule: Annotated[Literal["cosine", "constant", "step", "plateau"], Doc("learning rate schedule")] = "cosine"
    warmup: Annotated[
        int, Doc("warmup: updates during which the learning rate rises from 0"), Ge(0), Le(MOST_UPDATES)
    ] = 50
    drops: Annotated[
        int, Doc("schedule step: how many times the learning rate is lowered, evenly spread"), Ge(1), Le(MOST_CHECKS)
    ] = 3
    factor: Annotated[
        float, Doc("schedules step and plateau: factor by which the learning rate is multiplied"), Gt(0), Lt(1)
    ] = 0.3
    patience: Annotated[
        int,
        Doc("schedule plateau: checks without improvement before the learning rate is lowered"),
        Ge(1),
        Le(MOST_CHECKS),
    ] = 2
    early_stop: Annotated[
        int,
        Doc("early stopping: end after this many checks without improvement; 0 turns it off"),
        Ge(0),
        Le(MOST_CHECKS),
    ] = 0
    keep: Annotated[Literal["last", "best"], Doc("weights to use after training: the last, or the best at a check")] = (
        "last"
    )
    average: Annotated[
        float, Doc("decay of the moving average of the weights; 1 is a plain mean, 0 turns it off"), Ge(0), Le(1)
    ] = 0.0
    average_from: Annotated[float, Doc("share of the training after which averaging begins"), Ge(0), Lt(1)] = 0.5
    accumulate: Annotated[int, Doc("gradient accumulation: windows per update"), Ge(1), Le(MOST_UPDATES)] = 1
    clip: Annotated[float, Doc("gradient clipping: maximum norm; 0 turns it off"), Ge(0)] = 1.0
    clip_value: Annotated[
        float, Doc("gradient clipping: maximum absolute value of each element, after the norm; 0 turns it off"), Ge(0)
    ] = 0.0
    freeze: Annotated[
        tuple[str, ...], Doc("freeze the weights of a part of the model, such as encoder, core.0 or head")
    ] = ()
    retries: Annotated[
        int, Doc("retries from the last checkpoint after a loss or gradient that is not finite"), Ge(0), Le(MOST_CHECKS)
    ] = 3
    retry_factor: Annotated[float, Doc("factor by which each retry multiplies the learning rate"), Gt(0), Lt(1)] = 0.5
    seed: Annotated[int, Doc("seed of all random numbers"), Ge(0), Le(LARGEST_SEED)] = 0
    threads: Annotated[
        int | None, Doc("CPU threads; if not given, as many as PyTorch takes"), Ge(1), Le(MOST_THREADS)
    ] = None
    device: Annotated[str, Doc("device: cpu, cuda or mps")] = "cpu"
    precision: Annotated[
        Literal["32-true", "64-true", "bf16-mixed", "16-mixed"],
        Doc("numerical precision, as Lightning Fabric names it"),
    ] = "32-true"
    checks: Annotated[
        int,
        Doc("how many times to score during training, on the validation part if there is one, else the held-out part"),
        Ge(0),
        Le(MOST_CHECKS),
    ] = 0
    sample_seconds: Annotated[float, Doc("seconds between two samples; 0 turns them off"), Ge(0)] = 30.0
    save_seconds: Annotated[
        float | None,
        Doc(
            "seconds between two checkpoints; if not given, 60, or fifty times the duration of a save if that is longer"
        ),
        Gt(0),
    ] = None
    save_updates: Annotated[
        int,
        Doc("updates between two checkpoints, in addition to --save-seconds; 0 saves by time alone"),
        Ge(0),
        Le(MOST_UPDATES),
    ] = 0

    def __post_init__(self) -> None:
        from statewise.run.config import checked_fields

        vars(self).update(checked_fields(self))  # the class is frozen, and its own values are of the declared types
        given = {name: getattr(self, name) for name in ("minutes", "epochs", "updates")}
        chosen = [f"--{name} {value:g}" for name, value in given.items() if value is not None]
        if len(chosen) > 1:
            raise UsageError(
                f"{' and '.join(chosen)} contradict each other: give one of --minutes, --epochs and --updates"
            )
        self._refuse_contradictions()
        asked = {"--schedule plateau": self.schedule == "plateau", "--keep best": self.keep == "best"}
        asked["--early-stop"] = self.early_stop > 0
        needing = [name for name, is_asked in asked.items() if is_asked]
        if needing and not self.checks:
            raise UsageError(f"{needing[0]} needs scores during training, and --checks is 0: give --checks")

    def _refuse_contradictions(self) -> None:
        if self.batch_size * self.sequence_length > MOST_AT_ONCE:
            raise UsageError(
                f"--batch-size {self.batch_size:,} times --sequence-length {self.sequence_length:,} is more than the "
                f"{MOST_AT_ONCE:,} places of a window: give a smaller one"
            )
        if self.stride and self.sequence_length % self.stride:
            raise UsageError(
                f"--sequence-length {self.sequence_length} is not a multiple of --stride {self.stride}: "
                "give a stride that divides it"
            )
        for name, value in {"stride": self.stride, "vary": self.vary}.items():
            if self.truncate == "none" and value:
                raise UsageError(
                    f"--truncate none reads a row at once, and --{name} {value:g} cuts it: give one of them"
                )

    @property
    def window_steps(self) -> int | None:
        """Steps that a window of the training part has, those read again not counted; None is all that a row has."""
        return None if self.truncate == "none" else self.stride or self.sequence_length

    @property
    def overlap(self) -> int:
        """How many windows are read again before a new one, so that gradients flow through `sequence_length` steps."""
        return self.sequence_length // self.stride - 1 if self.stride else 0

    @property
    def averaging(self) -> float:
        """How much of the mean of the weights an update keeps; for averaged SGD it is a plain mean."""
        return self.average or (1.0 if self.optimizer == "averaged_sgd" else 0.0)

    def weighed(self, name: str, term: "Tensor", update: int, fraction: float) -> "Tensor":
        """Return what a named term of the loss adds to the objective: here its mean as it is.

        A task may weigh its terms, by the number of the `update` or the `fraction` of the training, and bound them.
        """
        return term

    def rate_scale(self, name: str) -> float:
        """Return what the learning rate is multiplied by for the weight of that name: here by 1.

        A task may let parts learn slower or faster than others.
        """
        return 1.0

    def save_interval(self, took: float) -> float:
        """Return the seconds between two checkpoints, given what the last one took: unless told, at most 2 % of them.

        >>> Recipe().save_interval(took=0.1), Recipe().save_interval(took=3.0)
        (60.0, 150.0)
        """
        return float(self.save_seconds or max(DEFAULT_SAVE_SECONDS, took / LARGEST_SHARE_OF_SAVING))

    def fraction(self, update: int, epoch_updates: int, seconds: float) -> float:
        """Return how much of the training is done, from 0 to 1."""
        if self.updates is not None:
            done = update / self.updates
        elif self.epochs is not None:
            done = update / max(1, round(self.epochs * epoch_updates))
        else:
            done = seconds / (60 * (self.minutes or DEFAULT_MINUTES))
        return min(1.0, done)
