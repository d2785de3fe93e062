"""The experiments by which recurrent networks became known, repeated: the papers' figures and ours.

for record in Suite(chosen(["adding-100"]), Path("runs/classics")).run(workers=2): ...
"""

from statewise.classics.experiment import Batch, Contender, Experiment, Material, Paper, Verdict
from statewise.classics.experiments import EXPERIMENTS, chosen
from statewise.classics.suite import Suite
from statewise.classics.summary import summarize
from statewise.classics.trial import run_trial

__all__ = [
    "EXPERIMENTS",
    "Batch",
    "Contender",
    "Experiment",
    "Material",
    "Paper",
    "Suite",
    "Verdict",
    "chosen",
    "run_trial",
    "summarize",
]
