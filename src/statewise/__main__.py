"""`python -m statewise` is `statewise`."""

from statewise.cli.main import main

main()
