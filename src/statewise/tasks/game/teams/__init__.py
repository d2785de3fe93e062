"""Several agents in one environment: parallel environments, teams that play themselves, and leagues."""
