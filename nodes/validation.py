"""Checks of the library as ComfyUI's ``validate_inputs`` wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..tora2.errors import Tora2Error


def message_of(check: Callable[..., Any], value: Any, **options: Any) -> bool | str:
    """True, or the sentence with which ``check`` refuses ``value``; None is a linked input, not known yet."""
    if value is None:
        return True
    try:
        check(value, **options)
    except Tora2Error as error:
        return str(error)
    return True
