"""What estimators share: their settings, a training in a folder of their own, and a copy that carries its run."""

import io
import shutil
import tempfile
import weakref
import zipfile
from numbers import Integral
from pathlib import Path
from typing import Any, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from statewise import registry
from statewise.bounds import LARGEST_SEED
from statewise.progress.running import train
from statewise.report import Report
from statewise.verbs import Trained, load

RUN, RUN_ZIP = "run", "run_as_zip"
PREFIX = "statewise-"
SETTINGS = ("cell", "hidden_size", "layers", "learning_rate", "minutes", "epochs", "updates")
"Settings of a task that are parameters; None leaves each as the task has it."


class TrainedEstimator(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """An estimator over a task, which is trained in a folder of its own.

    `settings` are further settings of the task, as its page in the reference has them; `random_state` is its seed.
    `run` is the folder of the run; without it a temporary one, which goes when the estimator does. A fitted estimator
    that is copied or sent to another process takes its run along, in memory. After `fit`, `report_` is what the run
    scored on its held-out part compared with simple methods, and `trained_` is what `statewise.load` returns.
    """

    task: ClassVar[str]
    "The task that is trained, by name."

    def _train(self, source: Any, **own: Any) -> None:
        """Train the task on a source in memory; `own` are settings that the data ask for."""
        given = {name: value for name in SETTINGS if (value := getattr(self, name)) is not None}
        kind: Any = registry.find("tasks", self.task)
        task = kind(**{"source": source, "seed": self._seed(), **own, **given, **(self.settings or {})})
        folder = Path(self.run) if self.run is not None else self._temporary() / RUN
        self.report_: Report = train(task, run=folder, quiet=True).report
        self._open(folder)

    def _seed(self) -> int:
        """Return the seed that `random_state` says, as everywhere in scikit-learn: a number, a generator, or None."""
        given = self.random_state
        if isinstance(given, Integral):
            return int(given)
        return int(check_random_state(given).randint(LARGEST_SEED, dtype="int64"))

    def _temporary(self) -> Path:
        """Return a new folder that is removed with this object, or when the process ends."""
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return folder

    def _open(self, run: Path) -> None:
        self._folder, self._trained = run, load(run)

    @property
    def trained_(self) -> Trained:
        """The model that was trained, with its task and codec."""
        check_is_fitted(self)
        found: Trained = self._trained
        return found

    def __sklearn_is_fitted__(self) -> bool:
        """Say whether there is a model."""
        return hasattr(self, "_trained")

    def __getstate__(self) -> dict[str, Any]:
        """Return the parameters and what was found, with the run as the bytes of a zip."""
        state = dict(super().__getstate__())
        if state.pop("_trained", None) is not None:
            state[RUN_ZIP] = _zipped(state.pop("_folder"))
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on where another process, or a copy, has the same model."""
        run = state.pop(RUN_ZIP, None)
        super().__setstate__(state)
        if run is not None:
            path = self._temporary() / f"{RUN}.zip"
            path.write_bytes(run)
            self._open(path)


def _zipped(run: Path) -> bytes:
    """Return a run, given as its folder or as a zip, as the bytes of a zip."""
    if run.is_file():
        return run.read_bytes()
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(run.rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(run))
    return found.getvalue()
