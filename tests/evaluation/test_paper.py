"""The paper's metrics of videos of given scenes: what is measured, what is left out, what is refused."""

import builtins
import dataclasses
import json
import math
import shutil
import sys

import pytest
import torch
from open_samples import png, write_tar

from tora2.errors import Tora2Error
from tora2.evaluation import paper, report
from tora2.evaluation.encoders import ClipEncoder

pytest.importorskip("cv2")


def coarse(pictures):
    """The colours of four by four parts, as a network that tells pictures apart."""
    return torch.nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1) - 0.5


def by_name(result):
    return {measured.name: measured for measured in result.measured}


def test_the_error_is_small_on_the_right_video_and_large_on_a_wrong_one(scenes):
    result = paper.run(*scenes, paper.Networks())
    found = by_name(result)
    right, wrong = found["right"].figures, found["wrong"].figures
    assert right["traj_error"] < 1 and right["followed"] == 1
    assert wrong["traj_error"] == pytest.approx(sum(5 * t for t in range(1, 12)) / 11, rel=0.05)
    for figures in (right, wrong):
        assert figures["traj_error_480x720"] == pytest.approx(6 * figures["traj_error"], rel=1e-3)
    estimate = result.estimates["traj_error"]
    assert estimate.count == 2 and estimate.mean == pytest.approx((right["traj_error"] + wrong["traj_error"]) / 2)


def test_paths_are_stretched_over_a_video_of_another_length(scenes):
    samples, videos = scenes
    video = paper.read_video(videos / "right.mp4")
    files = dict(paper.sample_files(samples))["right"]
    slow = paper.fitted("right", files, video.repeat_interleave(2, 0)[:23], need_clip=False)
    assert slow.points[0].shape == (2, 23, 2)
    assert torch.allclose(slow.points[0][:, ::2], paper.fitted("right", files, video, need_clip=False).points[0])
    assert torch.allclose(slow.points[0][:, 1], slow.points[0][:, [0, 2]].mean(1))
    # Every second frame shows the frame before again, half a step of 5 + 2 pixels behind.
    figures = paper.trajectories(slow, video.repeat_interleave(2, 0)[:23])
    assert figures["traj_error"] == pytest.approx(3.5 / 2, rel=0.1)


def test_nothing_to_follow_is_nan_and_counted(scenes, write_scene):
    samples, videos = scenes
    write_scene(samples, "wrong", tracks=[[None] * 12])
    result = paper.run(samples, videos, paper.Networks())
    assert math.isnan(by_name(result)["wrong"].figures["traj_error"])
    assert result.estimates["traj_error"].count == 1
    write_scene(samples, "wrong", tracks=[])
    assert math.isnan(by_name(paper.run(samples, videos, paper.Networks()))["wrong"].figures["followed"])


def test_a_still_beside_itself_is_1_and_a_scene_without_a_clip_is_left_out(scenes, clip_folder):
    samples, videos = scenes
    shutil.copy(samples / "right.mp4", videos / "right.mp4")
    result = paper.run(samples, videos, paper.Networks(clip=ClipEncoder(clip_folder)))
    figures = {name: measured.figures for name, measured in by_name(result).items()}
    assert 0.9 < figures["right"]["video"] < 1, "its frames differ from one another"
    assert math.isnan(figures["wrong"]["video"]) and result.estimates["video"].count == 1
    assert all(-1 <= f["text"] <= 1 for f in figures.values()) and result.estimates["text"].count == 2
    other = torch.rand(12, 3, 80, 120)
    sample = paper.fitted("right", dict(paper.sample_files(samples))["right"], other, need_clip=True)
    networks = paper.Networks(clip=ClipEncoder(clip_folder))
    assert paper.measure(samples, sample, other, networks).figures["video"] < 0.999
    still = dataclasses.replace(sample, clip=sample.clip[:1].repeat(12, 1, 1, 1))
    beside = paper.measure(samples, still, (still.clip + 1) / 2, networks)
    assert beside.figures["video"] == pytest.approx(1, abs=1e-5)


def test_subjects_are_compared_where_the_detector_found_them(scenes):
    asked = []

    def detector(frame, phrase):
        """Finds the square of the first two frames' places in every second frame."""
        asked.append(phrase)
        return torch.tensor([10.2, 10.0, 40.0, 39.7]) if len(asked) % 2 else None

    result = paper.run(*scenes, paper.Networks(dino=coarse, detector=detector))
    figures = by_name(result)["right"]
    assert figures.segments == [[0, 2, 4, 6, 8, 10]] and figures.figures["segments"] == 0.5
    assert set(asked) == {"red fox"} and -1 <= figures.figures["subject"] <= 1
    box = torch.tensor([10.0, 10, 40, 40])
    networks = paper.Networks(dino=coarse, detector=lambda *_: box)
    still = paper.read_video(scenes[1] / "right.mp4")[:1].repeat(12, 1, 1, 1)
    sample = paper.fitted("right", dict(paper.sample_files(scenes[0]))["right"], still, need_clip=False)
    best = paper.measure(scenes[1], sample, still, networks).figures["subject"]
    left = by_name(paper.run(*scenes, networks))["right"].figures["subject"]
    assert best > 0.98 and left < 0.8, "the square leaves the box"
    assert figures.figures["subject"] < 0.6 * best, "frames without it count nothing"
    none = paper.run(*scenes, paper.Networks(dino=coarse, detector=lambda *_: None))
    assert none.estimates["subject"].mean == 0 and none.estimates["segments"].mean == 0


def test_a_reference_is_what_its_mask_shows_on_grey(scenes, write_scene):
    samples, videos = scenes
    mask = torch.zeros(30, 30)
    mask[5:15, 10:20] = 1
    write_scene(samples, "wrong", mask="0.mask.png")
    (samples / "wrong.0.mask.png").write_bytes(png(mask))
    seen = []
    networks = paper.Networks(
        dino=lambda p: seen.append(p) or coarse(p), detector=lambda *_: torch.tensor([0.0, 0, 40, 20])
    )
    paper.run(samples, videos, networks)
    reference, piece = seen[-13], seen[-1]  # before the pieces of its twelve frames
    assert reference.shape == (1, 3, 10, 10), "the mask's box, without a margin that the segments do not have"
    assert piece.shape == (1, 3, 40, 40) and (piece[..., :10, :] == 0.5).all(), "squared, not stretched"


def test_entities_that_cannot_be_looked_for_are_not_counted_as_missed(scenes, write_scene):
    samples, videos = scenes
    write_scene(samples, "wrong", reference=None)
    result = paper.run(samples, videos, paper.Networks(detector=lambda *_: None))
    wrong = by_name(result)["wrong"]
    assert wrong.segments == [None] and math.isnan(wrong.figures["segments"])
    assert result.estimates["segments"].count == 1


def test_faces_are_those_of_people_only(scenes, write_scene):
    samples, videos = scenes
    sizes = []

    def faces(picture):
        sizes.append(tuple(picture.shape))
        return None if len(sizes) % 3 == 0 else torch.nn.functional.normalize(picture.mean((0, 1)), dim=0)

    result = paper.run(samples, videos, paper.Networks(faces=faces))
    assert not sizes and result.estimates["face"].count == 0, "objects have none"
    write_scene(samples, "wrong", kind="human")
    wrong = by_name(paper.run(samples, videos, paper.Networks(faces=faces)))["wrong"]
    assert sizes[0] == (30, 30, 3) and set(sizes[1:]) == {(80, 120, 3)}
    assert wrong.figures["faces_found"] == pytest.approx(8 / 12) and len(wrong.faces[0]) == 8
    assert 0.5 * 8 / 12 < wrong.figures["face"] <= 8 / 12
    sizes.clear()
    box = torch.tensor([10.0, 10, 40, 30])
    paper.run(samples, videos, paper.Networks(faces=faces, detector=lambda *_: box))
    assert set(sizes[1:]) == {(20, 30, 3)}, "with a detector a person's face is looked for in its box"


def test_whose_face_it_is_must_be_known(scenes, write_scene):
    samples, videos = scenes
    data = json.loads((samples / "wrong.entities.json").read_text())
    data["entities"] = [data["entities"][0] | {"kind": "human", "phrase": name} for name in ("a man", "a woman")]
    (samples / "wrong.entities.json").write_text(json.dumps(data))
    sight = {"faces": lambda picture: torch.ones(4)}
    assert math.isnan(by_name(paper.run(samples, videos, paper.Networks(**sight)))["wrong"].figures["face"])
    sight["detector"] = lambda *_: torch.tensor([10.0, 10, 40, 30])
    assert by_name(paper.run(samples, videos, paper.Networks(**sight)))["wrong"].figures["face"] == pytest.approx(1)


def test_missing_and_broken_videos_are_refused(scenes):
    samples, videos = scenes
    (videos / "wrong.mp4").rename(videos / "other.mp4")
    with pytest.raises(Tora2Error, match="no video for 1 of 2 samples, the first wrong: put wrong.mp4"):
        paper.run(samples, videos, paper.Networks())
    (videos / "wrong.mp4").write_bytes(b"no video")
    with pytest.raises(Tora2Error, match="wrong.mp4 cannot be read as a video"):
        paper.run(samples, videos, paper.Networks())
    shutil.copy(videos / "other.mp4", videos / "right.gif")
    with pytest.raises(Tora2Error, match="two videos, .*right.mp4 and right.gif"):
        paper.run(samples, videos, paper.Networks())
    with pytest.raises(Tora2Error, match="There is no folder .*nowhere"):
        paper.run(samples, videos / "nowhere", paper.Networks())
    with pytest.raises(Tora2Error, match="holds no samples"):
        paper.run(videos, videos, paper.Networks())


def test_samples_of_archives_have_the_name_inside(scenes, tmp_path):
    samples, videos = scenes
    files = dict(paper.sample_files(samples))["right"]
    packed = tmp_path / "packed"
    packed.mkdir()
    write_tar(packed / "a.tar", {"right": files})
    assert paper.find_videos(packed, videos) == {"a.tar:right": videos / "right.mp4"}
    write_tar(packed / "b.tar", {"right": files})
    with pytest.raises(Tora2Error, match="Two samples .* are named right"):
        paper.find_videos(packed, videos)


def test_without_opencv_one_sentence(scenes, monkeypatch):
    real = builtins.__import__

    def lacking(name, *rest, **options):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    monkeypatch.setattr(builtins, "__import__", lacking)
    with pytest.raises(Tora2Error, match="pip install opencv-python-headless"):
        paper.run(*scenes, paper.Networks())


def test_the_report_says_what_was_left_out_and_what_it_rests_on(scenes, tmp_path):
    networks = paper.Networks({"detector": "/models/gd"}, detector=lambda *_: None, dino=None)
    result = paper.run(*scenes, networks)
    text = report.paper_table(result)
    assert "Subj-S: not measured; --dino would." in text and "Text-S: not measured; --clip would." in text
    assert "--detector: /models/gd" in text
    line = next(line for line in text.splitlines() if line.startswith("segments found"))
    assert line.split() == ["segments", "found", "0", "%", "[0,", "0]", "2", "of", "2"]
    report.write_paper(result, tmp_path / "out")
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert data["networks"] == {"detector": "/models/gd"} and data["not_measured"]["Face-S"] == ["faces"]
    assert data["figures"]["traj_error"]["count"] == 2
    assert data["by_video"][0]["frames"] == 12 and data["by_video"][0]["segments"] == [[]]
    assert (tmp_path / "out" / "result.txt").read_text() == text + "\n"


def test_what_cannot_be_measured_anywhere_is_a_dash(scenes, tmp_path):
    result = paper.run(*scenes, paper.Networks(faces=lambda picture: None))
    assert next(line for line in report.paper_table(result).splitlines() if line.startswith("Face-S")).split() == [
        *("Face-S", "-", "-", "0", "of", "2")
    ]
    assert report.paper_json(result)["figures"]["face"]["mean"] is None
