"""The training loop on accelerate: one process or many, broken off and taken up again at any step."""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..acceleration.compiling import compile_blocks
from ..errors import CheckpointError, TrainingError
from ..personalization.extractor import ExtractorConfig
from . import labels, models, state
from .config import TrainingConfig, learning_rate
from .distribution import callable_in_parts, is_sharded, make_accelerator, prepare
from .draws import Draws, draw_per_clip, mix, without_noise
from .export import export
from .metrics import Metrics
from .module import parameter_groups, trained_parameters
from .shards import Shards, join, micro_batches
from .slices import Slice

Pass = tuple[dict[str, torch.Tensor], Draws, str, float]
"""A collated batch, its draws, what becomes of the contrast in it, and its share of the losses."""


class Trainer:
    """Trains what a configuration says.

    Args:
        config: checked.
        resume: go on from the run's last checkpoint; without one, begin.
        minutes: stop (and save) after this time, counted from here.
        quiet: no progress bar.
        finish: end the run with this slice, at whatever step: the rate falls by its time instead of by its steps, and
            the weights are exported.
        on_save: called in the main process after each checkpoint.

    Attributes:
        ended: whether the run is over, after :meth:`run`.

    Raises:
        TrainingError: the configuration, its data or the run's folder cannot be used.
        AccelerationError: the model is to be compiled, and this machine cannot.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        resume: bool = False,
        minutes: float = math.inf,
        quiet: bool = False,
        finish: bool = False,
        on_save: Callable[[], None] = lambda: None,
    ):
        self.config, self.quiet, self.finish, self.on_save = config, quiet, finish, on_save
        if finish and math.isinf(minutes):
            raise TrainingError("A run that is to finish with this slice needs the slice's length: give `minutes`.")
        if not config.run.out:
            raise TrainingError("`run.out`, the run's folder, is not set: add `--set run.out=DIR`.")
        self.out = Path(config.run.out)
        found = state.checkpoints(self.out)
        if found and not resume:
            raise TrainingError(
                f"{self.out} holds a run already ({found[-1].name}): give --resume to go on, or another `run.out`."
            )
        self.accelerator = make_accelerator(config)
        if config.run.precision == "fp16" and self.accelerator.device.type == "cpu":
            raise TrainingError("`run.precision` fp16 needs a GPU, and this is a CPU: set it to bf16 or fp32.")
        self.slice = Slice(self.accelerator, minutes, config.run.save_minutes)
        self.shards = models.open_data(config, self.accelerator.device)
        torch.manual_seed(config.run.seed)  # every process makes the same new parts
        self.built = models.build(config, has_text=self.shards.has_text)
        self.module = self.built.module.train()
        self._check_data()

        rates = config.optimizer
        self.rates = {
            "adapter": rates.rate,
            "base": rates.base_rate or rates.rate,
            "text": rates.text_rate or rates.rate,
        }

        def optimizer(module: nn.Module) -> torch.optim.Optimizer:
            return torch.optim.AdamW(
                parameter_groups(module, self.rates),
                betas=rates.betas,
                eps=rates.epsilon,
                weight_decay=rates.weight_decay,
            )

        self.wrapped, self.optimizer = prepare(self.accelerator, self.module, optimizer)
        self.module = self.built.module = self.accelerator.unwrap_model(self.wrapped)
        if config.model.compile:
            compile_blocks(self.module.transformer)
        self.parameters = trained_parameters(self.module)
        self.step = self.place = self.skipped = self.skipped_in_a_row = self.rise_from = 0
        self.ended = False
        self.average: state.Average | None = None
        if found:
            self._restore(found[-1])
        elif rates.ema:
            self.average = state.Average(self.parameters, rates.ema)

    def run(self) -> None:
        """Train until the last step, the slice's end, or an interrupt; save; export at the run's end."""
        from .validation import Validator

        run, main = self.config.run, self.accelerator.is_main_process
        metrics = Metrics(self.out, self.step, run.steps, quiet=self.quiet) if main else None
        validator = Validator(self.config.validation, self.built) if self.config.validation.every else None
        saved = self.step
        self.seen: list[dict[str, torch.Tensor]] = []
        self.told = time.monotonic()
        try:
            with self.slice.interrupts(), ThreadPoolExecutor(1) as reader:
                for batch in self._batches(reader):
                    self._one_step(batch)
                    if metrics is not None:
                        metrics.step()
                    if self.step % run.log_every == 0 or self.step == run.steps:
                        self._tell(metrics)
                    self.slice.look()
                    if self.step % run.save_every == 0 or self.slice.save_due:
                        self.save()
                        saved = self.step
                    if validator is not None and self.step % self.config.validation.every == 0:
                        self._validate(validator, metrics)
                    if self.slice.over:
                        break
            if saved != self.step:
                self.save()
            self.ended = self.step >= run.steps or (self.finish and not self.slice.interrupted)
            if self.ended:
                self.export(metrics)
        finally:
            if metrics is not None:
                metrics.close()

    def _batches(self, reader: ThreadPoolExecutor) -> Iterator[list[Pass]]:
        """One step's passes after the other; the next step's are read while one is computed."""
        run = self.config.run
        if self.step >= run.steps:
            return
        self.shards.expect(places for step in itertools.count(self.place, run.batch) for places in self._places(step))
        pending = reader.submit(self._read, self.place)
        while self.step < run.steps:
            current = pending.result()
            pending = reader.submit(self._read, self.place + run.batch)
            yield current
        pending.result()

    def _places(self, place: int) -> list[list[int]]:
        run, process = self.config.run, self.accelerator
        return micro_batches(place, run.batch, run.micro_batch, process.num_processes, process.process_index)

    def _read(self, place: int) -> list[Pass]:
        timesteps = len(self.module.alphas_cumprod)
        passes = []
        for places in self._places(place):
            raw = self.shards.batch(places)
            shape, recipe = tuple(raw["latents"].shape), self.config.recipe
            if shape[1] == 1:  # a still that is given its own first frame has nothing left to learn
                recipe = dataclasses.replace(recipe, keep_first_frame=0.0)
            passes.append((raw, draw_per_clip(recipe, shape, timesteps, self.config.run.seed, places)))
        if len(passes) == 1:
            return [(*passes[0], "with", 1.0)]
        # The contrast is over the entities of the whole batch, however little of it goes through the network at once.
        everything = join([raw for raw, _ in passes])
        everything["latents"] = everything["weights"] = torch.empty(0)
        only = (everything, without_noise([draws for _, draws in passes]), "only", 1.0)
        return [only, *((raw, draws, "without", 1 / len(passes)) for raw, draws in passes)]

    def _one_step(self, passes: list[Pass]) -> None:
        run, device = self.config.run, self.accelerator.device
        torch.manual_seed(mix(run.seed, self.place))  # should a part draw by itself, a resumed run draws the same
        passed = self.slice.passed if self.finish else None
        factor = learning_rate(self.config.optimizer, self.step, run.steps, self.rise_from, passed)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * factor
        figures: dict[str, torch.Tensor] = {}
        for raw, draws, contrast, share in passes:
            raw = {name: tensor.to(device, non_blocking=True) for name, tensor in raw.items()}
            with self.accelerator.accumulate(self.wrapped):
                losses = self.wrapped(raw, draws.to(device), contrast)
                self.accelerator.backward(losses["loss"] * share * len(passes))  # accelerate divides by their number
            for name, value in losses.items():
                figures[name] = figures.get(name, 0.0) + value.detach().float() * share
        norm = self._clip()
        self.place += run.batch
        self.step += 1
        if self._descend(norm):
            self.skipped_in_a_row = 0
            if self.average is not None:
                self.average.update(self.parameters, self.step)
        self.seen.append(figures | {"norm": norm, "rate": torch.tensor(self.rates["adapter"] * factor)})

    def _clip(self) -> torch.Tensor:
        """Norm of the whole gradient, which is cut to the largest allowed."""
        self.accelerator.unscale_gradients()
        largest = self.config.optimizer.clip or math.inf
        return state.full(nn.utils.clip_grad_norm_(list(self.parameters.values()), largest)).float()

    def _descend(self, norm: torch.Tensor) -> bool:
        """Step, unless the gradient is not finite; the same decision in every process. False if it was skipped."""
        finite = bool(torch.isfinite(norm))
        if finite or self.accelerator.scaler is not None:  # fp16's scaler skips by itself, and learns from it
            self.optimizer.step()
        self.optimizer.zero_grad()
        if finite:
            return True
        self.skipped += 1
        self.skipped_in_a_row += 1
        if self.skipped_in_a_row >= self.config.run.patience:
            raise TrainingError(
                f"The gradient was not finite for {self.skipped_in_a_row} steps in a row, up to step {self.step}: go "
                "on from the last checkpoint with a lower `optimizer.rate`, or with `run.precision` fp32."
            )
        return False

    def _tell(self, metrics: Metrics | None) -> None:
        names = list(self.seen[0])
        device = self.accelerator.device
        means = torch.stack([torch.stack([one[name].to(device) for one in self.seen]).mean() for name in names])
        means = self.accelerator.reduce(means, "mean").tolist()
        now = time.monotonic()
        if metrics is not None:
            clips = len(self.seen) * self.config.run.batch / max(now - self.told, 1e-9)
            values = dict(zip(names, means, strict=True))
            metrics.log(self.step, values | {"clips_per_second": clips, "skipped": self.skipped})
        self.seen, self.told = [], now

    def save(self) -> None:
        """Write a checkpoint; every process must call this."""
        main = self.accelerator.is_main_process
        weights = state.gathered(self.parameters, main)
        average = state.gathered(self.average.values if self.average is not None else {}, main)
        moments = state.optimizer_tensors(self._inner_optimizer, self.parameters, main)
        optimizer: dict[str, Any] = {"parameters": moments}
        if self.accelerator.scaler is not None:
            optimizer["scaler"] = self.accelerator.scaler.state_dict()
        if main:
            state.save_checkpoint(
                self.out,
                weights=weights,
                average=average,
                optimizer=optimizer,
                state={
                    "step": self.step,
                    "place": self.place,
                    "rise_from": self.rise_from,
                    "skipped": self.skipped,
                    "skipped_in_a_row": self.skipped_in_a_row,
                    "clips": len(self.shards),
                    "config": dataclasses.asdict(self.config),
                },
                keep=self.config.run.keep,
            )
            self.on_save()
        self.accelerator.wait_for_everyone()

    def _restore(self, folder: Path) -> None:
        kept, weights, average, optimizer = state.load_checkpoint(folder)
        state.restore_parameters(self.parameters, weights, folder)
        state.restore_optimizer(self._inner_optimizer, self.parameters, optimizer["parameters"])
        if self.accelerator.scaler is not None and "scaler" in optimizer:
            self.accelerator.scaler.load_state_dict(optimizer["scaler"])
        self.step, self.place, self.rise_from = kept["step"], kept["place"], kept.get("rise_from", 0)
        self.skipped, self.skipped_in_a_row = kept["skipped"], kept["skipped_in_a_row"]
        if kept["clips"] != len(self.shards) and self.accelerator.is_main_process:
            print(f"The run began with {kept['clips']} clips and there are {len(self.shards)}: their order is another.")
        if self.config.optimizer.ema:
            self.average = state.Average(self.parameters, self.config.optimizer.ema)
            for name, value in average.items():
                self.average.values[name].copy_(state.spread(value, self.parameters[name]))

    def export(self, metrics: Metrics | None = None) -> None:
        """Write the (averaged) weights as files that the nodes load: OUT/adapter.safetensors, OUT/model."""
        say = metrics.say if metrics is not None else print
        if is_sharded(self.module):
            if self.accelerator.is_main_process:
                say("A model spread by FSDP is exported by one process: run `train CONFIG --export` without launcher.")
            return
        if self.accelerator.is_main_process:
            with self.averaged():
                for path in export(self.built, self.config):
                    say(f"wrote {path}")
        self.accelerator.wait_for_everyone()

    def averaged(self):
        """Context in which the averaged weights stand in the model."""
        return self.average.in_place(self.parameters) if self.average is not None else nullcontext()

    def _validate(self, validator: Any, metrics: Metrics | None) -> None:
        # Of a sharded model nobody has the whole: all processes make the videos together, and the main one keeps them.
        if metrics is not None or is_sharded(self.module):
            self.module.eval()
            with self.averaged(), callable_in_parts(self.module), self.accelerator.autocast():
                folder = self.out / "validation" / f"step-{self.step:08d}" if metrics is not None else None
                for name, frames in validator(folder, metrics.say if metrics is not None else lambda text: None):
                    if metrics is not None:
                        metrics.video(self.step, name, frames)
            self.module.train()
        self.accelerator.wait_for_everyone()

    @property
    def _inner_optimizer(self) -> torch.optim.Optimizer:
        return getattr(self.optimizer, "optimizer", self.optimizer)

    def _check_data(self) -> None:
        config = self.module.transformer.config
        channels = config.out_channels or config.in_channels
        if self.shards.shape[1] != channels:
            raise TrainingError(
                f"The clips in {self.shards.folder} have latents of {self.shards.shape[1]} channels, but the model's "
                f"have {channels}: encode them with this model's VAE."
            )
        if isinstance(self.shards, Shards):
            extractor = ExtractorConfig(**config.personalization_config)
            wanted = {"semantic": extractor.semantic_width, "text": config.text_embed_dim}
            wanted |= {"reid": extractor.reid_width} if extractor.uses_reid else {}
            wanted |= {"face": extractor.face_width} if extractor.uses_face else {}
            for name, width in self.shards.widths().items():
                if width != wanted.get(name, width):
                    raise TrainingError(
                        f"The clips in {self.shards.folder} have `{name}` of width {width}, but the model's is "
                        f"{wanted[name]}: encode them with this model's encoders, or set the width that they have."
                    )
            prepared = models.preparation(self.config.model, self.built.bundle)
            read = {f"model.{name}": value for name, value in prepared.items()}
            read["model.transformer.max_text_seq_length"] = config.max_text_seq_length
            read[labels.VARIANT] = extractor.variant
            if self.built.bundle is not None and labels.VAE in labels.settings_of(self.shards.paths[0]):
                with suppress(CheckpointError):  # the training itself needs no VAE, so there may be none
                    read[labels.VAE] = labels.sketch(self.built.bundle.vae)
            labels.check_readable(self.shards.paths, read)
