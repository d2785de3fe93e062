"""Runs looked at from outside: several beside each other, as a table and a picture, and as TensorBoard reads them."""
