"""Runs inside a real ComfyUI's Python: core's T5 through the CLIP socket beside transformers', one set of weights.

The architecture, the tokenizer and both code paths are the real ones; only width and depth are small and the weights
random (T5-XXL itself would be 4.7 billion). Prints one line of JSON.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.argv = ["t5.py", "--cpu"]
sys.path[:0] = [".", str(Path(__file__).resolve().parent)]

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import json  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import torch  # noqa: E402
from comfy import sd  # noqa: E402
from comfy.text_encoders import cogvideo, genmo  # noqa: E402
from loading import load_pack  # noqa: E402
from transformers import T5Config, T5EncoderModel, T5TokenizerFast  # noqa: E402

SMALL = {"d_model": 64, "d_kv": 16, "num_heads": 4, "d_ff": 96, "num_layers": 3}
PROMPTS = ("a red fox chases a ball through the snow", "", "word " * 400, "Füchse \u72d0\u72f8 & (two:1.3) BREAK fox")


def core_clip(text_encoder=cogvideo.cogvideo_te, tokenizer=cogvideo.CogVideoXTokenizer):
    target = SimpleNamespace(clip=text_encoder(torch.float32), tokenizer=tokenizer, params={})
    return sd.CLIP(target, parameters=10**6, model_options={"t5xxl_model_config": SMALL})


def main() -> None:
    load_pack()
    from pack.nodes.core_clip import ClipTextEncoder
    from pack.tora2.stages import encode_text

    torch.manual_seed(0)
    folder = Path("comfy/text_encoders")
    config = json.loads((folder / "t5_config_xxl.json").read_text())
    feed_forward = {"feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu_new"}
    ours = T5EncoderModel(T5Config(**{**config, **SMALL, **feed_forward})).eval()
    for parameter in ours.parameters():  # initial values are too small to tell right from wrong
        parameter.data.normal_(0, 0.3)
    clip = core_clip()
    inner = clip.cond_stage_model.t5xxl.transformer
    missing = inner.load_state_dict(ours.state_dict(), strict=False)
    tokenizer = T5TokenizerFast.from_pretrained(str(folder / "t5_tokenizer"), local_files_only=True)
    worst, spread = 0.0, 0.0
    for prompt in PROMPTS:
        a = encode_text(ours, tokenizer, prompt, "blurry", 226)
        b = encode_text(ClipTextEncoder(clip), tokenizer, prompt, "blurry", 226)
        for x, y in ((a.embeds, b.embeds), (a.negative_embeds, b.negative_embeds)):
            assert x.shape == y.shape == (1, 226, 64)
            worst = max(worst, float((x - y).abs().max() / x.abs().max()))
            spread = max(spread, float(x.std(1).max()))
    masked = ""
    try:
        ClipTextEncoder(core_clip(genmo.mochi_te, genmo.MochiT5Tokenizer))
    except ValueError as error:
        masked = str(error)
    result = {"worst": worst, "spread": spread, "missing": list(missing.missing_keys), "masked": masked}
    print("\nRESULT " + json.dumps(result))


main()
