"""The shipped workflows do what README says: one command, a video, on the embedded default."""

import json
import subprocess
import sys
from pathlib import Path

import av
import pytest
import workflow_specs as specs

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / "workflows").glob("*.json"))
TINY = [path.name for path in WORKFLOWS if path.stem.endswith("_tiny")]
THUMBNAIL_BYTES = 60_000


def nodes_of(path):
    """All nodes of a workflow file, those in its subgraphs too."""
    data = json.loads(path.read_text(encoding="utf-8"))
    inner = [node for subgraph in data.get("definitions", {}).get("subgraphs", []) for node in subgraph["nodes"]]
    return data["nodes"] + inner


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_has_a_note_and_a_picture(path):
    """The template browser asks for `<name>.jpg`."""
    notes = [node for node in nodes_of(path) if node["type"] == "MarkdownNote"]
    assert "**Files**" in notes[0]["widgets_values"][0], "the note says which files are needed"
    picture = path.with_suffix(".jpg")
    assert picture.is_file(), "python tests/support/thumbnails.py"
    assert picture.stat().st_size < THUMBNAIL_BYTES


@pytest.mark.parametrize("name", specs.WORKFLOWS)
def test_each_is_as_its_source_has_it(name):
    """A value that was changed in the file alone would be lost when the files are made anew."""
    data = json.loads((ROOT / "workflows" / f"{name}.json").read_text(encoding="utf-8"))
    spec = specs.WORKFLOWS[name]().value()
    hint = "change tests/support/workflow_specs.py and run python tests/support/make_workflows.py"
    assert len(data["nodes"]) == len(spec["nodes"]) and len(data["links"]) == len(spec["links"]), hint
    placed = {tuple(node["pos"]): node for node in data["nodes"]}
    for key, wanted in spec["nodes"].items():
        node = placed[tuple(wanted["pos"])]
        assert key == "box" or node["type"] == wanted["type"], hint
        assert not wanted.get("title") or node["title"] == wanted["title"], hint
        for value in wanted["widgets"].values():
            assert value in node["widgets_values"], hint


def test_together_they_show_every_node():
    used = {node["type"] for path in WORKFLOWS for node in nodes_of(path)}
    interfaces = json.loads((ROOT / "tests" / "nodes" / "object_info.json").read_text(encoding="utf-8"))
    assert {name for name in interfaces if name.startswith("Tora2")} <= used


def test_the_blueprint_is_the_box_of_its_workflow():
    (blueprint,) = (ROOT / "subgraphs").glob("*.json")
    box, shown = (
        json.loads(path.read_text(encoding="utf-8"))["definitions"]["subgraphs"][0]
        for path in (blueprint, ROOT / "workflows" / "one_box_tiny.json")
    )
    assert not set(blueprint.name) & set('<>:"/\\|?*'), "Windows allows no such file name"
    assert box["name"] == shown["name"] == blueprint.stem, "the frontend calls it by the file's name"
    kinds = [sorted((node["id"], node["type"]) for node in part["nodes"]) for part in (box, shown)]
    assert kinds[0] == kinds[1]
    assert [slot["name"] for slot in box["inputs"]] == [slot["name"] for slot in shown["inputs"]]


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
    assert "no model 'CogVideoX-5b + Tora'" in done.stderr and "README" in done.stderr
    assert "called 'CogVideoX-5b'" in done.stderr and "Tora needs fuser" in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.rglob("*.mp4"))


def test_the_box_takes_values_by_the_names_that_it_shows(tmp_path):
    done = run("one_box_tiny.json", tmp_path, "--set", "3. Entities on trajectories.steps=two")
    assert done.returncode == 1 and "input 'steps' takes a whole number" in done.stderr
