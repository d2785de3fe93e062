"""What does a very long sequence cost, forward and backward?

    python benchmarks/long_sequences.py [--rounds 7] [--threads N] [--quick] [--save DIR] [--json]

This is `statewise bench long_sequences` with every peer, each in an environment of its own under `benchmarks/.peers`.
"""

import sys
from pathlib import Path

from statewise.cli.main import main

if __name__ == "__main__":
    main(["bench", "long_sequences", "--peers", str(Path(__file__).parent / ".peers"), *sys.argv[1:]])
