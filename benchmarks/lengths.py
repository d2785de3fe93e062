"""What do rows of a mean length of 30 % cost, forward and backward?

    python benchmarks/lengths.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench lengths` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "lengths", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
