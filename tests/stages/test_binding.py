import pytest
import torch
from small_models import (
    FakeReid,
    FakeSemantic,
    document,
    text_encoder,
    tokenizer,
    trained,
    transformer,
    vae,
)

from tora2.conditions import Entity
from tora2.errors import ConditionError, PhraseError
from tora2.stages import bind_entities, encode_motion, encode_text, extract_personalization
from tora2.stages.binding import entity_batch
from tora2.trajectories import parse_document

PROMPT = "a red fox and a blue bird on the beach"


@pytest.fixture(scope="module")
def model():
    return trained(transformer())


@pytest.fixture(scope="module")
def text():
    return encode_text(text_encoder(), tokenizer(), PROMPT, "", 12)


@pytest.fixture(scope="module")
def motion():
    return encode_motion(vae(), parse_document(document()), sigma=3.0, window=25)


def picture(seed=0):
    return torch.rand(20, 20, 3, generator=torch.Generator().manual_seed(seed))


def personalize(model, *entities):
    return extract_personalization(model, entities, semantic=FakeSemantic(), reid=FakeReid(), face=None, size=8)


def test_text_alone(model, text):
    conditioning = bind_entities(model, text)
    assert conditioning.motion_maps is None and conditioning.tokens is None and conditioning.size is None
    assert conditioning.embeds.shape == (1, 12, 24)


def test_text_of_another_encoder_is_named(model, text):
    from dataclasses import replace

    wide = replace(text, embeds=torch.zeros(1, 12, 4096))
    with pytest.raises(ConditionError, match="width 4096, but this model reads 24"):
        bind_entities(model, wide)


def test_motion_alone_is_plain_tora(model, text, motion):
    conditioning = bind_entities(model, text, motion)
    with torch.no_grad():
        expected = model.traj_extractor(motion.latents)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(conditioning.motion_maps, expected, strict=True))
    assert conditioning.size == motion.size


def test_references_alone(model, text):
    conditioning = bind_entities(model, text, None, personalize(model, Entity("red fox", picture())))
    assert conditioning.tokens.shape == (1, 4, 32) and conditioning.motion_maps is None


def test_all_together_ties_phrase_track_and_reference(model, text, motion):
    fox, bird = Entity("red fox", picture(0), track="a red fox"), Entity("bird", picture(1))
    personalization = personalize(model, fox, bird)
    batch = entity_batch(text, motion, personalization, torch.device("cpu"), torch.float32)
    assert torch.equal(batch.points[0, 0], motion.points[0]) and torch.equal(batch.points[1, 0], motion.points[1])
    assert torch.equal(batch.words[0, :2], text.embeds[0, 1:3]) and batch.words_mask.tolist() == [
        [True] * 2,
        [True, False],
    ]
    bound = bind_entities(model, text, motion, personalization)
    swapped = bind_entities(model, text, motion, personalize(model, Entity("red fox", picture(0), track="bird"), bird))
    assert bound.tokens.shape == (1, 8, 32)
    assert (bound.motion_maps[0] - swapped.motion_maps[0]).abs().max() > 1e-3, "the track must matter"


def test_an_entity_without_picture_binds_words_and_motion(model, text, motion):
    conditioning = bind_entities(model, text, motion, personalize(model, Entity("bird")))
    plain = bind_entities(model, text, motion)
    assert conditioning.tokens is None
    assert (conditioning.motion_maps[0] - plain.motion_maps[0]).abs().max() > 1e-3


def test_an_entity_whose_name_no_track_has_is_told_of(model, text, motion, caplog):
    bind_entities(model, text, motion, personalize(model, Entity("bird", picture())))
    assert not caplog.records, "a track is named like this one"
    fox = personalize(model, Entity("red fox", picture()))
    assert not entity_batch(text, motion, fox, torch.device("cpu"), torch.float32).visible.any()
    bound = bind_entities(model, text, motion, fox)
    assert "No track is named 'red fox'" in caplog.text and "'a red fox', 'bird'" in caplog.text
    assert [record.message for record in caplog.records] == list(bound.doubts)
    caplog.clear()
    bind_entities(model, text, None, fox)
    assert not caplog.records, "without a drawing nobody expects a path"


@pytest.mark.parametrize(
    ("entities", "sentences"),
    [
        ([Entity("a red fox", picture()), Entity("bird", picture())], []),
        ([Entity("", picture(), track="bird")], ["Entity 1 has no phrase, so it is bound to no words"]),
        (
            [Entity("a red fox", picture()), Entity("a red fox", picture(), track="bird")],
            ["Entities 1 and 2 have the same words of the prompt: 'a red fox'."],
        ),
        (
            [Entity("a red fox", picture(), track="bird"), Entity("bird", picture())],
            ["Entities 1 and 2 follow the same track, 'bird', and none follows 'a red fox'."],
        ),
        ([Entity("bird"), Entity("red fox")], ["Entity 2 has neither a picture nor a track, so it changes nothing."]),
    ],
)
def test_what_was_probably_meant_otherwise_is_told(model, text, motion, entities, sentences):
    found = bind_entities(model, text, motion, personalize(model, *entities)).doubts
    assert len(found) == len(sentences)
    assert all(one.startswith(other) for one, other in zip(found, sentences, strict=True)), found


def test_several_tracks_of_one_name_are_one_entity(model, text):
    drawing = parse_document(document(names=("bird", "bird")))
    motion = encode_motion(vae(), drawing, sigma=3.0, window=25)
    batch = entity_batch(text, motion, personalize(model, Entity("bird")), torch.device("cpu"), torch.float32)
    assert batch.points.shape == (1, 2, 5, 2) and batch.visible.all()


def test_errors_name_what_to_mend(model, text, motion):
    with pytest.raises(ConditionError, match="'cow'.*'a red fox', 'bird'"):
        bind_entities(model, text, motion, personalize(model, Entity("bird", track="cow")))
    with pytest.raises(PhraseError, match="balloon"):
        bind_entities(model, text, motion, personalize(model, Entity("balloon")))
    plain = transformer(motion_channels=None, personalization_config=None, binding_config=None)
    with pytest.raises(ConditionError, match="no motion parts"):
        bind_entities(plain, text, motion)
    with pytest.raises(ConditionError, match="no personalization parts"):
        personalize(plain, Entity("bird", picture()))
    with pytest.raises(ConditionError, match="No entity"):
        personalize(model)
