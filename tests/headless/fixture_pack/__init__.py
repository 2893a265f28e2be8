"""A small pack with one of everything a workflow can hold: run headless by tests, in ComfyUI by record_prompts.py."""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

Thing = io.Custom("FIXTURE_THING")  # a list of strings


class FixtureSource(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FixtureSource",
            display_name="Fixture Source",
            category="fixture",
            inputs=[
                io.String.Input("text", default="hello", multiline=True),
                io.Int.Input("seed", default=7, min=0, max=0xFFFFFFFFFFFFFFFF, control_after_generate=True),
                io.Float.Input("scale", default=1.5, min=0.0, max=4.0, step=0.1),
                io.Combo.Input("kind", options=["plain", "fancy"], default="fancy"),
                io.Boolean.Input("flag", default=True),
            ],
            outputs=[Thing.Output(), io.Int.Output(), io.String.Output()],
        )

    @classmethod
    def execute(cls, text, seed, scale, kind, flag):
        return io.NodeOutput([f"{text}/{seed}/{scale}/{kind}/{flag}"], seed, text)


class FixtureMix(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FixtureMix",
            display_name="Fixture Mix",
            category="fixture",
            inputs=[
                io.Int.Input("amount", default=3, min=0, max=100000),
                Thing.Input("first"),
                Thing.Input("second", optional=True),
                io.Int.Input("forced", force_input=True, optional=True),
                io.Int.Input("noise_seed", default=0),
            ],
            outputs=[Thing.Output(), io.Int.Output()],
        )

    @classmethod
    def execute(cls, amount, first, noise_seed, second=None, forced=None):
        return io.NodeOutput([*first, *(second or []), f"mix{amount}/{forced}/{noise_seed}"], amount)


class FixtureJoin(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        template = io.Autogrow.TemplatePrefix(Thing.Input("item"), prefix="item", min=1, max=5)
        return io.Schema(
            node_id="FixtureJoin",
            display_name="Fixture Join",
            category="fixture",
            inputs=[io.Autogrow.Input("items", template=template), io.String.Input("label", default="joined")],
            outputs=[Thing.Output()],
        )

    @classmethod
    def execute(cls, items, label):
        return io.NodeOutput([label, *(text for item in items.values() for text in item)])


class FixtureChoice(io.ComfyNode):
    @classmethod
    def define_schema(cls):
        deep = io.DynamicCombo.Input(
            "deep",
            options=[
                io.DynamicCombo.Option("none", []),
                io.DynamicCombo.Option("some", [io.Float.Input("depth", default=0.5, min=0.0, max=1.0)]),
            ],
        )
        return io.Schema(
            node_id="FixtureChoice",
            display_name="Fixture Choice",
            category="fixture",
            inputs=[
                io.DynamicCombo.Input(
                    "mode",
                    options=[
                        io.DynamicCombo.Option("off", []),
                        io.DynamicCombo.Option("on", [io.Int.Input("level", default=2), deep, Thing.Input("extra")]),
                    ],
                ),
                io.String.Input("tail", default="end"),
            ],
            outputs=[Thing.Output()],
        )

    @classmethod
    def execute(cls, mode, tail):
        return io.NodeOutput([repr({key: value for key, value in mode.items()}), tail])


class FixtureSink(io.ComfyNode):
    """The output node: what reached it is in `received`."""

    received: list = []

    @classmethod
    def define_schema(cls):
        return io.Schema(
            node_id="FixtureSink",
            display_name="Fixture Sink",
            category="fixture",
            inputs=[Thing.Input("thing"), io.String.Input("note", default="", optional=True)],
            hidden=[io.Hidden.unique_id, io.Hidden.prompt, io.Hidden.extra_pnginfo],
            is_output_node=True,
            outputs=[],
        )

    @classmethod
    def execute(cls, thing, note=""):
        cls.received.append((cls.hidden.unique_id, thing, note))
        return io.NodeOutput(ui={"text": [note]})


class FixtureExtension(ComfyExtension):
    async def get_node_list(self):
        return [FixtureSource, FixtureMix, FixtureJoin, FixtureChoice, FixtureSink]


async def comfy_entrypoint():
    return FixtureExtension()
