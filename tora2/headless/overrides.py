"""`--set NODE.INPUT=VALUE`: changes one value of a prompt before it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import WorkflowError
from .graph import Prompt
from .values import closest, parse_text
from .widgets import AUTOGROW, Spec, input_specs, parse_spec, revealed_inputs


def apply_override(prompt: Prompt, definitions: dict[str, dict[str, Any]], setting: str, trusted: set[str]) -> None:
    """Applies one setting to `prompt` in place.

    NODE is an id, a title or a class type that occurs once, or the id or title of a subgraph node, whose inputs are
    those that it shows. VALUE is read by the input's type. `@file` takes a text input's value from a file, `@@` stands
    for a leading `@`. An image given as an existing file is added to `trusted`.
    Raises WorkflowError with the closest names.
    """
    target, equals, text = setting.partition("=")
    if not equals or "." not in target:
        raise WorkflowError(f"--set '{setting}' cannot be read; it looks like NODE.INPUT=VALUE.")
    for key, name in _find(prompt, definitions, target):
        _set(prompt[key], name, definitions, text, f"--set {target}", trusted)


def _set(
    node: dict[str, Any], name: str, definitions: dict[str, dict[str, Any]], text: str, place: str, trusted: set[str]
) -> None:
    spec = _inputs(definitions, node)[name]
    if not spec.is_widget:
        raise WorkflowError(f"{place}: input '{name}' takes a connection ({spec.type}), not a value.")
    if any(spec.options.get(option) for option in ("image_upload", "video_upload", "animated_image_upload")):
        if Path(text).is_file():
            text = str(Path(text).resolve())
            trusted.add(text)
        node["inputs"][name] = text
        return
    if spec.type == "STRING" and text.startswith("@"):
        text = text[1:] if text.startswith("@@") else _read(text[1:], place)
    node["inputs"][name] = parse_text(text, name, (spec.type, spec.options), place)


def _read(file: str, place: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise WorkflowError(f"{place}: the file '{file}' cannot be read ({error}).") from None


def _find(prompt: Prompt, definitions: dict[str, dict[str, Any]], target: str) -> list[tuple[str, str]]:
    """Node id and input name, several where a subgraph node's input feeds several.

    Titles and input names may hold dots, so every split is tried, the longest node name first.
    """
    splits = [i for i, letter in enumerate(target) if letter == "."][::-1]
    for at in splits:
        keys = _matching(prompt, target[:at])
        if len(keys) > 1:
            listed = ", ".join(f"{key} ('{_title(prompt[key])}')" for key in keys)
            raise WorkflowError(f"--set {target}: '{target[:at]}' names several nodes; use an id: {listed}.")
        if keys:
            names = _inputs(definitions, prompt[keys[0]])
            if target[at + 1 :] in names:
                return [(keys[0], target[at + 1 :])]
            if at == splits[-1] or not any(_matching(prompt, target[:other]) for other in splits if other < at):
                hint = closest(target[at + 1 :], [name for name, spec in names.items() if spec.is_widget])
                raise WorkflowError(f"--set {target}: node '{target[:at]}' has no input '{target[at + 1 :]}'; {hint}")
    boxes, titles = _boxes(prompt)
    for at in splits:
        name, wanted = target[:at], target[at + 1 :]
        hosts = [name] if name in boxes else titles.get(name, [])
        if len(hosts) > 1:
            raise WorkflowError(f"--set {target}: '{name}' names several boxes; use an id: {', '.join(hosts)}.")
        if hosts and wanted in boxes[hosts[0]]:
            return boxes[hosts[0]][wanted]
        if hosts:
            hint = closest(wanted, list(boxes[hosts[0]]))
            raise WorkflowError(f"--set {target}: the box '{name}' shows no value '{wanted}' to set; {hint}")
    known = {name for node in prompt.values() for name in (_title(node), node["class_type"])}
    known |= {*prompt, *boxes, *titles}
    raise WorkflowError(
        f"--set {target}: there is no node '{target[: splits[0]]}'; {closest(target[: splits[0]], sorted(known))}"
    )


def _boxes(prompt: Prompt) -> tuple[dict[str, dict[str, list[tuple[str, str]]]], dict[str, list[str]]]:
    """Subgraph nodes by id: an input whose value is shown -> the inner inputs that it feeds; and their ids by title."""
    boxes: dict[str, dict[str, list[tuple[str, str]]]] = {}
    titles: dict[str, list[str]] = {}
    for key, node in prompt.items():
        for inner, (host, title, name) in ((node.get("_meta") or {}).get("shown") or {}).items():
            boxes.setdefault(host, {}).setdefault(name, []).append((key, inner))
            if host not in titles.setdefault(title, []):
                titles[title].append(host)
    return boxes, titles


def _title(node: dict[str, Any]) -> str:
    return str((node.get("_meta") or {}).get("title") or node["class_type"])


def _matching(prompt: Prompt, name: str) -> list[str]:
    if name in prompt:
        return [name]
    for matches in (
        lambda node: _title(node) == name,
        lambda node: node["class_type"] == name,
        lambda node: name.lower() in (_title(node).lower(), node["class_type"].lower()),
    ):
        found = [key for key, node in prompt.items() if matches(node)]
        if found:
            return found
    return []


def _inputs(definitions: dict[str, dict[str, Any]], node: dict[str, Any]) -> dict[str, Spec]:
    """Every input that the node has now, dynamic ones included."""
    found: dict[str, Spec] = {}
    pending = input_specs(definitions.get(node["class_type"]) or {})
    while pending:
        spec = pending.pop(0)
        if spec.type != AUTOGROW:
            found[spec.name] = spec
        pending[:0] = revealed_inputs(spec, node["inputs"].get(spec.name))
    for name in node["inputs"]:
        found.setdefault(name, parse_spec(name, ("*", {})))
    return found
