from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
import torch

from tora2.headless.video import Video, even_frames, write_mp4


def read(path: Path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return stream.codec_context, float(stream.average_rate), frames, dict(container.metadata)


def test_mp4_plays_as_it_was_made(tmp_path: Path) -> None:
    images = torch.zeros(9, 32, 48, 3)
    images[:, :, :, 0] = torch.linspace(0.1, 0.9, 9)[:, None, None]
    images[:, :, :, 2] = 0.5
    write_mp4(tmp_path / "a.mp4", Video(images, 8.0), {"workflow": {"nodes": ["ü"]}, "prompt": {"1": {}}}, crf=10)
    codec, rate, frames, metadata = read(tmp_path / "a.mp4")
    assert (codec.name, codec.pix_fmt, codec.width, codec.height, rate, len(frames)) == (
        "h264",
        "yuv420p",
        48,
        32,
        8.0,
        9,
    )
    for index, frame in enumerate(frames):
        wanted = torch.tensor([0.1 + 0.1 * index, 0.0, 0.5]) * 255
        assert (torch.tensor(frame.reshape(-1, 3).mean(0)) - wanted).abs().max() < 4
    assert json.loads(metadata["workflow"]) == {"nodes": ["ü"]} and json.loads(metadata["prompt"]) == {"1": {}}


def test_fractional_rate(tmp_path: Path) -> None:
    write_mp4(tmp_path / "a.mp4", Video(torch.rand(3, 16, 16, 3), 29.97))
    assert read(tmp_path / "a.mp4")[1] == pytest.approx(29.97)


def test_odd_sizes_grow_by_one_line(tmp_path: Path) -> None:
    images = torch.rand(2, 17, 33, 3)
    even = even_frames(images)
    assert even.shape == (2, 18, 34, 3)
    assert torch.equal(even[:, 17, :33], images[:, 16]) and torch.equal(even[:, :17, 33], images[:, :, 32])
    write_mp4(tmp_path / "a.mp4", Video(images, 4))
    assert read(tmp_path / "a.mp4")[2][0].shape == (18, 34, 3)


def test_values_outside_the_range_are_clamped(tmp_path: Path) -> None:
    images = torch.full((2, 16, 16, 3), 3.0)
    images[1] = -2.0
    write_mp4(tmp_path / "a.mp4", Video(images, 4), crf=0)
    white, black = read(tmp_path / "a.mp4")[2]
    assert white.min() > 250 and black.max() < 5


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    class Broken:
        shape = (3, 16, 16, 3)

        def __getitem__(self, _):
            return self

        def __iter__(self):
            yield torch.zeros(16, 16, 3)
            raise KeyboardInterrupt

    (tmp_path / "a.mp4").write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt):
        write_mp4(tmp_path / "a.mp4", Video(Broken(), 8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"older"
