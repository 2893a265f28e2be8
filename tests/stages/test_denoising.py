from dataclasses import replace

import pytest
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXDPMScheduler
from small_models import document, scheduler, text_encoder, tokenizer, trained, transformer, vae

from tora2.acceleration.presets import Preset
from tora2.conditions import VideoSize
from tora2.errors import ConditionError
from tora2.stages import bind_entities, denoise, encode_motion, encode_text, resolve_size
from tora2.stages.prediction import kept_bytes
from tora2.trajectories import parse_document

SIZE = VideoSize(17, 128, 128)


@pytest.fixture(scope="module")
def model():
    return trained(transformer())


@pytest.fixture(scope="module")
def conditioning(model):
    text = encode_text(text_encoder(), tokenizer(), "a red fox", "", 12)
    motion = encode_motion(vae(), parse_document(document()), sigma=3.0, window=25)
    tokens = torch.randn(1, 8, 32, generator=torch.Generator().manual_seed(0))
    return replace(bind_entities(model, text, motion), tokens=tokens)


def run(model, conditioning, **options):
    options = {"size": SIZE, "scaling_factor": 0.7, "steps": 2, "guidance_scale": 3.0} | options
    return denoise(model, options.pop("scheduler", scheduler()), conditioning, **options)


def test_each_video_depends_on_its_own_seed_only(model, conditioning):
    both = run(model, conditioning, seeds=(7, 8))
    assert both.shape == (2, 16, 5, 16, 16)
    torch.testing.assert_close(both[:1], run(model, conditioning, seeds=(7,)), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(both[1:], run(model, conditioning, seeds=(8,)), rtol=1e-4, atol=1e-4)
    assert (both[0] - both[1]).abs().max() > 0.1


def test_the_same_seed_gives_the_same_video(model, conditioning):
    assert torch.equal(run(model, conditioning, seeds=(3,)), run(model, conditioning, seeds=(3,)))


@pytest.mark.parametrize("options", [{"guidance_batch": "in sequence"}, {"keep_modulations": False}])
def test_memory_switches_do_not_change_the_result(model, conditioning, options):
    torch.testing.assert_close(run(model, conditioning, **options), run(model, conditioning), rtol=1e-4, atol=1e-4)


def test_constants_are_computed_once_per_video(model, conditioning):
    calls = {"fuser": 0, "projection": 0, "text": 0}

    def count(name):
        def hook(*_):
            calls[name] += 1

        return hook

    hooks = [module.register_forward_hook(count("fuser")) for module in model.fuser]
    hooks += [module.register_forward_hook(count("projection")) for module in model.personalization_projection]
    hooks += [model.patch_embed.text_proj.register_forward_hook(count("text"))]
    run(model, conditioning, steps=3)
    assert calls == {"fuser": 3, "projection": 3, "text": 2}, "three layers, two branches, any number of steps"
    run(model, conditioning, steps=3, keep_modulations=False)
    for hook in hooks:
        hook.remove()
    assert calls["fuser"] == 3 + 3 * 3, "the low-memory mode computes every layer anew in each step"


def test_motion_guides_only_in_its_span(model, conditioning):
    motion = conditioning.motion
    never = replace(conditioning, motion_maps=None, motion=None)
    full, plain = run(model, conditioning), run(model, never)
    for span in ({"start": 0.5}, {"end": 0.5}):
        half = run(model, replace(conditioning, motion=replace(motion, **span)))
        assert (full - half).abs().max() > 1e-3 and (half - plain).abs().max() > 1e-3, f"one of two steps: {span}"
    off = replace(conditioning, motion=replace(motion, strength=0.0))
    torch.testing.assert_close(run(model, off), plain, rtol=1e-4, atol=1e-4)


def test_steps_report_clean_latents_and_can_stop(model, conditioning):
    seen = []

    class Stop(BaseException):
        pass

    def on_step(step):
        seen.append((step.index, step.total, step.clean.shape))
        if step.index == 1:
            raise Stop

    with pytest.raises(Stop):
        run(model, conditioning, steps=4, on_step=on_step)
    assert seen == [(0, 4, (1, 16, 5, 16, 16)), (1, 4, (1, 16, 5, 16, 16))]


@pytest.mark.parametrize("kind", [CogVideoXDPMScheduler, CogVideoXDDIMScheduler])
def test_the_last_clean_prediction_is_the_result(model, conditioning, kind):
    cleans, noise = [], kind.from_config(scheduler().config)
    result = run(model, conditioning, scheduler=noise, steps=3, on_step=lambda step: cleans.append(step.clean))
    torch.testing.assert_close(cleans[-1], result, rtol=1e-3, atol=1e-3)


def test_steps_outside_of_the_guidance_interval_are_those_without_guidance(model, conditioning):
    options = {"steps": 4, "preset": Preset(warmup=0.5, period=2, tail=1)}
    guided, plain = [], []
    run(model, conditioning, guidance_interval=(0.0, 0.5), on_step=guided.append, **options)
    assert [step.kind for step in guided] == ["F", "F", ".", "P"]

    def from_the_same_latents(step):
        plain.append(step.clean)
        step.latents = guided[step.index].latents

    run(model, conditioning, guidance_scale=1.0, on_step=from_the_same_latents, **options)
    apart = [float((step.clean - clean).abs().max()) for step, clean in zip(guided, plain, strict=True)]
    assert min(apart[:2]) > 1e-2 and max(apart[2:]) < 1e-3


def test_guidance_of_one_runs_one_branch(model, conditioning):
    batches = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: batches.append(len(kwargs["hidden_states"])), with_kwargs=True
    )
    run(model, conditioning, guidance_scale=1.0, dynamic_guidance=False)
    run(model, conditioning)
    hook.remove()
    assert batches == [1, 1, 2, 2]


def test_first_frames():
    text = encode_text(text_encoder(), tokenizer(), "a red fox", "", 12)
    first = torch.randn(1, 1, 16, 16, 16)
    plain, wide = trained(transformer()), trained(transformer(in_channels=32))
    optional = trained(transformer(in_channels=32, first_frame_optional=True))
    with pytest.raises(ConditionError, match="takes no first frame"):
        run(plain, bind_entities(plain, text), first_frame=first)
    with pytest.raises(ConditionError, match="needs a first frame"):
        run(wide, bind_entities(wide, text))
    with_frame = run(optional, bind_entities(optional, text), first_frame=first)
    assert (with_frame - run(optional, bind_entities(optional, text))).abs().max() > 1e-3


def test_sizes(model, conditioning, caplog):
    assert resolve_size(model, None) == VideoSize(17, 128, 128)
    assert resolve_size(model, None, width=64, frames=9) == VideoSize(9, 128, 64)
    assert resolve_size(model, conditioning.size) == conditioning.size
    assert not caplog.records
    resolve_size(model, None, width=512)
    assert "trained at 128x128; 512x128 will look worse" in caplog.text
    learned = transformer(in_channels=32, use_learned_positional_embeddings=True)
    assert resolve_size(learned, None) == VideoSize(17, 128, 128)
    assert resolve_size(learned, None, frames=9) == VideoSize(9, 128, 128), "shorter clips begin like longer ones"
    with pytest.raises(ConditionError, match="makes 128x128 pixels and no other size, but 64x128 is asked for"):
        resolve_size(learned, None, width=64)
    with pytest.raises(ConditionError, match="at most 17 frames, but 25 are asked for"):
        resolve_size(learned, None, frames=25)
    with pytest.raises(ConditionError, match="drawn for 128x128"):
        resolve_size(model, conditioning.size, width=64)
    with pytest.raises(ConditionError, match="guidance_batch"):
        run(model, conditioning, guidance_batch="sideways")


def test_modulation_bytes_are_what_is_kept(model, conditioning):
    kept = model.motion_modulations(conditioning.motion_maps, 5)
    measured = sum(tensor.numel() * tensor.element_size() for pair in kept for tensor in pair)
    assert kept_bytes(model, conditioning.motion_maps) == measured
