"""Reports on runs: how far back a network remembers, several runs compared, curves and TensorBoard files."""
