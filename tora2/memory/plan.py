"""From free memory and the video's size to settings: one function, and a line that says what it picked and why.

The three phases of a job (text, denoising, VAE) follow one another and never share the device, so each takes the
fastest of its settings that fits; only if everything fits beside one another does everything stay. Nothing that is
picked changes the pictures: 8-bit weights do, so they are the user's choice, and their smaller size is what is
reckoned with then.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..conditions import VideoSize
from .estimates import (
    GIB,
    IN_FLIGHT,
    RESERVE,
    TEXT_BYTES,
    Shape,
    Weights,
    denoising_bytes,
    vae_bytes,
)


@dataclass(frozen=True)
class Plan:
    """Settings of a job and the bytes that each phase is estimated to take at its peak.

    Attributes:
        resident: all models stay on the device beside one another.
        text_encoder: ``whole``, in ``blocks``, or on the ``cpu``.
        transformer: ``whole`` or in ``blocks``, each brought while the one before it computes.
        together: both guidance branches in one batch.
        keep_modulations: scale and shift of every layer kept over the steps.
        encoding, decoding: of ``vae.SLICINGS``.
        text_bytes, denoising_bytes, vae_bytes: estimated peaks, weights and reserve included.
        free: what there was.
        fits: False if even the smallest settings are estimated to need more than that.
    """

    resident: bool
    text_encoder: str
    transformer: str
    together: bool
    keep_modulations: bool
    encoding: str
    decoding: str
    text_bytes: float
    denoising_bytes: float
    vae_bytes: float
    free: float
    fits: bool

    @property
    def peak_bytes(self) -> float:
        return max(self.text_bytes, self.denoising_bytes, self.vae_bytes)

    @property
    def settings(self) -> tuple:
        """What was picked, without the figures."""
        places = (self.resident, self.text_encoder, self.transformer)
        return (*places, self.together, self.keep_modulations, self.encoding, self.decoding)

    def describe(self) -> str:
        """One line for the log."""
        where = "all models stay on the device" if self.resident else "one model at a time"
        branches = "together" if self.together else "in sequence"
        motion = "kept" if self.keep_modulations else "recomputed"
        verdict = "" if self.fits else "; this is more than there is, make the video smaller if it fails"
        return (
            f"Memory: {self.free / GIB:.1f} GiB free: {where}; text encoder {_of(self.text_encoder)} "
            f"(peak about {self.text_bytes / GIB:.1f}), transformer {_of(self.transformer)}, branches {branches}, "
            f"motion modulations {motion} (about {self.denoising_bytes / GIB:.1f}), VAE {_slicing(self.encoding)} in "
            f"encoding and {_slicing(self.decoding)} in decoding (about {self.vae_bytes / GIB:.1f}){verdict}."
        )


def plan(
    free: float,
    size: VideoSize,
    weights: Weights,
    shape: Shape | None = None,
    videos: int = 1,
    *,
    text_encoder: str = "auto",
    blocks: bool = False,
) -> Plan:
    """Pick settings that fit ``free`` bytes of the device.

    Args:
        free: bytes, with none of the models there.
        size: of the video.
        weights: of the models as they are (quantized or not).
        videos: of one batch.
        text_encoder: ``auto``, ``gpu`` or ``cpu``.
        blocks: the user wants the transformer and the text encoder to go block by block.
    """
    shape = shape or Shape()
    room = free - RESERVE
    streamed = IN_FLIGHT * weights.largest_layer

    def fastest(options: Iterator[tuple[tuple, float]]) -> tuple[tuple, float, bool]:
        option = bytes_ = None
        for option, bytes_ in options:
            if bytes_ <= room:
                return option, bytes_, True
        return option, bytes_, False

    text = fastest(_text_options(weights, streamed, text_encoder, blocks))
    step = fastest(_denoising_options(shape, size, videos, weights, streamed, blocks))
    encode, decode = (fastest(_vae_options(shape, size, weights, work)) for work in ("encode", "decode"))

    working = max(TEXT_BYTES, *(value - weights.vae for value in (encode[1], decode[1])), step[1] - weights.transformer)
    together = weights.transformer + weights.text_encoder + weights.vae + working
    whole = text[0] == ("whole",) and step[0][0] == "whole" and together <= room
    beside = weights.transformer + weights.text_encoder + weights.vae if whole else 0.0
    return Plan(
        resident=whole,
        text_encoder=text[0][0],
        transformer=step[0][0],
        together=step[0][1],
        keep_modulations=step[0][2],
        encoding=encode[0][0],
        decoding=decode[0][0],
        text_bytes=RESERVE + text[1] + max(0.0, beside - weights.text_encoder),
        denoising_bytes=RESERVE + step[1] + max(0.0, beside - weights.transformer),
        vae_bytes=RESERVE + max(encode[1], decode[1]) + max(0.0, beside - weights.vae),
        free=free,
        fits=text[2] and step[2] and encode[2] and decode[2],
    )


def _text_options(weights: Weights, streamed: float, choice: str, blocks: bool) -> Iterator[tuple[tuple, float]]:
    if choice == "cpu":
        yield ("cpu",), 0.0
        return
    if not blocks:
        yield ("whole",), weights.text_encoder + TEXT_BYTES
    yield ("blocks",), streamed + TEXT_BYTES
    if choice == "auto":
        yield ("cpu",), 0.0


def _denoising_options(
    shape: Shape, size: VideoSize, videos: int, weights: Weights, streamed: float, blocks: bool
) -> Iterator[tuple[tuple, float]]:
    """Fastest first. Branches in sequence cost little, recomputing costs the motion parts' time in every step."""
    keeps = (True, False) if shape.has_motion else (True,)
    for place, held in (("whole", weights.transformer), ("blocks", streamed)):
        if place == "whole" and blocks:
            continue
        for keep in keeps:
            for together in (True, False):
                bytes_ = denoising_bytes(shape, size, videos, together=together, keep_modulations=keep)
                yield (place, together, keep), held + bytes_


def _vae_options(shape: Shape, size: VideoSize, weights: Weights, work: str) -> Iterator[tuple[tuple, float]]:
    from ..vae import SLICINGS

    for slicing in SLICINGS:
        yield (slicing,), weights.vae + vae_bytes(shape, size, work, slicing)


def _of(place: str) -> str:
    return {"whole": "whole", "blocks": "block by block", "cpu": "on the CPU"}[place]


def _slicing(name: str) -> str:
    return "whole" if name == "off" else f"in {name}"
