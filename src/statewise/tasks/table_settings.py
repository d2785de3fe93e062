"""Settings of every task that reads a table: how numbers, the head and times are written in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_doc import Doc

if TYPE_CHECKING:
    from statewise.data.table_format import TableFormat


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """How a table is written, where it may be meant in two ways."""

    decimal: Annotated[Literal[".", ","], Doc("the decimal mark of numbers in text")] = "."
    thousands: Annotated[str, Doc("what stands between thousands, as . or , or a space")] = ""
    header: Annotated[
        Literal["yes", "no"] | None, Doc("whether the first row names the columns; none asks where it holds values")
    ] = None
    time_format: Annotated[
        str | None, Doc("how times are written, as '%d/%m/%Y %H:%M'; none finds it, or asks where it may be two")
    ] = None
    time_zone: Annotated[
        str | None, Doc("whose clocks times without an offset show, as Europe/Berlin; none changes no time")
    ] = None

    @property
    def table_format(self) -> "TableFormat":
        """How tables are read."""
        from statewise.data.table_format import TableFormat

        return TableFormat(self.decimal, self.thousands, self.header, self.time_format, self.time_zone)
