"""The next item of a session."""

from statewise.tasks.recommend.task import Recommend

__all__ = ["Recommend"]
