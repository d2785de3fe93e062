"""What the proofs of serving share: runs to serve, servers of their own processes, and clients that cost little."""
