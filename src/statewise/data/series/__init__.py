"""Series on a grid of time, out of tables: what the columns are, how often they are observed, the panel of all."""
