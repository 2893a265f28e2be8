"""ComfyUI's T5-XXL through the CLIP socket."""

from __future__ import annotations

import importlib
from types import SimpleNamespace

import pytest
import small_models
import torch

from tora2.errors import ConditionError
from tora2.headless import loader
from tora2.stages import encode_text


@pytest.fixture
def clip_text_encoder(nodes):
    return importlib.import_module(f"{loader.PACK_NAME}.nodes.core_clip").ClipTextEncoder


class FakeClip:
    """Core's CLIP as far as it is used: states that show which ids came in."""

    def __init__(self, *names):
        self.names = names

    def tokenize(self, text):
        return {name: [[(1, 1.0)]] for name in self.names}

    def encode_from_tokens(self, tokens):
        (row,) = tokens[self.names[0]]
        return torch.tensor([[[float(token), weight] for token, weight in row]])


def test_comfyuis_own_t5_takes_the_very_tokens_that_phrases_are_looked_up_in(clip_text_encoder):
    encoder = clip_text_encoder(FakeClip("t5xxl"))
    tokenizer = small_models.tokenizer()
    text = encode_text(encoder, tokenizer, "a red fox", "bird", max_length=6)
    assert text.embeds[0, :, 0].tolist() == tokenizer("a red fox").input_ids + [0, 0]
    assert text.negative_embeds.shape == text.embeds.shape == (1, 6, 2)
    assert (text.embeds[..., 1] == 1).all()


@pytest.mark.parametrize("names", [("l", "g"), ("t5xxl", "l"), ("llama",)])
def test_another_clip_is_refused(clip_text_encoder, names):
    with pytest.raises(ConditionError, match="T5-XXL alone is needed"):
        clip_text_encoder(FakeClip(*names))


@pytest.mark.parametrize("flag", ["enable_attention_masks", "zero_out_masked"])
def test_a_t5_that_masks_its_padding_is_refused(clip_text_encoder, flag):
    """Load CLIP's default type makes Mochi's T5 of the same file."""
    clip = FakeClip("t5xxl")
    inner = SimpleNamespace(enable_attention_masks=False, zero_out_masked=False)
    clip.cond_stage_model = SimpleNamespace(clip="t5xxl", t5xxl=inner)
    clip_text_encoder(clip)
    setattr(inner, flag, True)
    with pytest.raises(ConditionError, match="choose the type cogvideox"):
        clip_text_encoder(clip)
