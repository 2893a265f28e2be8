import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from tora2.conditions import Entity
from tora2.errors import EncoderError
from tora2.personalization.encoders import encode_identities, needed_encoders
from tora2.personalization.extractor import ExtractorConfig
from tora2.personalization.face import FaceEncoder
from tora2.personalization.reid import ReidEncoder
from tora2.personalization.semantic import SemanticEncoder

pytest.importorskip("insightface.app")


@pytest.fixture(scope="module")
def encoders(pack, reid_file):
    torch.manual_seed(0)
    config = Dinov2Config(hidden_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=42, patch_size=14)
    return {
        "semantic": SemanticEncoder(Dinov2Model(config).eval()),
        "face": FaceEncoder(pack),
        "reid": ReidEncoder(reid_file),
        "reid_width": 8,
        "size": 32,
    }


def person(phrase="a man", **options):
    """A picture that the test's detector takes for a face."""
    image = torch.full((128, 128, 3), 0.4)
    image[56:72, 40:56] = torch.tensor([1.0, 0.0, 0.1])
    return Entity(phrase, image, **options)


def thing(phrase="a cup", **options):
    return Entity(phrase, torch.tensor([0.2, 0.6, 0.4]).expand(50, 70, 3), **options)


def test_kinds_are_decided_entity_by_entity(encoders):
    features = encode_identities([person(), thing(), Entity("a dog"), person(kind="object")], **encoders)
    assert features.is_human.tolist() == [True, False, False, False]
    assert features.has_reference.tolist() == [True, True, False, True]
    assert features.semantic.shape == (4, 9, 24) and features.face.shape == (4, 512) and features.reid.shape == (4, 8)
    assert features.face.norm(dim=1).tolist() == pytest.approx([1, 0, 0, 0])
    assert features.reid.norm(dim=1).tolist() == pytest.approx([0, 1, 0, 1])
    assert features.semantic.abs().amax((1, 2)).gt(0).tolist() == [True, True, False, True]
    assert not features.semantic.requires_grad


def test_each_row_is_its_own_entitys(encoders):
    entities = [person(), thing(), Entity("a dog"), thing(kind="object")]
    together = encode_identities(entities, **encoders)
    for index, entity in enumerate(entities):
        alone = encode_identities([entity], **encoders)
        for name in ("semantic", "face", "reid", "is_human", "has_reference", "seen"):
            assert torch.allclose(getattr(together, name)[index].float(), getattr(alone, name)[0].float(), atol=1e-5), (
                name
            )


def test_what_the_encoders_saw_is_returned(encoders):
    mask = torch.zeros(50, 70)
    mask[10:40, 20:50] = 1
    seen = encode_identities([thing(mask=mask), Entity("a dog")], **encoders).seen
    assert seen.shape == (2, 32, 32, 3) and seen.dtype == torch.float32
    assert torch.allclose(seen[0, 16, 16], torch.tensor([0.2, 0.6, 0.4]), atol=1e-3)
    assert torch.allclose(seen[0, 0, 0], torch.tensor(0.5), atol=1e-3) and (seen[1] == 0.5).all()


def test_a_face_in_the_background_is_not_the_entity(encoders):
    mask = torch.zeros(128, 128)
    mask[90:120, 90:120] = 1
    assert encode_identities([person()], **encoders).is_human.item()
    assert not encode_identities([person(mask=mask)], **encoders).is_human.item()


def test_a_human_without_a_face_is_named(encoders):
    with pytest.raises(EncoderError, match='"a tall woman" is said to be human, but no face is found'):
        encode_identities([person(), thing("a tall woman", kind="human")], **encoders)


def test_without_a_face_encoder_auto_is_an_object(encoders):
    features = encode_identities([person()], **encoders | {"face": None})
    assert not features.is_human.item() and features.reid.norm() > 0 and features.face.shape == (1, 512)
    with pytest.raises(EncoderError, match="face_encoder"):
        encode_identities([person(kind="human")], **encoders | {"face": None})


def test_an_encoder_that_is_not_needed_may_be_absent(encoders):
    assert encode_identities([person()], **encoders | {"reid": None}).is_human.item()
    assert encode_identities([Entity("a dog")], **encoders | {"reid": None, "face": None}).has_reference.sum() == 0
    with pytest.raises(EncoderError, match='"a cup" needs the re-identification encoder'):
        encode_identities([thing()], **encoders | {"reid": None})
    with pytest.raises(EncoderError, match="semantic_encoder"):
        encode_identities([thing()], **encoders | {"semantic": None})


def test_variants_of_table_2(encoders):
    entities = [person(), thing("a woman", kind="human")]
    reid_only = encode_identities(entities, **encoders | {"face": None}, uses_face=False)
    assert reid_only.is_human.tolist() == [False, True] and reid_only.reid.norm(dim=1).tolist() == pytest.approx([1, 1])
    neither = encode_identities(entities, **encoders | {"face": None, "reid": None}, uses_face=False, uses_reid=False)
    assert not neither.reid.any() and not neither.face.any() and neither.semantic.any()


def test_a_picture_that_cannot_be_used_names_its_entity(encoders):
    with pytest.raises(EncoderError, match='^The entity "a cup": The mask marks nothing'):
        encode_identities([thing(mask=torch.zeros(64, 64))], **encoders)
    with pytest.raises(EncoderError, match="of kind 'animal'"):
        encode_identities([thing(kind="animal")], **encoders)


def test_encoders_of_another_width_are_refused(encoders):
    with pytest.raises(EncoderError, match="vectors of 8, but this model was trained with 1024"):
        encode_identities([thing()], **encoders | {"reid_width": 1024})
    with pytest.raises(EncoderError, match="face encoder gives vectors of 512"):
        encode_identities([thing()], **encoders, face_width=64)
    with pytest.raises(EncoderError, match="semantic encoder gives vectors of 24"):
        encode_identities([thing()], **encoders, semantic_width=1024)


def test_no_entities(encoders):
    features = encode_identities([], **encoders)
    assert features.semantic.shape == (0, 9, 24) and features.seen.shape == (0, 32, 32, 3)


def of_kind(kind: str) -> Entity:
    return Entity("a fox", torch.zeros(4, 4, 3), kind=kind)


@pytest.mark.parametrize(
    "variant, kind, expected",
    [
        ("dino", "human", []),
        ("dino", "auto", []),
        ("dino+reid", "human", ["reid"]),
        ("dino+reid|face", "human", ["face"]),
        ("dpe", "human", ["face"]),
        ("dpe", "object", ["reid"]),
        ("dpe", "auto", ["face", "reid"]),
    ],
)
def test_only_the_encoders_that_the_extractor_reads_are_asked_for(variant, kind, expected):
    asked, reads = [], ExtractorConfig(variant=variant)
    found = needed_encoders(
        [of_kind(kind)],
        lambda name: asked.append(name) or name,
        uses_face=reads.uses_face,
        uses_reid=reads.uses_reid,
    )
    assert asked == expected
    assert found == {name: name if name in expected else None for name in ("face", "reid")}


def test_without_a_way_to_see_faces_only_humans_are_refused(caplog):
    def load(name):
        if name == "face":
            raise EncoderError("insightface is not installed")
        return name

    assert needed_encoders([of_kind("auto")], load) == {"face": None, "reid": "reid"}
    assert "taken for objects: insightface is not installed" in caplog.text
    with pytest.raises(EncoderError, match="insightface"):
        needed_encoders([of_kind("auto"), of_kind("human")], load)
