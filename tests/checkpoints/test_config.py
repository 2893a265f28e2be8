from __future__ import annotations

import json

import pytest

from tora2.checkpoints.config import AdapterConfig, BaseDescription
from tora2.errors import CheckpointError

BASE = BaseDescription(16, 16, 42, 3072)
CONFIG = AdapterConfig(3.0, 31, 96, {"motion_channels": 128}, BASE)


def test_round_trip_keeps_what_it_does_not_know():
    text = json.dumps({**json.loads(CONFIG.to_json()), "trained_on": "emoji"})
    config = AdapterConfig.from_json(text)
    assert config.extra == {"trained_on": "emoji"}
    again = json.loads(config.to_json())
    assert again["trained_on"] == "emoji" and again["kind"] == "t2v" and again["format"] == 1
    assert AdapterConfig.from_json(config.to_json()) == config
    assert config.base == BASE and config.has_motion and not config.has_personalization


@pytest.mark.parametrize(
    "change",
    [
        {"format": 0},
        {"format": "1"},
        {"base": None},
        {"base": {"in_channels": 16}},
        {"arguments": {"num_layers": 3}},
        {"arguments": None},
        {"flow_sigma": -1},
        {"flow_sigma": "wide"},
        {"flow_window": 30},
        {"reference_size": 0},
    ],
)
def test_what_cannot_be_used_is_refused(change):
    with pytest.raises(CheckpointError) as caught:
        AdapterConfig.from_json(json.dumps({**json.loads(CONFIG.to_json()), **change}), "x.safetensors")
    assert "x.safetensors" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "null", "3", "{", '{"format": 1}'])
def test_no_config_at_all(text):
    with pytest.raises(CheckpointError):
        AdapterConfig.from_json(text)


def test_a_later_format_asks_for_an_update():
    with pytest.raises(CheckpointError, match="update the pack"):
        AdapterConfig.from_json(CONFIG.to_json().replace('"format": 1', '"format": 2'))


@pytest.mark.parametrize(("channels", "kind"), [((16, 16), "t2v"), ((32, 16), "i2v"), ((33, 16), None)])
def test_kinds(channels, kind):
    assert BaseDescription(*channels, 42, 3072).kind == kind


def test_diffusers_defaults_stand_in():
    assert BaseDescription.from_config({"in_channels": 32}) == BaseDescription(32, 16, 30, 1920, None, 4096)
