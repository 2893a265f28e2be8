"""Random views of the atlas' pictures, for training encoders: vectorised torch, on any device.

A view is what an encoder may meet: a prepared reference (on neutral grey, nearly filling the square) turned, scaled,
recoloured, blurred, a corner missing, or with a rest of some background where the mask was too generous.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .assets import Atlas
from .render import on_grey, placement, sample


class Views:
    """Draws views of pictures [N] -> [N, 3, size, size] in 0..1.

    ``fill``: the picture's size as part of the view, ``turn``: radians to each side, ``scenery``: share of views whose
    background is not neutral grey.
    """

    def __init__(
        self,
        atlas: Atlas,
        size: int,
        *,
        fill: tuple[float, float] = (0.68, 0.95),
        turn: float = 0.45,
        shift: float = 0.06,
        scenery: float = 0.15,
        mirror: float = 0.1,
        device: str = "cpu",
    ):
        pictures = atlas.pictures.to(device).float() / 255
        self.pictures = torch.cat([pictures[:, :3] * pictures[:, 3:], pictures[:, 3:]], 1)
        self.size, self.fill, self.turn, self.shift, self.scenery, self.mirror = (
            size,
            fill,
            turn,
            shift,
            scenery,
            mirror,
        )
        self.device = device

    def __call__(self, indices: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        layers, _, _ = self.layers(indices, generator)
        return self.finish(layers, generator)

    def random(self, generator: torch.Generator, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Drawn on the CPU, so that a seed means the same on every device."""
        return (torch.rand(shape, generator=generator) * (high - low) + low).to(self.device)

    def layers(
        self,
        indices: torch.Tensor,
        generator: torch.Generator,
        centre: torch.Tensor | None = None,
        size: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Premultiplied pictures [N, 4, size, size] in random poses; with the affine matrices [N, 2, 3] from view to
        picture coordinates and the side lengths [N] (parts of the view)."""
        count = len(indices)
        pictures = self.pictures[indices.to(self.device)]
        if size is None:
            size = self.random(generator, count, low=self.fill[0], high=self.fill[1])
        if centre is None:
            centre = 0.5 + self.random(generator, count, 2, low=-self.shift, high=self.shift)
        squash = torch.exp(self.random(generator, count, low=-0.07, high=0.07))
        mirrored = 1 - 2 * (self.random(generator, count) < self.mirror).float()
        sides = size[:, None] * torch.stack([squash * mirrored, 1 / squash], 1)
        turn = self.random(generator, count, low=-self.turn, high=self.turn)
        matrices = placement(centre, sides, turn, torch.zeros_like(centre))
        pictures = self._recolour(pictures, generator)
        return sample(pictures, matrices[:, None], self.size)[:, 0], matrices, size

    def finish(self, layers: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Background, a hole now and then, and blur."""
        count, size = len(layers), layers.shape[-1]
        views = on_grey(layers)
        scene = self.random(generator, count) < self.scenery
        if scene.any():
            views = torch.where(
                scene[:, None, None, None], layers[:, :3] + (1 - layers[:, 3:]) * self.scenes(count, generator), views
            )
        hole = (self.random(generator, count) < 0.2)[:, None, None]
        ramp = torch.linspace(0, 1, size, device=self.device)
        at, half = self.random(generator, count, 2), self.random(generator, count, low=0.08, high=0.2)[:, None]
        inside = (((ramp - at[:, :1]).abs() < half)[:, :, None] & ((ramp - at[:, 1:]).abs() < half)[:, None, :]) & hole
        views = torch.where(inside[:, None], torch.full_like(views, 0.5), views)
        soft = self.random(generator, count) < 0.4
        small = int(self.random(generator, 1, low=0.4, high=0.9).item() * size)
        blurred = F.interpolate(
            F.interpolate(views, (small, small), mode="bilinear", antialias=True), (size, size), mode="bilinear"
        )
        return torch.where(soft[:, None, None, None], blurred, views).clamp(0, 1)

    def scenes(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """[N, 3, size, size] cheap backgrounds: coloured noise of random coarseness."""
        cells = int(self.random(generator, 1, low=2, high=12).item())
        colours = self.random(generator, count, 3, 1, 1)
        noise = F.interpolate(self.random(generator, count, 3, cells, cells), (self.size, self.size), mode="bilinear")
        return (colours + 0.7 * (noise - 0.5)).clamp(0, 1)

    def _recolour(self, pictures: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        rgb, alpha = pictures[:, :3], pictures[:, 3:]
        gain, contrast, colour = (
            torch.exp(self.random(generator, len(rgb), 1, 1, 1, low=-s, high=s)) for s in (0.2, 0.15, 0.25)
        )
        tint = torch.exp(self.random(generator, len(rgb), 3, 1, 1, low=-0.05, high=0.05))
        grey = rgb.mean(1, keepdim=True)
        rgb = ((grey + (rgb - grey) * colour) * contrast + alpha * 0.5 * (1 - contrast)) * gain * tint
        return torch.cat([torch.minimum(rgb.clamp_min(0), alpha), alpha], 1)


def draw_indices(allowed: list[int], count: int, generator: torch.Generator) -> torch.Tensor:
    """``count`` different ones of the allowed pictures (as many as there are, if fewer)."""
    return torch.tensor(allowed)[torch.randperm(len(allowed), generator=generator)[:count]]


def contrast(a: torch.Tensor, b: torch.Tensor, temperature: float = 0.1) -> tuple[torch.Tensor, torch.Tensor]:
    """Symmetric InfoNCE of two views [N, D] each, and how often the right partner is the nearest."""
    logits = F.normalize(a.float(), dim=-1) @ F.normalize(b.float(), dim=-1).T / temperature
    target = torch.arange(len(logits), device=logits.device)
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    return loss, (logits.argmax(1) == target).float().mean()


@torch.no_grad()
def retrieval(embed, views: Views, allowed: list[int], gallery: int = 50, rounds: int = 8) -> float:
    """Top-1 share: does a view find another view of the same picture among ``gallery`` pictures?"""
    right = 0.0
    for seed in range(rounds):
        generator = torch.Generator().manual_seed((1 << 40) + seed)
        indices = draw_indices(allowed, gallery, generator)
        a, b = (F.normalize(embed(views(indices, generator)).float(), dim=-1) for _ in range(2))
        right += ((a @ b.T).argmax(1).cpu() == torch.arange(len(indices))).float().mean().item() / rounds
    return right
