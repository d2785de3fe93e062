"""What runs in the peers' own environments: plain scripts that know nothing of this package."""
