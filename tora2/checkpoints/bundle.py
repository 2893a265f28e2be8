"""A loaded model (``TORA2_MODEL`` in ComfyUI): its components, each read from disk when it is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..conditions import VideoSize
from ..errors import EncoderError
from . import components
from .config import AdapterConfig, BaseDescription
from .lora import Lora, check_loras
from .sources import ModelSource, plan_transformer
from .transformer import expected_weights, load_transformer

COMPONENTS = ("transformer", "vae", "text_encoder", "tokenizer", "scheduler", "semantic", "reid", "face")

TEXT_LENGTH = 226
"""CogVideoX's, where the config does not say."""

ENCODERS = {
    "semantic": ("semantic encoder (DINOv2)", "semantic_encoder/", components.DINO_PLACE),
    "reid": ("re-identification encoder", "reid_encoder/model.onnx", components.REID_PLACE),
    "face": ("face encoder", "face_encoder/", components.FACE_PLACE),
}


class Tora2Bundle:
    """Components of one model, loaded one by one on the CPU; whoever uses one moves it to a device.

    Made by ``loading.load``, or by :meth:`of` from modules in memory.

    Attributes:
        name: as the loader shows it.
        config: what the adapter was trained with (a config of no adapter for a plain base).
        base: description of the base.
        dtype: of the weights; None means as stored.
        source: the files, or None if the model was made in memory.
        learned_size: the only size that the model makes, if it learned its positions; see ``stages.motion.check_size``.
    """

    def __init__(
        self,
        name: str,
        config: AdapterConfig,
        base: BaseDescription,
        size: VideoSize,
        dtype: torch.dtype | None = None,
        *,
        source: ModelSource | None = None,
        loaders: Mapping[str, Callable[[], Any]] | None = None,
    ):
        self.name, self.config, self.base, self.dtype = name, config, base, dtype
        self.source, self._size, self._loaders = source, size, dict(loaders or {})
        self._loaded: dict[str, Any] = {}
        self._transformer_files: tuple[Path, ...] = ()
        self._max_text_length = TEXT_LENGTH
        self.learned_size: VideoSize | None = None

    @classmethod
    def open(
        cls,
        source: ModelSource,
        dtype: torch.dtype | None,
        *,
        tokenizer: Path | None = None,
        quantization: str = "none",
        loras: Sequence[Lora] = (),
    ) -> Tora2Bundle:
        """Check a source's headers and configs and return its bundle; no weights are read yet. See ``loading.load``."""
        plan = plan_transformer(source)
        if loras:
            check_loras(loras, expected_weights(plan))
        scale = 2 ** (len(components.vae_config(source).get("block_out_channels", (0,) * 4)) - 1)
        sample = {"frames": 49, "height": 60, "width": 90}
        sample = {key: int(plan.arguments.get(f"sample_{key}") or value) for key, value in sample.items()}
        size = VideoSize(sample["frames"], sample["height"] * scale, sample["width"] * scale)
        bundle = cls(source.name, plan.adapter, plan.base, size, dtype, source=source)
        bundle._transformer_files = tuple(plan.files)
        bundle.learned_size = size if plan.arguments.get("use_learned_positional_embeddings") else None
        bundle._max_text_length = int(plan.arguments.get("max_text_seq_length", TEXT_LENGTH))
        width = int(plan.arguments.get("text_embed_dim", 4096))
        bundle._loaders = {
            "transformer": lambda: load_transformer(source, dtype, plan, quantization, loras),
            "vae": lambda: components.load_vae(source, dtype),
            "text_encoder": lambda: components.load_text_encoder(source, dtype, width),
            "tokenizer": lambda: components.load_tokenizer(source, tokenizer),
            "scheduler": lambda: components.load_scheduler(source),
            **_identity_loaders(source, plan.adapter, dtype),
        }
        return bundle

    def expect_personalization(self, personalization_config: Mapping[str, Any]) -> None:
        """Look for the identity encoders that parts of this config want, which a training is about to add."""
        adapter = replace(
            self.config, arguments=self.config.arguments | {"personalization_config": dict(personalization_config)}
        )
        self._loaders |= _identity_loaders(self.source, adapter, self.dtype)

    @classmethod
    def of(cls, name: str, config: AdapterConfig, *, size: VideoSize, **parts: Any) -> Tora2Bundle:
        """A bundle of modules in memory; ``transformer`` is needed, the others are optional."""
        transformer = parts["transformer"]
        base = BaseDescription.from_config(transformer.config)
        bundle = cls(name, config, base, size, transformer.dtype)
        bundle._loaded = dict(parts)
        bundle.learned_size = size if transformer.config.use_learned_positional_embeddings else None
        bundle._max_text_length = int(transformer.config.max_text_seq_length)
        return bundle

    def component(self, name: str) -> Any:
        """A component, loaded at the first call; None for an identity encoder that is not there (yet: asked again, it
        is looked for again).

        Args:
            name: one of ``COMPONENTS``.
        """
        if name not in COMPONENTS:
            raise KeyError(f"a bundle has {', '.join(COMPONENTS)}, not {name}")
        if name not in self._loaded:
            loader = self._loaders.get(name)
            found = loader() if loader is not None else None
            if found is None:
                return None
            self._loaded[name] = found
        return self._loaded[name]

    def is_loaded(self, name: str) -> bool:
        return self._loaded.get(name) is not None

    def can_load_again(self, name: str) -> bool:
        """Whether :meth:`release` forgets it."""
        return name in self._loaders

    @property
    def transformer_file_bytes(self) -> int:
        """0 for a model in memory."""
        return sum(path.stat().st_size for path in self._transformer_files)

    def release(self, *names: str) -> None:
        """Forget components that can be loaded again, so that their memory can be used by another."""
        for name in names or COMPONENTS:
            if name in self._loaders:
                self._loaded.pop(name, None)

    def encoder(self, name: str) -> Any:
        """An identity encoder; EncoderError says where to put it if it is not there."""
        found = self.component(name)
        if found is None:
            what, own, place = ENCODERS[name]
            raise EncoderError(f"{self.name} has no {what}: put it at {own} in the model's folder, or at {place}.")
        return found

    @property
    def transformer(self) -> Any:
        return self.component("transformer")

    @property
    def vae(self) -> Any:
        return self.component("vae")

    @property
    def text_encoder(self) -> Any:
        return self.component("text_encoder")

    @property
    def tokenizer(self) -> Any:
        return self.component("tokenizer")

    @property
    def scheduler(self) -> Any:
        return self.component("scheduler")

    @property
    def semantic(self) -> Any | None:
        return self.component("semantic")

    @property
    def reid(self) -> Any | None:
        return self.component("reid")

    @property
    def face(self) -> Any | None:
        return self.component("face")

    @property
    def kind(self) -> str:
        """``t2v`` or ``i2v`` (takes a first frame)."""
        return self.base.kind or "t2v"

    @property
    def has_motion(self) -> bool:
        return self.config.has_motion

    @property
    def has_personalization(self) -> bool:
        return self.config.has_personalization

    @property
    def max_text_length(self) -> int:
        """Tokens that the transformer takes; its weights are not read for it."""
        return self._max_text_length

    @property
    def size(self) -> VideoSize:
        """The size that the model was trained for."""
        return self._size


# Functions, not methods: a bundle that its own loaders hold would outlive its last user, and its weights with it.


def _identity_loaders(
    source: ModelSource, config: AdapterConfig, dtype: torch.dtype | None
) -> dict[str, Callable[[], Any]]:
    return {
        "semantic": lambda: _load_semantic(source, config, dtype),
        "reid": lambda: _load_reid(source, config),
        "face": lambda: _load_face(source, config),
    }


def _load_semantic(source: ModelSource, config: AdapterConfig, dtype: torch.dtype | None) -> Any | None:
    personalization = config.arguments.get("personalization_config")
    folder = components.find_semantic(source, (personalization or {}).get("semantic_width", 1024))
    if not personalization or folder is None:
        return None
    from ..personalization.semantic import SemanticEncoder

    return SemanticEncoder.from_pretrained(folder, dtype)


def _load_reid(source: ModelSource, config: AdapterConfig) -> Any | None:
    path = components.find_reid(source)
    if not config.has_personalization or path is None:
        return None
    from ..personalization.reid import ReidEncoder

    return ReidEncoder(path)


def _load_face(source: ModelSource, config: AdapterConfig) -> Any | None:
    folder = components.find_face(source)
    if not config.has_personalization or folder is None:
        return None
    from ..personalization.face import FaceEncoder

    return FaceEncoder(folder)
