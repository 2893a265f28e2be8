"""From conditions to latents to pictures."""

from __future__ import annotations

import torch
from comfy_api.latest import io

from ..tora2.acceleration.presets import PRESETS
from ..tora2.conditions import Conditioning
from . import host, sockets

GUIDANCE_BATCHES = ("auto", "together", "in sequence")
MODULATIONS = ("auto", "keep", "recompute")
TILINGS = ("auto", "on", "off")


class Tora2Sampler(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2Sampler",
            display_name="Tora2 Sampler",
            category="Tora2/sampling",
            description="Makes the video's latents from the bound conditions, as CogVideoX does: DPM steps, guidance.",
            search_aliases=["ksampler", "denoise", "generate video", "cogvideox sampler", "tora sampler"],
            inputs=[
                sockets.Model.Input("model", tooltip="From Tora2 Load Model."),
                sockets.Conditioning.Input("conditioning", tooltip="From Tora2 Bind Entities."),
                io.Int.Input(
                    "seed",
                    default=0,
                    min=0,
                    max=0xFFFFFFFFFFFFFFFF,
                    control_after_generate=True,
                    tooltip="Start of the noise. The same seed and settings make the same video.",
                ),
                io.Int.Input(
                    "steps",
                    default=50,
                    min=1,
                    max=1000,
                    tooltip="Denoising steps. 50 is what the model's authors use; 25 is faster and coarser.",
                ),
                io.Float.Input(
                    "guidance",
                    default=6.0,
                    min=1.0,
                    max=30.0,
                    step=0.1,
                    tooltip=(
                        "How closely the prompt is followed. 6 is usual; 1 switches guidance off and halves the time."
                    ),
                ),
                io.Boolean.Input(
                    "dynamic_guidance",
                    default=True,
                    tooltip="Let the guidance rise over the steps on CogVideoX's cosine curve.",
                ),
                io.Int.Input(
                    "width",
                    default=0,
                    min=0,
                    max=4096,
                    step=16,
                    tooltip="Width in pixels; 0 takes that of the trajectories, or else the model's own.",
                ),
                io.Int.Input(
                    "height",
                    default=0,
                    min=0,
                    max=4096,
                    step=16,
                    tooltip="Height in pixels; 0 takes that of the trajectories, or else the model's own.",
                ),
                io.Int.Input(
                    "frames",
                    default=0,
                    min=0,
                    max=1001,
                    tooltip="Frames, 8k+1; 0 takes those of the trajectories, or else the model's own.",
                ),
                io.Int.Input(
                    "batch_size",
                    default=1,
                    min=1,
                    max=64,
                    tooltip=(
                        "Videos made in one run, with the seeds seed, seed+1, ... Each becomes a file of its own. "
                        "Memory grows with it."
                    ),
                ),
                io.Image.Input(
                    "first_frame",
                    optional=True,
                    tooltip=(
                        "Picture that the video starts from, for image-to-video models and tora2-tiny. It is scaled to "
                        "cover the canvas and cut at its centre."
                    ),
                ),
                io.Combo.Input(
                    "guidance_batch",
                    options=list(GUIDANCE_BATCHES),
                    default="auto",
                    tooltip=(
                        "Run the two guidance branches together (faster) or in sequence (less memory); auto looks at "
                        "the free memory."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "motion_modulation",
                    options=list(MODULATIONS),
                    default="auto",
                    tooltip=(
                        "The motion's scale and shift of every layer are the same in each step. keep holds them in "
                        "memory (9 GB for CogVideoX-5B), recompute makes them anew each step, auto looks at the free "
                        "memory."
                    ),
                    advanced=True,
                ),
                io.Combo.Input(
                    "preset",
                    options=list(PRESETS),
                    default="exact",
                    optional=True,
                    tooltip=(
                        "exact: every step runs the model. balanced: less than half of the steps do, what they add is "
                        "carried on in between, and the pictures differ a little; README has the figures. fast: a "
                        "third; for trying things out."
                    ),
                ),
                io.Float.Input(
                    "guidance_start",
                    default=0.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    tooltip=(
                        "Part of the steps, 0 to 1, from which there is guidance. Steps without it take half the time."
                    ),
                    advanced=True,
                ),
                io.Float.Input(
                    "guidance_end",
                    default=1.0,
                    min=0.0,
                    max=1.0,
                    step=0.01,
                    optional=True,
                    tooltip="Part of the steps, 0 to 1, up to which there is guidance.",
                    advanced=True,
                ),
            ],
            outputs=[
                io.Latent.Output(
                    display_name="latent",
                    tooltip="Latents [B, 16, T', H', W'], unscaled as ComfyUI's CogVideoX keeps them.",
                )
            ],
        )

    @classmethod
    @host.ordinary_tensors()
    def execute(
        cls,
        model: host.HostedModel,
        conditioning: Conditioning,
        seed: int,
        steps: int,
        guidance: float,
        dynamic_guidance: bool,
        width: int,
        height: int,
        frames: int,
        batch_size: int,
        guidance_batch: str,
        motion_modulation: str,
        first_frame: torch.Tensor | None = None,
        preset: str = "exact",
        guidance_start: float = 0.0,
        guidance_end: float = 1.0,
    ) -> io.NodeOutput:
        from ..tora2.stages import denoise, encode_first_frame, resolve_size
        from ..tora2.stages.denoising import check_first_frame, size_doubt

        size = resolve_size(model.bundle.component("transformer"), conditioning.size, width, height, frames)
        doubt = size_doubt(model.bundle.component("transformer"), size)
        host.tell([doubt] if doubt is not None else [])
        check_first_frame(model.bundle.component("transformer"), first_frame is not None)
        start = None
        if first_frame is not None:
            vae, slicing = model.vae_for("encode", size, frames=1)
            start = encode_first_frame(vae, first_frame, size, slicing)
        forming = model.forming_video(conditioning.motion)
        plan = model.plan(size, batch_size)
        together = plan.together if guidance_batch == "auto" else guidance_batch == "together"
        keep = plan.keep_modulations if motion_modulation == "auto" else motion_modulation == "keep"
        memory = model.denoising_memory(size, batch_size, together, keep)
        transformer = model.component("transformer", memory=memory)
        with host.SamplingProgress(steps, forming) as progress:
            latents = denoise(
                transformer,
                model.component("scheduler"),
                conditioning,
                size=size,
                scaling_factor=model.bundle.component("vae").config.scaling_factor,
                seeds=[(seed + index) % 2**64 for index in range(batch_size)],
                steps=steps,
                guidance_scale=guidance,
                dynamic_guidance=dynamic_guidance,
                preset=preset,
                guidance_interval=(guidance_start, guidance_end),
                first_frame=start,
                guidance_batch="together" if together else "in sequence",
                keep_modulations=keep,
                on_step=progress,
            )
        return io.NodeOutput({"samples": host.to_intermediate(latents)})


class Tora2Decode(io.ComfyNode):
    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="Tora2Decode",
            display_name="Tora2 Decode",
            category="Tora2/sampling",
            description="Turns latents into pictures with the model's video VAE. Create Video makes a clip of them.",
            search_aliases=["vae decode", "latent to video", "cogvideox decode"],
            inputs=[
                sockets.Model.Input("model", tooltip="From Tora2 Load Model."),
                io.Latent.Input("latent", tooltip="From Tora2 Sampler (or any CogVideoX latents of ComfyUI)."),
                io.Combo.Input(
                    "tiling",
                    options=list(TILINGS),
                    default="auto",
                    tooltip=(
                        "Decode layer by layer in strips, for a third of the memory. Pictures stay the same, without "
                        "seams. auto does if the memory is short."
                    ),
                    advanced=True,
                ),
            ],
            outputs=[
                io.Image.Output(
                    display_name="images",
                    is_output_list=True,
                    tooltip=(
                        "Pictures [F, H, W, 3] of one video. For each video of a batch what follows runs once: Create "
                        "Video and Save Video make a file of each."
                    ),
                )
            ],
        )

    @classmethod
    @host.ordinary_tensors()
    def execute(cls, model: host.HostedModel, latent: dict, tiling: str) -> io.NodeOutput:
        from ..tora2.stages import decode, decoded_size

        samples = latent["samples"]
        size = decoded_size(samples)
        vae, slicing = model.vae_for("decode", size, tiling)
        pictures = decode(vae, samples, slicing, on_chunk=host.WorkProgress())
        return io.NodeOutput(list(host.to_intermediate(pictures).chunk(len(samples))))
