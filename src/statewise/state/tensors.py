"""States and weights as bytes: the safetensors format, with bounds on what a file may claim.

Nothing here executes what it reads. A header is bounded before it is parsed, so a damaged or hostile file costs
one refusal and no memory.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from statewise.errors import DataError
from statewise.plain.strict_json import read_json
from statewise.state.tree import lengths, paths, rebuild

State = TypeVar("State")

LARGEST_HEADER_BYTES = 1 << 20
MOST_TENSORS = 16_384
PREFIX_BYTES = ALIGNED_BYTES = 8
WORDS = "__metadata__"
ENTRY = {"dtype", "shape", "data_offsets"}
UNSEALED = "0" * 64
"What stands in a header in place of a seal until `seal` puts one there."
SEAL = '"sha256":"'


def write_tensors(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return named tensors as bytes.

    >>> import torch
    >>> tensors, metadata = read_tensors(write_tensors({"w": torch.ones(2)}, {"made": "here"}))
    >>> tensors["w"], metadata
    (tensor([1., 1.]), {'made': 'here'})
    """
    # copies: the format refuses tensors that share memory, as the two zeros of a fresh LSTM do
    copies = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
    }
    return with_words(save(copies), metadata) if metadata else save(copies)


def with_words(data: bytes, words: Mapping[str, str]) -> bytes:
    """Return tensors and metadata as bytes, in order: the library's own order is never the same."""
    end = PREFIX_BYTES + int.from_bytes(data[:PREFIX_BYTES], "little")
    tensors = {name: entry for name, entry in json.loads(data[PREFIX_BYTES:end]).items() if name != WORDS}
    header = {WORDS: dict(sorted(words.items())), **tensors}
    written = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    written += b" " * (-len(written) % ALIGNED_BYTES)
    return len(written).to_bytes(PREFIX_BYTES, "little") + written + data[end:]


def read_tensors(data: bytes, what: str = "the data") -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the named tensors of some bytes, and their metadata.

    Raises `DataError` where the bytes are not in the format, claim more than 1 MiB of header or 16,384 tensors, or say
    more of a tensor than the format knows.
    """
    header = read_header(data, what)
    try:
        # copies: a product's last bit may depend on where in memory its factors begin, and PyTorch's begin alike
        tensors = {name: tensor.clone() for name, tensor in sorted(load(data).items())}
        return tensors, cast(dict[str, str], header.get(WORDS, {}))
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{what} cannot be read as tensors ({error}): it is damaged, use another copy") from None


def words_of(data: bytes, what: str = "the data") -> dict[str, str]:
    """Return the metadata of tensors, without reading the tensors.

    Raises `DataError` where the bytes are not in the format.

    >>> import torch
    >>> words_of(write_tensors({"w": torch.ones(2)}, {"made": "here"}))
    {'made': 'here'}
    """
    words = read_header(data, what).get(WORDS, {})
    if not all(isinstance(word, str) for word in words.values()):
        raise DataError(f"{what} has words that are not texts: it is damaged, use another copy")
    return cast(dict[str, str], words)


def read_header(data: bytes, what: str = "the data") -> dict[str, Any]:
    """Return what the header of some bytes, of which it may be all that is there, says of each tensor.

    Raises `DataError` where it is none, or claims more than 1 MiB of header or 16,384 tensors.
    """
    length = int.from_bytes(data[:PREFIX_BYTES], "little")
    if len(data) < PREFIX_BYTES or length > min(LARGEST_HEADER_BYTES, len(data) - PREFIX_BYTES):
        raise DataError(f"{what} does not begin with a tensor header of at most 1 MiB: it is damaged, use another copy")
    try:
        header = read_json(data[PREFIX_BYTES : PREFIX_BYTES + length])
    except ValueError:
        raise DataError(f"{what} has a tensor header that is not JSON: it is damaged, use another copy") from None
    if not isinstance(header, dict) or len(header) > MOST_TENSORS:
        raise DataError(f"{what} claims more than {MOST_TENSORS:,} tensors: it is damaged, use another copy")
    for name, entry in header.items():
        if not isinstance(entry, dict) or (name != WORDS and entry.keys() != ENTRY):
            raise DataError(
                f"{what} says of {name[:80]!r} what the format does not know: it is damaged, use another copy"
            )
    return header


def to_bytes(state: object, metadata: Mapping[str, str] | None = None) -> bytes:
    """Write a state down; `from_bytes` gives it back bit for bit."""
    return write_tensors(dict(paths(state)), metadata)


def from_bytes(
    data: bytes, like: State, what: str = "the state", *, rows: int | None = None
) -> tuple[State, dict[str, str]]:
    """Read a state back, given any state of the same kind, and the metadata written with it.

    What may be of any length, such as the memory that attention reads, is read at the length it was written at.
    Raises `DataError` where the bytes hold a state of another structure, width or type, or of unequal rows, or of
    another number of `rows` than is asked for.

    >>> import torch
    >>> from_bytes(to_bytes((torch.ones(1, 2), ())), like=(torch.zeros(3, 2), ()))
    ((tensor([[1., 1.]]), ()), {})
    """
    tensors, metadata = read_tensors(data, what)
    expected = dict(paths(like))
    alike = list(lengths(like))
    free = set().union(*alike)
    if _forms(tensors, free) != _forms(expected, free):
        raise DataError(
            f"{what} holds {_describe(tensors)}, but this model's state holds {_describe(expected)}: "
            "open it with the model that made it"
        )
    found_rows = {tensor.shape[0] for tensor in tensors.values()}
    if len(found_rows) > 1:
        raise DataError(
            f"{what} holds tensors of {min(found_rows)} and of {max(found_rows)} rows: it is damaged, use another copy"
        )
    if rows is not None and found_rows - {rows}:
        wanted = "1 row" if rows == 1 else f"{rows:,} rows"
        raise DataError(f"{what} holds {max(found_rows):,} rows, but {wanted} must be there: use another copy")
    for length in alike:
        found = {tensors[name].shape[1] for name in length}
        if len(found) > 1:
            raise DataError(
                f"{what} holds a memory of {min(found)} and of {max(found)} places: it is damaged, use another copy"
            )
    return rebuild(like, (tensors[name] for name in expected)), metadata


def seal(data: bytes) -> bytes:
    """Write into bytes that were made with the words `{"sha256": UNSEALED}` the sha256 of all of them.

    >>> import torch
    >>> sealed = seal(to_bytes(torch.ones(1, 2), {"sha256": UNSEALED}))
    >>> check_seal(sealed)
    >>> check_seal(sealed.replace(b"F32", b"I32"))
    Traceback (most recent call last):
    statewise.errors.DataError: the state is not what was written: it is damaged, use another copy
    """
    return filled(data, seal_place(data), hashlib.sha256(data).hexdigest())


def filled(data: bytes, place: int, digits: str) -> bytes:
    """Return bytes with other digits from a place on, such as that of a seal.

    >>> filled(b"000000", 2, "12")
    b'001200'
    """
    return data[:place] + digits.encode() + data[place + len(digits) :]


def seal_place(data: bytes) -> int:
    """Return where in the bytes of a state its seal lies; -1 where it has none."""
    found = data.find(SEAL.encode(), 0, PREFIX_BYTES + LARGEST_HEADER_BYTES)
    return -1 if found < 0 else found + len(SEAL)


def check_seal(data: bytes, what: str = "the state") -> None:
    """Raise `DataError` where sealed bytes are not what was written."""
    start = seal_place(data)
    whole = hashlib.sha256(filled(data, start, UNSEALED)).hexdigest()
    if start < 0 or data[start : start + len(whole)] != whole.encode():
        raise DataError(f"{what} is not what was written: it is damaged, use another copy")


def _forms(tensors: Mapping[str, Tensor], free: set[str]) -> dict[str, tuple[int, torch.Size, torch.dtype]]:
    """Return what of each tensor must be as expected: not its rows, nor a length that is free."""
    return {
        name: (tensor.dim(), tensor.shape[2 if name in free else 1 :], tensor.dtype) for name, tensor in tensors.items()
    }


def _describe(tensors: Mapping[str, Tensor]) -> str:
    shown = [
        f"{name or 'one tensor'} {tuple(tensor.shape[1:])} {str(tensor.dtype).removeprefix('torch.')}"
        for name, tensor in list(tensors.items())[:3]
    ]
    more = ", ..." if len(tensors) > len(shown) else ""
    return ", ".join(shown) + more if shown else "nothing"
