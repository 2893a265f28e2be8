"""Runs inside a real ComfyUI's Python: hands exported trajectories to the nodes that receive them.

Reads a JSON object from standard input and prints one line of JSON: what each receiver made of it. Folders of other
packs come in ``packs``; their nodes run as they are, only the models behind them are stand-ins of the right shapes.
"""

from __future__ import annotations

import sys

sys.argv = ["receive.py", "--cpu"]
sys.path.insert(0, ".")  # the ComfyUI folder, where this runs

import comfy.options  # noqa: E402

comfy.options.enable_args_parsing()

import importlib.util  # noqa: E402
import json  # noqa: E402
from types import SimpleNamespace  # noqa: E402

import torch  # noqa: E402


class Vae:
    """Latents of the right shape that differ everywhere, so that whatever is moved about can be found again."""

    def encode(self, images):
        frames, height, width = images.shape[:3]
        shape = (1, 16, (frames - 1) // 4 + 1, height // 8, width // 8)
        return torch.randn(shape, generator=torch.Generator().manual_seed(0))


class WrapperVae:
    dtype, config = torch.float32, SimpleNamespace(scaling_factor=1.0)

    def to(self, device):
        return self

    def encode(self, video):
        return SimpleNamespace(latent_dist=SimpleNamespace(sample=lambda generator: video[:, :, ::4, ::8, ::8]))


class Extractor(torch.nn.Module):
    def forward(self, latents):
        return [latents]


def pack(folder: str):
    name = "pack_" + str(abs(hash(folder)))
    spec = importlib.util.spec_from_file_location(name, folder + "/__init__.py", submodule_search_locations=[folder])
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.NODE_CLASS_MAPPINGS


def lit(image: torch.Tensor, x: float, y: float, radius: int = 2) -> bool:
    """Whether anything is drawn within ``radius`` pixels of the place."""
    x, y = round(x), round(y)
    return bool((image[max(0, y - radius) : y + radius + 1, max(0, x - radius) : x + radius + 1] > 0.2).any())


def changed(before: torch.Tensor, after: torch.Tensor) -> list[list[list[int]]]:
    """[x, y] of the changed cells of each latent frame; both [1, C, T, H, W]."""
    cells = (before - after).abs().sum(1)[0] > 1e-6
    return [frame.nonzero().flip(-1).tolist() for frame in cells]


def wan_move(asked: dict) -> dict:
    from comfy_extras.nodes_wanmove import WanMoveTracksFromCoords, WanMoveTrackToVideo, WanMoveVisualizeTracks

    width, height, frames = asked["width"], asked["height"], asked["frames"]
    tracks = {
        "track_path": torch.tensor(asked["track_path"], dtype=torch.float32),
        "track_visibility": torch.tensor(asked["track_visibility"]),
    }
    black = torch.zeros(frames, height, width, 3)
    drawn = WanMoveVisualizeTracks.execute(black, 1, 6, 1.0, 1, tracks).result[0]
    seen = [[lit(drawn[t], *place) for place in places] for t, places in enumerate(asked["track_path"])]
    read, length = WanMoveTracksFromCoords.execute(asked["nested"]).result
    positive, _, _ = WanMoveTrackToVideo.execute(
        [[torch.zeros(1), {}]], [[torch.zeros(1), {}]], Vae(), width, height, frames, 1, 1.0, tracks, black[:1] + 0.5
    ).result
    # The node writes into the encoded picture itself, so what was before has to be made again.
    moved = changed(Vae().encode(black), positive[0][1]["concat_latent_image"])
    return {"seen": seen, "from_coords": read["track_path"].tolist(), "length": length, "moved": moved}


def ati(asked: dict) -> dict:
    from comfy_extras.nodes_wan import WanTrackToVideo

    width, height, frames = asked["width"], asked["height"], asked["frames"]
    result = {}
    for name in ("ati", "nested"):
        positive, _, _ = WanTrackToVideo.execute(
            [[torch.zeros(1), {}]],
            [[torch.zeros(1), {}]],
            Vae(),
            asked[name],
            width,
            height,
            frames,
            1,
            220.0,
            2,
            torch.full((1, height, width, 3), 0.5),
        ).result
        weight = 1 - positive[0][1]["concat_mask"][0, 0]  # [T, H, W]; the mask is 1 where no track holds the picture
        peaks = weight.flatten(1).argmax(1)
        result[name] = [
            [int(peak) % weight.shape[-1], int(peak) // weight.shape[-1]] if value > 1e-3 else None
            for peak, value in zip(peaks, weight.flatten(1).amax(1), strict=True)
        ]
    return result


def kjnodes(asked: dict) -> dict:
    nodes = pack(asked["packs"]["kjnodes"])
    shape = nodes["CreateShapeImageOnPath"]()
    centres = {}
    for name in ("kj_one", "kj_several"):
        image = shape.createshapemask(
            asked[name], asked["width"], asked["height"], 8, 8, "white", "black", 0.0, "circle", 1.0
        )[0]
        centres[name] = [
            [lit(image[t], *place) for place in places[: 1 if name == "kj_one" else None]]
            for t, places in enumerate(asked["track_path"])
        ]
    spline = nodes["SplineEditor"]()
    made = []
    for coordinates in (asked["kj_one"], asked["kj_several"]):
        result = spline.splinedata(
            mask_width=asked["width"],
            mask_height=asked["height"],
            coordinates=coordinates,
            float_output_type="list",
            interpolation="linear",
            points_to_sample=asked["frames"],
            sampling_method="time",
            points_store="[]",
            tension=0.5,
            repeat_output=1,
        )
        made.append((result["result"] if isinstance(result, dict) else result)[1])
    return {"centres": centres, "made": made}


def tora_wrapper(asked: dict) -> dict:
    node = pack(asked["packs"]["cogvideox"])["ToraEncodeTrajectory"]()
    maps = {}
    for name in ("wrapper_one", "wrapper_several"):
        _, video = node.encode(
            vae=WrapperVae(),
            width=asked["width"],
            height=asked["height"],
            num_frames=asked["frames"],
            coordinates=asked[name],
            strength=1.0,
            start_percent=0.0,
            end_percent=1.0,
            tora_model={"traj_extractor": Extractor(), "fuser_list": None},
        )
        maps[name] = ((video + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)[:, ::4, ::4].tolist()
    return maps


RECEIVERS = {"wan_move": wan_move, "ati": ati, "kjnodes": kjnodes, "tora_wrapper": tora_wrapper}


if __name__ == "__main__":
    asked = json.load(sys.stdin)
    print("\nRESULT " + json.dumps(RECEIVERS[asked["receiver"]](asked)))
