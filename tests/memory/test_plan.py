"""What `auto` picks for CogVideoX-5B with Tora2's parts, by the memory of the card."""

import pytest

from tora2.conditions import VideoSize
from tora2.memory.estimates import COGVIDEOX_5B, GIB, Shape, Weights
from tora2.memory.plan import plan
from tora2.vae import SLICINGS

FULL = VideoSize(49, 480, 720)
OFF, SLICES, ON_CPU = SLICINGS
FREE = 0.94  # of a card's memory, once the system has taken its part

TABLE = [  # GiB, resident, text encoder, transformer, together, keep modulations, encoding, decoding
    (6, False, "blocks", "blocks", True, False, SLICES, ON_CPU),
    (8, False, "blocks", "blocks", True, False, SLICES, SLICES),
    (12, False, "blocks", "blocks", True, False, OFF, SLICES),
    (16, False, "whole", "whole", False, False, OFF, SLICES),
    (24, False, "whole", "whole", True, False, OFF, OFF),
    (32, False, "whole", "whole", True, True, OFF, OFF),
    (48, True, "whole", "whole", True, True, OFF, OFF),
    (80, True, "whole", "whole", True, True, OFF, OFF),
]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row[0]} GiB")
def test_full_size(row):
    found = plan(FREE * row[0] * GIB, FULL, COGVIDEOX_5B)
    assert found.fits and found.peak_bytes <= found.free
    settings = (found.resident, found.text_encoder, found.transformer, found.together, found.keep_modulations)
    assert (*settings, found.encoding, found.decoding) == row[1:]


def test_the_smallest_settings_are_below_six_gigabytes():
    assert plan(FREE * 6 * GIB, FULL, COGVIDEOX_5B).peak_bytes < 6e9
    assert plan(0, FULL, COGVIDEOX_5B).peak_bytes < 4.5e9


def test_more_memory_never_picks_something_slower():
    def rank(found):
        places = ("cpu", "blocks", "whole")
        slicings = (SLICINGS.index(found.encoding), SLICINGS.index(found.decoding))
        return (places.index(found.text_encoder), places.index(found.transformer), -slicings[0], -slicings[1])

    plans = [plan(gib * GIB / 2, FULL, COGVIDEOX_5B) for gib in range(2, 180)]
    for less, more in zip(plans, plans[1:], strict=False):
        assert all(a <= b for a, b in zip(rank(less), rank(more), strict=True))
        assert less.fits <= more.fits


def test_what_does_not_fit_is_said_and_still_planned():
    found = plan(1.5 * GIB, FULL, COGVIDEOX_5B)
    assert not found.fits and "more than there is" in found.describe()
    assert (found.transformer, found.together, found.keep_modulations, found.decoding) == (
        "blocks",
        False,
        False,
        ON_CPU,
    )


def test_the_users_choices_stand():
    assert plan(80 * GIB, FULL, COGVIDEOX_5B, text_encoder="cpu").text_encoder == "cpu"
    assert plan(6 * GIB, FULL, COGVIDEOX_5B, text_encoder="gpu").text_encoder == "blocks"
    found = plan(80 * GIB, FULL, COGVIDEOX_5B, blocks=True)
    assert (found.text_encoder, found.transformer, found.resident) == ("blocks", "blocks", False)


def test_quantized_weights_are_reckoned_with():
    eight = Weights(6.9 * GIB, 5.4 * GIB, 0.4 * GIB, 0.13 * GIB)
    assert plan(FREE * 12 * GIB, FULL, eight).transformer == "whole"


def test_a_model_without_motion_has_nothing_to_recompute():
    found = plan(FREE * 16 * GIB, FULL, COGVIDEOX_5B, Shape(has_motion=False))
    assert found.keep_modulations


def test_the_line_names_every_choice():
    line = plan(FREE * 12 * GIB, FULL, COGVIDEOX_5B).describe()
    assert "\n" not in line
    for words in ("11.3 GiB free", "one model at a time", "block by block", "together", "recomputed", "in slices"):
        assert words in line
