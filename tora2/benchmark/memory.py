"""The memory ladder: a whole job, text encoder to pictures, under one cap of memory after the other.

For each cap the settings are those that ``memory.plan`` picks, and the phases run one after the other as in a workflow.
On CUDA PyTorch's allocator refuses more than the cap, and peaks are its own count. On a CPU nothing is capped; a count
of tensors stands in for the peak, which rehearses the run and the estimates' order, not a GPU's figures.
Weights are random: no time depends on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ..acceleration.quantization import check_quantization, quantize, stored_bytes
from ..acceleration.settings import QUANTIZATIONS
from ..checkpoints.components import make_scheduler
from ..errors import Tora2Error
from ..memory.estimates import GIB, IN_FLIGHT, Shape, Weights
from ..memory.offloading import bring_in_blocks, bring_whole, largest_layer
from ..memory.plan import Plan, plan
from ..stages import denoise
from ..vae import decode_frames, encode_frames
from ..vae.convolution import use_conv3d
from .loops import Job, random_conditioning
from .meter import Meter
from .timing import Budget, OutOfTime, indexed
from .turns import ended, free

LADDER = ("6", "80", "24", "12", "16", "8", "48", "12+int8_weights", "6+int8_weights")
"""In the order of what they are worth, should time run out; 48 is expected to get the settings of 80."""
TIMED_STEPS = 2
PHASES = ("text", "encode", "denoise", "decode")
T5_SMALL = {"d_model": 64, "d_ff": 128, "num_heads": 4, "d_kv": 16, "num_layers": 2, "vocab_size": 128}


@dataclass
class Rung:
    """One cap.

    Attributes:
        name: as asked for: GiB, or GiB+QUANTIZATION.
        settings: what was picked, as the log tells it.
        estimates, peaks: bytes of each phase, weights included; estimates of text, denoising and VAE.
        seconds: of each phase, run once and cold; ``denoise`` is reckoned for all steps from loops of one and of
            ``TIMED_STEPS`` more, after one that warms up.
        refused: why it did not run to its end, else empty.
        failed: True if nobody could foresee that.
    """

    name: str
    settings: str = ""
    estimates: dict[str, float] = field(default_factory=dict)
    peaks: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    refused: str = ""
    failed: bool = False


@dataclass
class Models:
    """On the CPU, each brought when its phase runs."""

    text_encoder: Any
    transformer: Any
    vae: Any


def measure_ladder(
    build: Callable[[], Models],
    job: Job,
    rungs: Sequence[str],
    device: torch.device | str,
    *,
    budget: Budget,
    progress: Callable[[str], None] = lambda text: None,
    keep: Callable[[Sequence[Rung]], None] = lambda rungs: None,
) -> list[Rung]:
    """Run the whole job on every rung, in their order but for quantization, which makes the models anew.

    A rung that cannot run is a row with its reason, whatever the error: what was measured before must not be lost.

    Args:
        keep: called with all rungs so far as soon as one is done.

    Raises:
        Tora2Error: a rung that is none.
    """
    device = indexed(device)
    asked = sorted((parse_rung(name) for name in rungs), key=lambda rung: QUANTIZATIONS.index(rung[2]))
    found: dict[str, Rung] = {}
    models, quantized, longest = None, None, 0.0
    slowest: dict[str, float] = {}
    for name, gib, quantization in asked:
        progress(f"{name} GiB")
        rung = found[name] = Rung(name)
        began = budget.now()
        try:
            budget.require(longest)
            check_quantization(quantization, device)  # before models are made for nothing
            if models is None or quantized != quantization:
                models = None
                free()  # two sets of models may not fit beside one another
                made = build()
                quantize(made.transformer, quantization, device)
                models, quantized = made, quantization
                free()  # of what making them left on the device
            _run(rung, models, job, gib * GIB, device, budget, slowest)
        except Exception as error:
            rung.refused, rung.failed = ended(error).values()
            if rung.failed:
                models = None  # nobody knows what state they are in
        free()
        keep(list(found.values()))
        if not rung.refused:
            longest = max(longest, budget.now() - began)
    return [found[name] for name in rungs]


def parse_rung(text: str) -> tuple[str, float, str]:
    """``12`` or ``12+int8_weights`` -> (text, GiB, quantization)."""
    number, _, quantization = text.partition("+")
    try:
        gib = float(number)
    except ValueError:
        gib = 0.0
    if gib <= 0 or (quantization or "none") not in QUANTIZATIONS:
        raise Tora2Error(f"{text!r} is no rung: write GiB or GiB+QUANTIZATION, such as 12 or 12+int8_weights.")
    return text, gib, quantization or "none"


def random_models(config: dict[str, Any], device: torch.device | str, dtype: torch.dtype, full: bool) -> Models:
    """All models of a shape with random weights, made on the device (quick) and put on the CPU one by one."""
    from diffusers import AutoencoderKLCogVideoX
    from transformers import T5Config, T5EncoderModel

    from ..checkpoints.components import T5_CONFIG, VAE_CONFIG
    from .step import build, random_transformer

    vae_config = VAE_CONFIG if full else VAE_CONFIG | {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 2}
    blocks = {
        "down_block_types": ("CogVideoXDownBlock3D",) * 4,
        "up_block_types": ("CogVideoXUpBlock3D",) * 4,
        **vae_config,
    }
    t5_config = T5Config(**(T5_CONFIG if full else T5_CONFIG | T5_SMALL | {"d_model": config["text_embed_dim"]}))
    transformer = random_transformer(config, device, dtype).to("cpu")
    text_encoder = build(lambda: T5EncoderModel(t5_config), {}, device, dtype)
    for name, parameter in text_encoder.named_parameters():  # as it is loaded: transformers keeps these in float32
        if ".wo." in name:
            parameter.data = parameter.data.float()
    vae = build(AutoencoderKLCogVideoX, blocks, device, dtype).to("cpu")
    use_conv3d(vae)
    return Models(text_encoder.to("cpu"), transformer, vae)


@torch.no_grad()
def _run(
    rung: Rung,
    models: Models,
    job: Job,
    cap: float,
    device: torch.device,
    budget: Budget,
    slowest: dict[str, float],
) -> None:
    """Fill the rung, phase by phase. ``slowest``: seconds of each phase so far, by the budget's clock."""
    parts = {name: getattr(models, name) for name in ("transformer", "text_encoder", "vae")}
    weights = Weights(*map(stored_bytes, parts.values()), max(map(largest_layer, list(parts.values())[:2])))
    shape = Shape.of(models.transformer, models.vae.config.block_out_channels[0])
    chosen = plan(cap, job.size, weights, shape, job.videos)
    rung.settings = chosen.describe()
    rung.estimates = {"text": chosen.text_bytes, "denoise": chosen.denoising_bytes, "vae": chosen.vae_bytes}
    with Meter(device, cap) as meter:
        for phase in PHASES:
            began = budget.now()
            try:
                budget.require(slowest.get(phase, 0.0))
                meter.begin()
                seconds = _PHASES[phase](models, chosen, job, device, meter, budget)
            except torch.OutOfMemoryError as error:
                rung.refused = f"out of memory in {phase}: {str(error).splitlines()[0][:160]}"
                return
            except OutOfTime as error:
                raise OutOfTime(f"{phase}: {error}") from error
            finally:
                _away(models)
            rung.peaks[phase], rung.seconds[phase] = meter.peak, seconds
            slowest[phase] = max(slowest.get(phase, 0.0), budget.now() - began)


def _text(models: Models, chosen: Plan, job: Job, device: torch.device, meter: Meter, budget: Budget) -> float:
    place = _bring(models, "text_encoder", chosen.text_encoder, device, meter)
    length = models.transformer.config.max_text_seq_length
    ids = torch.randint(0, 100, (2, length), device=place)
    return meter.timed(lambda: models.text_encoder(ids))


def _encode(models: Models, chosen: Plan, job: Job, device: torch.device, meter: Meter, budget: Budget) -> float:
    _bring(models, "vae", "whole", device, meter)
    size = job.size
    colors = torch.randint(0, 256, (1, 3, size.frames, size.height, size.width), dtype=torch.uint8, device=device)
    return meter.timed(lambda: encode_frames(models.vae, colors, chosen.encoding))


def _denoise(models: Models, chosen: Plan, job: Job, device: torch.device, meter: Meter, budget: Budget) -> float:
    _bring(models, "transformer", chosen.transformer, device, meter)
    given = random_conditioning(models.transformer, job)

    def steps(count: int) -> None:
        denoise(
            models.transformer,
            make_scheduler(),
            given,
            size=job.size,
            scaling_factor=0.7,
            seeds=range(job.videos),
            steps=count,
            guidance_batch="together" if chosen.together else "in sequence",
            keep_modulations=chosen.keep_modulations,
            on_step=lambda step: budget.require(),
        )

    steps(1)
    first = meter.timed(lambda: steps(1))  # what is computed once a video is in it
    more = meter.timed(lambda: steps(1 + TIMED_STEPS))
    return first + max(more - first, 0.0) / TIMED_STEPS * (job.steps - 1)  # noise is longer than small steps


def _decode(models: Models, chosen: Plan, job: Job, device: torch.device, meter: Meter, budget: Budget) -> float:
    _bring(models, "vae", "whole", device, meter)
    latents = torch.randn(job.videos, 16, *job.size.latent)
    return meter.timed(lambda: [decode_frames(models.vae, video[None], chosen.decoding) for video in latents])


_PHASES = {"text": _text, "encode": _encode, "denoise": _denoise, "decode": _decode}


def _bring(models: Models, name: str, place: str, device: torch.device, meter: Meter) -> torch.device:
    module: nn.Module = getattr(models, name)
    if place == "cpu":
        return torch.device("cpu")
    if place == "blocks":
        bring_in_blocks(module, device)
        meter.weights = IN_FLIGHT * largest_layer(module)
        return device
    module.to(device)
    meter.weights = stored_bytes(module)
    return device


def _away(models: Models) -> None:
    bring_whole(models.text_encoder)
    bring_whole(models.transformer)
    models.vae.to("cpu")
    free()


def ladder_table(rungs: Sequence[Rung]) -> str:
    """Peaks of each phase in GiB, seconds of the whole job, and the settings of each rung."""
    lines = [f"{'cap, GiB':<18}" + "".join(f"{phase:>10}" for phase in PHASES) + f"{'peak':>10}{'seconds':>10}"]
    for rung in rungs:
        peaks = "".join(f"{rung.peaks[p] / GIB:>10.2f}" if p in rung.peaks else f"{'-':>10}" for p in PHASES)
        most = max(rung.peaks.values(), default=0.0) / GIB
        lines.append(f"{rung.name:<18}{peaks}{most:>10.2f}{sum(rung.seconds.values()):>10.1f}")
        lines.append(f"  {rung.refused or rung.settings}")
    lines.append(f"Denoising is in the seconds as it is estimated from {TIMED_STEPS} steps.")
    return "\n".join(lines)
