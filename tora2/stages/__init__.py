"""The stages of a generation, one function each; nodes and pipeline both call these.

scene -> (encode_text | extract_personalization | encode_motion) -> bind_entities -> denoise -> decode
"""

from .binding import bind_entities
from .decoding import decode, decoded_size, encode_first_frame
from .denoising import denoise, resolve_size
from .motion import encode_motion
from .personalization import extract_personalization
from .text import encode_text

__all__ = [
    "bind_entities",
    "decode",
    "decoded_size",
    "denoise",
    "encode_first_frame",
    "encode_motion",
    "encode_text",
    "extract_personalization",
    "resolve_size",
]
