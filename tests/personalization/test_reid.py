import sys

import pytest
import torch

from tora2.errors import EncoderError
from tora2.personalization.reid import ReidContract, ReidEncoder, write_contract

pytest.importorskip("onnxruntime")


def colours(*values):
    return torch.tensor(values)[:, :, None, None].expand(-1, -1, 20, 30)


def model(onnx_models, path, contract=None, *, dimension=8, size=16, dynamic=True, batch=1):
    module = onnx_models.ColourReid(dimension)
    onnx_models.export(module, path, (batch, 3, size, size), ["identity"], dynamic)
    if contract is not None:
        write_contract(path, contract)
    return path


def test_a_picture_becomes_a_unit_vector(reid_file):
    encoder = ReidEncoder(reid_file)
    assert encoder.dimension == 8 and encoder.contract.size == 16
    vectors = encoder.embed(colours([0.3, 0.0, 0.4], [0.0, 1.0, 0.0]))
    expected = torch.tensor([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0]])
    assert vectors.shape == (2, 8) and vectors.dtype == torch.float32
    assert torch.allclose(vectors[:, :3], expected, atol=1e-6) and not vectors[:, 3:].any()


def test_mean_std_and_channel_order_come_from_the_file(onnx_models, tmp_path):
    contract = ReidContract(16, 8, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0), channels="BGR")
    encoder = ReidEncoder(model(onnx_models, tmp_path / "model.onnx", contract))
    assert encoder.contract == contract
    bgr = torch.tensor([(0.9 - 0.1) / 0.5, (0.7 - 0.2) / 0.25, (0.5 - 0.3) / 2.0])
    vector = encoder.embed(colours([0.5, 0.7, 0.9]))[0, :3]
    assert torch.allclose(vector, bgr / bgr.norm(), atol=1e-6)


def test_a_model_of_batch_one_takes_many(onnx_models, tmp_path):
    path = model(onnx_models, tmp_path / "one.onnx", ReidContract(16, 8), dynamic=False)
    many = model(onnx_models, tmp_path / "many.onnx", ReidContract(16, 8))
    images = torch.rand(3, 3, 16, 16)
    assert torch.allclose(ReidEncoder(path).embed(images), ReidEncoder(many).embed(images), atol=1e-6)
    assert ReidEncoder(path).embed(images[:0]).shape == (0, 8)


def test_half_precision_pictures_are_read(reid_file):
    assert ReidEncoder(reid_file).embed(torch.rand(1, 3, 8, 8).half()).dtype == torch.float32


def test_wrong_pictures_are_refused(reid_file):
    with pytest.raises(EncoderError, match=r"\[E, 3, H, W\]"):
        ReidEncoder(reid_file).embed(torch.rand(3, 8, 8))


def test_a_missing_file(tmp_path):
    with pytest.raises(EncoderError, match="is not at"):
        ReidEncoder(tmp_path / "model.onnx")


@pytest.mark.parametrize("kind", ["half", "html", "empty", "pickle"])
def test_a_broken_file_is_one_sentence(reid_file, tmp_path, kind):
    path = tmp_path / "model.onnx"
    if kind == "pickle":
        torch.save({"weight": torch.zeros(3)}, path)
    else:
        data = reid_file.read_bytes()
        path.write_bytes({"half": data[: len(data) // 2], "html": b"<html>404</html>", "empty": b""}[kind])
    with pytest.raises(EncoderError) as error:
        ReidEncoder(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_file_without_the_contract(onnx_models, tmp_path):
    with pytest.raises(EncoderError, match="tora2.format = reid-1"):
        ReidEncoder(model(onnx_models, tmp_path / "model.onnx"))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tora2.size", "0"),
        ("tora2.size", "big"),
        ("tora2.mean", "1,2"),
        ("tora2.mean", "nan,0,0"),
        ("tora2.std", "0,1,1"),
        ("tora2.channels", "RBG"),
        ("tora2.dimension", None),
    ],
)
def test_metadata_that_cannot_be_used(key, value):
    metadata = ReidContract(16, 8).to_metadata()
    assert ReidContract.from_metadata(metadata) == ReidContract(16, 8)
    metadata.pop(key)
    if value is not None:
        metadata[key] = value
    with pytest.raises(EncoderError, match="metadata that cannot be used"):
        ReidContract.from_metadata(metadata)


@pytest.mark.parametrize(
    ("contract", "options", "match"),
    [
        (ReidContract(32, 8), {}, r"one float input \[n, 3, 32, 32\]"),
        (ReidContract(16, 9), {}, r"one float output \[n, 9\]"),
        (ReidContract(16, 8), {"dynamic": False, "batch": 2}, "batches of 2"),
    ],
)
def test_a_graph_that_breaks_its_contract(onnx_models, tmp_path, contract, options, match):
    path = model(onnx_models, tmp_path / "model.onnx", contract, **options)
    with pytest.raises(EncoderError, match=match):
        ReidEncoder(path)


def test_onnxruntime_missing(reid_file, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EncoderError, match="pip install onnxruntime"):
        ReidEncoder(reid_file)
