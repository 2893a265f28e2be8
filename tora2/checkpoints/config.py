"""What an adapter is: sizes of its parts and the base it fits. Kept as JSON in its file's metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ..errors import CheckpointError

METADATA_KEY = "tora2"
FORMAT_VERSION = 1
ADAPTER_ARGUMENTS = (
    "motion_channels",
    "personalization_config",
    "binding_config",
    "attention_width",
    "attention_heads",
    "injection_order",
)
"""Constructor arguments of ``Tora2Transformer3DModel`` that the adapter decides; all others are the base's."""

NO_ADAPTER = {"motion_channels": None, "personalization_config": None, "binding_config": None}
KINDS = {"t2v": "text-to-video", "i2v": "image-to-video"}


@dataclass(frozen=True)
class BaseDescription:
    """The base that an adapter fits: what must be equal for its weights to mean anything.

    Attributes:
        in_channels: 16 for text-to-video, 32 with a first frame (its latents join the noise along the channels).
        out_channels: channels of a latent.
        num_layers: transformer layers.
        inner_dim: width of the tokens.
        patch_size_t: None for CogVideoX 1.0, 2 for 1.5.
        text_embed_dim: width of the text encoder's states; None if the adapter has no part that reads text.
    """

    in_channels: int
    out_channels: int
    num_layers: int
    inner_dim: int
    patch_size_t: int | None = None
    text_embed_dim: int | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> BaseDescription:
        """Of a transformer's config; diffusers' defaults stand in for what it leaves out."""
        in_channels = int(config.get("in_channels", 16))
        return cls(
            in_channels=in_channels,
            out_channels=int(config.get("out_channels", 16) or in_channels),
            num_layers=int(config.get("num_layers", 30)),
            inner_dim=int(config.get("num_attention_heads", 30)) * int(config.get("attention_head_dim", 64)),
            patch_size_t=config.get("patch_size_t"),
            text_embed_dim=int(config.get("text_embed_dim", 4096)),
        )

    @property
    def kind(self) -> str | None:
        """``t2v``, ``i2v``, or None for anything else (CogVideoX-Fun's 33 channels, say)."""
        if self.in_channels == self.out_channels:
            return "t2v"
        return "i2v" if self.in_channels == 2 * self.out_channels else None

    @property
    def is_cogvideox_1_5(self) -> bool:
        return self.patch_size_t is not None

    def __str__(self) -> str:
        version = " 1.5" if self.is_cogvideox_1_5 else ""
        return (
            f"{KINDS.get(self.kind or '', 'other')} CogVideoX{version}, {self.in_channels} input channels, "
            f"{self.num_layers} layers of width {self.inner_dim}"
        )


@dataclass(frozen=True)
class AdapterConfig:
    """Config of an adapter; the defaults are those of the public Tora weights.

    Attributes:
        flow_sigma: standard deviation of the motion map's Gaussian in pixels.
        flow_window: side of its window in pixels, odd.
        reference_size: side S in pixels of a prepared reference picture.
        arguments: :data:`ADAPTER_ARGUMENTS` for the transformer's constructor.
        base: what it fits; None for no adapter at all.
        format: version of this JSON.
        extra: fields of a later version, kept when it is saved again.
    """

    flow_sigma: float = 10.0
    flow_window: int = 99
    reference_size: int = 224
    arguments: dict[str, Any] = field(default_factory=lambda: dict(NO_ADAPTER))
    base: BaseDescription | None = None
    format: int = FORMAT_VERSION
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        return self.base.kind if self.base else None

    @property
    def has_motion(self) -> bool:
        return self.arguments.get("motion_channels") is not None

    @property
    def has_personalization(self) -> bool:
        return self.arguments.get("personalization_config") is not None

    def to_json(self) -> str:
        data = {**self.extra, **asdict(self), "kind": self.kind}
        del data["extra"]
        return json.dumps(data)

    @classmethod
    def from_json(cls, text: str, where: object = "this adapter") -> AdapterConfig:
        """Parse; CheckpointError names what cannot be used."""
        try:
            data = json.loads(text)
            version = data.pop("format")
            if not isinstance(version, int) or version < 1:
                raise ValueError(f"format {version!r}")
            if version > FORMAT_VERSION:
                raise CheckpointError(
                    f"{where} is an adapter of format {version}, but this version of the pack reads up to "
                    f"{FORMAT_VERSION}: update the pack."
                )
            data.pop("kind", None)
            base = BaseDescription(**data.pop("base"))
            if not all(isinstance(value, int) for value in vars(base).values() if value is not None):
                raise ValueError(f"base {vars(base)}")
            arguments = data.pop("arguments")
            unknown = sorted(set(arguments) - set(ADAPTER_ARGUMENTS))
            if unknown:
                raise ValueError(f"unknown argument {unknown[0]}")
            known = {item.name for item in fields(cls)} - {"extra", "format", "base", "arguments"}
            values = {name: data.pop(name) for name in sorted(known & set(data))}
            config = cls(**values, arguments={**NO_ADAPTER, **arguments}, base=base, format=version, extra=data)
            config._check()
        except CheckpointError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise CheckpointError(f"The config in {where} cannot be used ({error!r}): get the adapter anew.") from error
        return config

    def _check(self) -> None:
        if not 0 < float(self.flow_sigma) < 1e4 or not 1 <= int(self.flow_window) < 1e4 or self.flow_window % 2 == 0:
            raise ValueError(f"flow_sigma {self.flow_sigma}, flow_window {self.flow_window}")
        if not 1 <= int(self.reference_size) <= 8192:
            raise ValueError(f"reference_size {self.reference_size}")


def check_fit(adapter: BaseDescription, base: BaseDescription, adapter_path: Path | str, base_path: Path | str) -> None:
    """CheckpointError, one sentence, if an adapter does not belong on a base."""
    if base.is_cogvideox_1_5 and not adapter.is_cogvideox_1_5:
        raise CheckpointError(
            f"{base_path} is CogVideoX 1.5, which Tora's weights do not fit (they were trained on CogVideoX 1.0 and "
            "would have to be trained anew): use CogVideoX-5b or CogVideoX-5b-I2V."
        )
    if adapter.kind != base.kind and adapter.kind and base.kind:
        right = "CogVideoX-5b-I2V" if adapter.kind == "i2v" else "CogVideoX-5b"
        raise CheckpointError(
            f"The adapter {adapter_path} is for {KINDS[adapter.kind]} ({adapter.in_channels} input channels), but "
            f"{base_path} is {KINDS[base.kind]} ({base.in_channels}): pair it with {right}, or take the adapter for "
            f"{KINDS[base.kind]}."
        )
    same = (adapter.in_channels, adapter.out_channels, adapter.num_layers, adapter.inner_dim, adapter.patch_size_t)
    if same != (base.in_channels, base.out_channels, base.num_layers, base.inner_dim, base.patch_size_t):
        raise CheckpointError(f"The adapter {adapter_path} is for {adapter}, but {base_path} is {base}: use that base.")
    if adapter.text_embed_dim is not None and adapter.text_embed_dim != base.text_embed_dim:
        raise CheckpointError(
            f"The adapter {adapter_path} reads text states of width {adapter.text_embed_dim}, but those of {base_path} "
            f"have {base.text_embed_dim}: use the base that it was trained on."
        )
