"""The experiments by which recurrent networks became known, repeated: the papers' figures and ours.

for record in Suite(chosen(["adding-100"]), Path("runs/classics")).run(workers=2): ...
"""

from statewise_lab.classics.experiment import Batch, Contender, Experiment, Material, Paper, Verdict
from statewise_lab.classics.experiments import EXPERIMENTS, chosen
from statewise_lab.classics.suite import Suite
from statewise_lab.classics.summary import summarize
from statewise_lab.classics.trial import run_trial

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
