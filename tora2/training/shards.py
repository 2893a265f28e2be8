"""Encoded clips on disk, and which of them a step sees.

A shard is one safetensors file of clips. Per clip: ``latents``, ``motion_latents``, ``weights`` and either ``ids``
(then the text encoder runs in training) or ``text``, with ``null_text`` [1, S, D] beside it; optionally, for models
that take one, ``first_frame``. Per entity: ``video`` (its clip in the shard, ascending), ``semantic``, ``reid``,
``face``, ``is_human``, ``word_index``, ``points``, ``visible``, ``identity`` and, optionally, ``has_reference``. See
:class:`tora2.training.step.TrainingBatch` for the shapes.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from ..errors import TrainingError

PER_CLIP = ("latents", "motion_latents", "weights", "ids", "text", "first_frame")
PER_ENTITY = ("semantic", "reid", "face", "is_human", "word_index", "points", "visible", "identity")
REQUIRED = ("latents", "motion_latents", "weights", "video", *PER_ENTITY)


class Shards:
    """All clips of a folder, in an order that follows from the seed and the epoch alone.

    Shards are shuffled, ``pool`` of them at a time are taken together, and their clips are shuffled among each other,
    so that a process need hold only that many in memory.
    """

    def __init__(self, folder: Path | str, seed: int = 0, pool: int = 2):
        self.folder, self.seed, self.pool = Path(folder), seed, pool
        self.paths = sorted(self.folder.glob("*.safetensors"))
        if not self.paths:
            raise TrainingError(
                f"{folder} holds no encoded clips (*.safetensors): make them with `python -m tora2 train CONFIG "
                "--encode`, or set `data.path`."
            )
        heads = [head(path) for path in self.paths]
        self.shape, self.has_text = heads[0][1:]
        for path, (_, *rest) in zip(self.paths, heads, strict=True):
            if tuple(rest) != (self.shape, self.has_text):
                raise TrainingError(
                    f"{path} holds clips of another size or text than {self.paths[0].name}: one folder, one size."
                )
        self.counts = [head[0] for head in heads]
        self.clips = sum(self.counts)
        self._cache: OrderedDict[int, dict[str, torch.Tensor]] = OrderedDict()
        self._order: tuple[int, list[tuple[int, int]]] | None = None

    def __len__(self) -> int:
        return self.clips

    def widths(self) -> dict[str, int]:
        """Of the features and text states that the first shard holds."""
        with safe_open(self.paths[0], "pt") as shard:
            names = [name for name in ("semantic", "reid", "face", "text") if name in shard.keys()]
            return {name: shard.get_slice(name).get_shape()[-1] for name in names}

    def batch(self, places: Sequence[int]) -> dict[str, torch.Tensor]:
        """The clips at these places of the run (0 is the very first clip; epochs follow one another without a gap)."""
        return collate([self._clip(*self.locate(place)) for place in places])

    def expect(self, batches: Iterable[Sequence[int]]) -> None:
        """The places of all batches to come; nothing need be made ahead."""

    def locate(self, place: int) -> tuple[int, int]:
        """Shard and clip in it."""
        epoch, index = divmod(place, self.clips)
        if self._order is None or self._order[0] != epoch:
            self._order = (epoch, self._shuffled(epoch))
        return self._order[1][index]

    def _shuffled(self, epoch: int) -> list[tuple[int, int]]:
        chance = random.Random(f"{self.seed} {epoch}")
        shards = chance.sample(range(len(self.paths)), len(self.paths))
        order = []
        for first in range(0, len(shards), self.pool):
            clips = [(shard, clip) for shard in shards[first : first + self.pool] for clip in range(self.counts[shard])]
            order += chance.sample(clips, len(clips))
        return order

    def _clip(self, shard: int, clip: int) -> dict[str, torch.Tensor]:
        if shard not in self._cache:
            while len(self._cache) >= self.pool:
                self._cache.popitem(last=False)
            self._cache[shard] = load_file(self.paths[shard])
        self._cache.move_to_end(shard)
        stored = self._cache[shard]
        rows = stored["video"] == clip
        one = {name: stored[name][clip] for name in PER_CLIP if name in stored}
        one |= {name: stored[name][rows] for name in (*PER_ENTITY, "has_reference") if name in stored}
        return one | {name: stored[name] for name in ("null_text",) if name in stored}


def head(path: Path) -> tuple[int, tuple[int, ...], bool]:
    """Number of clips, shape of one clip's latents, and whether there are text states (ids otherwise)."""
    try:
        with safe_open(path, "pt") as shard:
            names = set(shard.keys())
            missing = sorted(set(REQUIRED) - names)
            if not missing and not ("ids" in names or {"text", "null_text"} <= names):
                missing = ["ids"]
            if missing:
                raise TrainingError(f"{path} is no shard of encoded clips: it lacks `{missing[0]}`.")
            count, *shape = shard.get_slice("latents").get_shape()
            return count, tuple(shape), "text" in names
    except (SafetensorError, OSError) as error:
        raise TrainingError(f"{path} cannot be read ({error}): remove it and encode its clips again.") from error


def collate(clips: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Single clips -> a batch in float32, words and tracks padded to the longest; ``video`` counts them from 0."""
    return join(
        [
            {name: value[None] if name in PER_CLIP else value for name, value in clip.items()}
            | {"video": torch.zeros(len(clip["identity"]), dtype=torch.int64)}
            for clip in clips
        ]
    )


def join(batches: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Several batches as one."""
    words = max(batch["word_index"].shape[1] for batch in batches)
    tracks = max(batch["points"].shape[1] for batch in batches)
    joined = {}
    for name in (*PER_CLIP, *PER_ENTITY, "has_reference"):
        if name not in batches[0]:
            continue
        rows = [batch[name] for batch in batches]
        if name == "word_index":
            rows = [F.pad(row, (0, words - row.shape[1]), value=-1) for row in rows]
        elif name == "points":
            rows = [F.pad(row, (0, 0, 0, 0, 0, tracks - row.shape[1])) for row in rows]
        elif name == "visible":
            rows = [F.pad(row, (0, 0, 0, tracks - row.shape[1])) for row in rows]
        joined[name] = torch.cat(rows)
    if "null_text" in batches[0]:
        joined["null_text"] = batches[0]["null_text"]
    video, clips = [], 0
    for batch in batches:
        video.append(batch["video"] + clips)
        clips += len(batch["latents"])
    joined["video"] = torch.cat(video)
    return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in joined.items()}


def micro_batches(step_place: int, batch: int, micro_batch: int, processes: int, rank: int) -> list[list[int]]:
    """Places of the run that this process takes in one step, one list a pass through the network.

    Each pass of all processes together covers consecutive places, so two processes that take half each see what one
    process with twice the micro-batch sees.

    Raises:
        TrainingError: the batch cannot be spread evenly.
    """
    together = micro_batch * processes
    if batch % together:
        raise TrainingError(
            f"`run.batch` is {batch}, which {processes} process(es) with `run.micro_batch` {micro_batch} cannot share "
            f"evenly: make it a multiple of {together}."
        )
    firsts = range(step_place + rank * micro_batch, step_place + batch, together)
    return [list(range(first, first + micro_batch)) for first in firsts]
