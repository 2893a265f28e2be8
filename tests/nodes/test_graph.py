"""The nodes in the order of a workflow, on a small random model."""

from __future__ import annotations

import json

import pytest
import small_models
import torch

from tora2.errors import ConditionError, EncoderError, TrajectoryError

PROMPT = "a red fox and a blue bird on the beach"


@pytest.fixture
def run(nodes, model):
    """Execute a node by id and return its outputs; the model is handed to those that take one."""

    def execute(name: str, **inputs):
        defaults = {
            entry.id: _default(entry)
            for entry in nodes[name].define_schema().inputs
            if not entry.optional and _default(entry) is not None
        }
        if "model" in defaults or any(entry.id == "model" for entry in nodes[name].define_schema().inputs):
            defaults["model"] = model
        result = nodes[name].execute(**{**defaults, **inputs}).result
        return result[0] if len(result) == 1 else result

    return execute


def _default(entry):
    if getattr(entry, "default", None) is not None:
        return entry.default
    options = getattr(entry, "options", None)
    return options[0] if options else None


@pytest.fixture
def drawing(run):
    return run("Tora2TrajectoryEditor", drawing=small_models.document(), width=128, height=128, frames=17, fps=8.0)


@pytest.fixture
def text(run):
    return run("Tora2TextEncode", prompt=PROMPT)


def entity(run, phrase, track="", value=0.8, **options):
    image = torch.full((1, 20, 20, 3), value)
    return run("Tora2Entity", phrase=phrase, track=track, image=image, kind="object", **options)


def sample(run, conditioning, **options):
    return run("Tora2Sampler", conditioning=conditioning, **{"steps": 2, **options})["samples"]


def test_all_parts_together(run, drawing, text):
    motion, preview = run("Tora2EncodeTrajectories", trajectories=drawing[0])
    assert preview.shape == (17, 128, 128, 3) and 0 <= preview.min() < preview.max() <= 1
    fox, bird = entity(run, "a red fox"), entity(run, "a blue bird", "bird", 0.2)
    personalization, seen = run("Tora2ExtractPersonalization", entities={"entity0": fox, "entity1": bird})
    assert seen.shape == (2, 8, 8, 3)
    conditioning = run("Tora2BindEntities", text=text, motion=motion, personalization=personalization)
    latents = sample(run, conditioning)
    assert latents.shape == (1, 16, 5, 16, 16) and latents.isfinite().all()
    (images,) = run("Tora2Decode", latent={"samples": latents})
    assert images.shape == (17, 128, 128, 3) and 0 <= images.min() <= images.max() <= 1
    shown = run("Tora2DrawTrajectories", images=images, trajectories=drawing[0], entities=personalization)
    assert shown.shape == images.shape and not torch.equal(shown, images)


def test_any_part_may_be_missing(run, drawing, text):
    motion, _ = run("Tora2EncodeTrajectories", trajectories=drawing[0])
    personalization, _ = run("Tora2ExtractPersonalization", entities={"entity0": entity(run, "a red fox")})
    latents = [
        sample(run, run("Tora2BindEntities", text=text, **parts))
        for parts in ({}, {"motion": motion}, {"personalization": personalization})
    ]
    assert len({tuple(value.flatten()[:8].tolist()) for value in latents}) == 3


def test_seed_and_batch(run, text):
    conditioning = run("Tora2BindEntities", text=text)
    pair = sample(run, conditioning, seed=5, batch_size=2)
    assert torch.equal(sample(run, conditioning, seed=5), sample(run, conditioning, seed=5))
    torch.testing.assert_close(pair[1:], sample(run, conditioning, seed=6), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(pair[0], pair[1])
    largest = 2**64 - 1
    assert sample(run, conditioning, seed=largest, batch_size=2).shape[0] == 2


def test_each_video_of_a_batch_is_decoded_by_itself(nodes, run, text):
    """A list, so that the graph runs on for each: N files of one run."""
    pair = sample(run, run("Tora2BindEntities", text=text), batch_size=2)
    first, second = run("Tora2Decode", latent={"samples": pair})
    assert nodes["Tora2Decode"].define_schema().outputs[0].is_output_list
    assert first.shape == second.shape == (17, 128, 128, 3)
    for latents, video in zip(pair, (first, second), strict=True):
        torch.testing.assert_close(run("Tora2Decode", latent={"samples": latents[None]})[0], video, rtol=0, atol=1e-5)


def test_latents_of_other_nodes_with_an_even_number_of_frames_are_told_apart(run):
    pair = torch.randn(2, 16, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    first, second = run("Tora2Decode", latent={"samples": pair})
    assert first.shape == second.shape == (16, 128, 128, 3), "the VAE makes four frames of each"
    torch.testing.assert_close(run("Tora2Decode", latent={"samples": pair[1:]})[0], second, rtol=0, atol=1e-5)


def test_latents_are_unscaled_as_core_keeps_them(run, model, text, monkeypatch):
    """Core's CogVideoX divides the model's latents by the VAE's factor (latent_formats.CogVideoX.process_out)."""
    conditioning = run("Tora2BindEntities", text=text)
    plain = sample(run, conditioning)
    model.bundle.component("vae").register_to_config(scaling_factor=1.4)
    torch.testing.assert_close(plain * 0.7, sample(run, conditioning) * 1.4)


def test_trajectories_give_the_size_unless_the_sampler_says_otherwise(run, drawing, text):
    motion, _ = run("Tora2EncodeTrajectories", trajectories=drawing[0])
    conditioning = run("Tora2BindEntities", text=text, motion=motion)
    assert sample(run, conditioning, width=128).shape[-1] == 16
    with pytest.raises(ConditionError, match="drawn for 128x128 and 17 frames"):
        sample(run, conditioning, width=144)
    assert sample(run, run("Tora2BindEntities", text=text), frames=9, width=64).shape == (1, 16, 3, 16, 8)


def test_a_first_frame_needs_a_model_that_takes_one(run, text):
    with pytest.raises(ConditionError, match="takes no first frame"):
        sample(run, run("Tora2BindEntities", text=text), first_frame=torch.zeros(1, 64, 64, 3))


def test_the_editors_size_wins_over_the_drawings_own(run):
    document, tracks, coordinates = run(
        "Tora2TrajectoryEditor", drawing=small_models.document(), width=64, height=32, frames=9, fps=12.0
    )
    assert (document.width, document.height, document.frames, document.fps) == (64, 32, 9, 12.0)
    assert tracks["track_path"].shape == (9, 2, 2) and tracks["track_visibility"].shape == (9, 2)
    points = json.loads(coordinates)
    assert [len(track) for track in points] == [9, 9]
    torch.testing.assert_close(tracks["track_path"][0, 0], torch.tensor([0.2 * 64, 32 / 3]))


def test_import_takes_tracks_and_coordinates(run, drawing):
    document, tracks, coordinates = drawing
    size = {"width": 128, "height": 128, "frames": 17}
    for source in ({"tracks": tracks, "coordinates": ""}, {"coordinates": coordinates}):
        again = run("Tora2ImportTrajectories", **size, **source)
        torch.testing.assert_close(again[1]["track_path"], tracks["track_path"], rtol=0, atol=1e-3)
    with pytest.raises(TrajectoryError):
        run("Tora2ImportTrajectories", coordinates="nonsense", **size)


def test_a_bad_drawing_is_refused_before_anything_is_loaded(nodes):
    editor = nodes["Tora2TrajectoryEditor"]
    assert editor.validate_inputs(drawing=small_models.document()) is True
    assert editor.validate_inputs(drawing=None) is True, "a linked drawing is not known yet"
    assert "version" in editor.validate_inputs(drawing='{"tracks": []}')
    late = '{"version": 1, "tracks": [{"points": [{"x": 0, "y": 0}, {"x": 1, "y": 1, "frame": 60}]}]}'
    assert editor.validate_inputs(drawing=late, frames=81) is True
    assert editor.validate_inputs(drawing=late) is True, "linked frames are not known yet"
    assert "frame 60 is not in the clip" in editor.validate_inputs(drawing=late, frames=49)
    assert "choose 1 to 1001" in editor.validate_inputs(drawing=late, frames=1002)


def test_encoders_that_are_not_needed_need_not_be_installed(run, model, monkeypatch, caplog):
    def missing(name):
        if name in ("face", "reid"):
            raise EncoderError("not installed")
        return component(name)

    component = model.bundle.component
    monkeypatch.setattr(model.bundle, "component", missing)
    plain = run("Tora2Entity", phrase="a red fox")
    run("Tora2ExtractPersonalization", entities={"entity0": plain})
    person = run("Tora2Entity", phrase="a red fox", kind="human", image=torch.rand(1, 20, 20, 3))
    with pytest.raises(EncoderError, match="not installed"):
        run("Tora2ExtractPersonalization", entities={"entity0": person})

    monkeypatch.setattr(model.bundle, "component", lambda name: missing(name) if name == "face" else component(name))
    unknown = run("Tora2Entity", phrase="a red fox", kind="auto", image=torch.rand(1, 20, 20, 3))
    personalization, _ = run("Tora2ExtractPersonalization", entities={"entity0": unknown})
    assert not personalization.is_human.any() and "taken for objects" in caplog.text
