"""ComfyUI's door to the pack. Everything else is in `nodes/` (ComfyUI's side) and `tora2/` (the library)."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    from .nodes import Tora2Extension

    return Tora2Extension()
