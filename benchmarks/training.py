"""How long does the forward and backward pass of an update take?

    python benchmarks/training.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench training` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "training", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
