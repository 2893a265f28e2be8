"""Offloading hooks bring a module's weights only while its ``forward`` runs: nothing may read them at other times."""

import pytest
import torch
from small_models import (
    FakeReid,
    FakeSemantic,
    document,
    scheduler,
    text_encoder,
    tokenizer,
    trained,
    transformer,
    vae,
)

from tora2.conditions import Entity, VideoSize
from tora2.stages import bind_entities, denoise, encode_motion, encode_text, extract_personalization
from tora2.trajectories import parse_document


def run(model, keep_modulations):
    text = encode_text(text_encoder(), tokenizer(), "a red fox and a blue bird", "", 12)
    motion = encode_motion(vae(), parse_document(document()), sigma=3.0, window=25)
    entities = [Entity("red fox", torch.zeros(8, 8, 3), track="a red fox"), Entity("bird", torch.ones(8, 8, 3))]
    personalization = extract_personalization(
        model, entities, semantic=FakeSemantic(), reid=FakeReid(), face=None, size=8
    )
    conditioning = bind_entities(model, text, motion, personalization)
    return denoise(
        model,
        scheduler(),
        conditioning,
        size=VideoSize(17, 128, 128),
        scaling_factor=0.7,
        steps=2,
        keep_modulations=keep_modulations,
    )


def away_between_calls(module):
    """NaN in the module's own weights except while it runs."""
    own = dict(module.named_parameters(recurse=False))
    if not own:
        return
    kept = {name: parameter.detach().clone() for name, parameter in own.items()}

    def put(*_):
        for name, parameter in own.items():
            parameter.data.copy_(kept[name])

    def take(*_):
        for parameter in own.values():
            parameter.data.fill_(float("nan"))

    module.register_forward_pre_hook(put)
    module.register_forward_hook(take)
    take()


@pytest.mark.parametrize("keep_modulations", [True, False])
@torch.no_grad()
def test_weights_are_read_in_their_own_forward_only(keep_modulations):
    expected = run(trained(transformer()), keep_modulations)
    offloaded = trained(transformer())
    for module in offloaded.modules():
        away_between_calls(module)
    assert torch.equal(run(offloaded, keep_modulations), expected)


@torch.no_grad()
def test_diffusers_group_offloading_gives_the_same_video():
    from diffusers.hooks import apply_group_offloading

    expected = run(trained(transformer()), None)
    model = trained(transformer())
    apply_group_offloading(model, onload_device=torch.device("cpu"), offload_type="leaf_level")
    assert torch.equal(run(model, None), expected)
