"""Training: truncated backpropagation through time as an iterator of events, and the checkpoints it resumes from."""
