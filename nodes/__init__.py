"""ComfyUI nodes: schemas that read as documentation, and execute() methods that call `tora2/`.

Importing this package is cheap; diffusers and transformers load when a node first runs.
"""

from __future__ import annotations

from comfy_api.latest import ComfyExtension, io

from . import host
from .binding import Tora2BindEntities
from .exchange import Tora2ExportTrajectories
from .loading import Tora2LoadModel
from .lora import Tora2LoadLora
from .personalization import Tora2Entity, Tora2ExtractPersonalization
from .preview import Tora2DrawTrajectories
from .sampling import Tora2Decode, Tora2Sampler
from .text import Tora2TextEncode
from .tracking import Tora2MeasureTrajectories, Tora2TrajectoriesFromVideo
from .trajectories import Tora2EncodeTrajectories, Tora2ImportTrajectories, Tora2TrajectoryEditor

NODES: list[type[io.ComfyNode]] = [
    Tora2LoadModel,
    Tora2LoadLora,
    Tora2TextEncode,
    Tora2TrajectoryEditor,
    Tora2ImportTrajectories,
    Tora2ExportTrajectories,
    Tora2EncodeTrajectories,
    Tora2Entity,
    Tora2ExtractPersonalization,
    Tora2BindEntities,
    Tora2Sampler,
    Tora2Decode,
    Tora2DrawTrajectories,
    Tora2MeasureTrajectories,
    Tora2TrajectoriesFromVideo,
]


class Tora2Extension(ComfyExtension):
    async def on_load(self) -> None:
        host.register_model_folder()
        host.provide_example_pictures()
        host.shorten_error_names()

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return NODES
