"""The torch twins give what onnxruntime and insightface give, on references as the world draws them."""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import cosine_similarity

import tora2.tiny
from tora2.conditions import Entity
from tora2.evaluation.scenes import shipped_atlas
from tora2.tiny.twins import Graph, TwinFaceEncoder, Twins, onnx_files
from tora2.tiny.world import World

WEIGHTS = Path(tora2.tiny.__file__).parent / "weights"


@pytest.fixture(scope="module")
def references():
    """40 references of the shipped pictures, faces and things, and their masks."""
    world = World(shipped_atlas(), "heldout_names", frames=1, size=32, entities=(2, 2))
    world.indices = list(range(len(world.atlas)))
    drawn = world.batch(range(20))
    return drawn.references[drawn.present], drawn.reference_masks[drawn.present]


@pytest.fixture(scope="module")
def twins():
    pytest.importorskip("onnx")
    from tora2.personalization.semantic import SemanticEncoder

    return Twins(SemanticEncoder.from_pretrained(WEIGHTS / "semantic_encoder"), *onnx_files(WEIGHTS))


@pytest.fixture(scope="module")
def originals(references):
    pytest.importorskip("insightface")
    from tora2.personalization.encoders import encode_identities
    from tora2.personalization.face import FaceEncoder
    from tora2.personalization.reid import ReidEncoder
    from tora2.personalization.semantic import SemanticEncoder

    return encode_identities(
        [Entity("it", picture.permute(1, 2, 0), mask) for picture, mask in zip(*references, strict=True)],
        semantic=SemanticEncoder.from_pretrained(WEIGHTS / "semantic_encoder"),
        reid=ReidEncoder(WEIGHTS / "reid_encoder" / "model.onnx"),
        face=FaceEncoder(WEIGHTS / "face_encoder"),
        size=64,
        face_width=256,
        reid_width=256,
    )


def test_features_equal_the_originals(references, twins, originals):
    found = twins(*references)
    assert torch.equal(found.is_human, originals.is_human)
    assert 5 < int(found.is_human.sum()) < 35, "there are both kinds"
    human = found.is_human
    torch.testing.assert_close(found.semantic, originals.semantic, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(found.reid, originals.reid, atol=1e-4, rtol=0)
    assert cosine_similarity(found.face[human], originals.face[human]).min() > 0.99, "insightface rounds to 1/32 pixel"
    assert found.face[~human].abs().max() == 0 and found.reid[human].abs().max() == 0


def test_a_reference_does_not_depend_on_its_batch(references, twins):
    pictures, masks = references
    whole, part = twins(pictures, masks), twins(pictures[7:9], masks[7:9])
    for name in ("semantic", "reid", "face"):
        torch.testing.assert_close(getattr(whole, name)[7:9], getattr(part, name), atol=1e-4, rtol=1e-4)


def test_squares_equal_the_prepared_reference(references, twins):
    from tora2.personalization.preparation import prepare_reference

    squares = twins.squares(*references)
    for index, (picture, mask) in enumerate(zip(*references, strict=True)):
        wanted = prepare_reference(picture.permute(1, 2, 0), mask, 64)
        torch.testing.assert_close(squares.resized(64)[index], wanted, atol=1e-5, rtol=0)


def test_the_face_encoder_alone(references, originals):
    faces = TwinFaceEncoder(WEIGHTS / "face_encoder")
    assert faces.dimension == 256
    from tora2.personalization.preparation import square_reference

    for index in (0, 1, 2, 3, 4, 5):
        square = square_reference(references[0][index].permute(1, 2, 0), references[1][index])
        vector = faces.embed(square.movedim(0, -1))
        assert (vector is not None) == bool(originals.is_human[index])
        if vector is not None:
            assert cosine_similarity(vector, originals.face[index], dim=0) > 0.99


def test_a_graph_that_cannot_be_run_is_named(tmp_path):
    onnx = pytest.importorskip("onnx")
    from tora2.errors import Tora2Error

    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1, 3, 8, 8])
    out = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    node = onnx.helper.make_node("Softplus", ["x"], ["y"])
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph([node], "g", [value], [out])), tmp_path / "g.onnx")
    with pytest.raises(Tora2Error, match="Softplus.*export it anew"):
        Graph(tmp_path / "g.onnx", ("y",))
