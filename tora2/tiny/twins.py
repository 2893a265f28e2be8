"""The identity encoders of a model folder as torch networks, for whole batches on any device.

Generation runs re-identification through onnxruntime and faces through insightface, one picture at a time on the CPU.
Training that draws its clips on the fly cannot wait for that, so the same ONNX files are read into torch here, and what
insightface does around them (detection on the picture and on a canvas of twice its size, suppression, the choice of one
face, alignment) is written for batches. ``tests/tiny/test_twins.py`` holds them against the originals. Reading the
files needs the ``onnx`` package, running them does not.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ..errors import Tora2Error
from ..personalization.preparation import MARGIN, NEUTRAL
from ..personalization.reid import ReidContract
from .train_detector import TEMPLATE

CANVAS = 128 / 255  # insightface sees bytes; this is the grey around a picture that is too close
THRESHOLD, OVERLAP = 0.5, 0.4
CANDIDATES = 48  # boxes of one picture that suppression looks at
STRIDES = (8, 16, 32)


class Graph(nn.Module):
    """A small convolutional ONNX file in torch.

    Args:
        outputs: names of the values to return; empty returns what goes into the graph's Transpose nodes, in order (the
            raw maps of :class:`tora2.tiny.nets.FaceDetector`).
    """

    def __init__(self, path: Path, outputs: tuple[str, ...] = ()):
        super().__init__()
        try:
            import onnx
        except ImportError as error:
            raise Tora2Error("Reading encoders for training needs onnx: run `pip install onnx`.") from error
        from onnx import numpy_helper

        model = onnx.load(str(path))
        self.metadata = {entry.key: entry.value for entry in model.metadata_props}
        graph = model.graph
        self.names: dict[str, str] = {}
        for number, tensor in enumerate(graph.initializer):
            self.names[tensor.name] = f"w{number}"
            self.register_buffer(f"w{number}", torch.from_numpy(numpy_helper.to_array(tensor).copy()).float())
        self.input = graph.input[0].name
        self.outputs = outputs or tuple(node.input[0] for node in graph.node if node.op_type == "Transpose")
        self.nodes = []
        waiting = set(self.outputs)
        for node in reversed(graph.node):  # only what leads to the outputs
            if waiting & set(node.output):
                attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
                if node.op_type not in self.OPERATIONS:
                    raise Tora2Error(f"{path} holds a {node.op_type}, which training cannot run: export it anew.")
                self.nodes.append((node.op_type, list(node.input), node.output[0], attributes))
                waiting |= set(node.input[:1] if node.op_type == "Resize" else node.input)
        self.nodes.reverse()

    def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values = {self.input: pictures}
        for kind, inputs, output, attributes in self.nodes:
            found = [
                values[n] if n in values else getattr(self, self.names[n]) for n in inputs if self._known(n, values)
            ]
            values[output] = self.OPERATIONS[kind](found, attributes)
        return tuple(values[name] for name in self.outputs)

    def _known(self, name: str, values: dict[str, torch.Tensor]) -> bool:
        return name in values or name in self.names

    OPERATIONS = {
        "Cast": lambda x, a: x[0],
        "Identity": lambda x, a: x[0],
        "Relu": lambda x, a: torch.relu(x[0]),
        "Add": lambda x, a: x[0] + x[1],
        "Flatten": lambda x, a: x[0].flatten(a.get("axis", 1)),
        "Gemm": lambda x, a: F.linear(x[0], x[1] if a.get("transB") else x[1].T, x[2]),
        "Conv": lambda x, a: F.conv2d(*x, stride=a.get("strides", 1), padding=a.get("pads", [0, 0])[:2]),
        # The only ones that are exported: nearest, twice the size.
        "Resize": lambda x, a: F.interpolate(x[0], scale_factor=2.0, mode="nearest"),
    }


@dataclass
class Features:
    """Of E references, as ``IdentityFeatures``: semantic [E, n, d], reid [E, D], face [E, D'], is_human [E]."""

    semantic: torch.Tensor
    reid: torch.Tensor
    face: torch.Tensor
    is_human: torch.Tensor


class Faces(nn.Module):
    """Detector and embedder of a folder that ``train_detector`` and ``train_identity`` exported."""

    def __init__(self, folder: Path):
        super().__init__()
        self.detector = Graph(folder / "det_tiny.onnx")
        self.embedder = Graph(folder / "embed_tiny.onnx", ("embedding",))

    def forward(self, squares: Squares) -> tuple[torch.Tensor, torch.Tensor]:
        """Unit vectors [E, D] of the faces, zero where there is none, and where there is one [E]."""
        count = len(squares.sides)
        bytes_ = Squares((squares.pictures * 255).round() / 255, squares.sides)
        points = torch.zeros(count, 5, 2, device=squares.sides.device)
        found, close = torch.zeros(2, count, dtype=torch.bool, device=squares.sides.device)
        for canvas in (False, True):
            pixels = (bytes_.stretched(canvas) * 255).round()
            sides = squares.sides * (2 if canvas else 1)
            seen, places = detect(self.detector((pixels - 127.5) / 128), 128 / sides, sides)
            new = seen & ~found
            points = torch.where(new[:, None, None], places, points)
            found, close = found | new, close | (new & canvas)
        pixels = (align(bytes_, points, close) * 255).round()
        vectors = F.normalize(self.embedder((pixels - 127.5) / 127.5)[0].float(), dim=-1)
        return vectors * found[:, None], found


class TwinFaceEncoder:
    """:class:`tora2.personalization.face.FaceEncoder` of square pictures, without insightface, on the CPU."""

    def __init__(self, folder: Path):
        self.faces = Faces(folder).eval().requires_grad_(False)
        with torch.no_grad():
            self.dimension = self.faces.embedder(torch.zeros(1, 3, 112, 112))[0].shape[-1]

    @torch.no_grad()
    def embed(self, image: torch.Tensor) -> torch.Tensor | None:
        """Unit vector [D] of the main face of [S, S, 3] in 0..1; None if no face is found."""
        picture = image.detach().float().cpu().movedim(-1, 0)[None]
        vectors, found = self.faces(Squares(picture, torch.tensor([picture.shape[-1]])))
        return vectors[0] if found[0] else None


class Twins(nn.Module):
    """Semantic, re-identification and face encoder for batches of references of one size.

    Args:
        semantic: a SemanticEncoder. reid: the ONNX file. face: folder of a detector and an embedder by our own names.
    """

    def __init__(self, semantic: nn.Module, reid: Path, face: Path):
        super().__init__()
        self.semantic = semantic
        self.reid = Graph(reid, ("embedding",))
        self.contract = ReidContract.from_metadata(self.reid.metadata, reid)
        self.faces = Faces(face)

    @torch.no_grad()
    def forward(self, references: torch.Tensor, masks: torch.Tensor) -> Features:
        """Features of references [E, 3, S, S] in 0..1 with masks [E, S, S], as ``encode_identities`` gives for
        entities of kind auto."""
        squares = self.squares(references, masks)
        face, is_human = self.faces(squares)
        mean, std = (references.new_tensor(v).view(1, 3, 1, 1) for v in (self.contract.mean, self.contract.std))
        pixels = squares.resized(self.contract.size)
        if self.contract.channels == "BGR":
            pixels = pixels.flip(1)
        reid = F.normalize(self.reid((pixels - mean) / std)[0].float(), dim=-1)
        return Features(
            semantic=self.semantic(squares.resized(self.semantic.size)).float(),
            reid=reid * ~is_human[:, None],
            face=face,
            is_human=is_human,
        )

    def squares(self, references: torch.Tensor, masks: torch.Tensor) -> Squares:
        """``square_reference`` of every entity, each in the corner of a canvas that is as large as the largest."""
        pictures = torch.lerp(torch.full_like(references, NEUTRAL), references, masks[:, None])
        side = references.shape[-1]
        inside = masks >= torch.clamp(masks.amax((1, 2)) / 2, max=0.5)[:, None, None]
        ramp = torch.arange(side, device=masks.device)
        edges = []
        for axis in (2, 1):  # rows, then columns
            any_ = inside.any(axis)
            edges.append((torch.where(any_, ramp, side).amin(1), torch.where(any_, ramp + 1, 0).amax(1)))
        (top, bottom), (left, right) = edges
        sides = (torch.maximum(bottom - top, right - left) * (1 + 2 * MARGIN)).round().long().clamp_min(1)
        first = [((a + b) / 2 - sides / 2).round().long() for a, b in edges]
        largest = int(side * (1 + 2 * MARGIN)) + 1
        steps = torch.arange(largest, device=masks.device)
        rows, columns = (begin[:, None] + steps for begin in first)
        valid = ((rows >= 0) & (rows < side))[:, :, None] & ((columns >= 0) & (columns < side))[:, None, :]
        number = torch.arange(len(pictures), device=masks.device)[:, None, None]
        cut = pictures.movedim(1, -1)[number, rows.clamp(0, side - 1)[:, :, None], columns.clamp(0, side - 1)[:, None]]
        cut = torch.where(valid[..., None], cut, torch.full_like(cut, NEUTRAL))
        return Squares(cut.movedim(-1, 1), sides)


@dataclass
class Squares:
    """Pictures [E, 3, L, L] in 0..1 of which the first ``sides`` [E] rows and columns are the picture."""

    pictures: torch.Tensor
    sides: torch.Tensor

    def resized(self, size: int) -> torch.Tensor:
        """[E, 3, size, size] as ``preparation.resize`` gives."""
        along = self._along("bicubic", size)
        whole = self.sides == size
        out = (along @ self.pictures @ along.transpose(-1, -2)).clamp(0, 1)
        if size <= self.pictures.shape[-1]:
            out = torch.where(whole[:, None, None, None], self.pictures[:, :, :size, :size], out)
        return out

    def stretched(self, canvas: bool, size: int = 128) -> torch.Tensor:
        """[E, 3, size, size], bilinear; on a canvas of twice the side if asked."""
        along = self._along("canvas" if canvas else "bilinear", size)
        return CANVAS + along @ (self.pictures - CANVAS) @ along.transpose(-1, -2)

    def _along(self, kind: str, size: int) -> torch.Tensor:
        return _table(kind, size, self.pictures.shape[-1], self.pictures.device)[self.sides][:, None]


@functools.lru_cache(maxsize=64)
def _table(kind: str, size: int, largest: int, device: torch.device) -> torch.Tensor:
    """[largest + 1, size, largest]: row s resizes s pixels to ``size`` along one axis."""
    table = torch.zeros(largest + 1, size, largest)
    for side in range(1, largest + 1):
        if kind == "bicubic":
            matrix = F.interpolate(torch.eye(side)[None, None], (size, side), mode="bicubic", antialias=True)[0, 0]
        else:
            wide = 2 * side if kind == "canvas" else side
            matrix = F.interpolate(torch.eye(wide)[None, None], (size, wide), mode="bilinear")[0, 0]
            matrix = matrix[:, side // 2 : side // 2 + side] if kind == "canvas" else matrix
        table[side, :, :side] = matrix
    return table.to(device)


def detect(
    maps: tuple[torch.Tensor, ...], scale: torch.Tensor, sides: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether a face is found [E], and its five points [E, 5, 2] in pixels of the picture, from raw maps [E, 15, h, w].

    As insightface does it: boxes above the threshold, the best first, those that overlap a better one dropped; of
    several the largest and most central.
    """
    scores, boxes, points = [], [], []
    for y, stride in zip(maps, STRIDES, strict=True):
        y = y.float()
        ramp = torch.arange(y.shape[-1], device=y.device) * float(stride)
        anchor = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"), -1).flatten(0, 1)
        y = y.flatten(2).transpose(1, 2)  # [E, cells, 15]
        scores.append(torch.sigmoid(y[..., 0]))
        boxes.append(torch.cat([anchor - y[..., 1:3] * stride, anchor + y[..., 3:5] * stride], -1))
        points.append(y[..., 5:].unflatten(-1, (5, 2)) * stride + anchor[:, None])
    best, order = torch.cat(scores, 1).topk(CANDIDATES, dim=1)
    boxes = torch.cat(boxes, 1).gather(1, order[..., None].expand(-1, -1, 4)) / scale[:, None, None]
    points = torch.cat(points, 1).gather(1, order[..., None, None].expand(-1, -1, 5, 2)) / scale[:, None, None, None]
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    inner = (high - low + 1).clamp_min(0).prod(-1)
    areas = (boxes[..., 2:] - boxes[..., :2] + 1).prod(-1)
    covers = inner / (areas[:, :, None] + areas[:, None, :] - inner) > OVERLAP
    alive = best >= THRESHOLD
    for first in range(CANDIDATES - 1):
        later = torch.arange(CANDIDATES, device=alive.device) > first
        alive = alive & ~(alive[:, first, None] & covers[:, first] & later)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2 - (sides // 2)[:, None, None]
    value = (boxes[..., 2:] - boxes[..., :2]).prod(-1) - 2 * middle.square().sum(-1)
    chosen = value.masked_fill(~alive, float("-inf")).argmax(1)
    return alive.any(1), points[torch.arange(len(points), device=points.device), chosen]


def align(squares: Squares, points: torch.Tensor, close: torch.Tensor, size: int = 112) -> torch.Tensor:
    """Pictures [E, 3, size, size] turned and scaled so that ``points`` [E, 5, 2] come to ArcFace's template.

    ``close`` [E]: the points are places on the canvas of twice the picture's side.
    """
    template = TEMPLATE.to(points)
    here, there = points - points.mean(1, keepdim=True), template - template.mean(0)
    norm = here.square().sum((1, 2)).clamp_min(1e-6)
    a = (here * there).sum((1, 2)) / norm
    b = (here[..., 0] * there[..., 1] - here[..., 1] * there[..., 0]).sum(1) / norm
    ramp = torch.arange(size, device=points.device, dtype=points.dtype)
    grid = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"), -1) - template.mean(0)
    back = (
        torch.stack([torch.stack([a, b], -1), torch.stack([-b, a], -1)], -2)
        / (a**2 + b**2).clamp_min(1e-9)[:, None, None]
    )
    places = torch.einsum("eij,hwj->ehwi", back, grid) + points.mean(1)[:, None, None]
    sides, offset = squares.sides[:, None, None, None], torch.where(close, squares.sides // 2, 0)[:, None, None, None]
    largest = squares.pictures.shape[-1]
    ramp = torch.arange(largest, device=points.device)
    mine = ramp < squares.sides[:, None]
    mine = (mine[:, :, None] & mine[:, None, :]).to(points.dtype)[:, None]
    inner = places - offset

    def seen(image: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(image, (inner * 2 + 1) / largest - 1, mode="bilinear", align_corners=False)

    # Around the picture lies black, or, on the canvas, grey and only then black.
    share = seen(mine)
    wide = torch.where(close[:, None, None, None], 2 * sides, sides)
    ground = (1 - (places - (places.clamp_min(0)).minimum(wide - 1.0)).abs()).clamp_min(0).prod(-1)[:, None]
    grey = CANVAS * (ground - share).clamp_min(0) * close[:, None, None, None]
    return seen(squares.pictures * mine) + grey


def onnx_files(model: Path) -> tuple[Path, Path]:
    """Where a model folder keeps the re-identification file, and its folder of face encoders."""
    return model / "reid_encoder" / "model.onnx", model / "face_encoder"
