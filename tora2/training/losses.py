"""Losses of Tora2: the diffusion loss (equation 8, as v-prediction) and the contrastive loss (equation 6)."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def add_noise(clean: torch.Tensor, noise: torch.Tensor, alphas: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Noisy latents z_t and the velocity that the model predicts.

    Args:
        clean, noise: [B, ...].
        alphas: [B] cumulative products of alpha at the sampled timesteps, in 0..1.

    Returns:
        sqrt(a) z_0 + sqrt(1 - a) e, and sqrt(a) e - sqrt(1 - a) z_0.
    """
    shape = (-1,) + (1,) * (clean.dim() - 1)
    signal, spread = (part.sqrt().to(clean.dtype).view(shape) for part in (alphas, 1 - alphas))
    return signal * clean + spread * noise, signal * noise - spread * clean


def diffusion_loss(
    prediction: torch.Tensor, velocity: torch.Tensor, weights: torch.Tensor | None = None
) -> torch.Tensor:
    """Mean squared error of the velocity, optionally weighted per place.

    It equals diffusers' CogVideoX training loss: its 1 / (1 - a) weight on the clean prediction is the velocity's.

    Args:
        prediction, velocity: [B, T', C, H', W'].
        weights: broadcastable to them, mean 1, for example larger on the entities.
    """
    error = (prediction.float() - velocity.float()).square()
    return (error if weights is None else error * weights).mean()


def contrastive_loss(
    appearance: torch.Tensor,
    motion: torch.Tensor,
    complete: torch.Tensor,
    identity: torch.Tensor,
    video: torch.Tensor,
    temperature: float = 0.07,
) -> torch.Tensor:
    """Symmetric InfoNCE between pooled bound p_i and m_i over all entities of the batch (equation 6).

    Args:
        appearance, motion: [E, d] unit vectors.
        complete: [E] bool; an entity whose reference or track was dropped takes no part, not even as a negative.
        identity: [E] int; entities of the same identity in different clips are never each other's negatives. In one
            clip all are: "a man" there and "a man" here are told apart by their pictures and paths alone.
        video: [E] int, the entity's clip among all of the batch.
        temperature: tau.

    Returns:
        A scalar, the mean over the complete entities; zero (with a gradient) if fewer than two are complete.
    """
    if int(complete.sum()) < 2:
        return (appearance.sum() + motion.sum()) * 0.0
    appearance, motion, identity, video = (rows[complete] for rows in (appearance, motion, identity, video))
    with torch.autocast(appearance.device.type, enabled=False):  # which would make the product bf16 again
        logits = appearance.float() @ motion.float().T / temperature
    elsewhere = video[:, None] != video[None, :]
    logits = logits.masked_fill((identity[:, None] == identity[None, :]) & elsewhere, float("-inf"))
    target = torch.arange(len(identity), device=logits.device)
    return F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)
