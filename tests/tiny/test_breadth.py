import numpy as np
import pytest

from tora2.tiny import breadth
from tora2.tiny.captions import every_phrase_once
from tora2.tiny.names import MAX_WORDS, with_article


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("An albino peahen (a female peafowl, or peacock).", "albino peahen"),
        ("A “Sierra Beauty” apple.", "sierra beauty apple"),
        ("This gun last saw service during World War 2.", None),
        ("Uranus—one of the “gas giants” in our solar system.", None),
        ("", None),
    ],
)
def test_names_of_stamps(line, name):
    assert breadth.stamp_name(line) == name


def photograph(seed):
    return (np.random.default_rng(seed).random((90, 140, 3)) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    "make", [lambda seed: breadth.textures(40, 48, seed), lambda seed: breadth.cut_outs([photograph(0)], 40, 48, seed)]
)
def test_shapes_follow_from_the_seed_and_differ(make):
    first, again, other = make(1), make(1), make(2)
    assert all(np.array_equal(a.picture, b.picture) and a.name == b.name for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].picture, other[0].picture)
    assert len({extra.picture.tobytes() for extra in first}) == 40
    assert len({extra.name.split()[-2] for extra in first}) == len(breadth.SHAPES)
    for extra in first:
        alpha = extra.picture[3]
        assert extra.picture.shape == (4, 48, 48) and extra.picture.dtype == np.uint8
        assert 0.1 < (alpha > 127).mean() < 0.95, extra.name
        assert alpha[:, 0].max() < 255 and len(extra.name.split()) <= MAX_WORDS
        phrase = with_article(extra.name)
        assert every_phrase_once(f"{phrase} on green grass", [phrase])


def test_colours_have_names():
    assert breadth.colour_name(np.array([0.85, 0.1, 0.12])) == "red"
    assert breadth.colour_name(np.array([0.9, 0.9, 0.92])) == "white"
