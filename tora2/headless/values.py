"""Checks and converts the plain values of a prompt against a node's inputs: ComfyUI's rules, readable refusals."""

from __future__ import annotations

import difflib
import math
from typing import Any

from ..errors import WorkflowError
from .widgets import DYNAMIC_COMBO, Spec, parse_spec

LONG_LIST = 12


def quote_list(items: Any) -> str:
    items = [str(item) for item in items]
    if len(items) > LONG_LIST:
        return ", ".join(items[:LONG_LIST]) + f" and {len(items) - LONG_LIST} more"
    return ", ".join(items) if items else "nothing"


def closest(name: str, candidates: Any) -> str:
    """A hint such as "did you mean 'steps'?", or the list of what there is."""
    candidates = [str(candidate) for candidate in candidates]
    lower = {candidate.lower(): candidate for candidate in candidates}
    near = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    if near:
        return "did you mean " + " or ".join(f"'{match}'" for match in near) + "?"
    return f"there is {quote_list(candidates)}."


def options_of(spec: Spec) -> list[Any]:
    options = list(spec.options.get("options") or ())
    return [option.get("key") for option in options] if spec.type == DYNAMIC_COMBO else options


def check_value(value: Any, name: str, raw_spec: Any, where: str, *, limits: bool = True) -> Any:
    """`value` as the node expects it. `limits` off leaves range and choice to the node's own validate_inputs.

    Raises WorkflowError naming the node (`where`), the input and what is allowed.
    """
    spec = parse_spec(name, raw_spec)
    if isinstance(value, dict) and "__value__" in value:
        value = value["__value__"]
    kind = spec.type
    try:
        if kind == "INT":
            value = int(value)
        elif kind == "FLOAT":
            value = float(value)
            if math.isnan(value):
                raise ValueError
        elif kind == "STRING":
            value = str(value)
        elif kind == "BOOLEAN":
            value = bool(value)
    except (TypeError, ValueError, OverflowError):
        expected = {"INT": "a whole number", "FLOAT": "a number"}.get(kind, kind)
        raise WorkflowError(f"{where}: input '{name}' takes {expected}, but the workflow says {value!r}.") from None
    if not limits:
        return value
    low, high = spec.options.get("min"), spec.options.get("max")
    if kind in ("INT", "FLOAT") and ((low is not None and value < low) or (high is not None and value > high)):
        raise WorkflowError(f"{where}: input '{name}' is {value}, but it has to lie between {low} and {high}.")
    if kind in ("COMBO", DYNAMIC_COMBO):
        options = options_of(spec)
        chosen = value if spec.options.get("multiselect") and isinstance(value, list) else [value]
        for item in chosen:
            if item not in options and not options:
                raise WorkflowError(f"{where}: input '{name}' says {item!r}, but here there is nothing to choose from.")
            if item not in options:
                raise WorkflowError(f"{where}: input '{name}' has no choice {item!r}; it can be {quote_list(options)}.")
    return value


def parse_text(text: str, name: str, raw_spec: Any, where: str) -> Any:
    """A command line's text as a value of the input's type; WorkflowError where it is none, or not allowed."""
    spec = parse_spec(name, raw_spec)
    if spec.type == "BOOLEAN":
        known = {
            "true": True,
            "yes": True,
            "on": True,
            "1": True,
            "false": False,
            "no": False,
            "off": False,
            "0": False,
        }
        if text.strip().lower() not in known:
            raise WorkflowError(f"{where}: input '{name}' is true or false, not {text!r}.")
        return known[text.strip().lower()]
    if spec.type in ("COMBO", DYNAMIC_COMBO):
        options = options_of(spec)
        match = next((option for option in options if str(option) == text), None)
        if match is None:
            raise WorkflowError(f"{where}: input '{name}' has no choice '{text}'; {closest(text, options)}")
        return match
    if spec.type in ("INT", "FLOAT"):
        try:
            return check_value(int(text) if spec.type == "INT" else float(text), name, raw_spec, where)
        except ValueError as error:
            if isinstance(error, WorkflowError):
                raise
            expected = "a whole number" if spec.type == "INT" else "a number"
            raise WorkflowError(f"{where}: input '{name}' takes {expected}, not '{text}'.") from None
    return text
