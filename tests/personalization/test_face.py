import shutil
import socket
import sys

import pytest
import torch

from tora2.errors import EncoderError
from tora2.personalization.face import FaceEncoder

insightface_app = pytest.importorskip("insightface.app")


@pytest.fixture(scope="module")
def encoder(pack):
    return FaceEncoder(pack)


def scene(height, width, *faces):
    """A grey picture with red patches (left, top, side): faces to the test's detector."""
    image = torch.full((height, width, 3), 0.4)
    for left, top, side in faces:
        image[top : top + side, left : left + side] = torch.tensor([1.0, 0.0, 0.1])
    return image


def test_a_face_is_found_where_it_is(encoder):
    face = encoder.detect(scene(128, 128, (40, 56, 16)))
    centre = (face.box[:2] + face.box[2:]) / 2
    assert (centre - torch.tensor([48.0, 64.0])).abs().max() <= 16  # within two cells of the detector
    assert face.points.shape == (5, 2) and 0.5 < face.score <= 1


def test_places_are_pixels_of_the_picture_whatever_its_size(encoder):
    small = encoder.detect(scene(128, 64, (16, 64, 16)))
    large = encoder.detect(scene(512, 256, (64, 256, 64)))
    assert torch.allclose(large.box, small.box * 4, atol=1) and torch.allclose(large.points, small.points * 4, atol=1)


def test_the_embedding_is_insightfaces_own_of_bgr(encoder, pack):
    image = scene(128, 128, (40, 56, 16))
    vector = encoder.embed(image)
    assert vector.shape == (512,) == (encoder.dimension,) and vector.dtype == torch.float32
    assert torch.allclose(vector.norm(), torch.tensor(1.0))
    app = insightface_app.FaceAnalysis(name=str(pack), providers=["CPUExecutionProvider"])
    app.prepare(ctx_id=0, det_size=(640, 640))
    bgr = (image * 255).round().to(torch.uint8).numpy()[:, :, ::-1].copy()
    (reference,) = app.get(bgr, max_num=1)
    assert torch.allclose(vector, torch.from_numpy(reference.normed_embedding), atol=1e-6)


def test_red_and_blue_are_not_swapped(encoder):
    image = scene(128, 128, (40, 56, 16))
    assert encoder.detect(image) is not None
    assert encoder.detect(image.flip(-1)) is None  # blue patches are no faces to the test's detector
    assert encoder.embed(image.flip(-1)) is None


def test_the_main_face_is_taken(encoder):
    face = encoder.detect(scene(128, 128, (56, 56, 16), (0, 0, 16)))
    assert ((face.box[:2] + face.box[2:]) / 2 - 64).abs().max() <= 16


def test_a_face_that_fills_the_frame_is_found_on_a_larger_canvas(encoder, monkeypatch):
    image = scene(64, 64, (24, 24, 16))
    plain = encoder.detect(image)
    detect = encoder._analysis.det_model.detect
    empty = detect(scene(128, 128).numpy().astype("uint8"), max_num=1)

    def only_on_the_canvas(picture, **options):
        return empty if picture.shape[0] == 64 else detect(picture, **options)

    monkeypatch.setattr(encoder._analysis.det_model, "detect", only_on_the_canvas)
    found = encoder.detect(image)
    assert torch.allclose((found.box[:2] + found.box[2:]) / 2, (plain.box[:2] + plain.box[2:]) / 2, atol=8)
    assert encoder.embed(image) is not None


def test_a_detector_of_free_size_as_in_antelopev2(pack, tmp_path, onnx_models):
    shutil.copy(pack / "embed_tiny.onnx", tmp_path)
    names = onnx_models.SCRFD_OUTPUTS
    axes = {"input.1": {2: "height", 3: "width"}, **{name: {0: f"rows_{name}"} for name in names}}
    onnx_models.export(onnx_models.BlobDetector(), tmp_path / "scrfd.onnx", (1, 3, 64, 64), names, dynamic=axes)
    encoder = FaceEncoder(tmp_path)
    image = scene(128, 128, (40, 56, 16))
    face = encoder.detect(image)
    assert ((face.box[:2] + face.box[2:]) / 2 - torch.tensor([48.0, 64.0])).abs().max() <= 8
    assert encoder.embed(image).shape == (512,)


@pytest.mark.parametrize("shape", [(1, 1, 3), (3, 200, 3), (200, 3, 3)])
def test_odd_pictures_have_no_face(encoder, shape):
    assert encoder.embed(torch.rand(shape) * 0.1) is None


def test_what_is_no_picture_is_refused(encoder):
    with pytest.raises(EncoderError, match=r"\[H, W, 3\]"):
        encoder.embed(torch.rand(3, 8, 8))


@pytest.mark.parametrize("names", [("scrfd_10g_bnkps", "glintr100"), ("det_10g", "w600k_r50")])
def test_the_packs_on_users_disks(pack, tmp_path, names, onnx_models):
    detector, embedder = names
    shutil.copy(pack / "det_tiny.onnx", tmp_path / f"{detector}.onnx")
    shutil.copy(pack / "embed_tiny.onnx", tmp_path / f"{embedder}.onnx")
    onnx_models.export(onnx_models.ColourReid(212), tmp_path / "2d106det.onnx", (1, 3, 192, 192), ["fc1"])
    onnx_models.export(onnx_models.ColourReid(3), tmp_path / "genderage.onnx", (1, 3, 96, 96), ["fc1"])
    encoder = FaceEncoder(tmp_path)
    assert set(encoder._analysis.models) == {"detection", "recognition"}
    assert encoder.embed(scene(128, 128, (40, 56, 16))).shape == (512,)


def test_a_pack_unzipped_into_itself(pack, tmp_path):
    shutil.copytree(pack, tmp_path / "antelopev2" / "antelopev2")
    assert FaceEncoder(tmp_path / "antelopev2").folder == (tmp_path / "antelopev2" / "antelopev2").resolve()


def test_nothing_is_ever_downloaded(pack, tmp_path, monkeypatch):
    from insightface.app import face_analysis

    def refuse(*args, **options):
        raise AssertionError("tried the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(face_analysis, "ensure_available", refuse)
    monkeypatch.chdir(pack.parent)
    assert FaceEncoder(pack.name).folder == pack.resolve()  # a relative folder
    (tmp_path / "buffalo_l").mkdir()
    for folder in (tmp_path / "buffalo_l", tmp_path / "antelopev2"):
        with pytest.raises(EncoderError, match="glintr100"):
            FaceEncoder(folder)
    with pytest.raises(EncoderError, match="no face encoder"):
        FaceEncoder("buffalo_l")


def test_a_missing_half_is_named(pack, tmp_path):
    shutil.copy(pack / "embed_tiny.onnx", tmp_path)
    with pytest.raises(EncoderError, match="face detector"):
        FaceEncoder(tmp_path)
    (tmp_path / "embed_tiny.onnx").unlink()
    shutil.copy(pack / "det_tiny.onnx", tmp_path)
    with pytest.raises(EncoderError, match="ArcFace recogniser"):
        FaceEncoder(tmp_path)


def test_a_detector_without_points_is_refused(pack, tmp_path, onnx_models):
    shutil.copy(pack / "embed_tiny.onnx", tmp_path)
    names = onnx_models.SCRFD_OUTPUTS[:6]
    onnx_models.export(
        onnx_models.BlobDetector(points=False), tmp_path / "det.onnx", (1, 3, 128, 128), names, dynamic=False
    )
    with pytest.raises(EncoderError, match="no facial points"):
        FaceEncoder(tmp_path)


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"<html>not found</html>", lambda data: b""]
)
@pytest.mark.parametrize("name", ["det_tiny.onnx", "embed_tiny.onnx"])
def test_a_broken_file_is_one_sentence(pack, tmp_path, name, damage):
    folder = shutil.copytree(pack, tmp_path / "pack")
    (folder / name).write_bytes(damage((pack / name).read_bytes()))
    with pytest.raises(EncoderError) as error:
        FaceEncoder(folder)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("module", ["insightface", "insightface.app", "onnxruntime"])
def test_a_missing_package_says_what_to_install(pack, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    if module == "insightface":
        monkeypatch.delitem(sys.modules, "insightface.app")
    with pytest.raises(EncoderError, match="pip install"):
        FaceEncoder(pack)
