"""Samples of the open data format: a red square that travels over a blue picture."""

from __future__ import annotations

import io
import json
from pathlib import Path

import torch


def png(pixels: torch.Tensor) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray((pixels * 255).byte().numpy()).save(content, "PNG")
    return content.getvalue()


def mp4(frames: torch.Tensor, fps: int) -> bytes:
    import av

    content = io.BytesIO()
    with av.open(content, mode="w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "yuv420p"
        stream.options = {"crf": "10"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray((frame * 255).byte().numpy(), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return content.getvalue()


def sample(frames: int = 17, height: int = 64, width: int = 96, fps: int = 8) -> dict[str, bytes]:
    """The files of one sample with two entities, one of which has neither reference nor visible track."""
    x = torch.linspace(0.2, 0.8, frames)
    clip = torch.zeros(frames, height, width, 3)
    clip[..., 2] = 0.8
    for index in range(frames):
        left, top = int(x[index] * width) - 8, height // 2 - 8
        clip[index, top : top + 16, left : left + 16] = torch.tensor([0.9, 0.1, 0.1])
    mask = torch.zeros(20, 20)
    mask[4:16, 4:16] = 1
    data = {
        "version": 1,
        "frames": frames,
        "height": height,
        "width": width,
        "fps": fps,
        "entities": [
            {
                "phrase": "red fox",
                "kind": "object",
                "reference": "0.reference.png",
                "mask": "0.mask.png",
                "tracks": [[[float(place), 0.5] for place in x]],
            },
            {"phrase": "bird", "identity": "that bird", "tracks": [[None] * frames]},
        ],
    }
    return {
        "mp4": mp4(clip, fps),
        "txt": b"a red fox and a bird on the beach\n",
        "entities.json": json.dumps(data).encode(),
        "0.reference.png": png(torch.tensor([0.9, 0.1, 0.1]).expand(20, 20, 3).contiguous()),
        "0.mask.png": png(mask),
    }


def write_loose(folder: Path, name: str, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for extension, content in files.items():
        (folder / f"{name}.{extension}").write_bytes(content)


def write_tar(path: Path, samples: dict[str, dict[str, bytes]]) -> None:
    import tarfile

    with tarfile.open(path, "w") as archive:
        for name, files in samples.items():
            for extension, content in files.items():
                member = tarfile.TarInfo(f"{name}.{extension}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
