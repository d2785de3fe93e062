"""One application a folder: task.py, data.py, answers.py, and what it needs besides."""
