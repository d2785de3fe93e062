"""What measures statewise from outside: how fast it is, and whether the papers' experiments come out again."""
