"""Scenes with a known path and videos of them, and networks with random weights in folders, for the paper's suite."""

import json

import pytest
import torch
from moving import moving_square
from open_samples import mp4, png, write_loose

SHIFTS = [(10 + 5 * t, 10 + 2 * t) for t in range(12)]
BACK = [(10, 10 + 2 * t) for t in range(12)]
"""The same first place, then another path."""
WIDTH, HEIGHT, SIDE = 120, 80, 30


def scene(phrase="red fox", kind="object", clip=False, **entity):
    """The files of a sample whose textured square goes along SHIFTS, held at two points."""
    points = [(12, 12), (19, 17)]
    tracks = [[[(x + dx) / WIDTH, (y + dy) / HEIGHT] for x, y in SHIFTS] for dx, dy in points]
    item = {"phrase": phrase, "kind": kind, "reference": "0.reference.png", "tracks": tracks} | entity
    data = {"version": 1, "frames": 12, "height": HEIGHT, "width": WIDTH, "fps": 8, "entities": [item]}
    square = moving_square([(0, 0)], SIDE, SIDE, SIDE)[0]
    files = {"txt": b"a red fox runs", "entities.json": json.dumps(data).encode(), "0.reference.png": png(square)}
    return files | ({"mp4": mp4(moving_square(SHIFTS), 8)} if clip else {})


@pytest.fixture
def write_scene():
    """Writes another scene: samples, name, and changes of :func:`scene`."""
    return lambda samples, name, **changes: write_loose(samples, name, scene(**changes))


@pytest.fixture
def scenes(tmp_path):
    """Folders of samples and videos: ``right`` follows its path, ``wrong`` does not; only ``right`` has a clip."""
    samples, videos = tmp_path / "samples", tmp_path / "videos"
    videos.mkdir()
    for name, shifts in (("right", SHIFTS), ("wrong", BACK)):
        write_loose(samples, name, scene(clip=name == "right"))
        (videos / f"{name}.mp4").write_bytes(mp4(moving_square(shifts), 8))
    return samples, videos


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    from transformers import CLIPConfig, CLIPModel

    folder = tmp_path_factory.mktemp("clip")
    layer = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    text = layer | {"vocab_size": 54, "max_position_embeddings": 16}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    vision = layer | {"image_size": 32, "patch_size": 8}
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)).save_pretrained(folder)
    letters = [letter + end for letter in "abcdefghijklmnopqrstuvwxyz" for end in ("", "</w>")]
    vocabulary = ["<|startoftext|>", "<|endoftext|>", *letters]
    (folder / "vocab.json").write_text(json.dumps({word: index for index, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    size = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(size))
    return folder


@pytest.fixture(scope="session")
def dino_folder(tmp_path_factory):
    from transformers import Dinov2Config, Dinov2Model

    folder = tmp_path_factory.mktemp("dino")
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
    Dinov2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def first_dino_folder(tmp_path_factory):
    from transformers import ViTConfig, ViTModel

    folder = tmp_path_factory.mktemp("first-dino")
    torch.manual_seed(0)
    config = ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16
    )
    ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": 32}))
    return folder


@pytest.fixture(scope="session")
def detector_folder(tmp_path_factory):
    from transformers import BertConfig, GroundingDinoConfig, GroundingDinoForObjectDetection, SwinConfig

    folder = tmp_path_factory.mktemp("detector")
    swin = {"image_size": 32, "patch_size": 2, "embed_dim": 8, "window_size": 4, "out_indices": [2, 3, 4]}
    layer = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    sizes = {"num_queries": 10, "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "max_text_len": 16}
    for part in ("encoder", "decoder"):
        sizes |= {f"{part}_ffn_dim": 32, f"{part}_attention_heads": 2}
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(depths=[1] * 4, num_heads=[1, 1, 2, 2], **swin),
        text_config=BertConfig(vocab_size=40, **layer),
        **sizes,
    )
    torch.manual_seed(0)
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "red", "fox", "bird"]
    (folder / "vocab.txt").write_text("\n".join(words))
    (folder / "preprocessor_config.json").write_text('{"size": {"shortest_edge": 32, "longest_edge": 48}}')
    return folder
