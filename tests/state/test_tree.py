"""A state is any nest of tuples of tensors: what is done to one is done to every tensor and keeps the nest."""

from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from statewise.state import (
    check_rows,
    count_rows,
    detach,
    leaves,
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

B = 3


class Pair(NamedTuple):
    hidden: Tensor
    memory: Any


def make_state(rows: int = B) -> tuple[Any, ...]:
    """A nest with a name, a nameless part, an empty part, a tensor of one axis and one of three."""
    return Pair(torch.randn(rows, 4), (torch.arange(rows), ())), torch.randn(rows, 5, 2)


def leaf_shapes() -> st.SearchStrategy[Any]:
    leaf = st.lists(st.integers(1, 3), max_size=2).map(tuple)
    return st.recursive(leaf.map(lambda shape: ["leaf", shape]), lambda part: st.lists(part, max_size=3).map(tuple))


def build(plan: Any, rows: int) -> Any:
    if isinstance(plan, list):
        return torch.randn(rows, *plan[1])
    return tuple(build(part, rows) for part in plan)


def assert_equal(one: Any, other: Any) -> None:
    assert same_structure(one, other)
    assert all(torch.equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


def test_paths_name_every_tensor_by_field_or_place() -> None:
    assert [path for path, _ in paths(make_state())] == ["0.hidden", "0.memory.0", "1"]


def test_a_tensor_alone_is_a_state_without_a_path() -> None:
    alone = torch.ones(B, 4)
    assert [path for path, _ in paths(alone)] == [""]
    assert_equal(map_leaves(torch.neg, alone), -alone)


def test_mapping_keeps_named_tuples_and_empty_parts() -> None:
    state = make_state()
    mapped = map_leaves(lambda leaf: leaf + 1, state)
    assert isinstance(mapped[0], Pair)
    assert mapped[0].memory[1] == ()
    assert torch.equal(mapped[0].hidden, state[0].hidden + 1)


def test_mapping_over_two_states_pairs_their_tensors() -> None:
    state = make_state()
    assert_equal(map_leaves(torch.sub, state, state), map_leaves(torch.zeros_like, state))


def test_two_states_of_unequal_nests_are_not_mapped_together() -> None:
    one = torch.ones(B, 4)
    with pytest.raises(ValueError, match="shorter"):
        map_leaves(torch.add, (one, one), (one,))


@pytest.mark.parametrize("stranger", [[torch.ones(1)], {"h": torch.ones(1)}, None, 1.0])
def test_anything_but_tensors_and_tuples_is_refused_by_name(stranger: object) -> None:
    message = f"a state holds tensors and tuples of them, not {type(stranger).__name__}"
    with pytest.raises(TypeError, match=message):
        leaves((torch.ones(1), stranger))
    with pytest.raises(TypeError, match=message):
        map_leaves(torch.neg, (torch.ones(1), stranger))
    with pytest.raises(TypeError, match=message):
        same_structure((torch.ones(1), stranger), (torch.ones(1), stranger))


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ((torch.zeros(9, 4), ()), True),
        ((torch.zeros(B, 4),), False),
        ((torch.zeros(B, 5), ()), False),
        ((torch.zeros(B, 4, dtype=torch.float64), ()), False),
        (Pair(torch.zeros(B, 4), ()), False),
        (((), torch.zeros(B, 4)), False),
    ],
)
def test_two_states_are_alike_where_nest_width_and_type_are(other: object, same: bool) -> None:
    assert same_structure((torch.zeros(B, 4), ()), other) is same


def test_a_detached_state_shares_values_but_no_past() -> None:
    weights = torch.ones(B, 4, requires_grad=True)
    (cut,) = detach((weights * 2,))
    assert torch.equal(cut, torch.full((B, 4), 2.0))
    assert not cut.requires_grad


@pytest.mark.parametrize(("state", "rows"), [((), 0), (((), torch.ones(B, 2)), B), (torch.ones(0, 2), 0)])
def test_rows_are_counted_on_the_first_tensor(state: object, rows: int) -> None:
    assert count_rows(state) == rows


def test_where_rows_picks_whole_rows_of_every_tensor() -> None:
    old, new = make_state(), make_state()
    picked = where_rows(torch.tensor([False, True, False]), new, old)
    assert_equal(select_rows(picked, torch.tensor([1])), select_rows(new, torch.tensor([1])))
    assert_equal(select_rows(picked, torch.tensor([0, 2])), select_rows(old, torch.tensor([0, 2])))


def test_a_row_may_be_selected_twice() -> None:
    state = make_state()
    chosen = select_rows(state, torch.tensor([2, 2, 0, 1]))
    assert count_rows(chosen) == 4
    assert torch.equal(chosen[1][0], state[1][2])
    assert torch.equal(chosen[1][1], state[1][2])


def test_stacking_states_of_unequal_rows_puts_them_in_order() -> None:
    one, two = make_state(1), make_state(2)
    both = stack([one, two])
    assert count_rows(both) == 3
    assert_equal(select_rows(both, torch.tensor([1, 2])), two)


@given(plan=leaf_shapes(), rows=st.integers(1, 4))
def test_what_is_split_and_stacked_again_is_unchanged(plan: Any, rows: int) -> None:
    state = build(plan, rows)
    parts = split(state)
    assert len(parts) == (rows if leaves(state) else 0)
    if parts:
        assert_equal(stack(parts), state)


@given(plan=leaf_shapes(), rows=st.integers(0, 4))
def test_what_is_flattened_and_rebuilt_is_unchanged(plan: Any, rows: int) -> None:
    state = build(plan, rows)
    assert_equal(rebuild(state, leaves(state)), state)


def test_rows_are_stacked_only_where_every_state_has_one_of_each_tensor() -> None:
    one = make_state(1)
    assert count_rows(stack_rows([one, one, one])) == 3
    for rows in (0, 2, 7):
        with pytest.raises(ValueError, match=f"state 1 holds {rows} rows: a state of 1 row is wanted"):
            stack_rows([one, make_state(rows), one])
    unequal = Pair(torch.randn(1, 4), (torch.arange(2), ())), torch.randn(1, 5, 2)
    with pytest.raises(ValueError, match="state 0 holds 2 rows"):
        stack_rows([unequal, one])
    check_rows(make_state(3), 3)
    with pytest.raises(ValueError, match="the batch holds 3 rows: a state of 2 rows is wanted"):
        check_rows(make_state(3), 2, "the batch")
