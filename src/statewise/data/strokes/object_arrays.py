"""NumPy's arrays of arrays, as `.npz` files of drawings hold them: read by their few opcodes, with nothing executed.

Such a file is written as a program for a stack machine that could call anything. Here it can call four things, each of
them written below: an empty array, a type of numbers, an array's content, and bytes that were written as text. Whatever
else a file asks for is refused by its name.
"""

import struct
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from statewise.errors import DataError
from statewise.shown import in_line

MOST_ARRAYS, MOST_WAITING, MOST_MEMORISED = 1_000_000, 10_000, 8_000_000
"Of the arrays, of what lies on the stack, where NumPy puts a thousand at a time, and of what may be named again."
DTYPES = {f"{kind}{size}" for kind in "iuf" for size in (1, 2, 4, 8)} - {"f1"}
"The types of numbers that an inner array may have; `O8` is what the outer one has."
NAMES = {
    ("numpy.core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy._core.multiarray", "_reconstruct"): "reconstruct",
    ("numpy", "ndarray"): "ndarray",
    ("numpy", "dtype"): "dtype",
    ("_codecs", "encode"): "encode",
}


class _Refused(Exception):
    """What a program asks for that it may not have."""


class _Name:
    """One of the few things that a program may name."""

    def __init__(self, name: str) -> None:
        self.name = name


class _Type:
    """A type of numbers; which end comes first is said after it."""

    def __init__(self, code: str) -> None:
        self.code, self.order = code, "|"


class _Array:
    """An array, empty until it is told its content."""

    def __init__(self) -> None:
        self.content: Any = None


MARK = _Name("mark")


def read_object_array(content: bytes | bytearray, title: str, begin: int = 0) -> Iterator[NDArray[Any]]:
    """Yield the arrays in an array of arrays, as NumPy's `.npy` keeps them after its head, from a place on.

    Raises `DataError`, naming what it asks for, where it is anything else, is damaged, or was cut.
    """
    try:
        arrays = _Machine(content, begin).run()
    except _Refused as refused:
        raise DataError(f"{title} is refused: {in_line(refused)}") from None
    except (struct.error, IndexError, KeyError, ValueError, TypeError, AttributeError):
        raise DataError(f"{title} is damaged or was cut: it is no array of arrays that NumPy wrote") from None
    for array in arrays:
        if not isinstance(array, _Array) or not isinstance(array.content, np.ndarray):
            raise DataError(f"{title} holds something that is no array of numbers: it is refused")
        yield array.content


class _Machine:
    """A stack, a memory, and the opcodes that NumPy writes for arrays."""

    def __init__(self, content: bytes | bytearray, begin: int) -> None:
        self.content, self.place = content, begin
        self.stack: list[Any] = []
        self.memory: dict[int, Any] = {}

    def run(self) -> list[Any]:
        """Go through the opcodes to the end and return what the array that is left holds."""
        while (code := self._take(1)) != b".":
            operation = OPERATIONS.get(code)
            if operation is None:
                raise _Refused(f"opcode {code!r} at byte {self.place - 1:,} is none that NumPy writes for arrays")
            operation(self)
            if len(self.stack) > MOST_WAITING or len(self.memory) > MOST_MEMORISED:
                raise _Refused("it holds more at once than an array of arrays needs")
        (left,) = self.stack
        if not isinstance(left, _Array) or not isinstance(left.content, list):
            raise _Refused("it holds no array of arrays")
        return left.content

    def _take(self, count: int) -> bytes:
        taken = bytes(self.content[self.place : self.place + count])
        if len(taken) < count or count < 0:
            raise IndexError("it was cut")
        self.place += count
        return taken

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _line(self) -> str:
        end = self.content.index(b"\n", self.place, self.place + 200)
        line = self._take(end - self.place)
        self.place += 1
        return line.decode("ascii")

    def _since_mark(self) -> list[Any]:
        start = len(self.stack) - 1
        while self.stack[start] is not MARK:
            start -= 1
            if start < 0:
                raise IndexError("there is no mark")
        taken = self.stack[start + 1 :]
        del self.stack[start:]
        return taken

    def _last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise IndexError("the stack is empty")
        taken = self.stack[-count:]
        del self.stack[-count:]
        return taken

    def named(self, module: str, name: str) -> None:
        """Push one of the known names; refuse any other."""
        if not (isinstance(module, str) and isinstance(name, str)) or (module, name) not in NAMES:
            raise _Refused(f"it asks for {module}.{name}, and only arrays of numbers are read")
        self.stack.append(_Name(NAMES[module, name]))

    def call(self) -> None:
        """Replace one of the known names and its arguments by what it makes."""
        what, given = self._last(2)
        name = what.name if isinstance(what, _Name) else None
        if name == "reconstruct":
            of, shape, _ = given
            if not (isinstance(of, _Name) and of.name == "ndarray") or tuple(shape) != (0,):
                raise _Refused("it makes an array of an unknown kind")
            self.stack.append(_Array())
        elif name == "dtype":
            code = _text(given[0])
            if code not in DTYPES | {"O8"}:
                raise _Refused(f"it has an array of type {code}, and only numbers are read")
            self.stack.append(_Type(code))
        elif name == "encode":
            text, encoding = map(_text, given)
            if encoding != "latin1":
                raise _Refused(f"it has bytes written as {encoding}")
            self.stack.append(text.encode("latin1"))
        else:
            raise _Refused("it calls what cannot be called")

    def build(self) -> None:
        """Tell an array its content, or a type which end of its numbers comes first."""
        state = self._last(1)[0]
        built = self.stack[-1]
        if isinstance(built, _Type):
            built.order = _text(state[1])
            if built.order not in ("<", ">", "|"):
                raise _Refused(f"it has numbers in the order {built.order}")
        elif isinstance(built, _Array) and built.content is None:
            _, shape, of, is_fortran, content = state
            built.content = _filled(shape, of, is_fortran, content)
        else:
            raise _Refused("it tells something its content twice")

    def listed(self, values: list[Any]) -> None:
        """Append values to the list that lies on the stack."""
        held = self.stack[-1]
        if not isinstance(held, list) or len(held) + len(values) > MOST_ARRAYS:
            raise _Refused("it appends to what is no list, or to one that is too long")
        held.extend(values)

    def skip(self, count: int) -> None:
        """Pass over what only says how much follows."""
        self._take(count)

    def text(self, count: int) -> None:
        """Push text of so many bytes."""
        self.stack.append(self._take(count).decode("utf-8", "surrogatepass"))


def _filled(shape: Any, of: Any, is_fortran: Any, content: Any) -> Any:
    if not isinstance(of, _Type) or len(shape) > 3 or not all(type(size) is int and size >= 0 for size in shape):
        raise _Refused("it has an array without a type or a shape")
    if of.code == "O8":
        if not isinstance(content, list) or len(shape) != 1 or shape[0] != len(content):
            raise _Refused("it has an array of other things than arrays")
        return content
    number = np.dtype(("" if of.order == "|" else of.order) + of.code)
    raw = content if isinstance(content, bytes) else _text(content).encode("latin1")
    if len(raw) != prod(shape) * number.itemsize:
        raise _Refused("it has an array whose size is not what its shape says")
    return np.frombuffer(raw, number).reshape(shape, order="F" if is_fortran else "C")


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin1")
    if not isinstance(value, str):
        raise _Refused("it has something else where text should be")
    return value


def _push(value: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(value(machine))


def _memorise(number: Callable[[_Machine], int]) -> Callable[[_Machine], None]:
    return lambda machine: machine.memory.__setitem__(number(machine), machine.stack[-1])


def _recall(form: str) -> Callable[[_Machine], None]:
    return _push(lambda machine: machine.memory[machine._number(form)])


def _tuple_of(count: int) -> Callable[[_Machine], None]:
    return _push(lambda machine: tuple(machine._last(count)))


def _bytes_of(form: str) -> Callable[[_Machine], None]:
    return _push(lambda machine: machine._take(machine._number(form)))


def _text_of(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.text(machine._number(form))


OPERATIONS: dict[bytes, Callable[[_Machine], None]] = {
    b"\x80": lambda machine: machine.skip(1),  # which version of opcodes
    b"\x95": lambda machine: machine.skip(8),  # how long what follows is
    b"c": lambda machine: machine.named(machine._line(), machine._line()),
    b"\x93": lambda machine: machine.named(*machine._last(2)),
    b"(": _push(lambda machine: MARK),
    b"N": _push(lambda machine: None),
    b"\x88": _push(lambda machine: True),
    b"\x89": _push(lambda machine: False),
    b"K": _push(lambda machine: machine._number("<B")),
    b"M": _push(lambda machine: machine._number("<H")),
    b"J": _push(lambda machine: machine._number("<i")),
    b"\x8a": _push(lambda machine: int.from_bytes(machine._take(machine._number("<B")), "little", signed=True)),
    b"U": _bytes_of("<B"),  # short and long strings of Python 2, then bytes and text of Python 3
    b"T": _bytes_of("<i"),
    b"C": _bytes_of("<B"),
    b"B": _bytes_of("<I"),
    b"\x8e": _bytes_of("<Q"),
    b"X": _text_of("<I"),
    b"\x8c": _text_of("<B"),
    b"]": _push(lambda machine: []),
    b"a": lambda machine: machine.listed(machine._last(1)),
    b"e": lambda machine: machine.listed(machine._since_mark()),
    b")": _push(lambda machine: ()),
    b"t": _push(lambda machine: tuple(machine._since_mark())),
    b"\x85": _tuple_of(1),
    b"\x86": _tuple_of(2),
    b"\x87": _tuple_of(3),
    b"q": _memorise(lambda machine: machine._number("<B")),
    b"r": _memorise(lambda machine: machine._number("<I")),
    b"\x94": _memorise(lambda machine: len(machine.memory)),
    b"h": _recall("<B"),
    b"j": _recall("<I"),
    b"R": lambda machine: machine.call(),
    b"b": lambda machine: machine.build(),
}
