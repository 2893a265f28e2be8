"""Several seeds in one run, and the nodes that track videos, in a real ComfyUI."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tora2.headless.graph import to_prompt

pytestmark = pytest.mark.comfyui
WORKFLOW = Path(__file__).resolve().parents[2] / "workflows" / "two_entities_tiny.json"


@pytest.fixture
def prompt(definitions):
    prompt = to_prompt(json.loads(WORKFLOW.read_text()), definitions)
    ids = {node["class_type"]: key for key, node in prompt.items()}
    prompt[ids["Tora2Sampler"]]["inputs"] |= {"steps": 2, "batch_size": 2}
    return prompt, ids


def texts(done: dict, node: str) -> list[str]:
    return list(done["outputs"][node]["text"])


def test_each_seed_of_a_batch_is_a_file_and_is_measured(server, prompt):
    prompt, ids = prompt
    images = [ids["Tora2Decode"], 0]
    prompt["measure"] = {
        "class_type": "Tora2MeasureTrajectories",
        "inputs": {
            "images": images,
            "trajectories": [ids["Tora2TrajectoryEditor"], 0],
            "entities": [ids["Tora2ExtractPersonalization"], 0],
            "tracker": "auto",
        },
    }
    prompt["report"] = {"class_type": "PreviewAny", "inputs": {"source": ["measure", 0]}}
    prompt["numbers"] = {"class_type": "PreviewAny", "inputs": {"source": ["measure", 3]}}
    done = server.run(prompt)
    assert done["status"]["status_str"] == "success", done["status"]["messages"]
    videos = [file for output in done["outputs"].values() for file in output.get("images", ()) if "mp4" in str(file)]
    assert len({video["filename"] for video in videos}) == 4, "two seeds, each plain and with its trajectories"
    reports = texts(done, "report")
    assert len(reports) == 2 and all("TrajError" in report and "appearance" in report for report in reports)
    first, second = (json.loads(text)["l1"] for text in texts(done, "numbers"))
    assert first > 0 and second > 0 and first != second


def test_a_drawing_taken_from_a_video_goes_on_through_the_graph(server, prompt):
    prompt, ids = prompt
    prompt[ids["Tora2Sampler"]]["inputs"]["batch_size"] = 1
    prompt["taken"] = {
        "class_type": "Tora2TrajectoriesFromVideo",
        "inputs": {
            "images": [ids["Tora2Decode"], 0],
            "points": "features",
            "count": 4,
            "tolerance": 1.0,
            "fps": 8.0,
        },
    }
    editor = {"drawing": ["taken", 3], "width": 128, "height": 128, "frames": 17, "fps": 8.0}
    prompt["edited"] = {"class_type": "Tora2TrajectoryEditor", "inputs": editor}
    prompt["shown"] = {"class_type": "PreviewAny", "inputs": {"source": ["edited", 2]}}
    done = server.run(prompt)
    if done["status"]["status_str"] != "success" and "needs OpenCV" in str(done["status"]["messages"]):
        pytest.skip("install opencv-python-headless into this ComfyUI's Python to run this; the node said it, too")
    assert done["status"]["status_str"] == "success", done["status"]["messages"]
    coordinates = json.loads(texts(done, "shown")[0])
    assert coordinates and all(len(track) == 17 for track in coordinates)
