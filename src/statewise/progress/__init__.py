"""How far a training or a scoring is, seen: in a terminal, in a notebook, as plain lines."""
