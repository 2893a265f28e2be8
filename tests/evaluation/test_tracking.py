import pytest
import torch

from tora2.evaluation import metrics
from tora2.evaluation.networks import Sight, load_recognizer, load_watcher
from tora2.evaluation.scenes import make_scene, make_world
from tora2.evaluation.tracking import look, one_to_one, places_of_things, refine, smoothest, track, vote_maps

SEEDS = (0, 1, 2, 3)
BOUND = 6.0  # pixels at 128: a trajectory error below it says little


def votes_for(path: torch.Tensor, spread: float = 0.0) -> torch.Tensor:
    """Every place of a 32 x 32 map votes for the frame's point of the path [T, 2]."""
    noise = torch.randn(len(path), 32, 32, 2, generator=torch.Generator().manual_seed(0))
    return path[:, None, None] + spread * noise


def test_scattered_votes_give_the_path_to_a_part_of_a_pixel():
    path = torch.stack([torch.linspace(20, 90, 17), torch.linspace(100, 60, 17)], 1)
    votes, share = votes_for(path, 4.0), torch.full((17, 32, 32), 0.2)
    found, weight = refine(smoothest(vote_maps(share, votes, 128), 128), share, votes)
    assert (found - path).abs().max() < 1.0
    assert (weight > 10).all()


def test_an_unseen_entity_coasts_and_does_not_jump_to_a_short_distraction():
    path = torch.stack([torch.linspace(20, 90, 17), torch.full((17,), 64.0)], 1)
    votes, share = votes_for(path), torch.full((17, 32, 32), 0.2)
    share[6:9] = 0.0
    share[7], votes[7] = 0.05, torch.tensor([100.0, 10.0])
    found, _ = refine(smoothest(vote_maps(share, votes, 128), 128), share, votes)
    assert (found - path).abs().sum(-1).max() < 4.0


def test_paths_may_lead_over_the_edge():
    path = torch.stack([torch.linspace(-20, 30, 17), torch.full((17,), 135.0)], 1)
    votes, share = votes_for(path), torch.full((17, 32, 32), 0.2)
    assert (smoothest(vote_maps(share, votes, 128), 128) - path).abs().max() <= 3.0


def test_things_are_found_whatever_they_look_like():
    paths = torch.stack([torch.stack([torch.linspace(20, 100, 9), torch.full((9,), y)], 1) for y in (30.0, 95.0)])
    votes = votes_for(paths[0], 1.0)
    votes[:, 16:] = votes_for(paths[1], 1.0)[:, 16:]
    sight = Sight(torch.zeros(9, 32, 32), votes, torch.zeros(9, 32, 32, 4), torch.zeros(9, 20))
    found = one_to_one(places_of_things(sight, 2), paths, torch.ones(2, 9, dtype=torch.bool))
    assert metrics.trajectory_error(found, paths) < 1.0


def test_one_to_one_never_uses_one_thing_twice():
    asked = torch.tensor([[[10.0, 10.0]], [[12.0, 10.0]]])
    found = torch.tensor([[[10.0, 90.0]], [[11.5, 10.0]]])
    ordered = one_to_one(found, asked, torch.ones(2, 1, dtype=torch.bool))
    assert ordered[0, 0].tolist() == [10.0, 90.0] and ordered[1, 0].tolist() == [11.5, 10.0]


@pytest.fixture(scope="module")
def truths():
    """Ground-truth clips of the shipped pictures, and what the watcher sees in them."""
    world, watcher = make_world(None, "heldout_names", 2), load_watcher()
    recognizer = load_recognizer()
    scenes = [make_scene(world, seed) for seed in SEEDS]

    def find(scene, sight, references):
        return track(watcher, recognizer, sight, scene.true_video(), references).places

    return find, [(scene, look(watcher, scene.true_video())) for scene in scenes]


def test_error_on_ground_truth_clips(truths):
    find, seen = truths
    errors = [
        metrics.trajectory_error(find(scene, sight, scene.references), scene.asked, scene.visible)
        for scene, sight in seen
    ]
    assert sum(errors) / len(errors) < BOUND, errors


def test_swapped_references_swap_the_tracks(truths):
    find, seen = truths
    for scene, sight in seen:
        places = find(scene, sight, scene.references.flip(0))
        assert metrics.binding(places, scene.asked, scene.visible) == [False, False]
