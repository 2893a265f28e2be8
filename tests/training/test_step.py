import pytest
import torch
from small_models import scheduler, trained, transformer

from tora2.conditions import VideoSize
from tora2.stages.prediction import rotary_tables
from tora2.training.draws import draw, shifted
from tora2.training.step import Recipe, TrainingBatch, bind_batch, tokens_per_video, training_losses

NO_DROPS = Recipe(drop_caption=0.0, drop_references=0.0, drop_trajectories=0.0)


def batch(videos=2, seed=0):
    generator = torch.Generator().manual_seed(seed)

    def random(*shape):
        return torch.randn(*shape, generator=generator)

    entities = 2 * videos
    return TrainingBatch(
        latents=random(videos, 5, 16, 16, 16),
        motion_latents=random(videos, 5, 16, 16, 16),
        text=random(videos, 12, 24),
        null_text=random(1, 12, 24),
        weights=torch.ones(videos, 5, 1, 16, 16),
        semantic=random(entities, 4, 16),
        reid=random(entities, 8),
        face=random(entities, 8),
        is_human=torch.arange(entities) % 2 == 0,
        word_index=torch.tensor([[1, 2], [4, -1]] * videos),
        points=torch.rand(entities, 1, 5, 2, generator=generator),
        visible=torch.ones(entities, 1, 5, dtype=torch.bool),
        video=torch.arange(videos).repeat_interleave(2),
        identity=torch.arange(entities),
    )


def losses(model, data, recipe, seed=0):
    tables = rotary_tables(model, VideoSize(17, 128, 128), torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    return training_losses(model, data, scheduler().alphas_cumprod, tables, recipe, generator)


def test_losses_repeat_and_reach_every_parameter():
    model = trained(transformer()).train()
    values = losses(model, batch(), NO_DROPS)
    assert torch.equal(values["loss"], losses(model, batch(), NO_DROPS)["loss"])
    torch.testing.assert_close(values["loss"], values["diffusion"] + 0.2 * values["contrastive"])
    values["loss"].backward()
    silent = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # A key's bias cancels in the softmax, and frozen BatchNorm statistics leave some channels behind the ReLU.
    assert [name for name in silent if "bn" not in name and "norm_k.bias" not in name] == []


@torch.no_grad()
def test_dropped_conditions_leave_no_trace():
    model, data = trained(transformer()), batch()
    other = batch(seed=9)
    for recipe, changed in [
        (Recipe(0.0, 1.0, 0.0), {"semantic": other.semantic, "reid": other.reid, "face": other.face}),
        (Recipe(0.0, 0.0, 1.0), {"motion_latents": other.motion_latents, "points": other.points}),
        (Recipe(0.0, 0.0, 0.0, drop_entities=1.0), {"semantic": other.semantic, "points": other.points}),
    ]:
        replaced = TrainingBatch(**{**data.__dict__, **changed})
        assert torch.equal(losses(model, data, recipe)["diffusion"], losses(model, replaced, recipe)["diffusion"])
        full = Recipe(0.0, 0.0, 0.0)
        assert not torch.equal(losses(model, data, full)["diffusion"], losses(model, replaced, full)["diffusion"])


@torch.no_grad()
def test_caption_dropout_keeps_the_phrases_words():
    model, data = trained(transformer()), batch()
    recipe = Recipe(drop_caption=1.0, drop_references=0.0, drop_trajectories=0.0)
    before = losses(model, data, recipe)["diffusion"]
    text = data.text.clone()
    text[:, 7] += 1.0
    assert torch.equal(before, losses(model, TrainingBatch(**{**data.__dict__, "text": text}), recipe)["diffusion"])
    text[:, 1] += 1.0
    assert not torch.equal(before, losses(model, TrainingBatch(**{**data.__dict__, "text": text}), recipe)["diffusion"])


@torch.no_grad()
def test_dropped_entities_are_out_of_the_contrast():
    model, data = trained(transformer()), batch()
    keep, drop = torch.tensor([False, False]), torch.tensor([True, False])
    for dropped in ((drop, keep, keep), (keep, drop, keep), (drop, keep, drop)):
        bound, _ = bind_batch(model, data, *dropped)
        assert bound.complete.tolist() == [False, False, True, True]


@torch.no_grad()
def test_a_clip_without_entities_is_plain_tora():
    model, data = trained(transformer()), batch()
    everything = torch.ones(2, dtype=torch.bool)
    _, maps = bind_batch(model, data, everything, ~everything, everything)
    plain = model.traj_extractor(data.motion_latents)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(maps, plain, strict=True))


def test_tokens_are_padded_per_video():
    tokens = torch.arange(3.0)[:, None, None].expand(3, 2, 1)
    rows, mask = tokens_per_video(tokens, torch.tensor([True, False, True]), torch.tensor([0, 0, 1]), 2)
    assert rows[..., 0].tolist() == [[0, 0, 1, 1], [2, 2, 0, 0]]
    assert mask.tolist() == [[True, True, False, False], [True, True, False, False]]


def test_a_model_with_room_for_a_first_frame_gets_one_by_chance():
    model = trained(transformer(in_channels=32, first_frame_optional=True))
    seen = []
    model.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0][:, :, 16:]))
    data = batch()
    with torch.no_grad():
        losses(model, data, Recipe(0.0, 0.0, 0.0, keep_first_frame=1.0))
        losses(model, data, Recipe(0.0, 0.0, 0.0, keep_first_frame=0.0))
        alone = TrainingBatch(**{**data.__dict__, "first_frame": data.latents[:, :1] + 1})
        losses(model, alone, Recipe(0.0, 0.0, 0.0, keep_first_frame=1.0))
    assert torch.equal(seen[0][:, :1], data.latents[:, :1]) and seen[0][:, 1:].abs().sum() == 0
    assert seen[1].abs().sum() == 0
    assert torch.equal(seen[2][:, :1], data.latents[:, :1] + 1)


def test_shifted_timesteps_are_those_of_stable_diffusion_3():
    drawn = torch.arange(1000)
    assert torch.equal(shifted(drawn, 1000, 1.0), drawn)
    moved = shifted(drawn, 1000, 3.0)
    assert (moved.diff() >= 0).all() and moved[0] == 1 and moved[-1] == 999, "each stands for the middle of its span"
    assert (moved >= 750).float().mean() == pytest.approx(0.5, abs=0.01)
    assert shifted(moved, 1000, 1 / 3).sub(drawn).abs().max() <= 3
    recipe = Recipe(timestep_shift=3.0)
    plain = draw(Recipe(), (64, 1, 1, 1, 1), 1000, torch.Generator().manual_seed(0))
    noisier = draw(recipe, (64, 1, 1, 1, 1), 1000, torch.Generator().manual_seed(0))
    assert torch.equal(noisier.timesteps, shifted(plain.timesteps, 1000, 3.0))
    assert torch.equal(noisier.noise, plain.noise) and noisier.timesteps.sum() > plain.timesteps.sum()
