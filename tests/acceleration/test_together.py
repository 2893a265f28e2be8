"""Every switch with the Tora2 parts and with every other, or a refusal in one sentence; and diffusers' own caches."""

import itertools
from dataclasses import replace

import pytest
import torch
from diffusers import FirstBlockCacheConfig, MagCacheConfig, PyramidAttentionBroadcastConfig, TaylorSeerCacheConfig
from small_models import scheduler, trained, transformer

from tora2.acceleration import compiling
from tora2.acceleration.presets import PRESETS
from tora2.acceleration.quantization import quantize
from tora2.acceleration.settings import ATTENTIONS, COMPILES, QUANTIZATIONS, Acceleration
from tora2.benchmark.loops import Job, random_conditioning
from tora2.conditions import VideoSize
from tora2.errors import AccelerationError
from tora2.stages import denoise
from tora2.stages.prediction import Predictor

SIZE = VideoSize(9, 32, 32)
CPU = torch.device("cpu")
TAYLOR = r"transformer_blocks\.\d+\.attn1"  # its own pattern takes modules named attn, which CogVideoX has none of
PARTS = ("all", "motion", "references", "text")


def given(model, parts="all"):
    found = random_conditioning(model, Job(SIZE, entities=2))
    if parts in ("references", "text"):
        found = replace(found, motion_maps=None, motion=None)
    return replace(found, tokens=None) if parts in ("motion", "text") else found


def run(model, conditioning, **options):
    options = {"size": SIZE, "scaling_factor": 1.0, "steps": 6} | options
    return denoise(model, scheduler(), conditioning, **options)


def differs(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


@pytest.fixture(scope="module")
def plain():
    model = trained(transformer())
    return {parts: run(model, given(model, parts)) for parts in PARTS}


@pytest.fixture(autouse=True)
def _eager_compiler(monkeypatch):
    """The compiler itself has its own tests; here its front is enough."""
    real = compiling.compile_blocks
    monkeypatch.setattr(compiling, "compile_blocks", lambda model: real(model, backend="eager"))
    torch._dynamo.reset()


@pytest.mark.parametrize("quantization", ["none", "int8_weights", "int8", "fp8_weights"])
@pytest.mark.parametrize("compile", COMPILES)
def test_switches_work_with_each_other_and_with_all_parts(plain, compile, quantization):
    if quantization != "none":
        pytest.importorskip("torchao")
    for attention in ("sdpa", "math"):
        model = trained(transformer())
        quantize(model, quantization)
        Acceleration(attention, compile, quantization).apply(model)
        for parts in PARTS if attention == "sdpa" else ("all",):
            limit = 1e-4 if quantization == "none" else 0.2
            assert differs(run(model, given(model, parts)), plain[parts]) < limit, (attention, parts)
    for preset, batch, keep in itertools.product(PRESETS, ("together", "in sequence"), (True, False)):
        found = run(model, given(model), preset=preset, guidance_batch=batch, keep_modulations=keep)
        assert found.isfinite().all()


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_gives_the_same_however_its_passes_are_made(preset):
    model = trained(transformer())
    conditioning = given(model)
    expected = run(model, conditioning, preset=preset)
    for options in ({"guidance_batch": "in sequence"}, {"keep_modulations": False}):
        torch.testing.assert_close(run(model, conditioning, preset=preset, **options), expected, rtol=1e-3, atol=1e-3)
    one, other = run(model, conditioning, preset=preset, seeds=(0, 5)).split(1)
    torch.testing.assert_close(one, expected, rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(other, run(model, conditioning, preset=preset, seeds=(5,)), rtol=1e-3, atol=1e-3)


def test_a_preset_calls_blocks_and_attention_as_often_as_it_says():
    model = trained(transformer())
    calls = {"block": 0, "attention": 0, "personalization": 0, "fuser": 0}

    def count(name):
        def hook(module, inputs, output):
            calls[name] += (output[0] if isinstance(output, tuple) else output).shape[0] if name != "fuser" else 1

        return hook

    for block, fuser in zip(model.transformer_blocks, model.fuser, strict=True):
        block.register_forward_hook(count("block"))
        block.attn1.register_forward_hook(count("attention"))
        block.personalization_attention.register_forward_hook(count("personalization"))
        fuser.register_forward_hook(count("fuser"))
    conditioning = given(model)
    for preset, passes in (("exact", 100), ("balanced", 46), ("fast", 34)):
        calls.update(dict.fromkeys(calls, 0))
        run(model, conditioning, steps=50, preset=preset)
        assert calls == {"block": 3 * passes, "attention": 3 * passes, "personalization": 3 * passes, "fuser": 3}


def test_what_is_kept_is_reported_to_the_byte():
    model = trained(transformer())
    options = {"size": SIZE, "guided": True, "together": True}
    tokens, dim, layers, floats = 3 * 2 * 2, 64, 3, 4
    kept = Predictor(model, given(model), keep_modulations=True, **options).kept
    assert kept == {
        "text": 2 * 12 * dim * floats,
        "rotary tables": 2 * tokens * 16 * floats,
        "personalization keys and values": layers * 2 * 8 * 32 * floats,
        "motion scale and shift": layers * 2 * tokens * dim * floats,
    }
    lean = Predictor(model, given(model, "motion"), keep_modulations=False, **options).kept
    assert lean["motion maps"] == layers * 3 * 32 * 2 * 2 * floats and "motion scale and shift" not in lean


@pytest.mark.parametrize(
    "config, calls",
    [
        (FirstBlockCacheConfig(threshold=1e9), 1),
        (TaylorSeerCacheConfig(2, 2, taylor_factors_dtype=torch.float32, cache_identifiers=[TAYLOR]), 6),
        (PyramidAttentionBroadcastConfig(2, current_timestep_callback=lambda: 500), 6),
        (MagCacheConfig(0.06, max_skip_steps=2, retention_ratio=0.0, num_inference_steps=6, mag_ratios=[1.0] * 6), 2),
    ],
    ids=["first block", "taylor", "pyramid", "magnitude"],
)
def test_diffusers_caches_run_on_our_block_and_see_its_conditions(config, calls):
    """The block is registered, so they can be switched on from Python; presets do without them (see README)."""
    model = trained(transformer())
    conditioning = given(model)
    never = [0]
    model.transformer_blocks[-1].ff.register_forward_hook(lambda *_: never.__setitem__(0, never[0] + 1))
    exact = run(model, conditioning)
    model.enable_cache(config)
    never[0] = 0
    with model.cache_context("both"):
        found = run(model, conditioning)
        model._reset_stateful_cache()
    assert never[0] == calls and found.isfinite().all() and differs(found, exact) > 1e-4
    with model.cache_context("both"):
        assert differs(run(model, given(model, "text")), found) > 1e-3, "the conditions matter with a cache, too"
    model.disable_cache()
    assert torch.equal(run(model, conditioning), exact)


@pytest.mark.parametrize(
    "switches, message",
    [
        (Acceleration(attention="warp"), "There is no attention backend 'warp'"),
        (Acceleration(compile="always"), "compile is 'always'; use one of off, on"),
        (Acceleration(quantization="fp8"), "needs an NVIDIA GPU of compute capability 8.9"),
    ],
)
def test_refusals_before_loading(switches, message):
    pytest.importorskip("torchao")
    with pytest.raises(AccelerationError, match=message) as refusal:
        switches.check(CPU)
    assert str(refusal.value).count(". ") == 0


def test_compile_and_layers_that_come_and_go_exclude_one_another():
    with pytest.raises(AccelerationError, match="switch compile off"):
        Acceleration(compile="on").apply(trained(transformer()), in_blocks=True)


@pytest.mark.parametrize("quantization", ["none", "int8_weights", "fp8_weights"])
def test_group_offloading_takes_attention_kernels_presets_and_quantized_layers(plain, quantization):
    from diffusers.hooks import apply_group_offloading

    if quantization != "none":
        pytest.importorskip("torchao")
    model = trained(transformer())
    quantize(model, quantization)
    expected = run(model, given(model), preset="balanced")
    conditioning = given(model)
    apply_group_offloading(model, onload_device=CPU, offload_type="leaf_level")
    Acceleration("math").apply(model, CPU, in_blocks=True)
    found = run(model, conditioning, preset="balanced")
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_the_lists_of_choices_are_those_of_the_modules():
    from tora2.acceleration import attention_kernels, quantization

    assert ATTENTIONS == ("auto", *attention_kernels.BACKENDS)
    assert QUANTIZATIONS == ("none", *quantization.SCHEMES)
