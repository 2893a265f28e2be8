import math

import pytest
import torch

from tora2.evaluation import metrics


def mean_colour(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.mean((2, 3))


def plain(*colours: tuple[float, float, float], size: int = 4) -> torch.Tensor:
    return torch.tensor(colours)[:, :, None, None].expand(-1, -1, size, size)


RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def test_text_similarity_is_the_mean_over_frames():
    video = plain(RED, RED, RED, GREEN)
    assert metrics.text_similarity(video, "red", mean_colour, lambda text: torch.tensor([[5.0, 0, 0]])) == 0.75


def test_video_similarity_compares_every_frame_with_every_other():
    video = plain(RED, GREEN)
    assert metrics.video_similarity(video, plain(GREEN, RED, RED), mean_colour) == pytest.approx(0.5)
    assert metrics.video_similarity(plain(RED), plain(RED, RED, RED, GREEN), mean_colour) == pytest.approx(0.75)
    assert metrics.video_similarity(plain(RED), plain(BLUE), mean_colour) == 0.0


def test_what_a_video_does_not_show_counts_nothing():
    references = [plain(RED)[0], plain(GREEN, size=6)[0]]
    segments = [[plain(RED)[0]] * 4, [plain(BLUE, size=3)[0]] + [plain(GREEN, size=3)[0]] * 2]
    assert metrics.gallery_similarity(references, segments, mean_colour, 4) == pytest.approx((4 + 2) / 8)
    assert metrics.gallery_similarity(references, segments, mean_colour, 8) == pytest.approx((4 + 2) / 16)
    assert metrics.found(segments, 8) == pytest.approx(7 / 16)
    assert metrics.gallery_similarity(references, [[], []], mean_colour, 8) == 0
    assert math.isnan(metrics.gallery_similarity([], [], mean_colour, 8)), "nobody was asked for"
    with pytest.raises(ValueError, match="2 references"):
        metrics.gallery_similarity(references, [[]], mean_colour, 8)


def paths() -> torch.Tensor:
    """Two straight paths [2, 5, 2], 40 px above each other."""
    x = torch.linspace(10, 50, 5)
    return torch.stack([torch.stack([x, torch.full_like(x, y)], 1) for y in (20.0, 60.0)])


def test_trajectory_error_is_l1_in_pixels():
    asked = paths()
    assert metrics.trajectory_error(asked, asked) == 0
    assert metrics.trajectory_error(asked + torch.tensor([3.0, -4.0]), asked) == 7.0
    scaled = metrics.trajectory_error(asked + torch.tensor([3.0, -4.0]), asked, scale=(720 / 128, 480 / 128))
    assert scaled == pytest.approx(3 * 5.625 + 4 * 3.75)


def test_places_off_the_canvas_do_not_count():
    asked, visible = paths(), torch.ones(2, 5, dtype=torch.bool)
    found = asked.clone()
    found[0, 3:] += 100
    visible[0, 3:] = False
    assert metrics.trajectory_error(found, asked, visible) == 0
    assert math.isnan(metrics.trajectory_error(found, asked, torch.zeros_like(visible)))


def test_binding_tells_who_is_on_whose_path():
    asked, visible = paths(), torch.ones(2, 5, dtype=torch.bool)
    assert metrics.binding(asked + 15, asked, visible) == [True, True]  # far off, and still nearer to the own path
    assert metrics.binding(asked.flip(0), asked, visible) == [False, False]
    assert metrics.binding(asked[[1, 1]], asked, visible) == [False, True]  # both on one path: half is right
    with pytest.raises(ValueError, match="two entities"):
        metrics.binding(asked[:1], asked[:1], visible[:1])


def test_binding_reads_only_frames_in_which_both_paths_are_on_the_canvas():
    asked, visible = paths(), torch.ones(2, 5, dtype=torch.bool)
    found = asked.clone()
    found[0, :4] = asked[1, :4]
    visible[1, :4] = False
    assert metrics.binding(found, asked, visible) == [True, True]


def test_retrieval_is_the_nearest_by_angle():
    gallery = torch.tensor([[1.0, 0.0], [0.0, 10.0]])
    assert metrics.retrieval(torch.tensor([0.3, 0.2]), gallery, 0)
    assert not metrics.retrieval(torch.tensor([0.2, 0.3]), gallery, 0)
