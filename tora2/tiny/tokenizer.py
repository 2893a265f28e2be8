"""Builds tora2-tiny's tokenizer: a real ``T5Tokenizer`` (Unigram) with a small vocabulary from the world's captions.

Only names of the training split are seen, and words that one name alone has are cut into pieces: so the pieces are
trained, and a held-out name is made of trained pieces. Every printable ASCII character is a piece; no English word is
unknown.
"""

from __future__ import annotations

import json
import math
import string
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .assets import Atlas
from .backgrounds import BACKGROUNDS, where_words
from .captions import caption
from .names import with_article

WHOLE_WORDS = 600
PIECES = 1600
MAX_LENGTH = 48
PORTABLE = ("eos_token", "extra_ids", "model_max_length", "pad_token", "tokenizer_class", "unk_token")


def capitalised(text: str, kind: int) -> str:
    """As people write: 0 as it is, 1 a capital at the start, 2 with a full stop as well."""
    return text if kind == 0 else text[0].upper() + text[1:] + ("." if kind == 2 else "")


def corpus(atlas: Atlas, count: int = 12_000, seed: int = 0) -> Iterator[str]:
    """Captions of 1 to 4 entities of the training split, and every name by itself."""
    rng = np.random.default_rng(seed)
    names = sorted({atlas.names[i] for i in atlas.split("train")})
    yield from (capitalised(with_article(name), kind) for name in names for kind in (0, 1))
    places = list(BACKGROUNDS)
    for _ in range(count):
        phrases = [with_article(names[i]) for i in rng.choice(len(names), rng.integers(1, 5), replace=False)]
        where = where_words(places[rng.integers(len(places))])
        yield capitalised(caption(rng, phrases, where, still=bool(rng.integers(2))), int(rng.integers(3)))


def whole_words(texts: list[str], names: set[str]) -> dict[str, float]:
    """Words that deserve a piece of their own (those of captions' frame and of several names) -> log of their share."""
    counts = Counter(word for text in texts for word in text.split())
    of_names = Counter(word for name in names for word in name.split())
    total = sum(counts.values())
    often = [
        (word, count) for word, count in counts.most_common() if word[-1] not in ".," and of_names[word.lower()] != 1
    ]
    return {word: math.log(count / total) for word, count in often[:WHOLE_WORDS]}


def build(atlas: Atlas):
    """A ``transformers.T5Tokenizer`` without sentinels: <pad> 0, </s> 1, <unk> 2, then the pieces."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import T5Tokenizer

    texts = list(corpus(atlas))
    words = whole_words(texts, {atlas.names[i] for i in atlas.split("train")})
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [  # what T5Tokenizer itself does
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=True),
        ]
    )
    alphabet = list(string.printable.strip())
    trainer = trainers.UnigramTrainer(
        vocab_size=PIECES,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    pieces = {piece: score for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"]}
    worst = min(pieces.values())
    for piece, score in [("\u2581" + word, score) for word, score in words.items()] + [
        (c, worst - 1) for c in alphabet
    ]:
        pieces[piece] = max(score, pieces.get(piece, score))
    return T5Tokenizer(vocab=list(pieces.items()), extra_ids=0, model_max_length=MAX_LENGTH)


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Writes it so that transformers 4.50 reads it, too: what 5 adds to the config makes 4 fail."""
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    portable = {key: config[key] for key in PORTABLE if key in config}
    path.write_text(json.dumps(portable, indent=2) + "\n", encoding="utf-8")
