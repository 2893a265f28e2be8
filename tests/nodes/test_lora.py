"""Tora2 Load LoRA: its list, its refusals, and what Tora2 Load Model makes of it."""

import pytest
import torch
from safetensors.torch import save_file

QUERY = "transformer_blocks.0.attn1.to_q"


@pytest.fixture
def folder(host, monkeypatch, tmp_path):
    """A models folder with two LoRAs of tora2-tiny in it."""
    import folder_paths

    monkeypatch.setattr(folder_paths, "models_dir", str(tmp_path))
    monkeypatch.setattr(folder_paths, "folder_names_and_paths", {})
    monkeypatch.setattr(host.folders, "_remembered", {})
    width = 256
    for name, value in (("one", 0.01), ("styles/two", 0.02)):
        path = tmp_path / "loras" / f"{name}.safetensors"
        path.parent.mkdir(parents=True, exist_ok=True)
        halves = {"lora_A": torch.full((2, width), value), "lora_B": torch.ones(width, 2)}
        save_file({f"transformer.{QUERY}.{half}.weight": tensor for half, tensor in halves.items()}, path)
    return tmp_path


@pytest.fixture
def choose(nodes):
    return lambda name, strength=1.0, **more: nodes["Tora2LoadLora"].execute(name, strength, **more).result[0]


@pytest.fixture
def query(nodes):
    """The first query's weights of tora2-tiny as it is loaded with LoRAs."""

    def load(**options):
        loaded = nodes["Tora2LoadModel"].execute("tora2-tiny", "float32", "auto", **options).result[0]
        return loaded.bundle.component("transformer").get_submodule(QUERY).weight

    return load


def test_loras_are_listed_and_chained(nodes, folder, choose, query):
    options = nodes["Tora2LoadLora"].define_schema().inputs[0].options
    assert options == ["none", "one.safetensors", "styles/two.safetensors"]
    first = choose("one.safetensors", 0.5)
    both = choose("styles/two.safetensors", -1.0, previous=first)
    plain = query()
    torch.testing.assert_close(query(lora=first) - plain, torch.full_like(plain, 2 * 0.5 * 0.01))
    torch.testing.assert_close(query(lora=both) - plain, torch.full_like(plain, 2 * (0.5 * 0.01 - 0.02)))


def test_none_and_no_strength_leave_the_chain_as_it_is(folder, choose, query):
    assert choose("none") == choose("one.safetensors", 0.0) == ()
    first = choose("one.safetensors")
    assert choose("none", previous=first) == choose("styles/two.safetensors", 0.0, previous=first) == first
    assert torch.equal(query(lora=()), query())


def test_names_that_windows_saved_are_found(nodes, folder, choose):
    assert choose("styles\\two.safetensors") == choose("styles/two.safetensors")
    assert nodes["Tora2LoadLora"].validate_inputs("styles\\two.safetensors") is True


def test_a_lora_that_is_not_there_is_named(nodes, folder):
    for name in ("gone.safetensors", "../../one.safetensors", str(folder / "loras" / "one.safetensors")):
        message = nodes["Tora2LoadLora"].validate_inputs(name)
        assert message.startswith("There is no LoRA ") and "put it into" in message and "loras" in message
    assert nodes["Tora2LoadLora"].validate_inputs("none") is True
    assert nodes["Tora2LoadLora"].validate_inputs(None) is True, "linked: not known yet"


def test_a_replaced_file_is_read_anew(nodes, folder):
    fingerprint = nodes["Tora2LoadLora"].fingerprint_inputs
    before = fingerprint(lora="one.safetensors", strength=1.0)
    assert before == fingerprint(lora="one.safetensors", strength=1.0) != ""
    path = folder / "loras" / "one.safetensors"
    save_file({f"transformer.{QUERY}.lora_A.weight": torch.ones(1)}, path)
    assert fingerprint(lora="one.safetensors", strength=1.0) != before
    assert fingerprint(lora="none", strength=1.0) == ""


def test_a_wrong_lora_is_refused_when_the_model_is_loaded(nodes, folder, choose):
    from tora2.errors import CheckpointError

    save_file({"lora_te_x.lora_up.weight": torch.ones(2, 2)}, folder / "loras" / "one.safetensors")
    with pytest.raises(CheckpointError, match="has none for the transformer"):
        nodes["Tora2LoadModel"].execute("tora2-tiny", "float32", "auto", lora=choose("one.safetensors"))
