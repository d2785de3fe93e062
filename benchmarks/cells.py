"""What do cells cost that no library fuses, forward and backward?

    python benchmarks/cells.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench cells` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "cells", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
