"""What users of bertviz and CircuitsVis asked for and did not get, and its test here, or why there is none.

Numbers are issues of bertviz, unless another project is named. Knows nothing about the explorer: it holds the list
against the tests.
"""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

WISHES = {
    # a page that works behind a firewall: every browser test opens it without a network, and a request is a failure
    "63": "browser/test_explorer.py::test_each_view_draws",
    "99": "browser/test_explorer_lab.py::test_the_widget_asks_its_kernel_and_the_notebook_keeps_the_view",
    # long texts
    "82": "browser/test_explorer_extremes.py::test_four_thousand_tokens_zoom_and_scroll",
    "28": "browser/test_explorer_lab.py::test_twelve_layers_of_twelve_heads_are_painted_at_once",
    # pictures for a paper: from the explorer, and from matplotlib
    "13": "browser/test_explorer_looks.py::test_a_comparison_is_saved_whole",
    "33": "attention/test_plots_saving.py::test_a_png_has_the_dots_of_a_paper_and_its_words",
    # Llama and grouped queries, generated tokens
    "128": "attention/test_capture_equality.py::test_rebuilt_weights_equal_eager_ones",
    "130": "attention/test_explorer_payload.py::test_grouped_queries_carry_their_keys_once",
    "131": "attention/test_capture_attention.py::test_generated_tokens_are_those_that_generate_writes",
    "108": "browser/test_explorer_focus.py::test_style_that_means_something_is_seen_and_said",
    # a token that stays chosen
    "129": "browser/test_explorer.py::test_pointing_and_pinning_with_the_mouse",
    "CircuitsVis 98": "browser/test_explorer.py::test_everything_by_keyboard",
    # averages over heads and layers
    "111": "browser/test_explorer.py::test_averages_over_chosen_heads",
    # encoder-decoder models
    "72": "browser/test_explorer.py::test_the_kinds_of_an_encoder_decoder_model",
    "126": "attention/test_explorer.py::test_a_page_carries_all_kinds_and_heads",
    # VS Code loads no widget without a network: there the output is the page, which asks nobody
    "vscode-jupyter 16978": "attention/test_explorer.py::test_in_vs_code_the_page_stands_alone",
    # vision models: the explorer names tokens, and a patch of a picture has no name. Attention on a picture is drawn on
    # the picture itself, by lc.look() and picture_map()
    "118": "use_cases/test_vision.py::test_look_reads_the_models_own_attention",
}
ASKED = "63 99 82 28 13 33 128 130 131 108 129 111 72 126 118".split() + ["CircuitsVis 98", "vscode-jupyter 16978"]


def test_every_wish_is_answered() -> None:
    assert sorted(WISHES) == sorted(ASKED)


@pytest.mark.parametrize("issue", ASKED)
def test_the_test_is_there(issue: str) -> None:
    file, name = WISHES[issue].split("::")
    assert f"def {name}(" in (TESTS / file).read_text(encoding="utf-8")
