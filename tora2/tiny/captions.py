"""Captions of the world: a small grammar that names every entity and the background."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

TEMPLATES = (
    "{who} {where}",
    "{who} {where}",
    "{who} {where}",
    "a video of {who} {where}",
    "{where}, {who}",
    "{who} moving {where}",
    "there is {who} {where}",
)
STILL_TEMPLATES = (
    "{who} {where}",
    "{who} {where}",
    "a picture of {who} {where}",
    "{where}, {who}",
    "there is {who} {where}",
)


def listing(phrases: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def caption(rng: np.random.Generator, phrases: Sequence[str], where: str, still: bool = False) -> str:
    """Phrases in random order (so that a word's place says nothing about its path) and the background's words."""
    templates = STILL_TEMPLATES if still else TEMPLATES
    order = rng.permutation(len(phrases))
    return templates[rng.integers(len(templates))].format(who=listing([phrases[i] for i in order]), where=where)


def every_phrase_once(text: str, phrases: Sequence[str]) -> bool:
    """True if each phrase stands in the text exactly once, even as a part of other words."""
    return all(text.count(phrase) == 1 for phrase in phrases)
