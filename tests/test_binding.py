import math

import pytest
import torch

from tora2.binding import Binding, BindingConfig, EntityBatch

FRAMES, HEIGHT, WIDTH = 5, 8, 12


def binding(variant="gated", gates=1.0, **options):
    torch.manual_seed(0)
    module = Binding(
        BindingConfig(variant=variant, width=32, heads=2, layers=2, **options),
        token_width=24,
        motion_width=16,
        text_width=20,
    )
    if variant != "none":
        torch.nn.init.constant_(module.motion_gate, gates)
        torch.nn.init.constant_(module.appearance_gate, gates)
    return module.eval()


def entities(count=3, tracks=2, videos=2):
    generator = torch.Generator().manual_seed(1)
    return EntityBatch(
        tokens=torch.randn(count, 4, 24, generator=generator),
        has_reference=torch.ones(count, dtype=torch.bool),
        words=torch.randn(count, 3, 20, generator=generator),
        words_mask=torch.ones(count, 3, dtype=torch.bool),
        points=torch.rand(count, tracks, FRAMES, 2, generator=generator),
        visible=torch.ones(count, tracks, FRAMES, dtype=torch.bool),
        video=torch.arange(count) * videos // count,
    )


def first_map(videos=2):
    return torch.randn(videos * FRAMES, 16, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))


def replaced(batch, **changes):
    return EntityBatch(**{**batch.__dict__, **changes})


@pytest.mark.parametrize("variant", ["gated", "linear", "none"])
@torch.no_grad()
def test_closed_gates_change_nothing(variant):
    batch, motion = entities(), first_map()
    bound = binding(variant, gates=0.0)(batch, motion, 2)
    assert torch.equal(bound.tokens, batch.tokens)
    assert torch.equal(bound.first_map, motion)


@pytest.mark.parametrize("variant", ["gated", "linear"])
@torch.no_grad()
def test_open_gates_mix_all_three_kinds(variant):
    module, batch, motion = binding(variant), entities(), first_map()
    bound = module(batch, motion, 2)
    for field, change in [("words", torch.randn(3, 3, 20)), ("points", torch.rand(3, 2, FRAMES, 2))]:
        other = module(replaced(batch, **{field: change}), motion, 2)
        assert (other.tokens - bound.tokens).abs().max() > 1e-3, f"{field} did not reach the appearance"
    other = module(replaced(batch, tokens=torch.randn(3, 4, 24)), motion, 2)
    for field in ("first_map", "motion"):
        change = getattr(other, field) - getattr(bound, field)
        assert change.abs().max() > 1e-3, f"the appearance did not reach {field}"


@torch.no_grad()
def test_what_attends_to_each_other_are_tokens_of_their_kind_place_and_time():
    module, batch = binding(), entities()
    level = torch.randn(16)
    given = []
    module.layers[0].register_forward_pre_hook(lambda layer, arguments: given.append(arguments[0]))
    module(batch, level[:, None, None].expand(2 * FRAMES, 16, HEIGHT, WIDTH), 2)
    (x, y), time = batch.points.unbind(-1), torch.linspace(0, 1, FRAMES).expand(3, 2, FRAMES)
    angles = torch.stack([math.pi * 2**octave * value for value in (x, y, time) for octave in range(4)], dim=-1)
    appearance, motion, words = module.kind
    moving = module.motion_in(level) + module.place_in(torch.cat([angles.sin(), angles.cos()], dim=-1)) + motion
    expected = [module.appearance_in(batch.tokens) + appearance, moving.flatten(1, 2)]
    expected.append(module.words_in(batch.words) + words)
    torch.testing.assert_close(given[0], torch.cat(expected, dim=1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("variant", ["gated", "linear", "none"])
@torch.no_grad()
def test_places_where_a_track_is_not_seen_change_nothing(variant):
    module, batch, motion = binding(variant), entities(), first_map()
    batch.visible[:, 0, 2] = False
    moved = batch.points.clone()
    moved[:, 0, 2] = torch.rand(3, 2)
    bound, other = (module(replaced(batch, points=points), motion, 2) for points in (batch.points, moved))
    for field, value in bound.__dict__.items():
        torch.testing.assert_close(getattr(other, field), value, msg=field)


@pytest.mark.parametrize("variant", ["gated", "linear"])
@torch.no_grad()
def test_an_entity_does_not_depend_on_the_others(variant):
    module, batch, motion = binding(variant), entities(), first_map()
    changed = batch.tokens.clone()
    changed[1] += 1
    before, after = module(batch, motion, 2).tokens, module(replaced(batch, tokens=changed), motion, 2).tokens
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])
    assert (before[1] - after[1]).abs().max() > 0.1


@torch.no_grad()
def test_only_the_places_of_the_tracks_are_painted():
    points = torch.full((1, 1, FRAMES, 2), 0.25)
    points[0, 0, :, 0] = torch.linspace(0.1, 0.9, FRAMES)
    batch = replaced(entities(1, 1), points=points, visible=torch.tensor([[[True, True, False, True, True]]]))
    motion = first_map(1)
    change = (binding(footprint=0.5)(batch, motion, 1).first_map - motion).abs().sum(1)
    assert change[2].max() == 0, "nothing is painted where the track is invisible"
    for frame in (0, 1, 3, 4):
        peak = change[frame].flatten().argmax().item()
        place = (points[0, 0, frame] * torch.tensor([WIDTH, HEIGHT])).floor().long()
        assert abs(peak % WIDTH - place[0]) <= 1 and abs(peak // WIDTH - place[1]) <= 1
        away = (torch.arange(WIDTH) - place[0]).abs() > 2
        assert change[frame][:, away].sum() == 0, "nothing is painted beyond the footprint's window"


@torch.no_grad()
def test_painting_equals_a_dense_sum_over_all_cells():
    module, batch = binding(footprint=1.5), entities()
    motion = first_map()
    sampled = module._sample(batch, motion, 2)
    _, motion_hat = module._mix(batch, sampled)
    painted = module._footprints(batch, motion_hat, motion, 2)
    y, x = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    dense = torch.zeros_like(painted)
    for entity in range(3):
        for track in range(2):
            for frame in range(FRAMES):
                place = batch.points[entity, track, frame] * torch.tensor([WIDTH, HEIGHT])
                offset = torch.stack([x - place[0], y - place[1]], -1) / 1.5
                weight = torch.exp(-0.5 * offset.square().sum(-1))
                token = motion_hat[entity, track, frame].expand(HEIGHT, WIDTH, -1)
                value = module._paint(token, offset) * weight[..., None]
                dense[batch.video[entity] * FRAMES + frame] += value.permute(2, 0, 1)
    # The window ends at 4.5 or more footprints of distance, where the Gaussian is below 2 %.
    torch.testing.assert_close(painted, dense, atol=0.03, rtol=0.03)


@torch.no_grad()
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_map_is_read_at_its_places_in_half_precision_too(dtype):
    height, width = 30, 45  # full size, where a cell is 16 px
    x = (torch.arange(width) + 0.5).expand(FRAMES, 1, height, -1)
    motion = torch.cat([x, torch.zeros(FRAMES, 31, height, width)], dim=1).to(dtype)
    places = torch.rand(1, 2, FRAMES, 2, generator=torch.Generator().manual_seed(1)) * 1.2 - 0.1
    batch = replaced(entities(1, 1), points=places, visible=torch.ones(1, 2, FRAMES, dtype=torch.bool))
    found = binding()._sample(batch, motion, 1)[..., 0].float()
    assert (found - (places[..., 0] * width).clamp(0.5, width - 0.5)).abs().max() < 0.13, "bfloat16 of 45 itself"


@torch.no_grad()
def test_missing_parts_give_finite_results():
    module, batch = binding(), entities()
    bare = replaced(
        batch,
        has_reference=torch.zeros(3, dtype=torch.bool),
        words_mask=torch.zeros(3, 3, dtype=torch.bool),
        visible=torch.zeros(3, 2, FRAMES, dtype=torch.bool),
    )
    for entity_batch, motion in [(bare, first_map()), (batch, None)]:
        bound = module(entity_batch, motion, 2)
        assert bound.tokens.isfinite().all()
        assert motion is None or torch.equal(bound.first_map, motion)
    assert not module(bare, first_map(), 2).complete.any()


@torch.no_grad()
def test_points_outside_the_canvas_are_harmless():
    batch = entities()
    far = replaced(batch, points=batch.points * 3 - 1)
    assert binding()(far, first_map(), 2).first_map.isfinite().all()
