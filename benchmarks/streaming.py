"""How long does one symbol take, looked up, read and the next one drawn?

    python benchmarks/streaming.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench streaming` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "streaming", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
