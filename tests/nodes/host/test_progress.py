"""What the host says while a video forms, and how it stops."""

from __future__ import annotations

import queue
import sys
import threading
from types import SimpleNamespace

import pytest
import torch


def test_an_interrupt_ends_sampling_at_the_next_step(host, monkeypatch):
    steps = []

    class Bar:
        def __init__(self, total):
            self.total = total

        def update_absolute(self, value, total):
            steps.append((value, total))
            if value == 2:
                host.progress.management.interrupt_current_processing(True)

    monkeypatch.setattr(host.progress.comfy.utils, "ProgressBar", Bar)
    with pytest.raises(host.progress.management.InterruptProcessingException), host.SamplingProgress(9) as progress:
        for index in range(9):
            progress(SimpleNamespace(index=index, total=9, clean=torch.zeros(1, 16, 5, 16, 16)))
    assert steps == [(1, 9), (2, 9)]


def test_sentences_stand_on_the_node_until_there_is_nothing_to_tell(host, monkeypatch):
    sent = []
    server = SimpleNamespace(send_progress_text=lambda text, node: sent.append((text, node)))
    monkeypatch.setitem(sys.modules, "server", SimpleNamespace(PromptServer=SimpleNamespace(instance=server)))
    monkeypatch.setattr(host.progress, "_told", {})
    runs = iter("aabbcd")  # prompts; in the first two the node runs for two entries of a list
    context = SimpleNamespace(get_executing_context=lambda: SimpleNamespace(node_id="7", prompt_id=next(runs)))
    monkeypatch.setitem(sys.modules, "comfy_execution", SimpleNamespace(utils=context))
    monkeypatch.setitem(sys.modules, "comfy_execution.utils", context)
    for sentences in ([], ["a <b>", "c"], ["c", "d"], [], [], []):
        host.tell(sentences)
    assert sent == [
        ("a \u2039b\u203a\nc", "7"),  # no markup
        ("c\nd", "7"),  # those of the prompt before are gone
        ("c\nd", "7"),  # an entry that has nothing to tell leaves the others' sentences
        ("", "7"),  # taken off once
    ]


def test_previews_follow_the_users_setting(host, model, monkeypatch):
    from comfy.cli_args import LatentPreviewMethod, args

    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.NoPreviews)
    assert model.forming_video() is None
    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    assert model.forming_video().colors is model.forming_video().colors, "fitted once"


def test_the_preview_moves_while_a_step_takes_its_time(host, model, monkeypatch):
    from comfy.cli_args import LatentPreviewMethod, args

    monkeypatch.setattr(args, "preview_method", LatentPreviewMethod.Auto)
    seen = queue.Queue()
    monkeypatch.setattr(host.progress, "_preview_sender", lambda bar: seen.put)
    monkeypatch.setattr(host.progress, "PREVIEW_PACE", 200.0)
    latents = torch.randn(1, 16, 5, 16, 12)
    with host.SamplingProgress(4, model.forming_video()) as progress:
        progress(SimpleNamespace(index=0, total=4, clean=latents))
        shown = [seen.get(timeout=30) for _ in range(7)]  # no further step comes
    expected = model.forming_video().pictures(latents)
    assert [picture.tobytes() for picture in shown] == [expected[place % 5].tobytes() for place in range(7)]
    assert not [thread for thread in threading.enumerate() if thread.name == "Tora2 preview"]


def test_a_preview_that_fails_does_not_take_the_video_with_it(host, monkeypatch, caplog):
    def fail(picture):
        raise RuntimeError("the browser has gone")

    monkeypatch.setattr(host.progress, "_preview_sender", lambda bar: fail)
    monkeypatch.setattr(host.progress, "PREVIEW_PACE", 200.0)
    forming = SimpleNamespace(pictures=lambda latents: ["picture"])
    with host.SamplingProgress(4, forming) as progress:
        progress(SimpleNamespace(index=0, total=4, clean=torch.zeros(1, 16, 5, 2, 2)))
        progress.preview._thread.join(30)
    assert "the browser has gone" in caplog.text


def test_an_interrupt_ends_decoding_at_the_next_chunk(host, model, monkeypatch):
    from tora2.stages import decode

    told = []

    class Bar:
        def __init__(self, total):
            told.append(total)

        def update_absolute(self, value, total):
            told.append((value, total))
            if value == 3:
                host.progress.management.interrupt_current_processing(True)

    monkeypatch.setattr(host.progress.comfy.utils, "ProgressBar", Bar)
    latents = torch.zeros(2, 16, 5, 4, 4)  # chunks of three and two latent frames, twice
    with pytest.raises(host.progress.management.InterruptProcessingException):
        decode(model.component("vae"), latents, on_chunk=host.WorkProgress())
    assert told == [4, (1, 4), (2, 4), (3, 4)]
