import pytest
import torch
from diffusers import CogVideoXTransformer3DModel, FirstBlockCacheConfig
from small_models import BASE, TORA2, inputs, trained, transformer

from tora2.conditions import VideoSize
from tora2.dit import Tora2Transformer3DModel
from tora2.dit.transformer import is_adapter_key
from tora2.errors import ConditionError
from tora2.stages.prediction import rotary_tables

SIZE = VideoSize(17, 128, 128)


def conditions(model, seed=3):
    generator = torch.Generator().manual_seed(seed)
    maps = model.traj_extractor(torch.randn(1, 5, 16, 16, 16, generator=generator))
    keys_values = model.personalization_keys_values(torch.randn(1, 8, 32, generator=generator))
    return maps, keys_values


def rotary(model):
    return rotary_tables(model, SIZE, torch.device("cpu"))


@torch.no_grad()
def test_base_keys_and_output_equal_diffusers():
    ours = trained(transformer())
    upstream = CogVideoXTransformer3DModel(**BASE).eval()
    base = {name: value for name, value in ours.state_dict().items() if not is_adapter_key(name)}
    upstream.load_state_dict(base, strict=True)
    tables = rotary(ours)
    expected = upstream(**inputs(), image_rotary_emb=tables).sample
    assert torch.equal(ours(**inputs(), image_rotary_emb=tables).sample, expected)


@torch.no_grad()
@pytest.mark.parametrize("order", ["motion_first", "personalization_first"])
def test_untrained_tora2_parts_leave_tora_bit_for_bit(order):
    model = trained(transformer(injection_order=order))
    for block in model.transformer_blocks:
        torch.nn.init.zeros_(block.personalization_attention.to_out.weight)
        torch.nn.init.zeros_(block.personalization_attention.to_out.bias)
    maps, keys_values = conditions(model)
    plain = model(**inputs(), image_rotary_emb=rotary(model), motion_maps=maps).sample
    tora2 = model(**inputs(), image_rotary_emb=rotary(model), motion_maps=maps, personalization=keys_values).sample
    assert torch.equal(plain, tora2)


@torch.no_grad()
def test_untrained_fuser_leaves_the_base_bit_for_bit():
    model = transformer()
    maps, keys_values = conditions(model)
    plain = model(**inputs(), image_rotary_emb=rotary(model)).sample
    tora2 = model(**inputs(), image_rotary_emb=rotary(model), motion_maps=maps, personalization=keys_values).sample
    assert torch.equal(plain, tora2)


@torch.no_grad()
def test_both_conditions_change_the_output_and_the_orders_differ():
    outputs = {}
    for order in ("motion_first", "personalization_first"):
        model = trained(transformer(injection_order=order))
        maps, keys_values = conditions(model)
        call = {**inputs(), "image_rotary_emb": rotary(model)}
        plain = model(**call).sample
        assert (model(**call, motion_maps=maps).sample - plain).abs().max() > 1e-2
        assert (model(**call, personalization=keys_values).sample - plain).abs().max() > 1e-2
        outputs[order] = model(**call, motion_maps=maps, personalization=keys_values).sample
    assert (outputs["motion_first"] - outputs["personalization_first"]).abs().max() > 1e-3


@torch.no_grad()
def test_precomputed_constants_give_the_same_output():
    model = trained(transformer())
    maps, keys_values = conditions(model)
    call = {**inputs(), "image_rotary_emb": rotary(model), "personalization": keys_values}
    slow = model(**call, motion_maps=maps, motion_strength=0.5).sample
    call["encoder_hidden_states"] = model.patch_embed.text_proj(call["encoder_hidden_states"])
    fast = model(**call, text_is_projected=True, motion_modulations=model.motion_modulations(maps, 5, 0.5)).sample
    torch.testing.assert_close(fast, slow, rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_masked_tokens_do_not_count_and_a_video_without_any_is_plain():
    model = trained(transformer())
    _, keys_values = conditions(model)
    doubled = [(torch.cat([key] * 2), torch.cat([value] * 2)) for key, value in keys_values]
    mask = torch.tensor([[True] * 4 + [False] * 4, [False] * 8])
    call = {**inputs(), "image_rotary_emb": rotary(model)}
    masked = model(**call, personalization=doubled, personalization_mask=mask).sample
    first_four = [(key[:, :, :4], value[:, :, :4]) for key, value in keys_values]
    torch.testing.assert_close(masked[0], model(**call, personalization=first_four).sample[0], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(masked[1], model(**call).sample[1], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_text_without_rotary_uses_absolute_positions_for_projected_text_too():
    model = trained(transformer(use_rotary_positional_embeddings=False))
    call = inputs()
    plain = model(**call).sample
    call["encoder_hidden_states"] = model.patch_embed.text_proj(call["encoder_hidden_states"])
    assert torch.equal(model(**call, text_is_projected=True).sample, plain)


def test_learned_positions_refuse_another_size():
    model = transformer(in_channels=32, use_learned_positional_embeddings=True)
    call = inputs(channels=32)
    call["hidden_states"] = call["hidden_states"][..., :8]
    with pytest.raises(ConditionError, match="128x128.*64x128"):
        model(**call)


@torch.no_grad()
def test_learned_positions_of_a_shorter_clip_are_those_of_its_first_frames():
    model = transformer(in_channels=32, use_learned_positional_embeddings=True)
    learned = model.patch_embed.pos_embedding
    learned.copy_(torch.arange(learned.shape[1])[None, :, None].expand_as(learned))
    call = inputs(channels=32)
    latents = call["hidden_states"]
    tokens = latents.shape[-1] * latents.shape[-2] // 4
    text = model.config.max_text_seq_length
    positions = model.patch_embed._positions(latents[:, :2])
    assert torch.equal(positions, learned[:, : text + 2 * tokens])
    call["hidden_states"] = torch.cat([latents, latents], dim=1)
    with pytest.raises(ConditionError, match="learned its positions for 17 frames and cannot make more"):
        model(**call)


@torch.no_grad()
def test_cogvideox_1_5_patches_equal_diffusers():
    options = {"patch_size_t": 2, "patch_bias": False, "ofs_embed_dim": 8}
    ours = trained(transformer(**options))
    upstream = CogVideoXTransformer3DModel(**(BASE | options)).eval()
    upstream.load_state_dict({k: v for k, v in ours.state_dict().items() if not is_adapter_key(k)})
    call = inputs()
    call["hidden_states"] = torch.cat([call["hidden_states"]] * 2, dim=1)[:, :6]
    call["ofs"] = torch.tensor([2.0])
    tables = tuple(torch.randn(3 * 64, 16, generator=torch.Generator().manual_seed(i)) for i in range(2))
    expected = upstream(**call, image_rotary_emb=tables).sample
    assert torch.equal(ours(**call, image_rotary_emb=tables).sample, expected)
    assert len(ours.traj_extractor(torch.randn(1, 6, 16, 16, 16))) == 3


def gradients(checkpointing):
    model = trained(transformer()).train()
    if checkpointing:
        model.enable_gradient_checkpointing()
    calls = []
    for fuser in model.fuser:
        fuser.register_forward_hook(lambda *_: calls.append(1))
    kept = []
    strength = torch.tensor([1.0, 0.0])[:, None, None]

    def keep(tensor):
        kept.append(tensor.numel())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        maps, keys_values = conditions(model)
        maps = tuple(one.repeat(2, 1, 1, 1) for one in maps)
        begin = len(kept)
        sample = model(
            **inputs(),
            image_rotary_emb=rotary(model),
            motion_maps=maps,
            motion_strength=strength,
            personalization=keys_values,
        ).sample
        held = sum(kept[begin:])
    sample.square().mean().backward()
    return sample.detach(), {n: p.grad for n, p in model.named_parameters()}, len(calls), held


def test_checkpointing_recomputes_the_fuser_too_and_changes_no_gradient():
    plain, checkpointed = gradients(False), gradients(True)
    assert torch.equal(plain[0], checkpointed[0])
    assert any(value is not None and value.abs().max() > 0 for name, value in plain[1].items() if "fuser" in name)
    for name, value in plain[1].items():
        other = checkpointed[1][name]
        assert (value is None) == (other is None), name
        if value is not None:
            assert torch.equal(value, other), name
    assert (plain[2], checkpointed[2]) == (3, 6), "each layer's fuser runs again in the backward pass"
    assert checkpointed[3] < plain[3] / 8, "what is kept for the backward pass"


def test_gradients_reach_every_part_with_checkpointing():
    model = trained(transformer()).train()
    model.enable_gradient_checkpointing()
    maps, keys_values = conditions(model)
    model(
        **inputs(), image_rotary_emb=rotary(model), motion_maps=maps, personalization=keys_values
    ).sample.mean().backward()
    silent = [
        name
        for name, parameter in model.named_parameters()
        if parameter.grad is None and not name.startswith(("binding.", "personalization_extractor."))
    ]
    assert silent == []


@torch.no_grad()
def test_save_and_load(tmp_path):
    model = trained(transformer(injection_order="personalization_first"))
    model.save_pretrained(tmp_path)
    loaded = Tora2Transformer3DModel.from_pretrained(tmp_path).eval()
    assert loaded.config.injection_order == "personalization_first"
    assert loaded.config.num_layers == BASE["num_layers"]
    for name, value in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


@torch.no_grad()
def test_diffusers_first_block_cache_knows_the_block():
    model = trained(transformer())
    maps, _ = conditions(model)
    call = {**inputs(), "image_rotary_emb": rotary(model), "motion_maps": maps}
    expected = model(**call).sample
    model.enable_cache(FirstBlockCacheConfig(threshold=1e9))
    with model.cache_context("test"):
        assert torch.equal(model(**call).sample, expected)
        calls = []
        model.transformer_blocks[2].attn1.register_forward_hook(lambda *_: calls.append(1))
        model(**call)
    assert calls == [], "the second, identical step should have been taken from the cache"


def test_batchnorm_statistics_stay_frozen_in_training():
    model = transformer().train()
    before = {k: v.clone() for k, v in model.traj_extractor.state_dict().items() if "running" in k}
    model.traj_extractor(torch.randn(2, 5, 16, 16, 16))
    after = model.traj_extractor.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"injection_order": "sideways"}, "sideways"),
        ({"binding_config": {"variant": "glue"}}, "glue"),
        ({"personalization_config": {**TORA2["personalization_config"], "variant": "clip"}}, "clip"),
        ({"motion_channels": None}, "motion_channels"),
    ],
)
def test_wrong_configurations_are_refused(options, message):
    with pytest.raises(ConditionError, match=message):
        transformer(**options)


def test_plain_cogvideox_has_no_adapter_keys():
    model = transformer(motion_channels=None, personalization_config=None, binding_config=None)
    assert not [name for name in model.state_dict() if is_adapter_key(name)]
