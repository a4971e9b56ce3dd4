"""The cache of keys and values under both of its names, the one of transformers 5.24 and the one before."""

from __future__ import annotations

import pytest
import torch
import transformers
from transformers.modeling_outputs import ModelOutput

import llm_course as lc
import tiny_models
from llm_course.errors import WrongTask
from llm_course.shelf.kv_cache import cache_argument, cached
from llm_course.shelf.loading import load


class Newer(torch.nn.Module):
    def forward(self, input_ids: torch.Tensor, cache: object = None) -> None: ...


class Older(torch.nn.Module):
    def forward(self, input_ids: torch.Tensor, past_key_values: object = None) -> None: ...


class Recurrent(torch.nn.Module):
    _is_stateful = True  # as the library marks Mamba

    def forward(self, input_ids: torch.Tensor, cache: object = None) -> None: ...


def test_the_argument_is_found_under_either_name() -> None:
    assert [cache_argument(kind()) for kind in (Newer, Older, Recurrent)] == ["cache", "past_key_values", None]


def test_an_output_without_a_cache_says_what_to_do() -> None:
    with pytest.raises(WrongTask, match="use_cache=True"):
        cached(ModelOutput(logits=torch.zeros(1)))


def test_the_installed_library_takes_back_what_it_gave() -> None:
    """Whatever the installed version calls it: two calls with the cache give the logits of one call without."""
    lm = load(tiny_models.folder("gpt2"))
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.no_grad():
        whole = lm.model(input_ids=ids).logits[:, -1]
        read = lm.model(input_ids=ids[:, :-1], use_cache=True)
        step = lm.model(input_ids=ids[:, -1:], use_cache=True, **cached(read)).logits[:, -1]
        alone = lm.model(input_ids=ids[:, -1:]).logits[:, -1]
    assert torch.allclose(whole, step, atol=1e-5)  # float32, other kernels for one row than for four
    assert not torch.allclose(whole, alone, atol=1e-3), "the cache matters"


def test_the_library_warns_of_no_old_name(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    """A rename is announced first, in the log or as a warning: the course's own calls must not cause one."""
    transformers.utils.logging.warning_once.cache_clear()  # it says a thing once a process
    transformers.logging.enable_propagation()
    try:
        with caplog.at_level("WARNING", logger="transformers"):
            lc.generate("Once upon a time", max_new_tokens=3, temperature=0)
            lc.translate("Thank you.", num_beams=2)
    finally:
        transformers.logging.disable_propagation()
    said = [*caplog.messages, *(str(warning.message) for warning in recwarn)]
    assert not [message for message in said if "deprecated" in message or "past_key_values" in message]
