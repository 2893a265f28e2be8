import json

import pytest
import torch
from transformers import (
    BitImageProcessor,
    Dinov2Config,
    Dinov2Model,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
)

from tora2.errors import EncoderError
from tora2.personalization.semantic import Preprocessing, SemanticEncoder

SIZES = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 42, "patch_size": 14}


def make(**options):
    torch.manual_seed(3)
    return Dinov2Model(Dinov2Config(**SIZES | options)).eval()


@pytest.fixture
def folder(tmp_path):
    SemanticEncoder(make(), Preprocessing(42, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))).save_pretrained(tmp_path)
    return tmp_path


def test_patch_tokens_are_the_models_own_without_cls(folder):
    encoder = SemanticEncoder.from_pretrained(folder)
    images = torch.rand(2, 3, 42, 42)
    tokens = encoder(images)
    assert tokens.shape == (2, 9, 24) == (2, encoder.tokens, encoder.width)
    pixels = (images - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)
    assert torch.allclose(tokens, make()(pixel_values=pixels).last_hidden_state[:, 1:], atol=1e-5)
    assert not any(weight.requires_grad for weight in encoder.parameters())


def test_the_published_processor_gives_the_same_pixels(folder):
    """transformers' own processor reads the file that we write; on a picture of the right size they agree."""
    encoder = SemanticEncoder.from_pretrained(folder)
    seen = []
    encoder.model.register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs["pixel_values"]), with_kwargs=True)
    picture = torch.randint(0, 256, (3, 42, 42), dtype=torch.uint8)
    encoder(picture[None] / 255)
    processor = BitImageProcessor(**json.loads((folder / "preprocessor_config.json").read_text()))
    expected = processor(picture.movedim(0, -1).numpy(), return_tensors="pt")["pixel_values"]
    assert torch.allclose(seen[0], torch.as_tensor(expected), atol=1e-5)


def test_registers_are_left_out():
    torch.manual_seed(0)
    model = Dinov2WithRegistersModel(Dinov2WithRegistersConfig(**SIZES, num_register_tokens=4)).eval()
    encoder = SemanticEncoder(model)
    assert encoder(torch.rand(1, 3, 42, 42)).shape == (1, 9, 24)
    assert encoder.tokens == 9


def test_pictures_of_other_sizes_and_types(folder):
    encoder = SemanticEncoder.from_pretrained(folder, torch.bfloat16)
    tokens = encoder(torch.rand(1, 3, 100, 100, dtype=torch.float16))
    assert tokens.shape == (1, 9, 24) and tokens.dtype == torch.bfloat16 == encoder.dtype
    with pytest.raises(EncoderError, match=r"\[E, 3, H, W\]"):
        encoder(torch.rand(3, 42, 42))


@pytest.mark.parametrize(
    ("data", "size"),
    [
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True}, 224),
        ({"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": False}, 256),
        ({"size": 70, "crop_size": 56}, 56),
        ({"size": {"height": 70, "width": 70}}, 70),
        ({}, 42),
    ],
)
def test_sizes_in_every_spelling(tmp_path, data, size):
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps(data))
    assert Preprocessing.from_file(path, 42) == Preprocessing(size)


def test_defaults_without_a_preprocessor_file(folder):
    (folder / "preprocessor_config.json").unlink()
    assert SemanticEncoder.from_pretrained(folder).preprocessing == Preprocessing(42)
    assert SemanticEncoder(make(image_size=518)).size == 224


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"size": "big"}', '{"image_std": [0, 1, 1]}', '{"image_mean": 3}', '{"size": -1}']
)
def test_a_preprocessor_file_that_cannot_be_used(folder, text):
    (folder / "preprocessor_config.json").write_text(text)
    with pytest.raises(EncoderError, match="preprocessor_config.json"):
        SemanticEncoder.from_pretrained(folder)


def test_a_folder_that_is_not_there_is_never_looked_up_online(tmp_path):
    with pytest.raises(EncoderError, match="no semantic encoder"):
        SemanticEncoder.from_pretrained(tmp_path / "dinov2-large")
    with pytest.raises(EncoderError, match="no semantic encoder"):
        SemanticEncoder.from_pretrained("facebook/dinov2-large")


def test_another_model_is_named(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "clip_vision_model"}))
    with pytest.raises(EncoderError, match="'clip_vision_model'"):
        SemanticEncoder.from_pretrained(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(EncoderError, match="config.json"):
        SemanticEncoder.from_pretrained(folder)


def test_weights_that_are_missing_cut_short_or_too_few(folder):
    weights = folder / "model.safetensors"
    data = weights.read_bytes()
    for broken in (data[: len(data) // 2], b"", None):
        weights.unlink(missing_ok=True)
        if broken is not None:
            weights.write_bytes(broken)
        with pytest.raises(EncoderError, match="cannot be loaded"):
            SemanticEncoder.from_pretrained(folder)
    from safetensors.torch import save_file

    save_file({"embeddings.cls_token": torch.zeros(1, 1, 24)}, weights, metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="do not fill"):
        SemanticEncoder.from_pretrained(folder)


def test_an_input_smaller_than_a_patch_is_refused():
    with pytest.raises(EncoderError, match="smaller than one of its patches"):
        SemanticEncoder(make(), Preprocessing(8))
