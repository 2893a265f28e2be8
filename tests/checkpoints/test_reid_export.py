import sys

import pytest
import torch

from tora2.checkpoints.reid_export import WholePictureBoxHead, export_reid, roi_align_matrix
from tora2.errors import CheckpointError
from tora2.personalization.reid import ReidEncoder


@pytest.fixture
def torchvision():
    """torchvision, which the pack itself does not need; a build for another torch raises RuntimeError."""
    try:
        import torchvision
    except (ImportError, RuntimeError):
        pytest.skip("install the torchvision that belongs to this torch, and onnx, to run this")
    return torchvision


@pytest.fixture
def detector(torchvision):
    torch.manual_seed(0)
    return torchvision.models.detection.fasterrcnn_resnet50_fpn_v2(weights=None, weights_backbone=None).eval()


def roi_align_1d(values, bins, samples):
    """RoIAlign of a whole axis, written down from its definition."""
    length, result = len(values), []
    for index in range(bins):
        points = [(index + (sample + 0.5) / samples) * length / bins for sample in range(samples)]
        total = 0.0
        for point in points:
            point = min(point, length - 1)
            low = int(point)
            high = min(low + 1, length - 1)
            total += values[low] * (1 - point + low) + values[high] * (point - low)
        result.append(total / samples)
    return torch.tensor(result)


@pytest.mark.parametrize(("length", "bins", "samples"), [(14, 7, 2), (8, 7, 2), (4, 7, 2), (28, 7, 3), (1, 7, 2)])
def test_the_pooling_matrix(length, bins, samples):
    matrix = roi_align_matrix(length, bins, samples)
    values = torch.rand(length)
    assert matrix.shape == (bins, length)
    assert torch.allclose(matrix @ values, roi_align_1d(values.tolist(), bins, samples), atol=1e-6)
    assert torch.allclose(matrix.sum(1), torch.ones(bins))


@pytest.mark.parametrize("length", [14, 8, 4])
def test_the_pooling_matrix_is_torchvisions_roi_align(torchvision, length):
    features = torch.randn(2, 3, length, length)
    boxes = [torch.tensor([[0.0, 0.0, length * 16.0, length * 16.0]])] * 2
    expected = torchvision.ops.roi_align(features, boxes, 7, spatial_scale=1 / 16, sampling_ratio=2)
    matrix = roi_align_matrix(length, 7, 2)
    assert torch.allclose(matrix @ features @ matrix.T, expected, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("size", [64, 192, 224])  # levels 2, 3 and 4 of the pyramid
def test_the_vector_is_the_detectors_own_of_the_whole_picture(detector, size):
    pixels = torch.rand(2, 3, size, size)
    boxes = [torch.tensor([[0.0, 0.0, size, size]])] * 2
    pooled = detector.roi_heads.box_roi_pool(detector.backbone(pixels), boxes, [(size, size)] * 2)
    expected = detector.roi_heads.box_head(pooled)
    vector = WholePictureBoxHead(detector, size)(pixels)
    assert vector.shape == (2, 1024)
    assert (vector - expected).abs().max() <= 1e-5 * expected.abs().max()


@torch.no_grad()
def test_the_exported_file_is_the_default_re_identification_encoder(detector, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    weights = tmp_path / "detector.pth"
    torch.save(detector.state_dict(), weights)
    encoder = ReidEncoder(export_reid(tmp_path / "reid_encoder" / "model.onnx", weights, size=64))
    assert encoder.dimension == 1024 and encoder.contract.size == 64
    images = torch.rand(2, 3, 64, 64)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (encoder.contract.mean, encoder.contract.std))
    expected = torch.nn.functional.normalize(WholePictureBoxHead(detector, 64)((images - mean) / std), dim=1)
    assert torch.allclose(encoder.embed(images), expected, atol=1e-5)
    assert [path.name for path in (tmp_path / "reid_encoder").iterdir()] == ["model.onnx"]


def test_weights_of_another_model(torchvision, tmp_path):
    class Code:
        def __reduce__(self):
            return print, ("code ran",)

    path = tmp_path / "weights.pth"
    with pytest.raises(CheckpointError, match="not at"):
        export_reid(tmp_path / "model.onnx", path)
    cases = (({"weight": torch.zeros(2)}, "is not torchvision's"), ([1], "no detector weights"), (Code(), "hold code"))
    for content, match in cases:
        torch.save(content, path)
        with pytest.raises(CheckpointError, match=match):
            export_reid(tmp_path / "model.onnx", path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="cannot be read"):
        export_reid(tmp_path / "model.onnx", path)
    assert not (tmp_path / "model.onnx").exists()


def test_without_torchvision_one_sentence(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(CheckpointError, match="needs torchvision"):
        export_reid(tmp_path / "model.onnx")


def test_a_size_that_the_pyramid_cannot_halve(tmp_path):
    for size in (100, 0):
        with pytest.raises(CheckpointError, match="multiple of 32"):
            export_reid(tmp_path / "model.onnx", size=size)
