"""The shipped workflows do what README says: one command, a video, on the embedded default."""

import subprocess
import sys
from pathlib import Path

import av
import pytest

ROOT = Path(__file__).resolve().parents[1]
TINY = ["two_entities_tiny.json", "trajectories_only_tiny.json", "first_frame_tiny.json"]


def run(workflow, output, *options):
    command = [sys.executable, "-m", "tora2", "run", f"workflows/{workflow}", "--output", str(output), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
@pytest.mark.parametrize("workflow", TINY)
def test_tiny_workflows_make_videos(workflow, tmp_path):
    done = run(workflow, tmp_path, "--set", "Tora2Sampler.steps=2")
    assert done.returncode == 0, done.stderr[-2000:]
    videos = sorted(tmp_path.rglob("*.mp4"))
    assert videos, done.stdout
    for video in videos:
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            assert stream.codec_context.name == "h264"
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        assert len(frames) == 17 and frames[0].shape == (128, 128, 3)
        assert frames[0].std() > 1, "the video is not blank"


@pytest.mark.slow
def test_a_batch_of_seeds_makes_a_file_of_each(tmp_path):
    options = ("Tora2Sampler.steps=2", "Tora2Sampler.batch_size=2")
    done = run("two_entities_tiny.json", tmp_path, *(part for option in options for part in ("--set", option)))
    assert done.returncode == 0, done.stderr[-2000:]
    videos = {}
    for path in sorted(tmp_path.rglob("*.mp4")):
        with av.open(str(path)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        videos.setdefault(path.stem.rstrip("_0123456789"), []).append(frames)
    assert len(videos) == 2, "the workflow saves the video, and it with its trajectories"
    for first, second in videos.values():
        assert len(first) == len(second) == 17
        assert (first[8] != second[8]).mean() > 0.1, "two seeds, two videos"


def test_full_size_workflows_say_which_files_are_missing(tmp_path):
    done = run("cogvideox_5b_tora_t2v.json", tmp_path, "--models", str(tmp_path / "models"))
    assert done.returncode == 1
    assert "'CogVideoX-5b + Tora' is not in" in done.stderr and "README" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.mp4"))
