"""Interactions of users with items, out of tables: read, cut into sessions, made ready as windows; and the items."""
