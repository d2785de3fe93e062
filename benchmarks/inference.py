"""How long does it take to read a whole sequence, without gradients?

    python benchmarks/inference.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench inference` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "inference", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
