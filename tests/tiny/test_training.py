"""Every training script runs, resumes and exports something that the classes of the full-size models load."""

import pytest
import torch
from torch.overrides import TorchFunctionMode

from tora2.tiny import train_detector, train_identity, train_semantic, train_text, train_vae
from tora2.tiny.nets import FaceDetector
from tora2.tiny.world import World


def slice_of(main, atlas_folder, run, *extra, batch=4):
    head = ["--atlas", str(atlas_folder), "--out", str(run), "--device", "cpu", "--precision", "float32"]
    main([*extra, *head, "--minutes", "0.0005", "--batch", str(batch)])


@pytest.fixture(autouse=True)
def quick_figures(monkeypatch):
    monkeypatch.setattr(train_vae, "evaluate", lambda *a, **k: {"latent_std": 2.0})
    for module in (train_identity, train_semantic):
        monkeypatch.setattr(module, "retrieval", lambda *a, **k: 0.0)


def test_vae(atlas_folder, tmp_path):
    from diffusers import AutoencoderKLCogVideoX

    slice_of(train_vae.main, atlas_folder, tmp_path / "run", "--frames", "9", "--crop", "32", batch=2)
    slice_of(train_vae.main, atlas_folder, tmp_path / "run", "--export", str(tmp_path / "vae"))
    vae = AutoencoderKLCogVideoX.from_pretrained(tmp_path / "vae", torch_dtype=torch.float32)
    assert vae.config.scaling_factor == 0.5
    with torch.no_grad():
        latents = vae.encode(torch.zeros(1, 3, 17, 32, 32)).latent_dist.mode()
        assert latents.shape == (1, 16, 5, 4, 4)
        assert vae.decode(latents).sample.shape == (1, 3, 17, 32, 32)


def test_a_vae_near_another_keeps_its_latents_and_its_scale(atlas, atlas_folder, tmp_path):
    old = train_vae.build()
    old.register_to_config(scaling_factor=0.7)
    old.save_pretrained(tmp_path / "old")
    near = ("--near", str(tmp_path / "old"), "--frames", "9", "--crop", "32")
    slice_of(train_vae.main, atlas_folder, tmp_path / "run", *near, batch=2)
    trained = train_vae.loop.averaged(tmp_path / "run", "vae")
    assert any(not torch.equal(value, old.state_dict()[name]) for name, value in trained.items())
    slice_of(train_vae.main, atlas_folder, tmp_path / "run", *near, "--export", str(tmp_path / "vae"))
    assert train_vae.exported(tmp_path / "vae").config.scaling_factor == 0.7

    batch = World(atlas, frames=9, size=32).batch([0])
    video, weight = train_vae.crops(batch, 32, 0.0, torch.Generator().manual_seed(0))
    moved = train_vae.exported(tmp_path / "old")
    with torch.no_grad():
        moved.encoder.conv_out.conv.bias[:16] += 1  # the means alone
    far, still = (train_vae.losses(vae, video, weight, old)[0] for vae in (moved, old))
    assert far - still > 0.5 * train_vae.NEARNESS


def test_crops_wait_for_the_device_as_often_for_many_clips_as_for_few(atlas):
    class Counted(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            self.count += function in (torch.Tensor.cpu, torch.Tensor.sum)
            return function(*args, **(kwargs or {}))

    world, counts = World(atlas, frames=5, size=32), []
    for clips in (2, 8):
        batch = world.batch(range(clips))
        with Counted() as counted:
            counted.count = 0
            train_vae.crops(batch, 16, 0.0, torch.Generator().manual_seed(0))
        counts.append(counted.count)
    assert counts[0] == counts[1]


def test_the_vaes_scale_can_be_measured_alone(atlas, monkeypatch):
    monkeypatch.undo()  # the figures themselves
    vae = train_vae.build().eval()
    whole = train_vae.evaluate(vae, atlas, "heldout_names", 1)
    monkeypatch.setattr(vae, "decode", lambda *a: pytest.fail("rebuilt"))
    alone = train_vae.evaluate(vae, atlas, "heldout_names", 1, rebuilt=False)
    assert set(alone) == {"latent_std", "latent_mean"} and all(alone[name] == whole[name] for name in alone)


def test_figures_are_only_made_where_they_are_asked_for(atlas_folder, tmp_path, monkeypatch):
    for module, name in ((train_vae, "evaluate"), (train_identity, "retrieval"), (train_detector, "evaluate")):
        monkeypatch.setattr(module, name, lambda *a, **k: pytest.fail("measured"))
    monkeypatch.setattr(train_semantic, "retrieval", lambda *a, **k: pytest.fail("measured"))
    for name, module, more in (
        ("vae", train_vae, ["--crop", "32"]),
        ("reid", train_identity, ["reid"]),
        ("detector", train_detector, []),
        ("semantic", train_semantic, []),
    ):
        slice_of(module.main, atlas_folder, tmp_path / name, *more, "--no-figures", batch=2)


def test_reid(atlas_folder, tmp_path):
    pytest.importorskip("onnx")
    from tora2.personalization.reid import ReidEncoder

    slice_of(train_identity.main, atlas_folder, tmp_path / "run", "reid")
    path = tmp_path / "reid_encoder" / "model.onnx"
    slice_of(train_identity.main, atlas_folder, tmp_path / "run", "reid", "--export", str(path))
    pictures = torch.rand(3, 3, 80, 80)
    found = ReidEncoder(path).embed(pictures)
    assert found.shape == (3, 256) and not torch.allclose(found[0], found[1])
    # Weights are halved in the file; what comes out is still what the network says.
    from tora2.personalization.preparation import resize
    from tora2.tiny.loop import averaged

    net = train_identity.build("reid").eval()
    net.load_state_dict(averaged(tmp_path / "run", "net"))
    with torch.no_grad():
        wanted = torch.nn.functional.normalize(net((resize(pictures, 64) - 0.5) / 0.5), dim=-1)
    assert (found - wanted).abs().max() < 0.01


def test_face_encoder(atlas_folder, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("insightface")
    from tora2.personalization.face import FaceEncoder

    folder = tmp_path / "face_encoder"
    slice_of(train_detector.main, atlas_folder, tmp_path / "detector")
    slice_of(train_detector.main, atlas_folder, tmp_path / "detector", "--export", str(folder / "det_tiny.onnx"))
    slice_of(train_identity.main, atlas_folder, tmp_path / "face", "face")
    slice_of(train_identity.main, atlas_folder, tmp_path / "face", "face", "--export", str(folder / "embed_tiny.onnx"))
    assert FaceEncoder(folder).embed(torch.rand(64, 64, 3)) is None  # an untrained detector finds nothing


def test_semantic(atlas_folder, tmp_path):
    from tora2.personalization.semantic import SemanticEncoder

    slice_of(train_semantic.main, atlas_folder, tmp_path / "run")
    slice_of(train_semantic.main, atlas_folder, tmp_path / "run", "--export", str(tmp_path / "semantic_encoder"))
    encoder = SemanticEncoder.from_pretrained(tmp_path / "semantic_encoder")
    assert (encoder.size, encoder.width, encoder.tokens) == (64, 128, 64)
    assert encoder.preprocessing.mean == train_semantic.MEAN


def test_text(atlas_folder, tmp_path):
    from transformers import AutoTokenizer, T5EncoderModel

    semantic = tmp_path / "semantic"
    slice_of(train_semantic.main, atlas_folder, semantic)
    slice_of(train_text.main, atlas_folder, tmp_path / "run", "--semantic", str(semantic))
    slice_of(train_text.main, atlas_folder, tmp_path / "run", "--semantic", str(semantic), "--export", str(tmp_path))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tokenizer", local_files_only=True)
    model = T5EncoderModel.from_pretrained(tmp_path / "text_encoder", torch_dtype=torch.float32)
    ids = tokenizer("A cat and a dog.", padding="max_length", max_length=48, return_tensors="pt").input_ids
    assert model(ids).last_hidden_state.shape == (1, 48, 128)
    assert ids.max() < model.config.vocab_size and tokenizer.unk_token_id not in ids


def test_text_pools_the_phrases_own_tokens():
    offsets = torch.tensor([[[0, 1], [2, 5], [6, 9], [10, 11], [12, 15], [0, 0]]])
    encoded = {"offset_mapping": offsets}
    rows, mask = train_text.phrase_mask(encoded, ["A cat and a dog"], [["a cat", "a dog"]])
    assert rows.tolist() == [0, 0]
    assert mask.tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 0, 1, 1, 0]]


def test_detector_loss_falls_to_the_targets(atlas):
    """Maps that say exactly what is in the scene cost almost nothing: the loss and the export speak the same units."""
    from tora2.tiny.views import Views

    views = Views(atlas, FaceDetector.SIZE, scenery=0.5)
    faces = [i for i in range(len(atlas)) if atlas.human[i]]
    others = [i for i in range(len(atlas)) if not atlas.human[i]]
    scenes = train_detector.draw_scenes(views, faces, others, 12, torch.Generator().manual_seed(0))
    assert scenes.is_face.any() and not scenes.is_face.all()
    maps = [torch.ones(12, 15, s, s, requires_grad=True) for s in (16, 8, 4)]
    optimizer = torch.optim.Adam(maps, lr=0.15)
    for _ in range(100):
        loss = train_detector.losses(maps, scenes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.3
    b = int(scenes.is_face[:, 0].nonzero()[0])
    outputs = _rows([m[b : b + 1].detach() for m in maps])
    score, points = train_detector._best(outputs)
    truth = scenes.points[b][scenes.is_face[b]]
    assert score > 0.5 and (points - truth).norm(dim=-1).mean(1).min() < 4


def _rows(maps):
    """What FaceDetector.forward makes of raw maps."""
    net = FaceDetector()
    net.maps = lambda pictures: maps
    return net(torch.zeros(1, 3, 128, 128))
