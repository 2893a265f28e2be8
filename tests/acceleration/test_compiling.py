"""Regional compile on the CPU: how often torch compiles, and that nothing changes. Its speed is a matter of GPUs."""

from dataclasses import replace

import pytest
import torch
from small_models import scheduler, text_encoder, tokenizer, trained, transformer
from torch._dynamo.testing import CompileCounterWithBackend

from tora2.acceleration import compiling
from tora2.acceleration.attention import use_attention
from tora2.acceleration.compiling import compile_blocks, is_compiled, uncompile_blocks
from tora2.acceleration.quantization import quantize
from tora2.conditions import Conditioning, MotionConditions, VideoSize
from tora2.errors import AccelerationError
from tora2.stages import denoise, encode_text

SIZE = VideoSize(17, 64, 64)
TOKENS = 4


@pytest.fixture(autouse=True)
def _forget():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.fixture(scope="module")
def encoder():
    return text_encoder()


def conditioning(model, encoder, entities=2, prompt="a red fox"):
    text = encode_text(encoder, tokenizer(), prompt, "", 12)
    generator = torch.Generator().manual_seed(entities)
    with torch.no_grad():
        maps = model.traj_extractor(torch.randn(1, 5, 16, 8, 8, generator=generator))
    motion = MotionConditions(torch.zeros(1), torch.zeros(1), torch.zeros(1), ("a",), SIZE)
    tokens = torch.randn(1, entities * TOKENS, 32, generator=generator) if entities else None
    return Conditioning(text.embeds, text.negative_embeds, maps, tokens, SIZE, motion)


def run(model, given, **options):
    options = {"size": SIZE, "scaling_factor": 1.0, "steps": 3} | options
    return denoise(model, scheduler(), given, **options)


def compiled(model, backend="eager"):
    counter = CompileCounterWithBackend(backend)
    compile_blocks(model, backend=counter)
    return counter


def test_all_layers_steps_seeds_prompts_and_entity_counts_share_one_graph(encoder):
    model = trained(transformer())
    counter = compiled(model)
    for entities, prompt, seed in [(2, "a red fox", 0), (1, "a blue bird on the beach", 1), (8, "fox", 2), (5, "", 3)]:
        run(model, conditioning(model, encoder, entities, prompt), seeds=(seed,))
        assert counter.frame_count == 1, f"{entities} entities, prompt {prompt!r}"
    assert not torch._dynamo.utils.counters["graph_break"], "the block is one graph, motion and attention included"
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1


def test_each_kind_of_pass_is_compiled_once(encoder):
    model = trained(transformer())
    counter = compiled(model)
    given = conditioning(model, encoder)
    for seed in (0, 1):
        run(model, given, seeds=(seed,), steps=12, preset="balanced", guidance_interval=(0.0, 0.6))
        assert counter.frame_count == 2, "both branches, and the prompt's alone"
    for _ in range(2):
        run(model, replace(given, motion=replace(given.motion, end=0.5)))
        assert counter.frame_count == 3, "with and without motion"
    run(model, conditioning(model, encoder, entities=0))
    assert counter.frame_count == 4, "motion alone"


def test_kept_and_recomputed_modulations_and_branches_in_sequence_need_no_graph_of_their_own(encoder):
    model = trained(transformer())
    counter = compiled(model)
    given = conditioning(model, encoder)
    run(model, given)
    run(model, given, keep_modulations=False)
    assert counter.frame_count == 1
    run(model, given, guidance_batch="in sequence")
    assert counter.frame_count == 2, "one video less in the batch"


def test_compiled_blocks_compute_the_same(encoder):
    model = trained(transformer())
    given = conditioning(model, encoder)
    expected = run(model, given)
    compiled(model, "aot_eager")
    torch.testing.assert_close(run(model, given), expected, rtol=1e-3, atol=1e-3)
    assert is_compiled(model)
    uncompile_blocks(model)
    assert not is_compiled(model) and torch.equal(run(model, given), expected)


@pytest.mark.parametrize("attention", ["sdpa", "flash", "math"])
def test_no_attention_kernel_breaks_the_graph(encoder, attention):
    model = trained(transformer())
    given = conditioning(model, encoder)
    use_attention(model, attention)
    expected = run(model, given)
    counter = compiled(model, "aot_eager")
    torch.testing.assert_close(run(model, given), expected, rtol=1e-3, atol=1e-3)
    assert counter.frame_count == 1 and not torch._dynamo.utils.counters["graph_break"]


def test_a_foreign_kernel_does_not_break_the_graph_either(encoder, monkeypatch):
    import sys
    import types

    import torch.nn.functional as F

    package = types.ModuleType("sageattention")
    package.__spec__ = types.SimpleNamespace(name="sageattention")
    package.sageattn = torch._dynamo.disable(lambda q, k, v, **options: F.scaled_dot_product_attention(q, k, v))
    monkeypatch.setitem(sys.modules, "sageattention", package)
    model = trained(transformer())
    given = conditioning(model, encoder)
    expected = run(model, given)
    use_attention(model, "sage")
    counter = compiled(model, "aot_eager")
    torch.testing.assert_close(run(model, given), expected, rtol=1e-3, atol=1e-3)
    assert counter.frame_count == 1 and not torch._dynamo.utils.counters["graph_break"]


@pytest.mark.parametrize("scheme", ["int8_weights", "int8", "fp8_weights"])
def test_quantized_blocks_compile_to_one_graph(encoder, scheme):
    pytest.importorskip("torchao")
    model = trained(transformer())
    quantize(model, scheme)
    given = conditioning(model, encoder)
    expected = run(model, given)
    counter = compiled(model)
    torch.testing.assert_close(run(model, given), expected, rtol=2e-3, atol=2e-3)
    run(model, conditioning(model, encoder, entities=3))
    assert counter.frame_count == 1


def test_without_a_compiler_it_is_refused(monkeypatch):
    def none():
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr("torch._inductor.cpp_builder.get_cpp_compiler", none)
    with pytest.raises(AccelerationError, match="needs a C\\+\\+ compiler"):
        compile_blocks(transformer())
    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: False)
    with pytest.raises(AccelerationError, match="needs Triton"):
        compiling.check_compiler(torch.device("cuda"))
