"""What users read of the nodes, and what shared workflows hold of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IDS = {
    "Tora2LoadModel": (
        ["model", "precision", "offload", "attention", "compile", "quantization", "text_encoder", "lora"],
        ["TORA2_MODEL"],
    ),
    "Tora2LoadLora": (["lora", "strength", "previous"], ["TORA2_LORA"]),
    "Tora2TextEncode": (["model", "prompt", "negative_prompt", "clip"], ["TORA2_TEXT"]),
    "Tora2TrajectoryEditor": (
        ["drawing", "width", "height", "frames", "fps", "background"],
        ["TORA2_TRAJECTORIES", "TRACKS", "STRING"],
    ),
    "Tora2ImportTrajectories": (
        ["coordinates", "width", "height", "frames", "fps", "tracks"],
        ["TORA2_TRAJECTORIES", "TRACKS", "STRING"],
    ),
    "Tora2ExportTrajectories": (["trajectories", "format", "track"], ["STRING"]),
    "Tora2EncodeTrajectories": (["model", "trajectories", "strength", "start", "end"], ["TORA2_MOTION", "IMAGE"]),
    "Tora2Entity": (["image", "mask", "phrase", "kind", "track", "mask_shows"], ["TORA2_ENTITY"]),
    "Tora2ExtractPersonalization": (["model", "entities"], ["TORA2_PERSONALIZATION", "IMAGE"]),
    "Tora2BindEntities": (["model", "text", "motion", "personalization"], ["TORA2_CONDITIONING"]),
    "Tora2Sampler": (
        [
            "model",
            "conditioning",
            "seed",
            "steps",
            "guidance",
            "dynamic_guidance",
            "width",
            "height",
            "frames",
            "batch_size",
            "first_frame",
            "guidance_batch",
            "motion_modulation",
            "preset",
            "guidance_start",
            "guidance_end",
        ],
        ["LATENT"],
    ),
    "Tora2Decode": (["model", "latent", "tiling"], ["IMAGE"]),
    "Tora2DrawTrajectories": (["images", "trajectories", "entities", "names"], ["IMAGE"]),
    "Tora2MeasureTrajectories": (
        ["images", "trajectories", "entities", "tracker"],
        ["STRING", "IMAGE", "FLOAT", "STRING", "TORA2_TRAJECTORIES"],
    ),
    "Tora2TrajectoriesFromVideo": (
        ["images", "points", "count", "tolerance", "fps", "mask", "trajectories"],
        ["TORA2_TRAJECTORIES", "TRACKS", "STRING", "STRING"],
    ),
}


def test_ids_and_order_are_those_that_shared_workflows_hold(nodes):
    """Widget values are stored by position: a new input goes to the end of its kind, and none changes its name."""
    found = {}
    for name, node in nodes.items():
        schema = node.define_schema()
        found[name] = ([entry.id for entry in schema.inputs], [output.io_type for output in schema.outputs])
    assert found == IDS


@pytest.mark.parametrize("name", IDS)
def test_the_schema_reads_as_documentation(nodes, name):
    schema = nodes[name].define_schema()
    assert schema.display_name.startswith("Tora2 ")
    assert schema.category.startswith("Tora2/")
    assert len(schema.search_aliases) >= 3
    for text in (schema.description, *(entry.tooltip for entry in (*schema.inputs, *schema.outputs))):
        assert text and text.strip() == text and text[-1] in ".]"
        assert "  " not in text


def test_executes_take_what_the_schemas_name(nodes):
    import inspect

    for name, node in nodes.items():
        parameters = inspect.signature(node.execute).parameters
        inputs = {entry.id: entry for entry in node.define_schema().inputs}
        assert set(parameters) == set(inputs), name
        for key, parameter in parameters.items():
            assert (parameter.default is not parameter.empty) == inputs[key].optional, f"{name}.{key}"


def test_the_seed_changes_after_a_run_and_comes_right_before_its_control(nodes):
    seed = next(entry for entry in nodes["Tora2Sampler"].define_schema().inputs if entry.id == "seed")
    assert seed.control_after_generate is True


def test_loading_the_pack_is_cheap():
    """No heavy library loads with ComfyUI; each loads when a node first runs."""
    code = (
        "import sys\n"
        "from tora2.headless import loader\n"
        "loader.provide_comfy_api()\n"
        "before = set(sys.modules)\n"
        "loader.load_pack()\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "heavy = {'diffusers', 'transformers', 'insightface', 'onnxruntime', 'cv2', 'skimage', 'torchvision'}\n"
        "print(sorted(new & heavy))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stderr


def test_only_the_host_touches_comfy():
    for path in (ROOT / "nodes").rglob("*.py"):
        lines = [line.strip() for line in path.read_text().splitlines()]
        imports = [line for line in lines if line.startswith(("import ", "from "))]
        foreign = [line for line in imports if line.split()[1].partition(".")[0] in ("comfy", "folder_paths", "nodes")]
        assert path.parent.name == "host" or not foreign
        assert not any(line.split()[1].partition(".")[0] in ("tora2", "nodes") for line in imports), "not relative"
