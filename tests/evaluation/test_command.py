import json

import pytest

from tora2.__main__ import main
from tora2.evaluation import folder, report, suite


def test_wrong_arguments_get_one_sentence(capsys):
    assert main(["evaluate", "--model", "nowhere"]) == 1
    assert "There is no model 'nowhere'" in capsys.readouterr().err
    assert main(["evaluate", "--scenes", "0"]) == 1
    assert "at least 1" in capsys.readouterr().err
    for argument, value in (("--steps", "2000"), ("--seed", "-1"), ("--guidance", "nan")):
        assert main(["evaluate", argument, value]) == 1
        assert argument in capsys.readouterr().err
    assert main(["evaluate", "--device", "abacus"]) == 1
    assert "--device abacus cannot be used here" in capsys.readouterr().err


@pytest.mark.parametrize("controls, ways", [("all", 5), ("none", 1)])
def test_arguments_become_settings(controls, ways, monkeypatch, tmp_path, capsys):
    seen, devices = [], []

    def run(bundle, world, judges, settings, **options):
        seen.append((settings, options["out"]))
        figures = dict.fromkeys([metric.name for metric in report.METRICS], 1.0)
        return suite.summarize(bundle.name, settings, 10, {"ground truth": [figures], "generated": [figures]})

    real = folder.on_device
    monkeypatch.setattr(folder, "on_device", lambda *a: devices.append(a[1:]) or real(a[0], "cpu", a[2]))
    monkeypatch.setattr(suite, "run", run)
    arguments = ["evaluate", "--scenes", "3", "--seed", "7", "--steps", "4", "--controls", controls]
    arguments += ["--device", "meta", "--precision", "bfloat16", "--guidance", "2", "--entities", "1"]
    assert main([*arguments, "--out", str(tmp_path)]) == 0
    settings, out = seen[0]
    assert list(settings.seeds()) == [7, 8, 9] and settings.steps == 4 and len(settings.ways) == ways
    assert settings.guidance == 2 and settings.entities == 1 and settings.precision == "bfloat16"
    assert settings.split == "shipped pictures" and out == tmp_path
    assert [(device, str(dtype)) for device, dtype in devices] == [("meta", "torch.bfloat16")]
    assert (tmp_path / "result.json").is_file() and "tora2-tiny" in capsys.readouterr().out


def test_the_papers_suite_from_folders_to_files(scenes, clip_folder, dino_folder, detector_folder, tmp_path, capsys):
    pytest.importorskip("cv2")
    samples, videos = scenes
    (samples / "wrong.entities.json").unlink()  # one video will do
    where = ["--samples", str(samples), "--videos", str(videos), "--out", str(tmp_path / "out")]
    networks = ["--clip", str(clip_folder), "--dino", str(dino_folder), "--detector", str(detector_folder)]
    assert main(["evaluate", "--suite", "paper", *where, *networks]) == 0
    shown = capsys.readouterr()
    assert "Text-S" in shown.out and "Face-S: not measured; --faces would." in shown.out
    assert f"video 1/1: {videos / 'right.mp4'}" in shown.err
    data = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [one["name"] for one in data["by_video"]] == ["right"]
    assert data["figures"]["text"]["count"] == 1 and data["figures"]["video"]["count"] == 1
    assert data["networks"]["dino"] == str(dino_folder) and "face" not in data["figures"]


def test_the_papers_suite_refuses_in_one_sentence(scenes, clip_folder, tmp_path, capsys):
    samples, videos = scenes
    assert main(["evaluate", "--suite", "paper", "--videos", str(videos)]) == 1
    assert "needs --samples: give it the folder of the scenes" in capsys.readouterr().err
    assert main(["evaluate", "--suite", "paper", "--samples", str(samples)]) == 1
    assert "needs --videos" in capsys.readouterr().err
    where = ["evaluate", "--suite", "paper", "--samples", str(samples), "--videos", str(videos)]
    for option, folder_ in (("clip", tmp_path), ("dino", clip_folder), ("detector", clip_folder)):
        assert main([*where, f"--{option}", str(folder_)]) == 1
        shown = capsys.readouterr().err
        assert shown.startswith("Error: ") and str(folder_) in shown and shown.count("\n") == 1
    assert main(["evaluate", "--clip", str(clip_folder)]) == 1
    assert "--clip belongs to the paper's suite" in capsys.readouterr().err
