"""What this machine has no hardware for: what accelerate is asked on GPUs."""

from types import SimpleNamespace

import accelerate
import pytest
import torch
from accelerate.utils import DistributedType
from small_models import text_encoder, transformer
from training_runs import run_config

from tora2.errors import TrainingError
from tora2.training.distribution import make_accelerator
from tora2.training.module import TrainingModule
from tora2.training.step import Recipe


@pytest.fixture
def launched(monkeypatch):
    """As FSDP's launcher would start a process; gives what accelerate was asked."""
    asked = {}
    plugin = SimpleNamespace(cpu_ram_efficient_loading=True)  # the launcher's default
    made = SimpleNamespace(
        distributed_type=DistributedType.FSDP, is_fsdp2=True, state=SimpleNamespace(fsdp_plugin=plugin)
    )

    def state(**options):
        asked.update(options)
        return SimpleNamespace(num_processes=1)

    monkeypatch.setattr(accelerate, "PartialState", state)
    monkeypatch.setattr(accelerate, "Accelerator", lambda **options: asked.update(options) or made)
    return asked, made


def test_fsdp_starts_with_the_launchers_defaults(launched, tmp_path):
    asked, made = launched
    accelerator = make_accelerator(run_config(tmp_path, tmp_path / "out"))
    assert accelerator is made and not made.state.fsdp_plugin.cpu_ram_efficient_loading, "buffers are not sharded"
    assert asked["timeout"].total_seconds() > 3600, "the others wait while one makes validation videos"
    made.is_fsdp2 = False
    with pytest.raises(TrainingError, match="fsdp_version: 2"):
        make_accelerator(run_config(tmp_path, tmp_path / "out"))


@pytest.mark.parametrize("with_text", (False, True))
def test_every_unit_of_fsdp_is_there(with_text):
    encoder = text_encoder() if with_text else None
    module = TrainingModule(transformer(), encoder, None, torch.ones(1000), Recipe())
    present = {type(part).__name__ for part in module.modules()}
    assert {"Tora2Block", "MotionGuidanceFuser"} <= set(module._no_split_modules) <= present
    assert ("T5Block" in module._no_split_modules) == with_text
