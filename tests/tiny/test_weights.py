"""The shipped weights do their work on the shipped pictures, whose names no training saw."""

import json
from pathlib import Path

import pytest
import torch

import tora2.tiny
from tora2.tiny.assets import Atlas, to_square
from tora2.tiny.views import Views, retrieval
from tora2.tiny.world import World

WEIGHTS = Path(tora2.tiny.__file__).parent / "weights"
INPUTS = Path(__file__).parents[2] / "workflows" / "inputs"
CUT_OUTS = "clown_face duck kangaroo lion man_firefighter mushroom penguin teddy_bear truck".split()


@pytest.fixture(scope="module")
def held_out():
    from PIL import Image

    squares = [to_square(Image.open(INPUTS / f"tora2_{name}.png"), 72) for name in CUT_OUTS]
    pictures = torch.stack([torch.from_numpy(square) for square in squares])
    names = [name.replace("_", " ") for name in CUT_OUTS]
    return Atlas(pictures, names, ["fluent"] * len(names), [""] * len(names), [False] * len(names))


def picture(name: str) -> torch.Tensor:
    """[H, W, 3] in 0..1 on mid grey with some room around it, as a prepared reference."""
    from PIL import Image

    from tora2.personalization.preparation import square_reference

    rgba = torch.from_numpy(to_square(Image.open(INPUTS / f"tora2_{name}.png"), 96)).permute(1, 2, 0).float() / 255
    return square_reference(rgba).permute(1, 2, 0)


def test_all_of_it_fits_the_budget():
    size = sum(path.stat().st_size for path in WEIGHTS.rglob("*") if path.is_file())
    assert size <= 32 * 2**20


def test_vae_rebuilds_clips(held_out):
    from diffusers import AutoencoderKLCogVideoX

    vae = AutoencoderKLCogVideoX.from_pretrained(WEIGHTS / "vae", torch_dtype=torch.float32)
    batch = World(held_out, "heldout_names", backgrounds=["sky", "grass"]).batch([0, 1])
    with torch.no_grad():
        latents = vae.encode(batch.video.transpose(1, 2)).latent_dist.mode()
        made = vae.decode(latents).sample.transpose(1, 2)
    assert latents.shape == (2, 16, 5, 16, 16)
    assert 0.5 < (latents * vae.config.scaling_factor).std() < 2
    error = ((made - batch.video) / 2).square().mean()
    assert -10 * error.log10() > 20


def test_objects_find_themselves(held_out):
    from tora2.personalization.reid import ReidEncoder

    encoder = ReidEncoder(WEIGHTS / "reid_encoder" / "model.onnx")
    views = Views(held_out, 64, scenery=0.0)
    assert retrieval(encoder.embed, views, list(range(len(held_out))), gallery=9, rounds=4) > 0.8


def test_a_person_has_a_face_and_things_have_none():
    pytest.importorskip("insightface")
    from tora2.personalization.face import FaceEncoder

    encoder = FaceEncoder(WEIGHTS / "face_encoder")
    names = ("man_firefighter", "truck", "mushroom", "duck", "penguin", "kangaroo")
    found = [name for name in names if encoder.embed(picture(name)) is not None]
    assert found == ["man_firefighter"]


def test_patch_tokens_tell_pictures_apart(held_out):
    from tora2.personalization.semantic import SemanticEncoder

    encoder = SemanticEncoder.from_pretrained(WEIGHTS / "semantic_encoder")
    views = Views(held_out, 64, scenery=0.0, turn=0.2)
    found = retrieval(lambda x: encoder(x).flatten(1), views, list(range(len(held_out))), gallery=9, rounds=4)
    assert found > 0.6


THINGS = (
    "red apple, cat, rocket, police car, dog, house, tree, key, guitar, banana, bicycle, umbrella, clock, pizza, "
    "horse, fish, book, drum, crown, camera, bus, rabbit, hat, shoe, boat, lemon, bear, cow, tiger, flag"
)


def test_words_of_a_phrase_mean_the_same_in_other_captions():
    from transformers import AutoTokenizer, T5EncoderModel

    from tora2.tiny.train_text import pooled

    tokenizer = AutoTokenizer.from_pretrained(WEIGHTS / "tokenizer", local_files_only=True)
    model = T5EncoderModel.from_pretrained(WEIGHTS / "text_encoder", torch_dtype=torch.float32)
    phrases = [f"a {name}" for name in THINGS.split(", ")]
    texts = [[f"{p} and a house {where}" for p in phrases] for where in ("in the snow", "on a sandy beach")]
    with torch.no_grad():
        a, b = (pooled(model, tokenizer, t, [[p] for p in phrases], "cpu")[0] for t in texts)
    # Trained on with the transformer, the states of all phrases share a large part; what tells them apart counts.
    a, b = (torch.nn.functional.normalize(states - states.mean(0), dim=-1) for states in (a, b))
    found = (a @ b.T).argmax(1) == torch.arange(len(phrases))
    assert found.float().mean() > 0.4, "chance is 1 in 30; 53 % with the weights of 2026-11-22, 73 % before them"


def test_the_tokenizers_config_is_one_that_transformers_4_reads(tmp_path):
    """transformers 5 writes ``extra_special_tokens`` as a list, at which 4.50 fails."""
    from transformers import AutoTokenizer

    from tora2.tiny.tokenizer import PORTABLE, save_tokenizer

    folder = WEIGHTS / "tokenizer"
    assert set(json.loads((folder / "tokenizer_config.json").read_text())) <= set(PORTABLE)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    save_tokenizer(tokenizer, tmp_path)
    assert set(json.loads((tmp_path / "tokenizer_config.json").read_text())) <= set(PORTABLE)
    again = AutoTokenizer.from_pretrained(tmp_path, local_files_only=True)
    assert again("a lion and a truck").input_ids == tokenizer("a lion and a truck").input_ids
