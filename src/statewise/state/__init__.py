"""A state is a value: a nest of tuples of tensors with rows on axis 0, to be kept, split, joined and written down."""

from statewise.state.packing import Packing
from statewise.state.strict_json import read_json
from statewise.state.tensors import UNSEALED, check_seal, from_bytes, read_tensors, seal, to_bytes, write_tensors
from statewise.state.tree import (
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
    where_rows,
)

__all__ = [
    "UNSEALED",
    "Packing",
    "check_seal",
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
    "split",
    "stack",
    "to_bytes",
    "where_rows",
    "write_tensors",
]
