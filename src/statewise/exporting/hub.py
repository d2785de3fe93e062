"""A run put on the Hugging Face Hub: what `load` reads, with a card that has its scores next to the baselines."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from statewise.errors import UsageError
from statewise.exporting.folder import write_folder
from statewise.report import Report
from statewise.run.history import RunHistory
from statewise.run.hub_names import HUB, client, of_hub, repository_of
from statewise.shown import in_code, in_markdown
from statewise.verbs import Trained

CARD = """---
library_name: statewise
tags: [statewise, recurrent-neural-network, {task}]
---

# {title}

A recurrent network for the task {task}, {parameters:,} parameters, trained with statewise for {update:,} updates.

```console
$ pip install 'statewise[hub]'
$ statewise predict hub:{name} --help
$ statewise inspect hub:{name}
```

## Scores, next to simple methods on the same held-out data

{scores}

Data: {data}. Settings: `run.yaml`. Nothing in these files is executed when they are read.
"""
UNSCORED = "It was not trained to its end, so it was not scored."


def push(trained: Trained, name: str, files: Mapping[str, bytes]) -> None:
    """Put the files of a run and a card into a repository, made where it is missing; older weights are removed.

    Raises `UsageError` for what is no name or has a revision, `MissingExtra` without the client, `RunError` where it
    cannot be put there.
    """
    repository, revision = repository_of(name)
    if revision is not None:
        raise UsageError(f"{HUB}{name} names a revision, and a push makes one: give {HUB}{repository}")
    api = client().HfApi()
    with TemporaryDirectory(prefix="statewise-") as temporary:
        folder = Path(temporary, "run")
        write_folder(folder, {**files, "README.md": card(trained, name).encode()})
        with of_hub(name):
            api.create_repo(repository, exist_ok=True)
            api.upload_folder(
                repo_id=repository,
                folder_path=folder,
                delete_patterns=["checkpoints/*"],
                commit_message=f"Put update {trained.update:,} of a run of statewise here",
            )


def card(trained: Trained, name: str) -> str:
    """Return the card of a run, in Markdown."""
    report = RunHistory.of(trained.path).report
    told = [f"{key.replace('_', ' ')} {value}" for key, value in trained.facts.items() if isinstance(value, int | str)]
    return CARD.format(
        task=trained.task.name,
        title=in_markdown(name.rpartition("/")[2]),
        name=name,
        parameters=trained.model.parameter_count,
        update=trained.update,
        scores=Report(**report).markdown() if report else UNSCORED,
        data=in_code(", ".join(told)[:2000]) if told else "not known",
    )
