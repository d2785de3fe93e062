"""Settings of every task that reads a table: how numbers, the head and times are written in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_doc import Doc

if TYPE_CHECKING:
    from statewise.data.tables.table_format import TableFormat


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """How a table is written, where it may be meant in two ways."""

    decimal: Annotated[Literal[".", ","], Doc("the decimal mark of numbers in text")] = "."
    thousands: Annotated[
        str, Doc("mark between thousands in numbers, such as . or , or a space; if not given, no mark")
    ] = ""
    header: Annotated[
        Literal["yes", "no"] | None,
        Doc("whether the first row names the columns; if not given, yes, and a first row of values is refused"),
    ] = None
    time_format: Annotated[
        str | None, Doc("how times are written, such as '%d/%m/%Y %H:%M'; if not given, it is found from the data")
    ] = None
    time_zone: Annotated[
        str | None,
        Doc("time zone of times without an offset, such as Europe/Berlin; if not given, times stay as they are"),
    ] = None

    @property
    def table_format(self) -> "TableFormat":
        """How tables are read."""
        from statewise.data.tables.table_format import TableFormat

        return TableFormat(self.decimal, self.thousands, self.header, self.time_format, self.time_zone)
