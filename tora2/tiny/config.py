"""Sizes of tora2-tiny's transformer and its motion map."""

from __future__ import annotations

FRAMES, SIZE = 17, 128
FLOW_SIGMA, FLOW_WINDOW = 3.0, 25
TEXT_LENGTH = 48
ENTITY_ODDS = (3, 5, 1, 1)
"""Of one to four entities in a clip that the transformer learns from."""
TEXT_WIDTH = 128

TRANSFORMER = {
    "num_attention_heads": 4,
    "attention_head_dim": 64,
    "in_channels": 32,
    "out_channels": 16,
    "time_embed_dim": 128,
    "text_embed_dim": TEXT_WIDTH,
    "num_layers": 6,
    "sample_width": SIZE // 8,
    "sample_height": SIZE // 8,
    "sample_frames": FRAMES,
    "max_text_seq_length": TEXT_LENGTH,
    "use_rotary_positional_embeddings": True,
    "motion_channels": 64,
    "personalization_config": {
        "token_width": 128,
        "queries": 16,
        "layers": 2,
        "heads": 4,
        "adapter_tokens": 4,
        "semantic_width": 128,
        "face_width": 256,
        "reid_width": 256,
    },
    "binding_config": {"width": 128, "layers": 2, "heads": 4, "footprint": 1.5},
    "attention_width": 128,
    "attention_heads": 4,
    "first_frame_optional": True,
}
