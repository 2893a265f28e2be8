"""The paper suite's networks, with random weights, from folders."""

import json
import shutil
from types import SimpleNamespace

import pytest
import torch
from moving import texture

from tora2.errors import EncoderError
from tora2.evaluation.encoders import CLIP_PIXELS, ClipEncoder, DinoEncoder, GroundingDetector, Pixels

PICTURES = torch.stack([texture(40, 60, seed) for seed in range(3)]).movedim(-1, 1)


def test_pixels_are_scaled_cut_in_the_middle_and_normalised():
    wide = torch.zeros(1, 3, 20, 60)
    wide[..., 20:40] = 1.0
    cut = Pixels(10, None, 10, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))(wide)
    assert cut.shape == (1, 3, 10, 10) and torch.allclose(cut[..., 2:8], torch.tensor(2.0), atol=1e-4)
    whole = Pixels(10, 24, None, (0, 0, 0), (1, 1, 1))(wide)
    assert whole.shape == (1, 3, 8, 24), "the longer side decides"


def test_pixels_are_those_of_transformers():
    pil = pytest.importorskip("transformers.models.clip.image_processing_pil_clip")
    picture = (PICTURES[:1] * 255).round() / 255
    processor = pil.CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    theirs = processor((picture[0] * 255).byte().numpy(), return_tensors="pt", input_data_format="channels_first")
    ours = Pixels(32, None, 32, CLIP_PIXELS.mean, CLIP_PIXELS.std)(picture)
    assert (ours - theirs["pixel_values"]).abs().max() < 0.03, "they round to bytes after scaling"


def test_clip_gives_what_the_model_gives(clip_folder):
    clip = ClipEncoder(clip_folder)
    vectors = clip.images(PICTURES)
    assert vectors.shape == (3, 8) and not torch.allclose(vectors[0], vectors[1])
    found = clip.model.get_image_features(pixel_values=clip.pixels(PICTURES))
    assert torch.allclose(vectors, getattr(found, "pooler_output", found), atol=1e-6)
    words = clip.text("red fox")
    tokens = clip.tokenizer("red fox", return_tensors="pt")
    found = clip.model.get_text_features(**tokens)
    assert words.shape == (1, 8) and torch.allclose(words, getattr(found, "pooler_output", found), atol=1e-6)
    assert not torch.allclose(words, clip.text("a bird")) and clip.text("a long text " * 9).shape == (1, 8)


def test_dino_gives_one_vector_whatever_the_shape(dino_folder):
    dino = DinoEncoder(dino_folder)
    vectors = dino(PICTURES)
    assert vectors.shape == (3, 16) and not torch.allclose(vectors[0], vectors[1])
    assert dino(PICTURES[:1, :, :20, :30]).shape == (1, 16)


def test_the_first_dino_gives_its_normalised_class_token(first_dino_folder):
    from transformers import ViTModel

    dino = DinoEncoder(first_dino_folder)
    model = ViTModel.from_pretrained(first_dino_folder, add_pooling_layer=False).eval()
    pixels = torch.nn.functional.interpolate(PICTURES, (32, 32), mode="bicubic", antialias=True).clamp(0, 1)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        wanted = model(pixel_values=(pixels - mean) / std).last_hidden_state[:, 0]
    torch.testing.assert_close(dino(PICTURES), wanted, atol=1e-3, rtol=1e-3)


def test_the_surest_box_above_the_threshold_is_taken(detector_folder):
    detector, asked = GroundingDetector(detector_folder, threshold=0.4), []
    boxes = torch.tensor([[[0.5, 0.5, 0.2, 0.2], [0.25, 0.5, 0.5, 1.2], [0.9, 0.9, 0.1, 0.1]]])
    # Begin, "red", "fox", full stop, end: only the words count, and both of them.
    logits = torch.full((1, 3, 16), -torch.inf)
    logits[0, :, 1] = torch.tensor([3.0, 2.0, -3.0])
    logits[0, :, 2] = torch.tensor([-9.0, 2.0, -3.0])
    logits[0, 2, [0, 3, 4]] = 9.0

    def model(pixel_values, input_ids, **rest):
        asked.append((tuple(pixel_values.shape), detector.tokenizer.decode(input_ids[0])))
        return SimpleNamespace(logits=logits, pred_boxes=boxes)

    model.config, model.device, detector.model = detector.model.config, torch.device("cpu"), model
    assert detector(PICTURES[0], " Red fox.").tolist() == pytest.approx([0, 0, 30, 40]), "cut at the picture's edge"
    assert asked[0][0] == (1, 3, 32, 48) and "red fox" in asked[0][1].replace(" .", ".") and "." in asked[0][1]
    detector.threshold = 0.9
    assert detector(PICTURES[0], "red fox") is None


def test_a_grounding_dino_from_a_folder_looks_at_a_picture(detector_folder):
    box = GroundingDetector(detector_folder, threshold=0.0)(PICTURES[0], "red fox")
    assert box.shape == (4,) and (box >= 0).all() and (box <= torch.tensor([60, 40, 60, 40])).all()
    assert GroundingDetector(detector_folder, threshold=1.0)(PICTURES[0], "red fox") is None


def test_wrong_folders_get_one_sentence(clip_folder, dino_folder, tmp_path):
    with pytest.raises(EncoderError, match="There is no .*config.json: give a folder that holds a CLIPModel"):
        ClipEncoder(tmp_path)
    with pytest.raises(EncoderError, match="holds 'dinov2': give one that holds a CLIPModel"):
        ClipEncoder(dino_folder)
    with pytest.raises(EncoderError, match="holds 'clip': give one that holds a Grounding DINO"):
        GroundingDetector(clip_folder)
    with pytest.raises(EncoderError, match="holds 'clip': give one that holds a DINO"):
        DinoEncoder(clip_folder)


def test_pickles_half_weights_and_missing_words_are_refused(clip_folder, tmp_path):
    from safetensors.torch import load_file, save_file

    pickled = shutil.copytree(clip_folder, tmp_path / "pickled")
    weights = load_file(pickled / "model.safetensors")
    (pickled / "model.safetensors").unlink()
    torch.save(weights, pickled / "pytorch_model.bin")
    with pytest.raises(EncoderError, match="cannot be loaded .* safetensors"):
        ClipEncoder(pickled)
    half = shutil.copytree(clip_folder, tmp_path / "half")
    del weights["visual_projection.weight"]
    save_file(weights, half / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="1 missing, the first .'visual_projection.weight'"):
        ClipEncoder(half)
    silent = shutil.copytree(clip_folder, tmp_path / "silent", ignore=shutil.ignore_patterns("vocab.json"))
    with pytest.raises(EncoderError, match="holds no tokenizer"):
        ClipEncoder(silent)


@pytest.mark.parametrize("data", [{"image_std": [0, 0, 0]}, {"size": {}}, {"image_mean": [0.5]}, []])
def test_a_broken_preprocessor_config_is_refused(data, tmp_path):
    (tmp_path / "p.json").write_text(json.dumps(data))
    with pytest.raises(EncoderError, match="p.json is not a preprocessor config"):
        CLIP_PIXELS.read(tmp_path / "p.json")
