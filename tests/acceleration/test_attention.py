import sys
import types

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import CogVideoXAttnProcessor2_0
from small_models import trained, transformer

from tora2.acceleration import attention_check
from tora2.acceleration.attention import Tora2AttentionProcessor, current_attention, use_attention
from tora2.acceleration.attention_kernels import BACKENDS, available, kernel
from tora2.conditions import VideoSize
from tora2.errors import AccelerationError
from tora2.stages.prediction import rotary_tables


@pytest.fixture
def model():
    return trained(transformer())


@pytest.fixture(autouse=True)
def _checked_anew(monkeypatch):
    monkeypatch.setattr(attention_check, "_passed", {})


@torch.no_grad()
def predict(model, **options):
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, 5, 16, 16, 16, generator=generator)
    text = torch.randn(2, 12, 24, generator=generator)
    rotary = rotary_tables(model, VideoSize(17, 128, 128), torch.device("cpu"))
    return model(latents, text, torch.tensor([500, 500]), image_rotary_emb=rotary, return_dict=False, **options)[0]


def install(monkeypatch, name, **functions):
    """A package of that name, as far as it is used."""
    package = types.ModuleType(name)
    package.__spec__ = types.SimpleNamespace(name=name)
    for function in functions.items():
        setattr(package, *function)
    monkeypatch.setitem(sys.modules, name, package)
    return package


def sageattn(query, key, value, tensor_layout, is_causal):
    assert tensor_layout == "HND" and not is_causal
    return F.scaled_dot_product_attention(query, key, value)


def flash_attn_func(query, key, value, causal):
    assert not causal and query.shape[2] in (2, 4), "tokens before heads"
    swapped = (tensor.transpose(1, 2) for tensor in (query, key, value))
    return F.scaled_dot_product_attention(*swapped).transpose(1, 2)


def test_plain_sdpa_is_bit_for_bit_what_diffusers_computes(model):
    expected = predict(model)
    assert all(isinstance(p, CogVideoXAttnProcessor2_0) for p in model.attn_processors.values())
    assert current_attention(model) == "sdpa"
    assert use_attention(model, "sdpa") == "sdpa" and torch.equal(predict(model), expected)
    assert use_attention(model, "auto") == "sdpa", "on a CPU"
    mask = torch.ones(2, 1, 332, dtype=torch.bool)
    torch.testing.assert_close(predict(model, attention_kwargs={"attention_mask": mask}), expected)


@pytest.mark.parametrize("name", ["flash", "math"])
def test_torchs_kernels_agree(model, name):
    expected = predict(model)
    assert use_attention(model, name) == name == current_attention(model)
    torch.testing.assert_close(predict(model), expected, rtol=1e-4, atol=1e-4)
    processors = set(model.attn_processors.values())
    assert len(processors) == 1 and isinstance(processors.pop(), Tora2AttentionProcessor), "one for all layers"


@pytest.mark.parametrize(
    "name, package, function",
    [
        ("sage", "sageattention", {"sageattn": sageattn}),
        ("flash_attn", "flash_attn", {"flash_attn_func": flash_attn_func}),
        ("flash_attn_3", "flash_attn_interface", {"flash_attn_func": lambda *a, **o: (flash_attn_func(*a, **o), None)}),
    ],
)
def test_installed_kernels_are_called_as_they_want_it(model, monkeypatch, name, package, function):
    expected = predict(model)
    install(monkeypatch, package, **function)
    assert use_attention(model, name) == name
    torch.testing.assert_close(predict(model), expected, rtol=1e-4, atol=1e-4)


def test_a_foreign_kernel_is_one_operator_however_many_models_use_it(model, monkeypatch):
    install(monkeypatch, "sageattention", sageattn=sageattn)
    use_attention(model, "sage")
    other = trained(transformer(seed=3))
    use_attention(other, "sage")
    first, second = (next(iter(one.attn_processors.values())) for one in (model, other))
    assert first is not second and first.attend is second.attend, "a second definition would break the first model's"


def without_text(query, key, value, tensor_layout, is_causal):
    """What users of Sage with Tora saw: the text is not attended to."""
    return F.scaled_dot_product_attention(query, key[:, :, 12:], value[:, :, 12:])


def swapped_heads(query, key, value, tensor_layout, is_causal):
    return sageattn(query, key, value, tensor_layout, is_causal).roll(1, dims=1)


def last_block_forgotten(query, key, value, tensor_layout, is_causal):
    """A kernel that forgets the tokens beyond the last multiple of its block size."""
    result = sageattn(query, key, value, tensor_layout, is_causal)
    result[:, :, -(query.shape[2] % 64) :] = 0
    return result


def not_a_number(query, key, value, tensor_layout, is_causal):
    return query * float("nan")


@pytest.mark.parametrize("wrong", [without_text, swapped_heads, last_block_forgotten, not_a_number])
def test_wrong_results_are_refused_in_one_sentence(model, monkeypatch, wrong):
    install(monkeypatch, "sageattention", sageattn=wrong)
    before = model.attn_processors
    with pytest.raises(AccelerationError, match="'sage' computes wrong results here") as refusal:
        use_attention(model, "sage")
    assert str(refusal.value).count(". ") == 0
    assert model.attn_processors == before, "the model stays as it was"


def test_eight_bits_are_not_called_wrong(model, monkeypatch):
    def eight_bits(query, key, value, tensor_layout, is_causal):
        def rounded(tensor, axis):
            scale = tensor.abs().amax(axis, keepdim=True) / 127
            return (tensor / scale).round() * scale

        key = key - key.mean(2, keepdim=True)  # Sage smoothes the keys
        return F.scaled_dot_product_attention(rounded(query, -1), rounded(key, -1), rounded(value, 2))

    install(monkeypatch, "sageattention", sageattn=eight_bits)
    assert use_attention(model, "sage") == "sage"
    error = attention_check.check_attention("sage", model)
    assert 1e-3 < error < attention_check.QUANTIZED_LIMIT


@pytest.mark.parametrize(
    "name, message",
    [
        ("fast", "There is no attention backend 'fast'; use one of auto, sdpa"),
        ("sage", "needs the package sageattention, which is not installed"),
        ("cudnn", "'cudnn' does not run here"),
    ],
)
def test_what_cannot_be_had_is_refused(model, monkeypatch, name, message):
    if name == "sage":
        monkeypatch.setattr("tora2.acceleration.attention_kernels.importlib.util.find_spec", lambda name: None)
    with pytest.raises(AccelerationError, match=message):
        use_attention(model, name)


def test_a_broken_package_is_refused(model, monkeypatch):
    install(monkeypatch, "flash_attn")
    monkeypatch.setattr(
        "tora2.acceleration.attention_kernels.importlib.import_module",
        lambda name: (_ for _ in ()).throw(OSError("undefined symbol: _ZN3c10\nand more")),
    )
    with pytest.raises(AccelerationError, match=r"does not work here \(undefined symbol: _ZN3c10\)"):
        use_attention(model, "flash_attn")


@pytest.mark.parametrize(
    "error", [AssertionError("tensors must be in half precision"), ImportError("triton"), KeyError("sm_120")]
)
def test_a_kernel_that_gives_up_in_its_own_way_is_refused(model, monkeypatch, error):
    """SageAttention asserts its precisions and looks its architecture up in a table."""
    install(monkeypatch, "sageattention", sageattn=lambda *a, **o: (_ for _ in ()).throw(error))
    with pytest.raises(AccelerationError, match="'sage' does not run here .*; choose auto"):
        use_attention(model, "sage")
    assert use_attention(model, "auto") != "sage"


def test_the_check_runs_once(model, monkeypatch):
    calls = []
    install(monkeypatch, "sageattention", sageattn=lambda *a, **o: calls.append(1) or sageattn(*a, **o))
    use_attention(model, "sage")
    use_attention(trained(transformer(seed=3)), "sage")
    assert len(calls) == 1


def test_the_sample_is_the_models_own_shape():
    real = types.SimpleNamespace(
        device=torch.device("cpu"),
        dtype=torch.bfloat16,
        config=types.SimpleNamespace(
            attention_head_dim=64, num_attention_heads=48, max_text_seq_length=226, sample_frames=49, sample_height=60,
            sample_width=90, temporal_compression_ratio=4, patch_size=2, patch_size_t=None,
            use_rotary_positional_embeddings=True,
        ),
    )  # fmt: skip
    query, key, value = attention_check.sample_attention(real, torch.device("cpu"))
    tokens = 226 + attention_check.MOST_TOKENS_ON_CPU
    assert query.shape == key.shape == value.shape == (2, 4, tokens, 64) and query.dtype == torch.bfloat16
    rows = torch.tensor([0, 225, 226, tokens - 1])
    truth = attention_check.reference_rows(query, key, value, rows)
    found = F.scaled_dot_product_attention(query.float(), key.float(), value.float())[:, :, rows]
    torch.testing.assert_close(truth, found, rtol=1e-3, atol=1e-3)
    half = kernel("sdpa")(query, key, value)[:, :, rows].float()
    assert ((half - truth).norm() / truth.norm()) < attention_check.EXACT_LIMIT, "bfloat16 is exact enough"


def test_what_is_worth_trying():
    assert available(torch.device("cpu")) == ["sdpa", "flash", "math"]
    assert set(available(torch.device("cpu"))) < set(BACKENDS)


def test_a_wrong_sdpa_is_told_of_though_there_is_nothing_better(model, monkeypatch, caplog):
    """Other packs put a kernel of their own in its place."""
    real = F.scaled_dot_product_attention
    monkeypatch.setattr(F, "scaled_dot_product_attention", lambda q, k, v, **options: real(q, k, v, **options) + 1)
    assert use_attention(model, "auto") == "sdpa"
    assert "sdpa" in caplog.text and "all the same" in caplog.text


def test_the_same_choice_again_leaves_the_processor_in_place(model):
    use_attention(model, "auto")
    before = next(iter(model.attn_processors.values()))
    assert use_attention(model, "auto") == "sdpa" and next(iter(model.attn_processors.values())) is before
    use_attention(model, "math")
    assert next(iter(model.attn_processors.values())) is not before
