"""`python -m tora2 run`, with core's nodes only; the pack's own main job has its tests elsewhere."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from tora2.__main__ import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """LoadImage -> CreateVideo -> SaveVideo, and a preview, as ComfyUI saves them."""
    Image.new("RGB", (40, 24), (250, 10, 10)).save(tmp_path / "red.png")
    nodes = [
        {"id": 1, "type": "LoadImage", "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}]},
        {"id": 2, "type": "CreateVideo", "inputs": [{"name": "images", "type": "IMAGE", "link": 1}]},
        {"id": 3, "type": "SaveVideo", "inputs": [{"name": "video", "type": "VIDEO", "link": 2}]},
        {"id": 4, "type": "PreviewImage", "inputs": [{"name": "images", "type": "IMAGE", "link": 3}], "title": "Look"},
    ]
    values = {1: ["red.png", "image"], 2: [8], 3: ["clips/red", "auto", "auto"]}
    for node in nodes:
        node["widgets_values"] = values.get(node["id"], [])
    links = [[1, 1, 0, 2, 0, "IMAGE"], [2, 2, 0, 3, 0, "VIDEO"], [3, 1, 0, 4, 0, "IMAGE"]]
    path = tmp_path / "red.json"
    path.write_text(json.dumps({"nodes": nodes, "links": links, "version": 0.4}))
    return path


@pytest.fixture(autouse=True)
def _no_pack(monkeypatch: pytest.MonkeyPatch) -> None:
    from tora2.headless import loader

    monkeypatch.setattr(loader, "load_pack", lambda: {})


def test_a_video_comes_out(workflow: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    output = tmp_path / "out"
    for count in (1, 2):
        assert main(["run", str(workflow), "--output", str(output)]) == 0
        file = output / "clips" / f"red_0000{count}_.mp4"
        assert file.is_file()
        printed = capsys.readouterr().out
        assert str(file) in printed and "40x24, 1 frames at 8 fps, 0.12 s" in printed and "Done in" in printed
    with av.open(str(file)) as container:
        assert json.loads(container.metadata["workflow"]) == json.loads(workflow.read_text())
        assert json.loads(container.metadata["prompt"])["1"]["inputs"] == {"image": "red.png"}
    assert not (output / "previews").exists()


def test_settings_input_folder_and_previews(workflow: Path, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (16, 16)).save(tmp_path / "in" / "red.png")
    output = tmp_path / "out"
    arguments = ["run", str(workflow), "--output", str(output), "--input", str(tmp_path / "in"), "--previews"]
    assert main([*arguments, "--set", "CreateVideo.fps=4", "--set", "Save Video.filename_prefix=b"]) == 0
    with av.open(str(output / "b_00001_.mp4")) as container:
        assert container.streams.video[0].width == 16 and container.streams.video[0].average_rate == 4
    assert (output / "previews" / "node_4_00001_.png").is_file()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("3.filename_prefix=../out", "leads out of the output folder"),
        ("3.filename_prefix=/tmp/out", "leads out of the output folder"),
        ("1.image=../red.png", "leads out of the input folder"),
        ("1.image=blue.png", "was not found in"),
        ("3.format=webm", "videos are MP4 with H.264, not webm"),
        ("9.x=1", "there is no node '9'"),
    ],
)
def test_mistakes_get_a_sentence(workflow, tmp_path, capsys, monkeypatch, setting: str, message: str) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", str(workflow), "--set", setting]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ") and message in error and "Traceback" not in error
    assert not list(tmp_path.rglob("*.mp4*"))


def test_metadata_of_a_run_can_be_run_again(workflow: Path, tmp_path: Path) -> None:
    assert main(["run", str(workflow), "--output", str(tmp_path / "a")]) == 0
    with av.open(str(next((tmp_path / "a").rglob("*.mp4")))) as container:
        (tmp_path / "again.json").write_text(container.metadata["prompt"])
    assert main(["run", str(tmp_path / "again.json"), "--output", str(tmp_path / "b")]) == 0
    assert len(list((tmp_path / "b").rglob("*.mp4"))) == 1


SLOW = """
import sys, time
from pathlib import Path
from tora2.headless import loader
loader.provide_comfy_api()
from comfy_api.latest import io
import comfy.utils

class Slow(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(node_id="Slow", display_name="Slow", category="t", inputs=[], outputs=[io.Image.Output()])

    @classmethod
    def execute(cls):
        bar = comfy.utils.ProgressBar(1000)
        for step in range(1000):
            bar.update_absolute(step + 1)
            if step == 3:
                print("STARTED", flush=True)
            time.sleep(0.05)

loader.load_pack = lambda: {"Slow": Slow}
from tora2.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name == "nt", reason="run it on Linux or macOS: Windows has no SIGINT to send")
def test_ctrl_c_ends_cleanly_and_progress_shows(tmp_path: Path) -> None:
    prompt = {
        "1": {"class_type": "Slow", "inputs": {}, "_meta": {"title": "Slow one"}},
        "2": {"class_type": "CreateVideo", "inputs": {"images": ["1", 0], "fps": 8}},
        "3": {"class_type": "SaveVideo", "inputs": {"video": ["2", 0], "filename_prefix": "x", "format": "auto"}},
    }
    (tmp_path / "w.json").write_text(json.dumps(prompt))
    command = [sys.executable, "-c", SLOW, "run", str(tmp_path / "w.json"), "--output", str(tmp_path / "out")]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell that runs the tests in the background has SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout.readline() == "STARTED\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "Slow one:" in errors and "/1000" in errors
    assert errors.rstrip().endswith("Interrupted.") and "Traceback" not in errors
    assert not list(tmp_path.rglob("*.mp4*"))


def test_commands_without_a_module_are_not_offered(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    assert "run" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["no-such-command"])
