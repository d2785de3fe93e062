"""Translation: learn from pairs of sentences, then translate others."""
