"""Events of users, out of tables: read, cut into sessions, and made ready as windows; and the items they are about."""
