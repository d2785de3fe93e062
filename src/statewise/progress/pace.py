"""What is worth saying of a training under way: its pace, and large gradients, which come one after another, once."""

from collections import deque
from typing import TYPE_CHECKING

from statewise.learning.events import Updated

if TYPE_CHECKING:
    from statewise.task import Task

RECENT = 50


class Pace:
    """How training goes: the loss and the speed over the last updates, and the time left."""

    def __init__(self) -> None:
        self.recent: deque[Updated] = deque(maxlen=RECENT)

    def note(self, updated: Updated) -> None:
        """Take one more update into account."""
        self.recent.append(updated)

    @property
    def nats(self) -> float:
        """Mean loss over the recent updates."""
        places = sum(updated.places for updated in self.recent)
        return sum(updated.nats * updated.places for updated in self.recent) / places

    @property
    def places_per_second(self) -> float:
        """Speed over the recent updates."""
        seconds = self.recent[-1].seconds - self.recent[0].seconds
        return sum(updated.places for updated in list(self.recent)[1:]) / seconds if seconds > 0 else 0.0

    @property
    def seconds_left(self) -> float:
        """Time to the end of training at the recent speed."""
        first, last = self.recent[0], self.recent[-1]
        done = last.fraction - first.fraction
        return (1 - last.fraction) * (last.seconds - first.seconds) / done if done > 0 else 0.0

    def words(self, task: "Task") -> str:
        """Say the loss, and the speed once two updates have shown it."""
        speed = self.places_per_second
        return f"{task.gauge(self.nats)}  {speed:,.0f}/s" if speed else task.gauge(self.nats)

    @property
    def left(self) -> str:
        """Say the time left, or nothing while it is not known."""
        if not self.places_per_second:
            return ""
        minutes, seconds = divmod(int(self.seconds_left), 60)
        return f"{minutes}:{seconds:02d} left"


class LargeGradients:
    """Updates whose gradient is ten times what is usual: the first is told at once, all that follow in one line."""

    def __init__(self) -> None:
        self.count, self.norm, self.last = 0, 0.0, 0

    def note(self, updated: Updated) -> str:
        """Take an update into account, and say of the first large gradient how large it is."""
        if not updated.is_exploding:
            return ""
        self.count += 1
        if self.count == 1:
            usual = f"where {updated.usual:.3g} is usual"
            return f"update {updated.update:,} has a gradient of norm {updated.norm:.3g} {usual}"
        self.norm, self.last = max(self.norm, updated.norm), updated.update
        return ""

    def words(self) -> str:
        """Say how many came after the first one, or nothing where none did."""
        if self.count < 2:
            return ""
        more = f"{self.count - 1:,} more updates" if self.count > 2 else "1 more update"
        return (
            f"{more}, the last of them {self.last:,}, had a gradient ten times what is usual or larger, of norm "
            f"{self.norm:.3g} at most: where the loss does not fall, lower --learning-rate or --clip"
        )
