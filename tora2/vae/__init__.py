"""Pictures <-> latents with CogVideoX's 3D VAE, chunk by chunk of time and, for little memory, in strips of rows."""

from .coding import SLICINGS, OnChunk, decode_frames, encode_frames

__all__ = ["SLICINGS", "OnChunk", "decode_frames", "encode_frames"]
