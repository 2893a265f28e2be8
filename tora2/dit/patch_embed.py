"""CogVideoX's patch embedding, with the text projection optional: it is constant over the denoising steps."""

from __future__ import annotations

import torch
from diffusers.models.embeddings import CogVideoXPatchEmbed
from einops import rearrange

from ..errors import ConditionError


class Tora2PatchEmbed(CogVideoXPatchEmbed):
    """``CogVideoXPatchEmbed`` whose text may arrive projected already. Parameters and results are the same."""

    def forward(
        self, text_embeds: torch.Tensor, image_embeds: torch.Tensor, text_is_projected: bool = False
    ) -> torch.Tensor:
        """Joint sequence [B, S + T'*h*w, dim].

        Args:
            text_embeds: [B, S, text_embed_dim], or [B, S, dim] if ``text_is_projected``.
            image_embeds: [B, T', C, H', W'] latents.

        Raises:
            ConditionError: the model has learned positions (CogVideoX-5B-I2V) and the latents are longer or of another
                size.
        """
        text = text_embeds if text_is_projected else self.text_proj(text_embeds)
        embeds = torch.cat([text, self._video_tokens(image_embeds)], dim=1)
        if not (self.use_positional_embeddings or self.use_learned_positional_embeddings):
            return embeds
        return embeds + self._positions(image_embeds).to(embeds.dtype)

    def _video_tokens(self, latents: torch.Tensor) -> torch.Tensor:
        if self.patch_size_t is None:
            patches = self.proj(latents.flatten(0, 1))
            return rearrange(patches, "(b t) c h w -> b (t h w) c", b=latents.shape[0])
        patches = rearrange(
            latents,
            "b (t pt) c (h ph) (w pw) -> b (t h w) (c pt ph pw)",
            pt=self.patch_size_t,
            ph=self.patch_size,
            pw=self.patch_size,
        )
        return self.proj(patches)

    def _positions(self, latents: torch.Tensor) -> torch.Tensor:
        latent_frames, _, height, width = latents.shape[1:]
        frames = (latent_frames - 1) * self.temporal_compression_ratio + 1
        if (frames, height, width) == (self.sample_frames, self.sample_height, self.sample_width):
            return self.pos_embedding
        if self.use_learned_positional_embeddings:
            return self._learned_positions(latent_frames, height, width)
        return self._get_positional_embeddings(height, width, frames, device=latents.device)

    def _learned_positions(self, latent_frames: int, height: int, width: int) -> torch.Tensor:
        """Those of a clip's first frames, which diffusers would replace by sines that this model has never seen."""
        if (height, width) != (self.sample_height, self.sample_width):
            raise ConditionError(
                f"This image-to-video model learned its positions for {self.sample_width * 8}x{self.sample_height * 8} "
                f"pixels and cannot make {width * 8}x{height * 8}; set the canvas to the first size."
            )
        patches = (height // self.patch_size) * (width // self.patch_size)
        needed = self.max_text_seq_length + latent_frames // (self.patch_size_t or 1) * patches
        if needed > self.pos_embedding.shape[1]:
            raise ConditionError(
                f"This image-to-video model learned its positions for {self.sample_frames} frames and cannot make "
                "more; set the drawing's frames to that number or fewer."
            )
        return self.pos_embedding[:, :needed]
