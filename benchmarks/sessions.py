"""How long does one step of many sessions take, an LSTM of two layers?

    python benchmarks/sessions.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench sessions` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "sessions", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
