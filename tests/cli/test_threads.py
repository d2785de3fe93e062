"""Threads are told how to wait before PyTorch is there to be told too late."""

import subprocess
import sys

from statewise.cli.threads import SPINS, wait_briefly

ASK = """
import os, sys
from statewise.cli import main
main.run = lambda arguments: print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules) or 0
main.main([])
"""


def test_the_command_line_sets_how_threads_wait_before_torch_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, env={}, check=True)
    assert done.stdout.split() == [SPINS, "False"]


def test_what_the_user_said_of_waiting_stays() -> None:
    for said in ({"OMP_WAIT_POLICY": "PASSIVE"}, {"GOMP_SPINCOUNT": "7"}):
        environment = dict(said)
        wait_briefly(environment)
        assert environment == said
