"""A state is a value: a nest of tuples of tensors with rows on axis 0, to be kept, split, joined and written down."""

from statewise.plain.strict_json import read_json
from statewise.state.packing import Packing
from statewise.state.signing import SigningKey, UnknownKey, check_signature, sign, unsigned
from statewise.state.tensors import (
    UNSEALED,
    check_seal,
    from_bytes,
    read_tensors,
    seal,
    to_bytes,
    words_of,
    write_tensors,
)
from statewise.state.tree import (
    check_rows,
    count_rows,
    detach,
    leaves,
    lengths,
    map_leaves,
    paths,
    rebuild,
    same_structure,
    select_rows,
    split,
    stack,
    stack_rows,
    where_rows,
)

__all__ = [
    "UNSEALED",
    "Packing",
    "SigningKey",
    "UnknownKey",
    "check_rows",
    "check_seal",
    "check_signature",
    "count_rows",
    "detach",
    "from_bytes",
    "leaves",
    "lengths",
    "map_leaves",
    "paths",
    "read_json",
    "read_tensors",
    "rebuild",
    "same_structure",
    "seal",
    "select_rows",
    "sign",
    "split",
    "stack",
    "stack_rows",
    "to_bytes",
    "unsigned",
    "where_rows",
    "words_of",
    "write_tensors",
]
