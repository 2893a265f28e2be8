"""What `auto` picks for CogVideoX-5B with Tora2's parts, by the memory of the card."""

from pathlib import Path

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


def test_readmes_ladder_is_what_is_picked():
    readme = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
    rows = readme.split("| GB of the card |")[1].split("\n\n")[0].splitlines()[2:]
    assert len(rows) == 7
    places = {"whole": "whole", "blocks": "block by block"}
    slicings = {OFF: "whole", SLICES: "in strips", ON_CPU: "in strips with its cache on the CPU"}
    for row in rows:
        card, text, transformer, motion, vae, peak = (cell.strip() for cell in row.strip("|").split("|"))
        found = plan(FREE * int(card) * GIB, FULL, COGVIDEOX_5B)
        assert (text, transformer) == (places[found.text_encoder], places[found.transformer])
        assert motion == ("kept" if found.keep_modulations else "recomputed")
        assert vae == f"{slicings[found.encoding]}, {slicings[found.decoding]}"
        assert peak == f"{found.peak_bytes / GIB:.1f}"
        assert found.together == (card != "16") and found.resident == (card == "48")


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
    for words in ("11.3 GiB free", "one model at a time", "block by block", "together", "recomputed", "in strips"):
        assert words in line
