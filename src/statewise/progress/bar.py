"""A live bar that fits the terminal: on one line where there is room, on two where there is not."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

SPARE_COLUMNS = 2  # for the ^C that a terminal writes after the bar: where it wraps, the bar above is not erased
LONGEST, SHORTEST = 40, 8


class Bar:
    """What is under way, how much of it is done, the time left, and a few words; drawn again when `show` was called."""

    def __init__(self, stage: str) -> None:
        self.show(stage, 0.0, "", "")

    def show(self, stage: str, fraction: float, left: str, words: str) -> None:
        """Show this from now on."""
        self.stage, self.fraction, self.left, self.words = stage, fraction, left, words

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        room = options.max_width - SPARE_COLUMNS
        done = "  ".join(part for part in (f"{self.fraction:4.0%}", self.left) if part)
        whole = f"{done}  {self.words}" if self.words else done
        fits = self._columns_of_bar(room, whole) >= SHORTEST
        trailing = whole if fits else done
        width = min(LONGEST, self._columns_of_bar(room, trailing))
        line = Table.grid(padding=(0, 1))
        bar = [ProgressBar(total=1.0, completed=self.fraction, width=width)] if width >= SHORTEST else []
        line.add_row(Text(self.stage), *bar, Text(_cut(trailing, room - len(self.stage) - 1)))
        yield line
        if not fits:
            yield Text(_cut(self.words, room))

    def _columns_of_bar(self, room: int, trailing: str) -> int:
        return room - len(self.stage) - len(trailing) - 2


def _cut(words: str, columns: int) -> str:
    return words if len(words) <= columns else f"{words[: max(0, columns - 1)]}…"
