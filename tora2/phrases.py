"""Which tokens of the prompt an entity's phrase stands on, so that its words (c_i of equation 5) can be bound to it.

The phrase is looked up in the prompt's text, not among token ids: the same word is cut into other tokens at another
place. The tokenizer's character offsets then give the tokens.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import Any

import torch

from .errors import PhraseError

_NUMBERED = re.compile(r"(.*?)\s*#\s*(\d{1,6})", re.DOTALL)
_WORD = re.compile(r"[\w'-]+")
_QUOTES = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")
_SUGGESTION_WORDS = 2000


def find_phrase(prompt: str, phrase: str, offsets: torch.Tensor, *, truncated_from: int | None = None) -> list[int]:
    """Indices of the tokens that carry ``phrase``, in order.

    Case, kinds of white space, kinds of quotes and Unicode compositions do not matter; whole words do ("cat" is not in
    "caterpillar").

    Args:
        prompt: the whole prompt, also where the tokens were cut.
        phrase: the entity's words. ``a cat#2`` is their second occurrence, counted from 1. Empty gives no tokens.
        offsets: [S, 2] int, first and one-past-last character of each token, (0, 0) for special ones; see
            :func:`tokenize_prompt`.
        truncated_from: number of tokens that the prompt would have had uncut, None if nothing was cut.

    Raises:
        PhraseError: the phrase is not in the prompt, lies wholly or partly beyond the S tokens, or stands there several
            times and no ``#n`` says which one is meant.
    """
    if not phrase.strip():
        return []
    words, places, number = _locate(prompt, phrase)
    if not places:
        raise PhraseError(_not_found(prompt, words))
    if number is None and len(places) > 1:
        raise PhraseError(
            f'The phrase "{words}" stands {len(places)} times in the prompt: write "{words}#1" for the first, '
            f'"{words}#2" for the second (two entities that share a phrase take one each), or use longer words that '
            "stand there once."
        )
    if number is not None and not 1 <= number <= len(places):
        times = "once" if len(places) == 1 else f"{len(places)} times"
        raise PhraseError(
            f'"{words}#{number}" asks for occurrence {number} of "{words}", but that stands in the prompt {times} (the '
            "count starts at 1): give another number."
        )
    first, last = places[(number or 1) - 1]
    starts, ends = offsets[:, 0], offsets[:, 1]
    covered = int(ends.max()) if offsets.numel() else 0
    tokens = ((starts < last) & (ends > first) & (ends > starts)).nonzero()[:, 0].tolist()
    if truncated_from is not None and last > covered:
        raise PhraseError(
            f'The phrase "{words}" lies beyond the first {len(offsets)} of the prompt\'s {truncated_from} tokens, '
            "which is all that the model reads: shorten the prompt, or name this entity earlier in it."
        )
    if not tokens:
        raise PhraseError(f'The phrase "{words}" has no tokens of its own: use words made of letters.')
    return tokens


def tokenize_prompt(tokenizer: Any, prompt: str, max_length: int) -> tuple[torch.Tensor, torch.Tensor, int | None]:
    """Tokenize as CogVideoX does (end of sequence, padded and cut to S = ``max_length``), with character offsets.

    Args:
        tokenizer: a fast tokenizer of transformers (in transformers 5, T5Tokenizer is one).

    Returns:
        ids [1, S] int64; offsets [S, 2] int64 into ``prompt``, (0, 0) for end of sequence and padding; and the number
        of tokens (end of sequence included) that the prompt has uncut, or None if it fits.

    Raises:
        PhraseError: the tokenizer is a slow one, which keeps no offsets.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise PhraseError(
            f"{type(tokenizer).__name__} does not tell which characters its tokens stand for, so entity phrases cannot "
            "be found: load the prompt's tokenizer as T5TokenizerFast."
        )
    coded = tokenizer(
        prompt,
        padding="max_length",
        max_length=max_length,
        truncation=True,
        add_special_tokens=True,
        return_offsets_mapping=True,
        return_special_tokens_mask=True,
    )
    # verbose=False: the length is asked for on purpose, a warning that it is too long would only alarm.
    length = len(tokenizer(prompt, add_special_tokens=True, truncation=False, verbose=False)["input_ids"])
    ids = torch.tensor([coded["input_ids"]], dtype=torch.int64)
    offsets = torch.tensor(coded["offset_mapping"], dtype=torch.int64).reshape(-1, 2)
    offsets[torch.tensor(coded["special_tokens_mask"], dtype=torch.bool)] = 0
    return ids, offsets, length if length > max_length else None


def _locate(prompt: str, phrase: str) -> tuple[str, list[tuple[int, int]], int | None]:
    """The phrase's words, their places (character ranges) in the prompt, and ``n`` if ``#n`` is no part of them."""
    phrase = " ".join(phrase.split())
    places = _occurrences(prompt, phrase)
    numbered = _NUMBERED.fullmatch(phrase)
    # A prompt may itself say "player #2"; then the sign belongs to the words.
    if places or numbered is None or not numbered[1]:
        return phrase, places, None
    return numbered[1], _occurrences(prompt, numbered[1]), int(numbered[2])


def _occurrences(prompt: str, words: str) -> list[tuple[int, int]]:
    """Character ranges of the prompt where the words stand as whole words; ranges do not overlap."""
    text, spans = _fold(prompt)
    wanted = _fold(words)[0].strip()
    found: list[tuple[int, int]] = []
    position = text.find(wanted) if wanted else -1
    while position >= 0:
        end = position + len(wanted)
        whole = not (_joined(text, position) or _joined(text, end))
        if whole:
            found.append((spans[position][0], spans[end - 1][1]))
        position = text.find(wanted, end if whole else position + 1)
    return found


def _joined(text: str, position: int) -> bool:
    """Whether the characters on both sides of a position belong to one word."""
    return 0 < position < len(text) and _is_word(text[position - 1]) and _is_word(text[position])


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _fold(text: str) -> tuple[str, list[tuple[int, int]]]:
    """The text as it is compared, and for each of its characters the range of the original that it came from."""
    folded: list[str] = []
    spans: list[tuple[int, int]] = []
    start = 0
    while start < len(text):
        end = start + 1
        while end < len(text) and unicodedata.combining(text[end]):
            end += 1
        cluster = text[start:end]
        if cluster.isspace():
            if not folded or folded[-1] != " ":
                folded.append(" ")
                spans.append((start, end))
        elif unicodedata.category(cluster[0]) != "Cf":  # zero-width joiners and the like
            for character in unicodedata.normalize("NFKC", cluster.translate(_QUOTES)).casefold():
                folded.append(character)
                spans.append((start, end))
        start = end
    return "".join(folded), spans


def _not_found(prompt: str, words: str) -> str:
    if not prompt.strip():
        return f'The phrase "{words}" is not in the prompt, which is empty: write a prompt that names every entity.'
    nearest = _nearest(prompt, words)
    hint = f" (nearest: {', '.join(nearest)})" if nearest else ""
    return f'The phrase "{words}" is not in the prompt{hint}: use words that stand there, or add them to the prompt.'


def _nearest(prompt: str, words: str) -> list[str]:
    """Up to three quoted groups of the prompt's own words that look most like the phrase."""
    stock = _WORD.findall(prompt)[:_SUGGESTION_WORDS]
    length = max(1, len(words.split()))
    groups = {
        " ".join(stock[index : index + count]).casefold(): " ".join(stock[index : index + count])
        for count in {max(1, length - 1), length, length + 1}
        for index in range(len(stock) - count + 1)
    }
    return [f'"{groups[key]}"' for key in difflib.get_close_matches(words.casefold(), groups, n=3, cutoff=0.6)]
