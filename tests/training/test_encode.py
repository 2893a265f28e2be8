"""Open samples encoded by tora2-tiny's own networks, trained on, and shown as validation videos."""

import dataclasses
import importlib.util
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from open_samples import sample, write_loose
from safetensors.torch import load_file, save_file
from small_models import TORA2
from training_runs import begin, run_config, train

import tora2.tiny
from tora2.checkpoints.loading import load
from tora2.errors import TrainingError
from tora2.tiny.config import TRANSFORMER
from tora2.training import state
from tora2.training.encode import encode_samples, identity_number
from tora2.training.labels import stored_label
from tora2.training.shards import Shards

WEIGHTS = Path(tora2.tiny.__file__).parent / "weights"
SMALLER = TRANSFORMER | {"num_layers": 1, "motion_channels": TORA2["motion_channels"]}


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    files = sample(frames=9, height=64, width=64)
    for name in ("a", "b", "c"):
        write_loose(folder, name, files)
    write_loose(folder, "broken", files | {"txt": b"nobody is named here"})
    return folder


def settings(samples, data, out, **model):
    return run_config(
        data,
        out,
        model={"source": str(WEIGHTS), "train_text_encoder": True, "transformer": SMALLER, **model},
        data={"samples": str(samples), "frames": 9, "height": 64, "width": 64, "clips_per_shard": 2},
        run={"steps": 1, "batch": 2, "micro_batch": 2, "save_every": 1},
    )


def test_a_plain_source_brings_the_encoders_of_the_parts_that_are_added(samples, tmp_path):
    """The 5B recipe starts from plain Tora, whose adapter wants no encoders."""
    source = tmp_path / "base"
    shutil.copytree(WEIGHTS, source, ignore=shutil.ignore_patterns("adapter.safetensors"))
    said = []
    config = settings(samples, tmp_path / "data", tmp_path / "out", source=str(source))
    assert encode_samples(config, say=said.append) == 3, said
    assert Shards(tmp_path / "data").batch([0])["semantic"].abs().sum() > 0


@pytest.fixture(scope="module")
def encoded(samples, tmp_path_factory):
    folder, said = tmp_path_factory.mktemp("encoded"), []
    config = settings(samples, folder, folder / "out")
    assert encode_samples(config, say=said.append) == 3
    assert sum("left out" in line and "red fox" in line and "broken" in line for line in said) == 1
    assert encode_samples(config, say=said.append) == 0, "shards that are there are kept"
    return folder


def test_what_was_left_out_is_said_at_every_call(samples, encoded):
    said = []
    encode_samples(settings(samples, encoded, encoded / "out"), say=said.append)
    assert sum("left out: Sample broken: The phrase" in line for line in said) == 1


def test_samples_of_short_names_are_named(samples, tmp_path):
    said, folder = [], tmp_path / "samples"
    write_loose(folder, "a", sample(frames=9, height=64, width=64) | {"txt": b"nobody is named here"})
    write_loose(folder, "b", sample(frames=9, height=64, width=64))
    encode_samples(settings(folder, tmp_path / "data", tmp_path / "out"), say=said.append)
    assert said[0].startswith("left out: Sample a: The phrase")


def test_samples_are_encoded_anew_once_an_encoder_can_run(samples, tmp_path, monkeypatch):
    folder, real, there = tmp_path / "samples", importlib.util.find_spec, False

    def find_spec(name, *rest):
        return (there or None) if name == "insightface" else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)
    write_loose(folder, "a", sample(frames=9, height=64, width=64))
    config = settings(folder, tmp_path / "data", tmp_path / "out")
    assert encode_samples(config) == 1 and encode_samples(config) == 0
    there = True
    assert encode_samples(config) == 1


def test_clips_become_shards(encoded):
    shards = Shards(encoded)
    assert len(shards) == 3 and shards.shape == (3, 16, 8, 8) and not shards.has_text
    stored = load_file(shards.paths[0])
    assert stored["latents"].dtype == torch.float16 and stored["has_reference"].tolist()[:2] == [True, False]
    assert stored["identity"].tolist()[:2] == [identity_number("red fox"), identity_number("that bird")]
    assert stored["visible"][0].all() and not stored["visible"][1].any()
    assert (stored["word_index"][0] >= 0).sum() >= 2
    assert stored["semantic"][0].abs().sum() > 0 and stored["semantic"][1].abs().sum() == 0
    vae = load(WEIGHTS, torch.float32).vae
    with torch.no_grad():
        latents = stored["latents"][:1].float().transpose(1, 2) / vae.config.scaling_factor
        decoded = vae.decode(latents).sample[0]
    assert decoded[2].mean() > 0.2 > decoded[0].mean(), "the picture is blue"


def test_samples_that_are_added_are_encoded_and_none_twice(samples, tmp_path):
    folder, said = tmp_path / "samples", []
    shutil.copytree(samples, folder, ignore=shutil.ignore_patterns("broken*"))
    config = settings(folder, tmp_path / "data", tmp_path / "out")
    assert encode_samples(config, say=said.append) == 3
    write_loose(folder, "d", sample(frames=9, height=64, width=64))
    assert encode_samples(config, say=said.append) == 2, "the last shard anew, the first one kept"
    assert len(Shards(tmp_path / "data")) == 4
    (folder / "a.txt").write_text((folder / "a.txt").read_text() + " at noon")
    assert encode_samples(config, say=said.append) == 2, "the shard of the changed sample anew"
    for path in [*folder.glob("c.*"), *folder.glob("d.*")]:
        path.unlink()
    assert encode_samples(config, say=said.append) == 0
    assert "00000002.safetensors holds clips of samples that are gone" in said[-1]
    (tmp_path / "data" / "00000002.safetensors").rename(tmp_path / "data" / "other.safetensors")
    save_file({"x": torch.zeros(1)}, tmp_path / "data" / "other.safetensors")
    with pytest.raises(TrainingError, match="other.safetensors is no shard of encoded clips"):
        encode_samples(config)


@pytest.mark.parametrize(
    "table, values, said",
    [
        ("data", {"clips_per_shard": 3}, "`data.clips_per_shard` 2, and now it is 3"),
        ("data", {"height": 32, "width": 32}, "`data.height` 64, and now it is 32"),
        ("model", {"flow_sigma": 4.0}, "`model.flow_sigma` 3.0, and now it is 4.0"),
        ("model", {"train_text_encoder": False}, "`model.train_text_encoder` True, and now it is False"),
    ],
)
def test_shards_made_otherwise_are_not_gone_on_with(samples, encoded, table, values, said):
    config = settings(samples, encoded, encoded / "out")
    other = dataclasses.replace(config, **{table: dataclasses.replace(getattr(config, table), **values)})
    before = sorted(path.name for path in encoded.glob("*"))
    with pytest.raises(TrainingError, match=said):
        encode_samples(other)
    assert sorted(path.name for path in encoded.glob("*")) == before


def test_the_motion_is_drawn_as_the_adapter_will_say(samples, tmp_path, encoded):
    folder = tmp_path / "samples"
    write_loose(folder, "a", sample(frames=9, height=64, width=64))
    config = settings(folder, tmp_path / "data", tmp_path / "out", flow_sigma=8.0)
    assert encode_samples(config) == 1
    assert json.loads(stored_label(tmp_path / "data" / "00000000.safetensors")["settings"])["model.flow_sigma"] == 8.0
    wide, narrow = (Shards(path).batch([0])["motion_latents"] for path in (tmp_path / "data", encoded))
    assert (wide[0] - narrow[0]).abs().max() > 0.1


def test_objects_need_no_insightface(samples, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "insightface", None)
    folder = tmp_path / "samples"
    write_loose(folder, "a", sample(frames=9, height=64, width=64))
    said = []
    assert encode_samples(settings(folder, tmp_path / "data", tmp_path / "out"), say=said.append) == 1, said


def test_a_first_frame_is_encoded_by_itself_and_with_noise(encoded):
    shards = Shards(encoded)
    frames = shards.batch([0, 1])["first_frame"]
    assert frames.shape == (2, 1, 16, 8, 8)
    clip = shards.batch([0, 1])["latents"][:, :1]
    assert 0.01 < (frames - clip).abs().mean() < 0.5, "nearly the clip's own, which is blue and without noise"
    assert not torch.equal(frames[0], frames[1]), "each has its own noise"


def test_a_model_without_room_for_a_first_frame_has_none(samples, tmp_path):
    folder = tmp_path / "samples"
    write_loose(folder, "a", sample(frames=9, height=64, width=64))
    model = {"transformer": SMALLER | {"in_channels": 16}, "scratch": True}
    assert encode_samples(settings(folder, tmp_path / "data", tmp_path / "out", **model)) == 1
    assert "first_frame" not in load_file(tmp_path / "data" / "00000000.safetensors")


def test_shards_of_other_features_are_not_trained_on(samples, encoded, tmp_path):
    small = {"personalization_config": TRANSFORMER["personalization_config"] | {"variant": "dino+reid"}}
    config = settings(samples, encoded, tmp_path, transformer=SMALLER | small, scratch=True)
    with pytest.raises(TrainingError, match=r"variant` dpe, and this run has dino\+reid: encode the samples for it"):
        train(config)


def test_encoded_clips_are_trained_on_without_a_vae_but_not_with_another(samples, encoded, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(WEIGHTS, source, ignore=shutil.ignore_patterns("vae"))
    begin(settings(samples, encoded, tmp_path / "out", source=str(source)))
    shutil.copytree(WEIGHTS / "vae", source / "vae")
    weights = next((source / "vae").glob("*.safetensors"))
    save_file({name: tensor * 1.01 for name, tensor in load_file(weights).items()}, weights)
    with pytest.raises(TrainingError, match="was made with other weights of the VAE: encode the samples"):
        begin(settings(samples, encoded, tmp_path / "out", source=str(source)))


def test_text_states_instead_of_ids(samples, tmp_path):
    encode_samples(settings(samples, tmp_path, tmp_path / "out", train_text_encoder=False), say=lambda line: None)
    shards = Shards(tmp_path)
    assert shards.has_text
    batch = shards.batch([0, 1])
    assert batch["text"].shape == (2, 48, 128) and batch["null_text"].shape == (1, 48, 128)
    with pytest.raises(TrainingError, match="the data hold text states"):
        train(settings(samples, tmp_path, tmp_path / "out"))


def test_training_with_the_text_encoder_makes_a_whole_model(samples, encoded, tmp_path):
    config = settings(samples, encoded, tmp_path)
    before = load(WEIGHTS).text_encoder.state_dict()
    trainer = train(config)
    names = set(load_file(state.checkpoints(tmp_path)[-1] / "weights.safetensors"))
    assert any(name.startswith("text_encoder.") for name in names)
    assert "text_encoder.encoder.embed_tokens.weight" not in names, "tied, and stored once"
    model = load(tmp_path / "model")
    after = model.text_encoder.state_dict()
    assert any(not torch.equal(before[name].float(), after[name].float()) for name in before)
    for name, value in model.transformer.state_dict().items():
        if value.is_floating_point() and f"transformer.{name}" in trainer.average.values:
            assert torch.equal(value, trainer.average.values[f"transformer.{name}"]), name
    assert model.config.flow_sigma == 3.0 and model.semantic is not None and model.reid is not None


def test_validation_videos(samples, encoded, tmp_path):
    base = settings(samples, encoded, tmp_path)
    validation = {"every": 1, "samples": str(samples), "steps": 1, "most": 1}
    scenes = tmp_path / "scenes"
    files = sample(frames=17)
    del files["mp4"]
    write_loose(scenes, "a", files)
    config = run_config(
        encoded,
        tmp_path / "out",
        model=vars(base.model),
        run=vars(base.run) | {"out": str(tmp_path / "out")},
        validation=validation | {"samples": str(scenes)},
    )
    train(config)
    import av

    with av.open(str(tmp_path / "out" / "validation" / "step-00000001" / "00.mp4")) as video:
        frames = [frame for frame in video.decode(video=0)]
    assert len(frames) == 17 and (frames[0].width, frames[0].height) == (128, 128)
    assert frames[0].to_ndarray(format="rgb24").std() > 0
    without = run_config(
        encoded, tmp_path / "no", model=vars(base.model), run=vars(config.run), validation={"every": 1}
    )
    with pytest.raises(TrainingError, match="validation.samples"):
        train(without, resume=True)


def test_a_scene_that_cannot_be_made_does_not_end_the_training(samples, encoded, tmp_path, capsys):
    base, files = settings(samples, encoded, tmp_path), sample(frames=17)
    data = json.loads(files["entities.json"])
    data["entities"][0]["kind"] = "human"
    write_loose(tmp_path / "scenes", "a", files | {"entities.json": json.dumps(data).encode()})
    options = {"model": vars(base.model), "run": vars(base.run) | {"out": str(tmp_path / "out")}}
    validation = {"every": 1, "samples": str(tmp_path / "scenes"), "steps": 1}
    train(run_config(encoded, tmp_path / "out", **options, validation=validation))
    assert "Validation scene a was not made" in capsys.readouterr().out
    assert state.checkpoints(tmp_path / "out")
    write_loose(tmp_path / "scenes", "a", files | {"txt": b"nobody is named here"})
    with pytest.raises(TrainingError, match='Validation scene a: The phrase "red fox"'):
        train(run_config(encoded, tmp_path / "out", **options, validation=validation), resume=True)


def test_encoding_needs_its_settings(samples, tmp_path):
    config = settings(samples, tmp_path / "data", tmp_path / "out")
    with pytest.raises(TrainingError, match="data.samples"):
        encode_samples(dataclasses.replace(config, data=dataclasses.replace(config.data, samples="")))
    scratch = dataclasses.replace(config.model, source="")
    with pytest.raises(TrainingError, match="model.source"):
        encode_samples(dataclasses.replace(config, model=scratch))
    nothing = dataclasses.replace(config.data, frames=33)
    with pytest.raises(TrainingError, match="none could be encoded"):
        encode_samples(dataclasses.replace(config, data=nothing), say=lambda line: None)
