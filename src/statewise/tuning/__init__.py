"""A search for better settings, and training over Ray."""
