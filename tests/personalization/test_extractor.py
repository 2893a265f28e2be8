import pytest
import torch

from tora2.errors import ConditionError
from tora2.personalization.extractor import VARIANTS, ExtractorConfig, PersonalizationExtractor

SIZES = {
    "token_width": 16,
    "queries": 5,
    "layers": 2,
    "heads": 2,
    "adapter_tokens": 3,
    "semantic_width": 12,
    "face_width": 8,
    "reid_width": 10,
}


def extractor(variant):
    torch.manual_seed(0)
    return PersonalizationExtractor(ExtractorConfig(variant=variant, **SIZES)).eval()


def features(seed=1):
    generator = torch.Generator().manual_seed(seed)
    return {
        "semantic": torch.randn(3, 7, 12, generator=generator),
        "reid": torch.randn(3, 10, generator=generator),
        "face": torch.randn(3, 8, generator=generator),
        "is_human": torch.tensor([True, False, False]),
    }


def changed_entities(variant, **changes):
    """Which of the three entities change when some features do."""
    module = extractor(variant)
    with torch.no_grad():
        before, after = module(**features()), module(**(features() | changes))
    return (before - after).abs().flatten(1).max(1).values.gt(1e-6).tolist()


@pytest.mark.parametrize("variant", VARIANTS)
def test_shapes_of_table_2(variant):
    with torch.no_grad():
        tokens = extractor(variant)(**features())
    assert tokens.shape == ((3, 5, 16) if variant == "dpe" else (3, 7, 16))


@pytest.mark.parametrize(
    ("variant", "face", "reid"),
    [
        ("dino", [False, False, False], [False, False, False]),
        ("dino+reid", [False, False, False], [True, True, True]),
        ("dino+reid|face", [True, False, False], [False, True, True]),
        ("dpe", [True, False, False], [False, True, True]),
    ],
)
def test_each_entity_is_read_by_its_own_identity_encoder(variant, face, reid):
    other = features(seed=2)
    assert changed_entities(variant, face=other["face"]) == face
    assert changed_entities(variant, reid=other["reid"]) == reid
    assert changed_entities(variant, semantic=other["semantic"]) == [True, True, True]


def test_the_q_former_reads_every_visual_token():
    module, given = extractor("dpe"), features()
    semantic = given["semantic"].requires_grad_()
    module(**given).square().sum().backward()
    assert semantic.grad.abs().sum(-1).gt(0).all()


def test_a_variant_builds_only_what_it_reads():
    built = {variant: {name.split(".")[0] for name, _ in extractor(variant).named_parameters()} for variant in VARIANTS}
    assert built["dino"] == {"semantic_projection"}
    assert built["dino+reid"] == {"semantic_projection", "reid_adapter", "join"}
    assert built["dino+reid|face"] == built["dino+reid"] | {"face_adapter"}
    assert built["dpe"] == {"semantic_projection", "reid_adapter", "face_adapter", "qformer"}


def test_unknown_variants_are_refused():
    with pytest.raises(ConditionError, match="clip.*dpe"):
        ExtractorConfig(variant="clip")
