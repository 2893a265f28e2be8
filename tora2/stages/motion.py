"""Drawing -> motion conditions: the colour-coded motion map, encoded by the 3D VAE."""

from __future__ import annotations

from typing import Any

import torch
from einops import rearrange

from ..conditions import TEMPORAL_COMPRESSION, MotionConditions, VideoSize
from ..errors import ConditionError, TrajectoryError
from ..memory.placement import compute_device
from ..trajectories import TrajectoryDocument, flow_to_color, motion_flow, sample
from ..vae import OnChunk, encode_frames

FRAME_MULTIPLE = 8
SIZE_MULTIPLE = 16


def check_size(size: VideoSize, learned: VideoSize | None = None) -> VideoSize:
    """The size itself, or a ConditionError if a CogVideoX VAE and transformer cannot make it.

    The VAE decodes latent frames in pairs after the first, so their number is odd: 8k+1 frames.

    Args:
        learned: what a model with learned positions (CogVideoX-5B-I2V) was trained at: it makes no other pictures, and
            no more frames.
    """
    if size.frames < 1 or (size.frames - 1) % FRAME_MULTIPLE:
        nearest = max(round((size.frames - 1) / FRAME_MULTIPLE), 0) * FRAME_MULTIPLE + 1
        raise ConditionError(
            f"{size.frames} frames cannot be made: the count must be 8k+1, such as {nearest}; change `frames`."
        )
    for name, value in (("width", size.width), ("height", size.height)):
        if value < SIZE_MULTIPLE or value % SIZE_MULTIPLE:
            nearest = max(round(value / SIZE_MULTIPLE), 1) * SIZE_MULTIPLE
            raise ConditionError(
                f"A {name} of {value} px cannot be made: it must be a multiple of {SIZE_MULTIPLE}, such as {nearest}; "
                f"change `{name}`."
            )
    if learned is not None and (size.width, size.height) != (learned.width, learned.height):
        raise ConditionError(
            f"This image-to-video model makes {learned.width}x{learned.height} pixels and no other size, but "
            f"{size.width}x{size.height} is asked for; set the drawing's canvas to the first, and the sampler's width "
            "and height to 0."
        )
    if learned is not None and size.frames > learned.frames:
        raise ConditionError(
            f"This image-to-video model makes at most {learned.frames} frames, but {size.frames} are asked for; set "
            f"the drawing's frames, or without a drawing the sampler's, to {learned.frames} or fewer."
        )
    return size


def to_latent_frames(points: torch.Tensor, visible: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Places at the latent frames: the first frame alone, then the mean of every four frames, as the causal VAE groups.

    Args:
        points: [..., T, 2]; visible: [..., T] bool; T = 4k + 1.

    Returns:
        points [..., k + 1, 2], the mean over the visible ones of the frames (over all of them if none is), and visible
        [..., k + 1], True if any of them is.
    """
    places = rearrange(points[..., 1:, :], "... (t r) c -> ... t r c", r=TEMPORAL_COMPRESSION)
    counted = rearrange(visible[..., 1:], "... (t r) -> ... t r", r=TEMPORAL_COMPRESSION)
    seen = counted.any(-1)
    share = (counted | ~seen[..., None]).to(points.dtype)[..., None]
    later = (places * share).sum(-2) / share.sum(-2)
    return torch.cat([points[..., :1, :], later], dim=-2), torch.cat([visible[..., :1], seen], dim=-1)


def motion_colors(
    points: torch.Tensor, visible: torch.Tensor, size: VideoSize, sigma: float, window: int
) -> torch.Tensor:
    """Colour-coded motion map [..., T, 3, H, W] uint8 of tracks [..., N, T, 2] in 0..1 of the canvas."""
    scale = torch.tensor([size.width, size.height], dtype=points.dtype, device=points.device)
    return flow_to_color(motion_flow(points * scale, visible, size.height, size.width, sigma=sigma, window=window))


def encode_colors(
    vae: Any, colors: torch.Tensor, slicing: str = "off", on_chunk: OnChunk | None = None
) -> torch.Tensor:
    """uint8 maps [B, T, 3, H, W] -> scaled latents [B, T', C, H', W'] (posterior mode; Tora samples it)."""
    frames = rearrange(colors, "b t c h w -> b c t h w")
    latents = encode_frames(vae, frames, slicing, on_chunk) * vae.config.scaling_factor
    return rearrange(latents, "b c t h w -> b t c h w")


@torch.no_grad()
def encode_motion(
    vae: Any,
    document: TrajectoryDocument,
    *,
    sigma: float = 10.0,
    window: int = 99,
    strength: float = 1.0,
    start: float = 0.0,
    end: float = 1.0,
    slicing: str = "off",
    on_chunk: OnChunk | None = None,
) -> MotionConditions:
    """Motion conditions of a drawing, for a video of the drawing's own size.

    Args:
        vae: AutoencoderKLCogVideoX, on its device.
        document: the drawing; its width, height and frames are the video's.
        sigma, window: spread of a track in pixels, from the adapter's config (10 and 99 for the public weights).
        strength: factor on the fuser's scale and shift.
        start, end: part of the denoising steps in which motion guides, 0..1.
        slicing: of ``vae.SLICINGS``; the latents are the same, only memory and time differ.
        on_chunk: told after each chunk of frames that the VAE encoded; what it raises ends the encoding.

    Raises:
        TrajectoryError: no visible track.
        ConditionError: a size that the model cannot make, or start not before end.
    """
    size = check_size(VideoSize(document.frames, document.height, document.width))
    if not 0.0 <= start < end <= 1.0:
        raise ConditionError(f"Motion starts at {start} and ends at {end}: both lie in 0..1 and start comes first.")
    tracks = sample(document)
    if not len(tracks.names):
        raise TrajectoryError("The drawing has no visible track: draw one, or unhide one, or leave motion unconnected.")
    device = compute_device(vae)
    points, visible = tracks.points.to(device, torch.float32), tracks.visible.to(device)
    colors = motion_colors(points, visible, size, sigma, window)
    latent_points, latent_visible = to_latent_frames(points, visible)
    return MotionConditions(
        latents=encode_colors(vae, colors[None], slicing, on_chunk),
        points=latent_points,
        visible=latent_visible,
        names=tuple(tracks.names),
        size=size,
        strength=strength,
        start=start,
        end=end,
        flow_preview=colors,
        colors=tuple(tracks.colors),
    )
