"""What a node's widgets hold after its saved values are put back, as ComfyUI's frontend does it.

A workflow file stores a node's widget values by position only. Which position belongs to which input follows from the
node's definition (an entry of ComfyUI's /object_info), including the widgets that the frontend adds by itself: the
control beside a seed, an upload button, and the inputs that a dynamic combo reveals.
Behaviour matched: comfyui-frontend 1.58 (addInputs, LGraphNode.configure, migrateWidgetsValues, dynamicComboWidget).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

UNSET: Any = object()

AUTOGROW = "COMFY_AUTOGROW_V3"
DYNAMIC_COMBO = "COMFY_DYNAMICCOMBO_V3"

# Input types for which the frontend builds a widget; every other type is a socket.
WIDGET_TYPES = frozenset(
    "INT FLOAT BOOLEAN STRING MARKDOWN COMBO COLOR COLORS IMAGECOMPARE BOUNDING_BOX BOUNDING_BOXES CHART GALLERIA "
    "PAINTER COMPOSITOR TEXTAREA CURVE RANGE VIDEO_EDIT RESOLUTION_PREVIEW LIGHT_INFO_PREVIEW".split()
) | {DYNAMIC_COMBO}
_SEED_NAMES = ("seed", "noise_seed")
_UPLOAD_OPTIONS = ("image_upload", "video_upload", "animated_image_upload")


@dataclass
class Widget:
    """One saved value. `in_prompt` is false for controls and buttons, which are saved but never sent to a node."""

    name: str
    value: Any
    type: str
    in_prompt: bool = True
    spec: Spec | None = None

    def prompt_value(self) -> Any:
        """The value as the prompt holds it: a bare list would read as a connection, so it is wrapped."""
        if self.type == "CURVE" and self.value is not None:
            return {"__type__": "CURVE", "__value__": self.value}
        return {"__value__": self.value} if isinstance(self.value, list) else self.value


@dataclass(frozen=True)
class Spec:
    """One input of a node definition: `type` with lists already read as COMBO, and its options."""

    name: str
    type: str
    options: dict[str, Any]

    @property
    def is_widget(self) -> bool:
        if self.options.get("forceInput"):
            return False
        return bool(self.options.get("widgetType")) or self.type in WIDGET_TYPES


def parse_spec(name: str, raw: Any) -> Spec:
    kind, *rest = raw
    options = dict(rest[0]) if rest and isinstance(rest[0], dict) else {}
    if isinstance(kind, (list, tuple)):
        return Spec(name, "COMBO", {**options, "options": list(kind)})
    return Spec(name, str(kind), options)


def input_specs(definition: dict[str, Any]) -> list[Spec]:
    """All inputs of a definition, required before optional, in the order in which the frontend adds them."""
    groups = definition.get("input") or {}
    order = definition.get("input_order") or {}
    specs = []
    for group in ("required", "optional"):
        entries = groups.get(group) or {}
        names = [name for name in order.get(group, ()) if name in entries]
        names += [name for name in entries if name not in names]
        specs += [parse_spec(name, entries[name]) for name in names]
    return specs


def revealed_inputs(spec: Spec, value: Any) -> list[Spec]:
    """The inputs that a dynamic combo shows while it holds `value`; their names are `<combo>.<input>`."""
    for option in (spec.options.get("options") or ()) if spec.type == DYNAMIC_COMBO else ():
        if option.get("key") == value:
            inner = input_specs({"input": option.get("inputs") or {}})
            return [Spec(f"{spec.name}.{item.name}", item.type, item.options) for item in inner]
    return []


def autogrow_names(spec: Spec) -> list[str]:
    """The sockets that an Autogrow input has before anything is connected: the required ones and one to grow by."""
    template = spec.options.get("template") or {}
    least = int(template.get("min", 1))
    names = template.get("names") or [f"{template.get('prefix', '')}{i}" for i in range(int(template.get("max", 100)))]
    return [f"{spec.name}.{name}" for name in names[: max(1, least + 1)]]


def autogrow_type(spec: Spec) -> str:
    inner = input_specs({"input": (spec.options.get("template") or {}).get("input") or {}})
    return inner[0].type if inner else "*"


def default_value(spec: Spec) -> Any:
    """What a fresh widget holds; UNSET where the frontend would leave the value undefined."""
    default = spec.options.get("default")
    if spec.type in ("COMBO", DYNAMIC_COMBO):
        choices = spec.options.get("options") or []
        if spec.type == DYNAMIC_COMBO:
            choices = [choice.get("key") for choice in choices]
        if default:
            return default
        if choices:
            return choices[0]
        return "Loading..." if spec.options.get("remote") else UNSET
    if default is not None:
        return default
    return {"INT": 0, "FLOAT": 0, "BOOLEAN": False, "STRING": ""}.get(spec.type, UNSET)


def settled(spec: Spec | None, value: Any) -> Any:
    """A number as its widget takes it from a person or a primitive node: on the widget's step, a FLOAT in its range."""
    if spec is None or isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    options = spec.options
    if spec.type == "INT":
        step = options.get("step") or 1
        if step == 1:
            return value if isinstance(value, int) else math.floor(value + 0.5)
        offset = math.fmod(options.get("min") or 0, step)
        return int(math.floor((value - offset) / step + 0.5) * step + offset)
    if spec.type == "FLOAT":
        step = options.get("step", 0.5)
        digits = max(0, -math.floor(math.log10(step))) if step > 0 else 0
        grid = options.get("round") or (10.0**-digits if digits else None)
        if not grid:
            return value
        value = round(math.floor(value / grid + 0.5) * grid, digits)
        return min(max(value, options.get("min", 0)), options.get("max", 2048))
    return value


def _companions(spec: Spec) -> list[Widget]:
    """The control widgets that follow a widget: saved in the file, absent from the prompt."""
    control = spec.options.get("control_after_generate")
    if control is None and spec.type == "INT":
        control = spec.name in _SEED_NAMES
    if not control or spec.type not in ("INT", "FLOAT", "COMBO"):
        return []
    mode = control if isinstance(control, str) else ("fixed" if spec.type == "FLOAT" else "randomize")
    prefix = spec.options.get("control_prefix")
    label = f"{prefix} " if prefix else ""
    widgets = [Widget(f"{label}control_after_generate", mode, "COMBO", in_prompt=False)]
    if spec.type == "COMBO":
        widgets.append(Widget(f"{label}control_filter_list", "", "STRING", in_prompt=False))
    return widgets


def _without_forced_inputs(specs: list[Spec], values: list[Any]) -> list[Any]:
    """Old files keep a value for inputs that were made sockets later (`forceInput`); those values are dropped."""
    forced: list[bool] = []
    for spec in specs:
        if spec.is_widget or spec.options.get("forceInput"):
            is_forced = bool(spec.options.get("forceInput"))
            forced += [is_forced, False] if spec.options.get("control_after_generate") else [is_forced]
    if not any(forced) or len(values) != len(forced):
        return values
    return [value for value, drop in zip(values, forced, strict=True) if not drop]


def restore_widgets(definition: dict[str, Any], saved: Any, named: dict[str, Any] | None = None) -> list[Widget]:
    """The widgets of one node, in the frontend's order, holding what the file saved.

    `saved` is the file's `widgets_values`: a list by position (what the frontend itself reads), or an object by name,
    as a few packs write it. `named` is `widgets_values_named`, used where there is no list. What is missing gets its
    default.
    """
    specs = input_specs(definition)
    by_name = saved if isinstance(saved, dict) else named if not isinstance(saved, list) else None
    values = _without_forced_inputs(specs, saved) if isinstance(saved, list) else []

    pending = [spec for spec in specs if spec.is_widget]
    widgets: list[Widget] = []
    position = 0
    while pending:
        spec = pending.pop(0)
        main = Widget(spec.name, default_value(spec), spec.type, spec=spec)
        for widget in [main, *_companions(spec)]:
            if by_name is not None:
                widget.value = by_name.get(widget.name, widget.value)
            elif position < len(values):
                widget.value = values[position]
            position += 1
            widgets.append(widget)
        if spec.type == DYNAMIC_COMBO:
            pending[:0] = [inner for inner in revealed_inputs(spec, main.value) if inner.is_widget]

    required = (definition.get("input") or {}).get("required") or {}
    if any(parse_spec("", raw).options.get(option) for raw in required.values() for option in _UPLOAD_OPTIONS):
        widgets.append(Widget("upload", "image", "IMAGEUPLOAD", in_prompt=False))
    return widgets
