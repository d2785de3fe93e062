"""How fast is this on the machine at hand, and how fast are the others: measured in turns, in one run."""
