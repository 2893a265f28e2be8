"""Trains tora2-tiny's text encoder, a small ``T5EncoderModel`` with a tokenizer of its own.

    python -m tora2.tiny.train_text --atlas ATLAS --semantic SEMANTIC_RUN --out RUN --minutes 8
    python -m tora2.tiny.train_text --atlas ATLAS --semantic SEMANTIC_RUN --out RUN --export FOLDER

The states at a phrase's own tokens, within a caption, are drawn to the semantic encoder's view of the picture that the
phrase names and away from the other pictures of the batch; the mean of a caption's states tells its background. Joint
training with the diffusion transformer may go on from here. ``--export`` writes FOLDER/text_encoder and
FOLDER/tokenizer.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from . import loop, train_semantic
from .assets import Atlas
from .backgrounds import BACKGROUNDS, where_words
from .captions import caption, every_phrase_once
from .tokenizer import MAX_LENGTH, capitalised, save_tokenizer
from .tokenizer import build as build_tokenizer
from .views import Views

WIDTH = 128


def build(vocabulary: int):
    from transformers import T5Config, T5EncoderModel

    return T5EncoderModel(
        T5Config(
            vocab_size=vocabulary,
            d_model=WIDTH,
            d_kv=32,
            d_ff=256,
            num_layers=4,
            num_heads=4,
            feed_forward_proj="gated-gelu",
            dropout_rate=0.0,
            pad_token_id=0,
            eos_token_id=1,
            decoder_start_token_id=0,
        )
    )


class Heads(nn.Module):
    """Used in training only."""

    def __init__(self):
        super().__init__()
        self.phrase = nn.Linear(WIDTH, 128)
        self.picture = nn.Linear(train_semantic.WIDTH, 128)
        self.background = nn.Linear(WIDTH, len(BACKGROUNDS))


@torch.no_grad()
def picture_features(run: Path, atlas: Atlas, device: str, views_each: int = 4) -> torch.Tensor:
    """[N, 128] mean patch token of every picture of the atlas over some views, standardised."""
    model = train_semantic.build()
    model.load_state_dict(loop.averaged(run, "model"))
    model.eval().to(device)
    views, generator = (
        Views(atlas, train_semantic.SIZE, scenery=0.0, mirror=0.0, turn=0.15, device=device),
        torch.Generator(),
    )
    sums = []
    for begin in range(0, len(atlas), 256):
        indices = torch.arange(begin, min(begin + 256, len(atlas)))
        sums.append(sum(train_semantic.tokens(model, views(indices, generator)).mean(1) for _ in range(views_each)))
    features = torch.cat(sums) / views_each
    return (features - features.mean(0)) / features.std(0)


class Captions:
    """Captions of a split with what is known about them, drawn from a seed."""

    def __init__(self, atlas: Atlas, split: str):
        self.atlas, self.indices, self.places = atlas, atlas.split(split), list(BACKGROUNDS)

    def __call__(self, seed: int, count: int) -> tuple[list[str], list[list[int]], list[list[str]], list[int]]:
        """Texts, the pictures that each names, their phrases as written in the text, background numbers."""
        rng = np.random.default_rng([7, seed])
        texts, pictures, written, places = [], [], [], []
        while len(texts) < count:
            picks = [self.indices[i] for i in rng.choice(len(self.indices), rng.integers(1, 4), replace=False)]
            phrases, place = [self.atlas.phrase(i) for i in picks], int(rng.integers(len(self.places)))
            text = caption(rng, phrases, where_words(self.places[place]), still=bool(rng.integers(2)))
            if every_phrase_once(text, phrases):
                texts.append(capitalised(text, int(rng.integers(3))))
                pictures.append(picks)
                written.append(phrases)
                places.append(place)
        return texts, pictures, written, places


def phrase_mask(encoded, texts: list[str], written: list[list[str]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows [P] and token masks [P, S] of all phrases: the tokens that overlap the phrase's characters."""
    rows, masks = [], []
    for row, (text, phrases) in enumerate(zip(texts, written, strict=True)):
        offsets = encoded["offset_mapping"][row]
        for phrase in phrases:
            start = text.lower().index(phrase)
            masks.append((offsets[:, 1] > start) & (offsets[:, 0] < start + len(phrase)))
            rows.append(row)
    return torch.tensor(rows), torch.stack(masks)


def pooled(
    model, tokenizer, texts: list[str], written: list[list[str]], device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """States at every phrase's tokens [P, 128] and of whole captions [B, 128], averaged."""
    encoded = tokenizer(
        texts,
        padding="max_length",
        truncation=True,
        max_length=MAX_LENGTH,
        return_tensors="pt",
        return_offsets_mapping=True,
    )
    rows, mask = phrase_mask(encoded, texts, written)
    attention = encoded["attention_mask"].to(device)
    # CogVideoX feeds T5 without an attention mask, so padding is attended to in training as well.
    states = model(input_ids=encoded["input_ids"].to(device)).last_hidden_state
    mask = mask.to(device).float()
    phrase = (states[rows.to(device)] * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
    whole = (states * attention[..., None]).sum(1) / attention.sum(1, keepdim=True)
    return phrase, whole


def main(argv: list[str] | None = None) -> None:
    parser = loop.arguments(__doc__.splitlines()[0], rate=2e-3, batch=64)
    parser.add_argument("--semantic", type=Path, required=True, help="run of train_semantic")
    parser.add_argument(
        "--export", type=Path, default=None, help="only write text_encoder/ and tokenizer/ to this folder"
    )
    args = parser.parse_args(argv)
    args.resume = args.resume or args.export is not None
    atlas = Atlas.load(args.atlas)
    if (args.out / "tokenizer").is_dir():
        from transformers import T5Tokenizer

        tokenizer = T5Tokenizer.from_pretrained(args.out / "tokenizer", local_files_only=True)
    else:
        tokenizer = build_tokenizer(atlas)
        save_tokenizer(tokenizer, args.out / "tokenizer")
    trainer = loop.Trainer({"model": build(len(tokenizer)), "heads": Heads()}, args, averaging=0.998)
    model, heads = trainer.modules["model"], trainer.modules["heads"]
    if args.export is not None:
        trainer.use_average()
        model.half().cpu().save_pretrained(args.export / "text_encoder")
        save_tokenizer(tokenizer, args.export / "tokenizer")
        return
    features = picture_features(args.semantic, atlas, args.device)
    number = {name: i for i, name in enumerate(sorted(set(atlas.names)))}

    def compare(draw: Captions, seed: int, count: int) -> tuple[torch.Tensor, ...]:
        """Logits [P, P] of phrases against pictures, other pictures of the same name left out, and background
        logits."""
        texts, pictures, written, places = draw(seed, count)
        flat = [i for picks in pictures for i in picks]
        phrase, whole = pooled(model, tokenizer, texts, written, args.device)
        logits = (
            F.normalize(heads.phrase(phrase).float(), dim=-1)
            @ F.normalize(heads.picture(features[flat]).float(), dim=-1).T
            / 0.07
        )
        names = torch.tensor([number[atlas.names[i]] for i in flat], device=args.device)
        same = (names[:, None] == names) & ~torch.eye(len(flat), dtype=torch.bool, device=args.device)
        return logits.masked_fill(same, -1e4), heads.background(whole).float(), torch.tensor(places, device=args.device)

    train = Captions(atlas, "train")
    for step in trainer:
        with trainer.autocast():
            logits, background, places = compare(train, step, args.batch)
        target = torch.arange(len(logits), device=args.device)
        loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2 + 0.2 * F.cross_entropy(
            background, places
        )
        trainer.descend(
            loss,
            right=(logits.argmax(1) == target).float().mean(),
            background=(background.argmax(1) == places).float().mean(),
        )
    trainer.use_average()
    if args.no_figures:
        return
    figures = {}
    for split in ("train", "heldout_names"):
        with torch.no_grad():
            logits, background, places = compare(Captions(atlas, split), 1 << 40, 25)
        right = (logits.argmax(1).cpu() == torch.arange(len(logits))).float().mean().item()
        figures[split] = {
            f"top-1 of {len(logits)}": round(right, 4),
            "background": round((background.argmax(1) == places).float().mean().item(), 4),
        }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
