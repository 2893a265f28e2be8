import json
import math
import types

import pytest
import small_models
import torch

from tora2.checkpoints.bundle import Tora2Bundle
from tora2.checkpoints.config import AdapterConfig
from tora2.conditions import VideoSize
from tora2.errors import Tora2Error
from tora2.evaluation import report, suite, words
from tora2.evaluation.cutting import cut_outs
from tora2.evaluation.generation import GENERATED, entities_for, generate, given
from tora2.evaluation.measures import METRICS, Judges, background, measure
from tora2.evaluation.networks import Recognizer, Watcher, load_recognizer, load_watcher
from tora2.evaluation.scenes import gallery, make_scene, make_world
from tora2.evaluation.tracking import look, track


@pytest.fixture(scope="module")
def judges():
    return Judges(load_watcher(), load_recognizer())


@pytest.fixture(scope="module")
def world():
    return make_world(None, "heldout_names", 2)


def test_judges_are_small():
    count = sum(p.numel() for net in (Watcher(), Recognizer()) for p in net.parameters())
    assert 2 * count < 1_000_000


def test_ground_truth_passes_every_measure_and_a_swapped_one_fails(judges, world):
    figures = []
    for seed in range(4):
        scene = make_scene(world, seed)
        pictures, _ = gallery(world, scene, 50, seed)
        figures.append(measure(judges, scene, scene.true_video(), pictures))
        assert set(figures[-1]) == {metric.name for metric in METRICS if metric.way == "generated"}
    means = {name: sum(f[name] for f in figures) / len(figures) for name in figures[0]}
    assert means["binding"] == 1 and means["identity"] >= 0.75 and means["background"] >= 0.75
    assert means["traj_error"] < 6 and means["place_error"] < 9
    assert means["traj_error_480x720"] == pytest.approx(means["traj_error"] * 4.7, rel=0.35)


def test_a_still_background_is_no_entity(judges, world):
    scene = make_scene(world, 0)
    pictures, _ = gallery(world, scene, 50, 0)
    empty = torch.full_like(scene.true_video(), 0.6)
    figures = measure(judges, scene, empty, pictures)
    assert figures["traj_error"] > 10


def test_cut_outs_show_the_entity_alone(judges, world):
    scene = make_scene(world, 1)
    video = scene.true_video()
    sight = look(judges.watcher, video)
    tracks = track(judges.watcher, judges.recognizer, sight, video, scene.references)
    frames = torch.tensor([0, 8])
    pictures = cut_outs(video[frames], tracks.places[0, frames], tracks.area[0, frames], tracks.share[0, frames])
    assert pictures.shape == (2, 3, 64, 64)
    assert (pictures[:, :, :2, :2] - 0.5).abs().max() < 0.1  # corners are neutral
    assert background(sight) == scene.background


def test_controls_change_one_thing_each(world):
    scene = make_scene(world, 0)
    real, bare, swapped = (entities_for(scene, way) for way in ("generated", "no reference", "shuffled binding"))
    assert real == scene.entities
    assert [e.phrase for e in swapped] == [e.phrase for e in bare] == [e.phrase for e in real]
    assert all(e.image is None and e.mask is None for e in bare)
    assert swapped[0].image is real[1].image and swapped[1].image is real[0].image


@pytest.fixture(scope="module")
def small_world():
    return make_world(None, "heldout_names", 2, frames=9, size=64)


@pytest.fixture(scope="module")
def bundle():
    return Tora2Bundle.of(
        "small",
        AdapterConfig(flow_sigma=3.0, flow_window=25, reference_size=32),
        size=VideoSize(9, 64, 64),
        transformer=small_models.trained(small_models.transformer(max_text_seq_length=40)),
        vae=small_models.vae(),
        text_encoder=small_models.text_encoder(),
        tokenizer=small_models.tokenizer(),
        scheduler=small_models.scheduler(),
        semantic=small_models.FakeSemantic(),
        reid=small_models.FakeReid(),
    )


def test_every_way_of_asking_gives_its_own_video(bundle, small_world):
    scene = make_scene(small_world, 0)
    videos = {way: generate(bundle, scene, way, steps=1) for way in GENERATED}
    assert all(v.shape == (9, 3, 64, 64) and 0 <= v.min() and v.max() <= 1 for v in videos.values())
    for way in ("no trajectory", "no reference", "shuffled binding"):
        assert (videos[way] - videos["generated"]).abs().max() > 1e-3, way
    assert torch.equal(generate(bundle, scene, "generated", steps=1), videos["generated"])
    assert given(scene, "codec only", bundle.vae).shape == (9, 3, 64, 64)
    with pytest.raises(Tora2Error, match="no way to ask"):
        generate(bundle, scene, "backwards")


def test_models_of_another_size_are_refused(bundle, small_world):
    other = types.SimpleNamespace(
        name="big",
        transformer=bundle.transformer,
        vae=bundle.vae,
        size=VideoSize(49, 480, 720),
    )
    with pytest.raises(Tora2Error, match="49 frames of 720x480"):
        generate(other, make_scene(small_world, 0))


def test_a_stopped_run_goes_on_and_another_model_starts_anew(bundle, small_world, judges, tmp_path, monkeypatch):
    settings = suite.Settings(scenes=1, steps=1, gallery=5, ways=("generated",))
    first = suite.run(bundle, small_world, judges, settings, out=tmp_path)
    assert (tmp_path / "videos" / "00000 generated.mp4").stat().st_size > 0
    calls = []
    real = suite.generate
    monkeypatch.setattr(suite, "generate", lambda *a, **k: calls.append(a[2]) or real(*a, **k))
    again = suite.run(bundle, small_world, judges, settings, out=tmp_path)
    assert not calls and again == first
    more = suite.Settings(scenes=1, steps=1, gallery=5, ways=("generated", "no reference"))
    suite.run(bundle, small_world, judges, more, out=tmp_path)
    assert calls == ["no reference"]
    other = suite.Settings(scenes=1, steps=2, gallery=5, ways=("generated",))
    suite.run(bundle, small_world, judges, other, out=tmp_path)
    assert calls == ["no reference", "generated"]


def test_a_run_with_controls_asks_the_given_clip_what_one_without_did_not(
    bundle, small_world, judges, tmp_path, monkeypatch
):
    """Of names by caption alone: they are measured on ground truth only where the controls are wanted."""
    truth = make_scene(small_world, 0).true_video()
    stub = types.SimpleNamespace(truth=truth)
    monkeypatch.setattr(words, "make_world", lambda atlas, **options: "a world")
    monkeypatch.setattr(words, "make_scene", lambda world, seed, gallery: stub)
    monkeypatch.setattr(words, "generate", lambda *given, **options: truth)
    monkeypatch.setattr(words, "measure", lambda judges, scene, video: {"named": 1.0})
    monkeypatch.setattr(suite, "generate", lambda *given, **options: truth)
    options = {"scenes": 1, "steps": 1, "gallery": 5}
    none = suite.Settings(ways=GENERATED[:1], **options)
    first = suite.run(bundle, small_world, judges, none, out=tmp_path, videos=False)
    assert math.isnan(first.row("ground truth").values["named"][0])
    everything = suite.Settings(ways=GENERATED, **options)
    result = suite.run(bundle, small_world, judges, everything, out=tmp_path, videos=False)
    assert result.row("ground truth").values["named"] == [1.0]
    assert result.row("ground truth").values["traj_error"] == first.row("ground truth").values["traj_error"]


def figures(**values: float) -> suite.Figures:
    base = {"traj_error": 2.0, "traj_error_480x720": 9.0, "place_error": 2.0}
    return base | {"binding": 1.0, "identity": 1.0, "background": 1.0} | values


def result(**worse: float) -> suite.Result:
    table = {
        "ground truth": [figures(traj_error=0.5)] * 6,
        "generated": [figures()] * 6,
        "no trajectory": [figures(traj_error=30.0, traj_error_480x720=140.0, place_error=25.0)] * 6,
        "shuffled binding": [figures(binding=0.0)] * 6,
        "no reference": [figures(**worse)] * 6,
    }
    settings = suite.Settings(scenes=6, ways=tuple(list(table)[1:]))
    return suite.summarize("small", settings, 50, table)


def test_a_metric_that_its_control_does_not_separate_is_marked():
    good, bad = result(identity=0.0), result(identity=1.0)
    assert good.separated["identity"][1] and not bad.separated["identity"][1]
    assert good.separated["traj_error"][1] and good.separated["binding"][1]
    assert good.separated["background"] is None  # not run
    assert "identity top-1 (!)" in report.table(bad) and "identity top-1 (!)" not in report.table(good)
    assert "background (!)" in report.table(good) and "was not run" in report.table(good)


def test_the_report_reads_back(tmp_path):
    report.write(result(identity=0.0), tmp_path)
    data = json.loads((tmp_path / "result.json").read_text())
    assert data["rows"]["generated"]["traj_error"]["mean"] == 2.0
    assert data["controls"]["identity"] == {
        "control": "no reference",
        "difference": {"mean": 1.0, "low": 1.0, "high": 1.0, "count": 6},
        "separates": True,
    }
    text = (tmp_path / "result.txt").read_text()
    assert (
        "2.0 [2.0, 2.0]" in text
        and "100 % [100, 100]" in text
        and "own error, on ground-truth clips, is 0.50 px" in text
    )


def test_nan_becomes_null():
    broken = suite.summarize("x", suite.Settings(scenes=1), 50, {"ground truth": [figures(binding=float("nan"))]})
    assert report.to_json(broken)["rows"]["ground truth"]["binding"]["mean"] is None
    assert "NaN" not in json.dumps(report.to_json(broken))
