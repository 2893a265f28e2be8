import copy
import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from training_runs import encoded_clips

from tora2.errors import TrainingError
from tora2.training import labels

SETTINGS = {"data.fps": 8.0, "weights of the VAE": "ab"}
SAMPLE = ("a", {"txt": b"a fox", "mp4": b"..."})


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / "0.safetensors"
    save_file(encoded_clips(2), path, labels.label([SAMPLE], SETTINGS))
    return path


def test_a_label_says_of_what_and_how(shard):
    stored = labels.stored_label(shard)
    assert stored == labels.label([SAMPLE], SETTINGS) and json.loads(stored["settings"]) == SETTINGS
    assert labels.stored_label(shard.with_name("none.safetensors")) is None
    labels.check_folder(shard.parent, dict(reversed(SETTINGS.items())))


@pytest.mark.parametrize(
    "samples",
    [[], [SAMPLE, SAMPLE], [("b", SAMPLE[1])], [("a", SAMPLE[1] | {"txt": b"a dog"})], [("a", {"txt": b"a fox"})]],
)
def test_other_samples_have_another_label(samples):
    assert labels.label(samples, SETTINGS)["samples"] != labels.label([SAMPLE], SETTINGS)["samples"]


def test_what_differs_is_named(shard):
    with pytest.raises(TrainingError, match="with other weights of the VAE: "):
        labels.check_folder(shard.parent, SETTINGS | {"weights of the VAE": "cd"})
    with pytest.raises(TrainingError, match="with `data.fps` 8.0, and now it is 4.0: "):
        labels.check_folder(shard.parent, SETTINGS | {"data.fps": 4.0})


def test_files_that_are_no_labelled_shards(tmp_path):
    path = tmp_path / "0.safetensors"
    for content, said in ((encoded_clips(1), "does not say of which samples"), ({"x": torch.ones(1)}, "is no shard")):
        save_file(content, path)
        with pytest.raises(TrainingError, match=said):
            labels.check_folder(tmp_path, SETTINGS)
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(TrainingError, match="cannot be read.*remove it"):
        labels.check_folder(tmp_path, SETTINGS)


def test_an_encoder_that_came_later_changes_nothing_made_without_it(shard):
    without = SETTINGS | {"weights of the face encoder": None}
    save_file(encoded_clips(2), shard, labels.label([SAMPLE], without))
    labels.check_folder(shard.parent, SETTINGS | {"weights of the face encoder": "ef"})
    save_file(encoded_clips(2), shard, labels.label([SAMPLE], SETTINGS | {"weights of the face encoder": "ef"}))
    with pytest.raises(TrainingError, match="other weights of the face encoder"):
        labels.check_folder(shard.parent, SETTINGS | {"weights of the face encoder": "gh"})
    with pytest.raises(TrainingError, match="other weights of the face encoder"):
        labels.check_folder(shard.parent, without)


def test_a_sketch_of_a_table_as_large_as_t5s():
    """Its last place is no whole number in float32."""
    table = nn.Module()
    table.register_buffer("weight", torch.zeros(1, dtype=torch.uint8).expand(32_128 * 4096))
    assert labels.sketch(table) == labels.sketch(table)


def test_a_sketch_changes_with_the_weights():
    class Encoder:
        def __init__(self, net):
            self.net, self.size = net, 4

    one = nn.Linear(300, 300)
    other = copy.deepcopy(one)
    assert labels.sketch(one) == labels.sketch(other) and labels.sketch(Encoder(one)) == labels.sketch(Encoder(other))
    with torch.no_grad():
        other.weight.mul_(1.001)
    assert labels.sketch(one) != labels.sketch(other) and labels.sketch(Encoder(one)) != labels.sketch(Encoder(other))


def test_a_sketch_of_files(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "det.onnx").write_bytes(b"1")
    assert labels.files_sketch(tmp_path / "a") == labels.files_sketch(tmp_path / "b")
    (tmp_path / "b" / "det.onnx").write_bytes(b"2")
    assert labels.files_sketch(tmp_path / "a") != labels.files_sketch(tmp_path / "b")


def read_with(shard, before, now):
    save_file(encoded_clips(2), shard, labels.label([SAMPLE], before) if before is not None else None)
    labels.check_readable([shard], now)


def test_a_training_reads_only_what_was_made_for_it(shard):
    before = {labels.VARIANT: "dpe", "model.flow_sigma": 10.0, "data.fps": 8.0}
    read_with(shard, before, {"model.flow_sigma": 10, "model.reference_size": 224})
    read_with(shard, None, {"model.flow_sigma": 3.0})
    with pytest.raises(TrainingError, match="was made with `model.flow_sigma` 10.0, and this run has 3.0: encode"):
        read_with(shard, before, {"model.flow_sigma": 3.0})


@pytest.mark.parametrize(
    "made, read, fits",
    [
        ("dpe", "dino+reid|face", True),
        ("dpe", "dino", True),
        ("dino+reid", "dino", True),
        ("dino", "dpe", False),
        ("dino", "dino+reid", False),
        ("dpe", "dino+reid", False),
        ("dino+reid", "dpe", False),
    ],
)
def test_a_variant_reads_shards_with_its_features_only(shard, made, read, fits):
    """People have a face's vector where the variant knows faces, else a re-identification vector."""
    if fits:
        read_with(shard, {labels.VARIANT: made}, {labels.VARIANT: read})
    else:
        with pytest.raises(TrainingError, match=f"variant` {made}, and this run has {read}".replace("+", r"\+")):
            read_with(shard, {labels.VARIANT: made}, {labels.VARIANT: read})
