from functools import partialmethod
from pathlib import Path

import pytest
import torch
from PIL import Image
from small_models import (
    FakeReid,
    FakeSemantic,
    document,
    scheduler,
    text_encoder,
    tokenizer,
    trained,
    transformer,
    vae,
)

from tora2.checkpoints.discovery import find_models
from tora2.checkpoints.loading import load
from tora2.conditions import Entity
from tora2.errors import ConditionError
from tora2.pipeline import IdentityEncoders, Tora2Pipeline

PROMPT = "a red fox and a blue bird on the beach"
CALL = {"num_inference_steps": 2, "guidance_scale": 3.0, "output_type": "latent"}


@pytest.fixture(scope="module")
def pipeline():
    pipe = Tora2Pipeline(
        tokenizer(), text_encoder(), vae(), trained(transformer()), scheduler(), flow_sigma=3.0, flow_window=25
    )
    pipe.identity_encoders = IdentityEncoders(FakeSemantic(), FakeReid(), None, size=8)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def entities():
    fox = torch.zeros(12, 12, 3)
    fox[..., 0] = 1
    return [Entity("red fox", fox, track="a red fox"), Entity("bird", 1 - fox)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_everything_together_makes_a_video(pipeline):
    call = CALL | {"output_type": "pil"}
    frames = pipeline(PROMPT, trajectories=document(), entities=entities(), generator=seeded(), **call).frames
    assert len(frames) == 1 and len(frames[0]) == 17 and frames[0][0].size == (128, 128)


def test_every_condition_counts(pipeline):
    def run(**options):
        return pipeline(PROMPT, generator=seeded(), **CALL, **options).frames

    text = run()
    motion = run(trajectories=document())
    references = run(entities=entities())
    everything = run(trajectories=document(), entities=entities())
    outputs = [text, motion, references, everything]
    for index, output in enumerate(outputs):
        assert output.shape == (1, 16, 5, 16, 16)
        assert all((output - other).abs().max() > 1e-3 for other in outputs[:index])
    assert torch.equal(run(), text)


def test_negative_prompt_and_sizes(pipeline):
    first = pipeline(PROMPT, generator=seeded(), **CALL).frames
    assert (first - pipeline(PROMPT, "balloon", generator=seeded(), **CALL).frames).abs().max() > 1e-4
    assert pipeline(PROMPT, num_frames=9, width=64, height=96, **CALL).frames.shape == (1, 16, 3, 12, 8)


def test_several_videos_and_their_generators(pipeline):
    both = pipeline(PROMPT, num_videos_per_prompt=2, generator=[seeded(1), seeded(2)], **CALL).frames
    single = pipeline(PROMPT, generator=seeded(2), **CALL).frames
    torch.testing.assert_close(both[1:], single, rtol=1e-4, atol=1e-4)
    with pytest.raises(ConditionError, match="1 generators.*2 videos"):
        pipeline(PROMPT, num_videos_per_prompt=2, generator=[seeded()], **CALL)


def test_callbacks_may_change_latents_and_interrupt(pipeline):
    steps = []

    def callback(pipe, index, timestep, tensors):
        steps.append((index, timestep))
        pipe._interrupt = index == 1
        return {"latents": torch.zeros_like(tensors["latents"])}

    call = CALL | {"num_inference_steps": 5}
    frames = pipeline(PROMPT, generator=seeded(), callback_on_step_end=callback, **call).frames
    assert [index for index, _ in steps] == [0, 1] and steps[0][1] == 999
    assert torch.equal(frames, torch.zeros_like(frames))
    with pytest.raises(ConditionError, match="noise"):
        pipeline(PROMPT, callback_on_step_end=callback, callback_on_step_end_tensor_inputs=["noise"], **CALL)


def test_save_and_load(pipeline, tmp_path):
    pipeline.save_pretrained(tmp_path)
    loaded = Tora2Pipeline.from_pretrained(tmp_path)
    loaded.set_progress_bar_config(disable=True)
    assert (loaded.config.flow_sigma, loaded.config.flow_window) == (3.0, 25)
    expected = pipeline(PROMPT, trajectories=document(), generator=seeded(), **CALL).frames
    assert torch.equal(loaded(PROMPT, trajectories=document(), generator=seeded(), **CALL).frames, expected)


def test_readmes_example_makes_its_video(tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    root = Path(__file__).resolve().parents[1]
    text = (root / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0].replace("workflows/", root.as_posix() + "/workflows/")
    few_steps = partialmethod(Tora2Pipeline.__call__, num_inference_steps=2)
    monkeypatch.setattr(Tora2Pipeline, "__call__", few_steps)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 (our own file)
    with Image.open(tmp_path / "lion.gif") as picture:
        assert picture.size == (128, 128) and picture.n_frames == 17


def test_a_bundle_gives_only_the_encoders_that_entities_need(monkeypatch):
    pytest.importorskip("onnxruntime")
    bundle = load(find_models([])["tora2-tiny"])
    pipe, component, asked = Tora2Pipeline.from_bundle(bundle), bundle.component, []
    monkeypatch.setattr(bundle, "component", lambda name: asked.append(name) or component(name))
    encoders = pipe.identity_encoders([Entity("a lion", torch.zeros(4, 4, 3), kind="object")])
    assert encoders.face is None and "face" not in asked, "insightface need not be installed for a lion"
    assert encoders.reid is bundle.reid and encoders.semantic is bundle.semantic


def test_references_without_encoders_are_refused(pipeline):
    bare = Tora2Pipeline(**pipeline.components)
    with pytest.raises(ConditionError, match="identity_encoders"):
        bare(PROMPT, entities=entities(), **CALL)


def test_untrained_tora2_parts_give_plain_tora_bit_for_bit():
    model = trained(transformer())
    with torch.no_grad():
        model.binding.appearance_gate.zero_()
        model.binding.motion_gate.zero_()
        for block in model.transformer_blocks:
            block.personalization_attention.to_out.weight.zero_()
            block.personalization_attention.to_out.bias.zero_()
    pipe = Tora2Pipeline(tokenizer(), text_encoder(), vae(), model, scheduler(), flow_sigma=3.0, flow_window=25)
    pipe.identity_encoders = IdentityEncoders(FakeSemantic(), FakeReid(), None, size=8)
    pipe.set_progress_bar_config(disable=True)
    tora = pipe(PROMPT, trajectories=document(), generator=seeded(), **CALL).frames
    tora2 = pipe(PROMPT, trajectories=document(), entities=entities(), generator=seeded(), **CALL).frames
    assert torch.equal(tora, tora2)
