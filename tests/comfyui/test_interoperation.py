"""Trajectories in the hands of other packs' nodes, run as they are: core's Wan-Move and ATI, KJNodes, CogVideoXWrapper.

The last two need PEER_PACKS, a folder that holds checkouts of ComfyUI-KJNodes and ComfyUI-CogVideoXWrapper.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch

from tora2.conditions import VideoSize
from tora2.stages.motion import motion_colors
from tora2.trajectories import export as formats
from tora2.trajectories import import_trajectories, parse_document, sample, to_coordinates, to_tracks
from tora2.trajectories.export import export_trajectories

pytestmark = pytest.mark.comfyui
RECEIVE = Path(__file__).resolve().parent / "receivers" / "receive.py"
CLIP = {"width": 256, "height": 256, "frames": 17}
# Whole pixels at every frame: 16 steps of 8 and of -4 pixels.
RIGHT = {"name": "fox", "interpolation": "linear", "points": [{"x": 64 / 256, "y": 0.25}, {"x": 192 / 256, "y": 0.25}]}
UP = {"name": "bird", "interpolation": "linear", "points": [{"x": 0.5, "y": 208 / 256}, {"x": 0.5, "y": 144 / 256}]}


@pytest.fixture(scope="module")
def document():
    return parse_document({"version": 1, **CLIP, "tracks": [RIGHT, UP]})


@pytest.fixture
def receive(real_comfyui, document):
    def run(receiver: str, **asked) -> dict:
        result = subprocess.run(
            [str(real_comfyui.python), str(RECEIVE)],
            input=json.dumps({"receiver": receiver, **CLIP, **asked}),
            cwd=real_comfyui.folder,
            capture_output=True,
            text=True,
        )
        lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
        assert lines, result.stderr[-3000:]
        return json.loads(lines[-1].removeprefix("RESULT "))

    return run


@pytest.fixture
def peer():
    def folder(name: str) -> str:
        path = Path(os.environ.get("PEER_PACKS", "")) / name
        if not os.environ.get("PEER_PACKS") or not path.is_dir():
            pytest.skip(f"set PEER_PACKS to a folder that holds a checkout of {name} to run this")
        return str(path)

    return folder


def tracks_of(document) -> dict:
    tracks = to_tracks(document)
    return {name: value.tolist() for name, value in tracks.items()}


def test_wan_move_goes_where_the_drawing_goes(receive, document):
    tracks = tracks_of(document)
    result = receive("wan_move", **tracks, nested=to_coordinates(document))
    assert all(all(frame) for frame in result["seen"])
    assert result["length"] == 17
    torch.testing.assert_close(torch.tensor(result["from_coords"]), torch.tensor(tracks["track_path"]))
    for latent_frame, cells in enumerate(result["moved"][1:], start=1):
        asked = tracks["track_path"][4 * latent_frame]
        for x, y in asked:
            assert any(abs(8 * cx + 4 - x) <= 12 and abs(8 * cy + 4 - y) <= 12 for cx, cy in cells), (latent_frame, x)


def test_wan_move_leaves_out_what_is_invisible(receive, document):
    late = parse_document({"version": 1, **CLIP, "tracks": [RIGHT | {"start": 8}, UP]})
    seen = receive("wan_move", **tracks_of(late), nested=to_coordinates(late))["seen"]
    assert [first for first, _ in seen] == [False] * 8 + [True] * 9
    assert all(second for _, second in seen)


def test_ati_reads_the_whole_path_of_121_points(receive, document):
    """49 or 17 points are padded as invisible: that is what the format is for."""
    one = parse_document({"version": 1, **CLIP, "tracks": [RIGHT]})
    result = receive(
        "ati", ati=export_trajectories(one, formats.ATI), nested=export_trajectories(one, formats.NESTED)
    )
    places = sample(one).pixels(256, 256)[0]
    for latent_frame, cell in enumerate(result["ati"][1:], start=1):
        x, y = places[4 * latent_frame - 4 : 4 * latent_frame].mean(0)  # the node means over groups of four
        assert cell is not None
        assert abs(8 * cell[0] + 4 - x) <= 16 and abs(8 * cell[1] + 4 - y) <= 16
    assert result["nested"][-1] is None


def test_kjnodes_reads_both_nestings_and_is_read(receive, document, peer):
    one = parse_document({"version": 1, **CLIP, "tracks": [RIGHT]})
    result = receive(
        "kjnodes",
        packs={"kjnodes": peer("ComfyUI-KJNodes")},
        kj_one=export_trajectories(one, formats.KJNODES),
        kj_several=export_trajectories(document, formats.KJNODES),
        **tracks_of(document),
    )
    for name in ("kj_one", "kj_several"):
        assert all(all(frame) for frame in result["centres"][name]), name
    for made, asked in zip(result["made"], (one, document), strict=True):
        again = import_trajectories(made, **CLIP)
        torch.testing.assert_close(sample(again).points, sample(asked).points, atol=1 / 256, rtol=0)


def test_cogvideoxwrapper_sees_the_motion_map_that_we_make(receive, document, peer):
    one = parse_document({"version": 1, **CLIP, "tracks": [RIGHT]})
    result = receive(
        "tora_wrapper",
        packs={"cogvideox": peer("ComfyUI-CogVideoXWrapper")},
        wrapper_one=export_trajectories(one, formats.FLAT),
        wrapper_several=export_trajectories(document, formats.WRAPPER),
    )
    for name, drawing in (("wrapper_one", one), ("wrapper_several", document)):
        sampled = sample(drawing)
        ours = motion_colors(sampled.points[None].float(), sampled.visible[None], VideoSize(17, 256, 256), 10.0, 99)
        ours = ours[0].movedim(1, -1)[:, ::4, ::4].float()
        theirs = torch.tensor(result[name]).float()
        assert theirs.shape == ours.shape
        drawn = (ours - 255).abs().mean()  # where nothing moves the map is white
        assert drawn > 1
        assert (theirs - ours).abs().mean() < 0.05 * drawn, name
