import torch

from tora2.tiny.views import Views, contrast, draw_indices, retrieval


def test_views_follow_their_generator(atlas):
    views, indices = Views(atlas, 32), torch.arange(6)
    a, b, c = (views(indices, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert a.shape == (6, 3, 32, 32) and a.min() >= 0 and a.max() <= 1
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_indices_come_from_the_split(atlas):
    train = atlas.split("train")
    drawn = draw_indices(train, 10, torch.Generator().manual_seed(0)).tolist()
    assert len(set(drawn)) == 10 and set(drawn) <= set(train)


def test_contrast_knows_partners():
    a = torch.eye(5)
    loss, right = contrast(a, a)
    worse, wrong = contrast(a, a.roll(1, 0))
    assert right == 1 and wrong == 0 and loss < worse


def test_retrieval_is_full_for_identical_views_and_chance_for_none(atlas):
    views = Views(atlas, 16)
    views.layers = lambda indices, generator: (
        views.pictures[indices][..., ::3, ::3],
        None,
        None,
    )  # always the same view
    views.finish = lambda layers, generator: layers[:, :3]
    assert retrieval(lambda x: x.flatten(1), views, atlas.split("train"), gallery=12, rounds=2) == 1.0
    assert retrieval(lambda x: torch.ones(len(x), 4), views, atlas.split("train"), gallery=12, rounds=2) <= 0.1
