"""The paper's metrics for videos of any model, as pure functions; the networks are the caller's.

Section 4.1 of the paper, with the formulas of the MSRVTT-Personalization benchmark that it reports on, as the
benchmark's public code has them (snap-research/MSRVTT-Personalization, evaluation_protocol). Videos are [T, 3, H, W] in
0..1, pictures [N, 3, H, W] in 0..1; an encoder is any callable from pictures to vectors [N, D] (it resizes and
normalises for itself). Similarities are cosines in -1..1 and larger is better; what a video was asked for and does not
show counts 0. A value that nothing can be measured for is NaN, so that a mean over videos can leave it out.

What the benchmark uses: CLIP ViT-L/14 for Text-S and Vid-S, DINO ViT-B/16 on Grounding DINO's and SAM's segments for
Subj-S, ArcFace-R100 on YOLOv9-C's faces for Face-S; the paper CoTracker3 for TrajError. Which weights, which frames and
which crops were used belongs beside every figure: values of different encoders cannot be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F

Encoder = Callable[[torch.Tensor], torch.Tensor]

PAPER_SIZE = (720, 480)
"""Width and height of the videos that the paper measures."""
NOTHING = float("nan")


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    return F.normalize(vectors.float(), dim=-1)


def text_similarity(
    video: torch.Tensor, prompt: str, encode_image: Encoder, encode_text: Callable[[str], torch.Tensor]
) -> float:
    """Text-S: mean cosine between the prompt's CLIP vector [D] or [1, D] and each frame's."""
    words = _unit(encode_text(prompt).reshape(1, -1))
    return (_unit(encode_image(video)) @ words.T).mean().item()


def video_similarity(video: torch.Tensor, truth: torch.Tensor, encode_image: Encoder) -> float:
    """Vid-S: mean cosine between CLIP vectors of generated and true frames, every one with every other."""
    generated, true = (_unit(encode_image(frames)) for frames in (video, truth))
    return (generated @ true.T).mean().item()


def gallery_similarity(
    references: Sequence[torch.Tensor], pieces: Sequence[Sequence[torch.Tensor]], encode_image: Encoder, frames: int
) -> float:
    """Subj-S and Face-S: mean over entities and frames of the cosine between a reference and its piece of the frame.

    Args:
        references: E pictures [3, h, w], background removed as in the pieces.
        pieces: for each entity the pictures [3, h, w] that a detector cut out of frames, one a frame at most.
        frames: of the video; those in which the entity was not found count 0.

    Returns:
        NaN without references. What was found is alike by this times 1 / :func:`found`, on the whole.
    """
    if len(references) != len(pieces):
        raise ValueError(f"{len(references)} references, but pieces of {len(pieces)} entities")
    if not len(references):
        return NOTHING
    total = 0.0
    for reference, pictures in zip(references, pieces, strict=True):
        wanted = _unit(encode_image(reference[None])).T if len(pictures) else None
        # One at a time: pieces differ in size and only the encoder knows how to make them equal.
        total += sum((_unit(encode_image(picture[None])) @ wanted).item() for picture in pictures)
    return total / (len(references) * frames)


def found(segments: Sequence[Sequence[torch.Tensor]], frames: int) -> float:
    """Share of (entity, frame) pairs for which the detector had something."""
    return sum(min(len(s), frames) for s in segments) / max(1, len(segments) * frames)


def trajectory_error(
    found: torch.Tensor, asked: torch.Tensor, visible: torch.Tensor | None = None, scale: tuple[float, float] = (1, 1)
) -> float:
    """TrajError: mean L1 distance |dx| + |dy| between tracked and asked places, over tracks and frames.

    Args:
        found, asked: [N, T, 2] in pixels, track n with track n.
        visible: [N, T] bool, which of the asked places count (those on the canvas); None counts all.
        scale: factors on x and y, such as ``PAPER_SIZE`` / (width, height) for figures at the paper's size.
    """
    distance = ((found - asked).abs().double() * torch.tensor(scale, dtype=torch.float64)).sum(-1)
    if visible is not None:
        distance = distance[visible]
    distance = distance[distance.isfinite()]
    return distance.mean().item() if len(distance) else NOTHING


def binding(found: torch.Tensor, asked: torch.Tensor, visible: torch.Tensor) -> list[bool]:
    """For each of N >= 2 entities [N, T, 2]: is its own path nearer to it than every other entity's path?

    Distances are mean L1 over the frames in which the two asked paths that are compared are both ``visible`` [N, T]
    (all frames if there are none).
    """
    count = len(found)
    if count < 2:
        raise ValueError("binding needs at least two entities")
    right = []
    for mine in range(count):
        nearer = True
        for other in range(count):
            if other != mine:
                both = visible[mine] & visible[other]
                both = both if both.any() else torch.ones_like(both)
                own, alien = ((found[mine] - asked[k]).abs().sum(-1)[both].mean() for k in (mine, other))
                nearer = nearer and bool(own < alien)
        right.append(nearer)
    return right


def retrieval(vector: torch.Tensor, gallery: torch.Tensor, truth: int) -> bool:
    """Is entry ``truth`` of the gallery [K, D] the nearest to the vector [D], by cosine?"""
    return int((_unit(gallery) @ _unit(vector)).argmax()) == truth
