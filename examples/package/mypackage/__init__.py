"""A cell, a head, an encoder and a task for statewise, each in one file and under one entry point."""
