"""What users of other programs that draw and write reported, each with the test that holds it here, or why none does.

Some need a training of half an hour; those are measured by the proofs, whose tables the pages hold. What is otherwise
here than in the programs that were reported on:

- Offsets are not clamped to 1,000: a drawing is scaled by its own side first, and no offset is longer than that.
- What the pen does after the end of a drawing is not learned: each drawing is masked at its own end, in training as in
  scores, so no figure depends on the longest drawing. The figure over that longest one is told next to it.
- `layer_norm_lstm` normalises each product, as Ba, Kiros & Hinton 2016 do, and not each gate.
- A drawing of fewer than five points is ended too: a dot is a beginning.
- Components of little weight are not set to 0 when writing is sampled: the bias makes them rarer, as Graves has it.
"""

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[3] / "tests"
SKETCH = "tasks/sketch/test_sketch.py"
HANDWRITING = "tasks/handwriting/test_handwriting.py"
STYLE = "tasks/handwriting/test_style_and_paper.py"
READERS = "data/strokes/test_readers.py"
CASES = {
    "half of the words of a sentence are lost (X-rayLaser/pytorch-handwriting-synthesis-toolkit#10): proofs/"
    "handwriting.py counts the sentences in which every word is there": (
        "docs/test_handwriting_page.py",
        "test_the_page_says_what_the_proof_found",
    ),
    "a letter that was never trained ends in a KeyError or is written as another (otuva#10, sjvasquez#44)": (
        HANDWRITING,
        "test_what_cannot_be_written_is_said_in_one_line",
    ),
    "a style of one's own cannot be kept (X-rayLaser#8, otuva#7, sjvasquez#85)": (
        STYLE,
        "test_a_style_that_was_saved_writes_what_its_lines_write",
    ),
    "the ink that told the style is in the output (Grzego PR#4)": (
        STYLE,
        "test_the_ink_of_a_style_is_not_written_again_and_its_size_is_kept",
    ),
    "neat writing has loops that no letter has (sjvasquez#66): proofs/handwriting.py reads it at four biases": (
        "docs/test_handwriting_page.py",
        "test_what_was_proved_stands_in_tables",
    ),
    "the first segment of a drawing is lost (hardmaru/sketch-rnn-datasets#4)": (
        READERS,
        "test_drawings_of_sketch_rnn_are_read_with_their_parts_and_first_segment",
    ),
    "a picture made of pixels is given (magenta-demos#23)": (
        READERS,
        "test_what_cannot_be_read_is_said_in_one_line",
    ),
    "a drawing four times as large is ended at the scale of the training data (ml5-examples#74)": (
        SKETCH,
        "test_endings_begin_at_the_last_point_in_the_users_units_and_repeat_by_seed",
    ),
    "a loss becomes no number after 23,000 updates (magenta#1735)": (
        "learning/test_guard.py",
        "test_what_is_no_number_is_named_and_the_update_undone",
    ),
    "the same: no movement has a loss or a gradient that is none": (
        "heads/test_strokes.py",
        "test_a_movement_far_away_has_a_loss_and_a_gradient_that_are_numbers",
    ),
    "ink is cut at a limit and its text is not (scribe#10)": (
        "data/strokes/test_lines.py",
        "test_what_does_not_fit_is_left_out_and_counted",
    ),
    "the same, of lines of IAM-OnDB": (
        READERS,
        "test_lines_of_iam_come_with_their_text_and_those_that_disagree_are_counted",
    ),
    "nothing was drawn, a dot, or 20,000 points": (SKETCH, "test_a_dot_and_a_drawing_of_many_points_have_endings"),
    "a drawing goes on for ever (ml5#11)": (SKETCH, "test_a_drawing_ends_at_the_limit_where_the_pen_never_ends_it"),
    "writing goes on after the text (Graves 2013, the place after the last letter)": (
        HANDWRITING,
        "test_a_window_that_is_past_the_end_takes_a_lifted_pen_away",
    ),
    "the last letter is cut off unless a space follows it (Grzego#3)": (
        HANDWRITING,
        "test_a_text_is_written_to_its_end_and_no_further_and_repeats_by_seed",
    ),
    "a cold pen never lifts (sketch-rnn-js divides by half of the temperature and a half)": (
        "heads/test_strokes.py",
        "test_a_cold_pen_lifts_only_where_it_is_softened",
    ),
    "the divergence is a sum over latent numbers and so 128 times too strict": (
        "test_latent.py",
        "test_the_divergence_is_the_mean_over_latent_numbers_of_that_of_torch",
    ),
    "the divergence rests at its tolerance, and that looks like a fault (magenta#944, #945)": (
        SKETCH,
        "test_the_divergence_counts_above_its_tolerance_and_more_with_time",
    ),
    "dropout of a recurrence that drops nothing (rfeinman)": (
        SKETCH,
        "test_candidates_are_lost_in_training_and_a_resumed_run_loses_the_same",
    ),
    "gradients of weights are clipped where the paper clips derivatives (X-rayLaser)": (
        "cells/test_clipped_derivatives.py",
        "test_a_part_is_pulled_no_harder_than_the_limit_at_its_outputs_and_passes_on_no_more_at_its_inputs",
    ),
    "a window moves a letter a point and passes the end of the text": (
        "cells/test_attention.py",
        "test_a_window_moves_at_first_as_it_is_told",
    ),
    "weights of a recurrence that do not begin orthogonal, gate by gate": (
        "cells/test_initializers.py",
        "test_the_weights_of_a_cell_begin_glorot_and_orthogonal_where_no_name_is_given",
    ),
    "layer normalisation of an LSTM at other places than its paper says": (
        "cells/test_lstm_variants.py",
        "test_a_layer_norm_lstm_normalises_each_product_and_what_is_read_of_the_memory",
    ),
    "x and y are stretched alike, or points are not dropped": (
        SKETCH,
        "test_each_epoch_sees_other_forms_of_a_drawing_and_the_same_when_it_is_repeated",
    ),
    "a window looks at the padding of a text": (
        "cells/test_attention.py",
        "test_a_memory_padded_further_is_read_the_same",
    ),
    "bias is of deviations alone, and not of the weights of components": (
        "heads/test_strokes.py",
        "test_a_bias_makes_deviations_smaller_and_likely_components_likelier",
    ),
    "writing never ends (Graves 2013 stops at a limit)": (
        HANDWRITING,
        "test_a_pen_that_never_comes_to_the_end_is_stopped_at_the_limit",
    ),
    "order of strokes is lost in an SVG (svgpathtools#210)": (
        READERS,
        "test_an_svg_keeps_the_order_of_the_document_and_every_kind_of_line",
    ),
    "arrays of a published .npz are unpickled, and anything in them runs": (
        READERS,
        "test_a_malicious_npz_is_refused_and_nothing_of_it_runs",
    ),
    "points of a shaking hand": ("data/strokes/test_offsets.py", "test_jitter_is_dropped_but_never_the_ends"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_was_reported_elsewhere_has_a_test(case: str) -> None:
    file, test = CASES[case]
    assert f"def {test}(" in (TESTS / file).read_text(), f"{file} has no {test}: {case}"
