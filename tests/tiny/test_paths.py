import numpy as np
import pytest

from tora2.tiny.paths import KINDS, MAX_STEP, draw_path, draw_paths


@pytest.mark.parametrize("kind", KINDS)
def test_paths_stay_in_reach(kind):
    for seed in range(40):
        path = draw_path(np.random.default_rng(seed), 17, kind)
        assert path.shape == (17, 2) and np.isfinite(path).all()
        assert path.min() >= -0.2 and path.max() <= 1.2
        assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() <= MAX_STEP + 1e-9


def test_kinds_differ_in_motion():
    lengths = {
        kind: np.mean(
            [
                np.linalg.norm(np.diff(draw_path(np.random.default_rng(s), 17, kind), axis=0), axis=1).sum()
                for s in range(30)
            ]
        )
        for kind in KINDS
    }
    assert lengths["static"] == 0
    assert min(v for k, v in lengths.items() if k != "static") > 0.25


def test_several_entities_start_apart():
    gaps = []
    for seed in range(60):
        paths = draw_paths(np.random.default_rng(seed), 17, 2)
        gaps.append(np.linalg.norm(paths[0, 0] - paths[1, 0]))
    assert np.quantile(gaps, 0.1) > 0.25


def test_one_frame_is_a_point():
    assert draw_paths(np.random.default_rng(0), 1, 3).shape == (3, 1, 2)
