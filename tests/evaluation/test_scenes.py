import pytest
import torch

from tora2.errors import Tora2Error
from tora2.evaluation.scenes import gallery, make_scene, make_world, shipped_atlas
from tora2.tiny.backgrounds import where_words
from tora2.tiny.names import HELD_OUT_STYLE, is_held_out
from tora2.trajectories import parse_document, sample


@pytest.fixture(scope="module")
def world():
    return make_world(None, "heldout_names", 2)


def test_shipped_pictures_were_never_trained_on():
    atlas = shipped_atlas()
    assert len(atlas) == 10 and atlas.pictures.shape == (10, 4, 72, 72)
    for name, style in zip(atlas.names, atlas.styles, strict=True):
        assert is_held_out(name) or style == HELD_OUT_STYLE


def test_a_seed_is_a_scene(world):
    one, again, other = make_scene(world, 5), make_scene(world, 5), make_scene(world, 6)
    assert one.caption == again.caption and torch.equal(one.truth.video, again.truth.video)
    assert torch.equal(one.references, again.references)
    assert one.caption != other.caption


def test_the_drawing_is_the_true_track(world):
    for seed in range(4):
        scene = make_scene(world, seed)
        tracks = sample(parse_document(scene.document.to_json()))
        torch.testing.assert_close(tracks.pixels(128, 128).float(), scene.asked, atol=1e-3, rtol=0)
        assert torch.equal(tracks.visible, scene.visible)
        assert tuple(tracks.names) == tuple(entity.phrase for entity in scene.entities)


def test_the_other_caption_differs_in_its_background_only(world):
    scene = make_scene(world, 3)
    words = where_words(scene.background)
    start = scene.caption.index(words)
    assert words not in scene.other_caption
    assert scene.other_caption.startswith(scene.caption[:start])
    assert scene.other_caption.endswith(scene.caption[start + len(words) :])


def test_the_gallery_holds_the_scene_first_and_every_name_once(world):
    scene = make_scene(world, 0)
    pictures, indices = gallery(world, scene, 50, 0)
    assert torch.equal(pictures[:2], scene.references)
    assert len(indices) == len(pictures) == len({world.atlas.names[i] for i in indices}) == 10
    assert len(gallery(world, scene, 4, 0)[1]) == 4


def test_what_cannot_be_evaluated_is_said(tmp_path):
    with pytest.raises(Tora2Error, match="train split"):
        make_world(None, "train", 2)
    with pytest.raises(Tora2Error, match="1 to 4"):
        make_world(None, "heldout_names", 5)
    with pytest.raises(Tora2Error, match="no atlas"):
        make_world(tmp_path, "heldout_names", 2)
