# ruff: noqa: E501 (the notes are prose)
"""What the shipped workflows hold: nodes, values, links and notes. `make_workflows.py` builds the files of them."""

from __future__ import annotations

import json
from typing import Any

TINY = {"width": 128, "height": 128, "frames": 17, "fps": 8}
FULL = {"width": 720, "height": 480, "frames": 49, "fps": 8}
RED, BLUE = "#e6194b", "#4363d8"
Points = list[tuple[float, float]]

DRAWING = (
    "Click into the picture, press **D** and click the points of a path; Enter ends it. **V** selects and moves. Name each "
    "track in the list beside it. Space plays. The button with two arrows makes the editor large, and the menu of the right mouse button has every command with its key."
)
PICTURES = "lie in the pack's folder `workflows/inputs`; the pack puts them into ComfyUI's input folder when it starts"
SHOWN = "Below it the same video with the paths drawn over it."
ONNX = (
    "**Files**: none; tora2-tiny comes with the pack. **One more package**: `pip install onnxruntime`, which reads the "
)
ONNX += "reference pictures (with onnxruntime-gpu installed there is nothing to do)."
NO_FILES = "**Files**: none; tora2-tiny comes with the pack, runs on any machine and makes 17 frames of 128x128 pixels."
FULL_FILES = """**Files** (about 20 GB; nothing is downloaded for you. README has addresses and licences, and CogVideoX-5B asks for a registration before commercial use):

- `models/CogVideo/{base}/`: the folders `transformer`, `vae`, `text_encoder`, `tokenizer` and `scheduler` of {base} in diffusers' layout (ComfyUI's T5-XXL in `models/text_encoders` does instead of `text_encoder`);
- `models/CogVideo/CogVideoX-5b-Tora/`: `fuser/fuser{end}.safetensors` and `traj_extractor/traj_extractor{end}.safetensors`.

Choose the model in *Load model* as your folders name it, and press **R** if you have just put them there."""


def track(name: str, color: str, points: Points) -> dict[str, Any]:
    return {"name": name, "color": color, "points": [{"x": x, "y": y} for x, y in points]}


def drawing(*tracks: dict[str, Any]) -> str:
    return json.dumps({"version": 1, "tracks": list(tracks)})


class Sheet:
    """A workflow in the making. Positions are those of the classic renderer; the other one spreads them itself."""

    def __init__(self, note: str, height: int = 760) -> None:
        self.nodes: dict[str, dict[str, Any]] = {}
        self.links: list[tuple[str, int, str, str]] = []
        # Code can hardly be read on a note's colour in Nodes 2.0.
        readable = note.strip().replace("`", "**") + "\n"
        self.add("note", "MarkdownNote", (-560, 0), (520, height), "Read me", **{"0": readable})

    def add(
        self,
        key: str,
        kind: str,
        pos: tuple[int, int],
        size: tuple[int, int] | None = None,
        title: str | None = None,
        /,
        **widgets: Any,
    ) -> str:
        self.nodes[key] = {"type": kind, "pos": pos, "size": size, "title": title, "widgets": widgets}
        return key

    def link(self, source: str, target: str, name: str, output: int = 0) -> None:
        self.links.append((source, output, target, name))

    def picture(self, key: str, file: str, pos: tuple[int, int], title: str) -> str:
        return self.add(key, "LoadImage", pos, (320, 400), title, image=file)

    def start(self, model: str, prompt: str) -> None:
        self.add("load", "Tora2LoadModel", (0, 0), (340, 200), "1. Load model", model=model)
        self.add("text", "Tora2TextEncode", (0, 260), (340, 260), "2. Prompt", prompt=prompt)
        self.link("load", "text", "model")

    def lora(self) -> None:
        self.add("lora", "Tora2LoadLora", (0, -190), (340, 110), "A LoRA, if you like", lora="none")
        self.link("lora", "load", "lora")

    def editor(self, tracks: list[dict], size: dict[str, Any]) -> None:
        self.add("editor", "Tora2TrajectoryEditor", (400, 0), (640, 760), "3. Draw", drawing=drawing(*tracks), **size)

    def motion(self, drawn: str, bind: str) -> None:
        self.add("encode", "Tora2EncodeTrajectories", (1100, 0), (300, 170), "4. Motion")
        self.add("bind", "Tora2BindEntities", (1100, 260), (300, 110), bind)
        for key in ("encode", "bind"):
            self.link("load", key, "model")
        self.link(drawn, "encode", "trajectories")
        self.link("text", "bind", "text")
        self.link("encode", "bind", "motion")

    def finish(self, drawn: str, number: int, prefix: str, fps: int = 8, steps: int = 50) -> None:
        """From the conditioning to two videos."""
        self.add("sampler", "Tora2Sampler", (1460, 0), (340, 420), f"{number}. Sample", seed=0, steps=steps)
        self.add("decode", "Tora2Decode", (1860, 0), (260, 100), f"{number + 1}. Decode")
        self.add("draw", "Tora2DrawTrajectories", (1860, 560), (260, 110), "Draw the paths")
        for key in ("sampler", "decode"):
            self.link("load", key, "model")
        self.link("bind", "sampler", "conditioning")
        self.link("sampler", "decode", "latent")
        self.link("decode", "draw", "images")
        self.link(drawn, "draw", "trajectories")
        self.video("decode", 0, f"{number + 2}. The video", prefix, fps)
        self.video("draw", 560, "The video with its paths", f"{prefix}_tracks", fps)

    def video(self, images: str, y: int, title: str, prefix: str, fps: int) -> None:
        create, save = (
            self.add(f"create_{images}", "CreateVideo", (2180, y), (260, 110), None, fps=fps),
            f"save_{images}",
        )
        self.add(save, "SaveVideo", (2500, y), (420, 480), title, filename_prefix=prefix)
        self.link(images, create, "images")
        self.link(create, save, "video")

    def value(self) -> dict[str, Any]:
        return {"nodes": self.nodes, "links": self.links}


def note(title: str, *parts: str) -> str:
    return f"# {title}\n\n" + "\n\n".join(part.strip() for part in parts)


def two_entities() -> Sheet:
    sheet = Sheet(
        note(
            "Two entities on two paths",
            "Each entity looks like its reference picture and follows its own path. The young weights of **tora2-tiny** "
            "show that this works, on 17 frames of 128x128 pixels; they say nothing about the quality at full size.",
            ONNX,
            f"1. **Load model**: nothing to choose.\n"
            f"2. **Prompt**: names each entity once. tora2-tiny knows sentences such as *a teddy bear and a penguin on green "
            f"grass*.\n"
            f"3. **Draw**: one path for each entity. {DRAWING}\n"
            f"4. **Motion**: the paths become a colour-coded map, which the video VAE encodes.\n"
            f"5. **Entities** (below): a reference picture with its mask, the *phrase* of the prompt that means it and the "
            f"name of its *track*. Take any picture; paint its mask with *Open in MaskEditor* (right mouse button) if it is "
            f"not transparent around the entity. *Personalization* reads what they look like, and *What the encoders saw* "
            f"shows whether the mask is right. The two pictures {PICTURES}.\n"
            f"6. **Bind**: ties each entity's looks to its own words and its own path.\n"
            f"7. **Sample**, 8. **Decode**, 9. **The video**. {SHOWN}\n"
            f"10. **Measure** looks for both entities in the video and reports how far they are from their paths.",
            "Press *Run* again with another seed: only step 7 and what follows runs again.",
        ),
        980,
    )
    sheet.start("tora2-tiny", "a teddy bear and a penguin on green grass")
    tracks = [
        track("teddy bear", RED, [(0.22, 0.72), (0.45, 0.55), (0.78, 0.75)]),
        track("penguin", BLUE, [(0.78, 0.3), (0.5, 0.22), (0.22, 0.32)]),
    ]
    sheet.editor(tracks, TINY)
    sheet.motion("editor", "6. Bind")
    sheet.add("extract", "Tora2ExtractPersonalization", (760, 860), (280, 140), "5b. Personalization")
    sheet.link("load", "extract", "model")
    entities = [("tora2_teddy_bear.png", "a teddy bear", "teddy bear"), ("tora2_penguin.png", "a penguin", "penguin")]
    for index, (file, phrase, name) in enumerate(entities):
        y = 860 + 480 * index
        image = sheet.picture(f"image{index}", file, (0, y), f"Reference {index + 1}")
        title = f"5a. Entity {index + 1}"
        entity = sheet.add(f"entity{index}", "Tora2Entity", (380, y), (320, 160), title, phrase=phrase, track=name)
        sheet.link(image, entity, "image")
        sheet.link(image, entity, "mask", 1)
        sheet.link(entity, "extract", f"entities.entity{index}")
    sheet.add("seen", "PreviewImage", (1100, 860), (300, 300), "What the encoders saw")
    sheet.link("extract", "bind", "personalization")
    sheet.link("extract", "seen", "images", 1)
    sheet.finish("editor", 7, "video/tora2_two_entities")
    sheet.add("measure", "Tora2MeasureTrajectories", (1460, 1200), (340, 420), "10. Measure")
    sheet.add("report", "PreviewAny", (1860, 1200), (1060, 320), "How far from the paths")
    sheet.link("decode", "measure", "images")
    sheet.link("editor", "measure", "trajectories")
    sheet.link("extract", "measure", "entities")
    sheet.link("measure", "report", "source")
    return sheet


def trajectories_only() -> Sheet:
    sheet = Sheet(
        note(
            "Paths only",
            "The prompt says what is seen, the paths say where it goes; there are no reference pictures.",
            NO_FILES,
            f"1. **Load model**: nothing to choose.\n"
            f"2. **Prompt**: tora2-tiny knows sentences such as *a rocket under a night sky*.\n"
            f"3. **Draw**: {DRAWING}\n"
            f"4. **Motion**: *strength* says how strongly the path is followed; 1 is what was trained.\n"
            f"5. **Bind**, 6. **Sample**, 7. **Decode**, 8. **The video**. {SHOWN}",
        )
    )
    sheet.start("tora2-tiny", "a rocket under a night sky")
    sheet.editor([track("rocket", RED, [(0.15, 0.85), (0.35, 0.4), (0.85, 0.2)])], TINY)
    sheet.motion("editor", "5. Bind")
    sheet.finish("editor", 6, "video/tora2_trajectories")
    return sheet


def first_frame() -> Sheet:
    sheet = Sheet(
        note(
            "First frame and path",
            "The video starts from a picture, and what stands in it follows the path.",
            NO_FILES,
            f"1. **Load model**: nothing to choose.\n"
            f"2. **Prompt**: says what the first frame shows.\n"
            f"3. **Draw**: the picture lies under the drawing, so let the path start on the duck. {DRAWING}\n"
            f"4. **Motion**, 5. **Bind**.\n"
            f"6. **Sample**: *first frame* takes the picture. One of another shape is scaled to cover the canvas and cut at "
            f"its centre. The pictures {PICTURES}.\n"
            f"7. **Decode**, 8. **The video**. {SHOWN}",
        )
    )
    sheet.start("tora2-tiny", "a duck in a flower meadow")
    sheet.editor([track("duck", RED, [(0.74, 0.62), (0.5, 0.35), (0.22, 0.5)])], TINY)
    _first_frame(sheet, "tora2_first_frame_duck.png", "video/tora2_first_frame")
    return sheet


def _first_frame(sheet: Sheet, file: str, prefix: str) -> None:
    sheet.motion("editor", "5. Bind")
    sheet.picture("first", file, (0, 580), "First frame")
    sheet.finish("editor", 6, prefix)
    sheet.link("first", "sampler", "first_frame")
    sheet.link("first", "editor", "background")


def paths_in_and_out() -> Sheet:
    sheet = Sheet(
        note(
            "Paths from other packs and for them",
            "Paths need not be drawn here: they can be text of another pack, or what moves in a video. And they can be "
            "handed on.",
            NO_FILES + " **One more package**: OpenCV for step 9, which most installations have "
            "(`pip install opencv-python-headless`).",
            "1. **Load model**: nothing to choose.\n"
            "2. **Prompt**: what is seen. The video starts from a *first frame*; the pictures " + PICTURES + ".\n"
            "3. **Import** takes coordinates in pixels as KJNodes' Spline Editor and many others write them, Tora's `.txt` "
            "lines, or ComfyUI's own TRACKS.\n"
            "4. **Motion**, 5. **Bind**, 6. **Sample**, 7. **Decode**, 8. **The video**. " + SHOWN + "\n"
            "9. **From video** follows what stands out most in the video, and gives its paths as a drawing. Link the frames "
            "of any video (*Load Video*, *Get Video Components*) to take its motion. A mask, or a drawing linked to "
            "*trajectories*, says where the followed points start.\n"
            "10. **Export** writes a path as the text that KJNodes, ATI, Wan-Move, LTX or CogVideoXWrapper nodes read.",
        )
    )
    sheet.start("tora2-tiny", "a duck in a flower meadow")
    path = [(95, 79), (80, 50), (58, 45), (40, 52), (28, 64)]
    text = json.dumps([{"x": x, "y": y} for x, y in path])
    sheet.add("import", "Tora2ImportTrajectories", (400, 0), (340, 300), "3. Import", coordinates=text, **TINY)
    sheet.motion("import", "5. Bind")
    sheet.finish("import", 6, "video/tora2_imported")
    sheet.add(
        "found", "Tora2TrajectoriesFromVideo", (1100, 560), (300, 420), "9. From video", points="features", count=4
    )
    sheet.link("decode", "found", "images")
    sheet.picture("first", "tora2_first_frame_duck.png", (0, 580), "First frame")
    sheet.link("first", "sampler", "first_frame")
    sheet.add("export", "Tora2ExportTrajectories", (1460, 560), (340, 110), "10. Export")
    sheet.link("found", "export", "trajectories")
    sheet.add("shown", "PreviewAny", (1460, 740), (340, 240), "Text for other packs")
    sheet.link("export", "shown", "source")
    return sheet


def cogvideox_t2v() -> Sheet:
    sheet = Sheet(
        note(
            "CogVideoX-5B with Tora, text to video",
            "49 frames of 720x480 pixels in which things follow drawn paths, with the public weights of CogVideoX-5B and "
            "Tora. These have no part for reference pictures.",
            FULL_FILES.format(base="CogVideoX-5b", end=""),
            f"1. **Load model**. *offload* auto moves whole models to the GPU where they fit (from 16 GB on they "
            f"should) and goes block by block where they do not; the log says which. *A LoRA, if you like* takes one of "
            f"CogVideoX-5B from models/loras, for a style.\n"
            f"2. **Prompt**: long, detailed English sentences work best.\n"
            f"3. **Draw**: {DRAWING}\n"
            f"4. **Motion**, 5. **Bind**.\n"
            f"6. **Sample**: 50 steps and guidance 6 with dynamic guidance are what the authors use. *preset* balanced is "
            f"about twice as fast.\n"
            f"7. **Decode**: in strips by itself where memory is short. 8. **The video** at 8 frames per second. {SHOWN}",
        ),
        900,
    )
    prompt = (
        "A small red sailing boat crosses a calm bay at sunset, seen from the shore. Warm light lies on the water, and low "
        "hills stand in the distance. Steady camera, realistic, high detail."
    )
    sheet.start("CogVideoX-5b + Tora", prompt)
    sheet.lora()
    sheet.editor([track("boat", RED, [(0.12, 0.62), (0.45, 0.55), (0.88, 0.6)])], FULL)
    sheet.motion("editor", "5. Bind")
    sheet.finish("editor", 6, "video/tora_t2v")
    return sheet


def cogvideox_i2v() -> Sheet:
    sheet = Sheet(
        note(
            "CogVideoX-5B with Tora, image to video",
            "49 frames of 720x480 pixels that start from your picture, in which things follow drawn paths, with the public "
            "weights of CogVideoX-5B-I2V and Tora.",
            FULL_FILES.format(base="CogVideoX-5b-I2V", end="_I2V"),
            f"1. **Load model**. *offload* auto moves whole models to the GPU where they fit (from 16 GB on they "
            f"should) and goes block by block where they do not; the log says which. *A LoRA, if you like* takes one of "
            f"CogVideoX-5B from models/loras, for a style.\n"
            f"2. **Prompt**: describes the picture and what happens.\n"
            f"3. **Draw**: the picture lies under the drawing; let each path start on the thing that shall move. {DRAWING}\n"
            f"4. **Motion**, 5. **Bind**.\n"
            f"6. **Sample**: *first frame* takes your picture; choose it in *First frame*. One of another shape is scaled to "
            f"cover the canvas and cut at its centre; leave the canvas at 720x480, the only size that this model makes. The pictures {PICTURES}.\n"
            f"7. **Decode**: in strips by itself where memory is short. 8. **The video** at 8 frames per second. {SHOWN}",
        ),
        900,
    )
    prompt = (
        "A cartoon duck with a green head swims across a blue sea from right to left. Stylised waves roll gently around it. "
        "Smooth 3D animation, bright colours, steady camera."
    )
    sheet.start("CogVideoX-5b-I2V + Tora (I2V)", prompt)
    sheet.lora()
    sheet.editor([track("duck", RED, [(0.76, 0.58), (0.5, 0.5), (0.2, 0.6)])], FULL)
    _first_frame(sheet, "tora2_first_frame_duck_wide.png", "video/tora_i2v")
    return sheet


BOX_NAME = "Tora2 - Entities on Trajectories"  # also the blueprint's file name, by which the frontend calls it
BOX_DESCRIPTION = (
    "A video in which two entities look like their reference pictures and follow their own drawn paths. Link a Tora2 "
    "Trajectory Editor, and a Load Image for each entity."
)
BOX_INPUTS = [  # (name, label, the inner inputs it feeds)
    ("trajectories", "trajectories", [("encode", "trajectories")]),
    ("image_1", "image 1", [("entity0", "image")]),
    ("mask_1", "mask 1", [("entity0", "mask")]),
    ("image_2", "image 2", [("entity1", "image")]),
    ("mask_2", "mask 2", [("entity1", "mask")]),
    ("model", "model", [("load", "model")]),
    ("prompt", "prompt", [("text", "prompt")]),
    ("phrase_1", "phrase 1", [("entity0", "phrase")]),
    ("phrase_2", "phrase 2", [("entity1", "phrase")]),
    ("seed", "seed", [("sampler", "seed")]),
    ("steps", "steps", [("sampler", "steps")]),
    ("fps", "fps", [("create", "fps")]),
]
BOX_OUTPUTS = [("video", "video", ("create", 0)), ("images", "images", ("decode", 0))]


def box() -> Sheet:
    """What is inside the one box for beginners."""
    sheet = Sheet(
        note(
            "Inside the box",
            "Entities have no *track* name of their own here: a path belongs to the entity whose phrase is its name.",
        ),
        300,
    )
    sheet.start("tora2-tiny", "a teddy bear and a penguin on green grass")
    sheet.add("extract", "Tora2ExtractPersonalization", (760, 560), (280, 140), "Personalization")
    sheet.link("load", "extract", "model")
    for index, phrase in enumerate(("a teddy bear", "a penguin")):
        title = f"Entity {index + 1}"
        entity = sheet.add(f"entity{index}", "Tora2Entity", (400, 560 + 240 * index), (320, 160), title, phrase=phrase)
        sheet.link(entity, "extract", f"entities.entity{index}")
    sheet.motion("", "Bind")
    sheet.links = [link for link in sheet.links if link[0]]
    sheet.link("extract", "bind", "personalization")
    sheet.add("sampler", "Tora2Sampler", (1460, 0), (340, 420), "Sample", seed=0, steps=50)
    sheet.add("decode", "Tora2Decode", (1860, 0), (260, 100), "Decode")
    sheet.add("create", "CreateVideo", (2180, 0), (260, 110), None, fps=8)
    for key in ("sampler", "decode"):
        sheet.link("load", key, "model")
    sheet.link("bind", "sampler", "conditioning")
    sheet.link("sampler", "decode", "latent")
    sheet.link("decode", "create", "images")
    return sheet


def one_box() -> Sheet:
    """The box in use; the node `box` is the subgraph."""
    sheet = Sheet(
        note(
            "The whole pack in one box",
            "Two entities, each with its reference picture and its own path. The box is also in the node library, under "
            f"*Subgraph Blueprints*, as *{BOX_NAME}*; the button in its upper right corner opens it.",
            ONNX,
            f"1. **Draw**: one path for each entity, with the entity's phrase for a name. {DRAWING}\n"
            f"2. **References**: take any two pictures; paint a mask with *Open in MaskEditor* (right mouse button) where a "
            f"picture is not transparent around its entity. These two {PICTURES}.\n"
            "3. **The box**: the *prompt* names each entity once, and *phrase 1* and *phrase 2* repeat those words. "
            "tora2-tiny knows sentences such as *a teddy bear and a penguin on green grass*.\n"
            "4. **The video**.",
            "Canvas and length are the editor's: 128x128 and 17 frames for tora2-tiny.",
        ),
        820,
    )
    tracks = [
        track("a teddy bear", RED, [(0.22, 0.72), (0.45, 0.55), (0.78, 0.75)]),
        track("a penguin", BLUE, [(0.78, 0.3), (0.5, 0.22), (0.22, 0.32)]),
    ]
    size = (640, 760)
    sheet.add("editor", "Tora2TrajectoryEditor", (0, 0), size, "1. Draw", drawing=drawing(*tracks), **TINY)
    for index, file in enumerate(("tora2_teddy_bear.png", "tora2_penguin.png")):
        sheet.picture(f"image{index}", file, (360 * index, 860), f"2. Reference {index + 1}")
    sheet.add("box", "", (760, 0), (400, 480), "3. Entities on trajectories")
    sheet.add("save", "SaveVideo", (1240, 0), (480, 560), "4. The video", filename_prefix="video/tora2_one_box")
    sheet.link("editor", "box", "trajectories")
    for index in range(2):
        sheet.link(f"image{index}", "box", f"image_{index + 1}")
        sheet.link(f"image{index}", "box", f"mask_{index + 1}", 1)
    sheet.link("box", "save", "video")
    return sheet


WORKFLOWS = {
    "one_box_tiny": one_box,
    "two_entities_tiny": two_entities,
    "trajectories_only_tiny": trajectories_only,
    "first_frame_tiny": first_frame,
    "paths_in_and_out_tiny": paths_in_and_out,
    "cogvideox_5b_tora_t2v": cogvideox_t2v,
    "cogvideox_5b_tora_i2v": cogvideox_i2v,
}
