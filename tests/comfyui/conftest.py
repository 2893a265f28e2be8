"""A real ComfyUI server with this checkout among its custom nodes.."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS, RUN_SECONDS = 300, 600


@dataclass
class Server:
    url: str
    base: Path
    log: Path
    process: int

    def resident_bytes(self) -> int:
        """Memory that the server holds now (Linux)."""
        status = Path(f"/proc/{self.process}/status")
        if not status.is_file():
            pytest.skip("run it on Linux: the memory of another process is read from /proc")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status.read_text())[1]) * 1024

    def get(self, path: str):
        with urllib.request.urlopen(self.url + path) as answer:
            return json.load(answer)

    def post(self, path: str, data: dict):
        """The answer, also that of a refusal."""
        request = urllib.request.Request(
            self.url + path, json.dumps(data).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as refusal:
            return json.loads(refusal.read())

    def run(self, prompt: dict) -> dict:
        """Queue a prompt and wait for its entry in the history."""
        answer = self.post("/prompt", {"prompt": prompt})
        assert "prompt_id" in answer, answer
        return self.wait(answer["prompt_id"])

    def wait(self, prompt_id: str) -> dict:
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            history = self.get(f"/history/{prompt_id}")
            if history:
                return history[prompt_id]
            time.sleep(0.2)
        raise AssertionError(f"no result after {RUN_SECONDS} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def inside(real_comfyui):
    """Runs a script of receivers/ in ComfyUI's Python and gives what it found, a JSON object after ``RESULT``."""

    def run(name: str) -> dict:
        script = Path(__file__).resolve().parent / "receivers" / name
        command = [str(real_comfyui.python), str(script)]
        result = subprocess.run(command, cwd=real_comfyui.folder, capture_output=True, text=True)
        lines = [line for line in result.stdout.splitlines() if line.startswith("RESULT ")]
        assert lines, result.stderr[-3000:]
        return json.loads(lines[0].removeprefix("RESULT "))

    return run


@pytest.fixture(scope="session")
def server(real_comfyui, tmp_path_factory):
    base = tmp_path_factory.mktemp("comfyui")
    for name in ("custom_nodes", "models", "input", "output", "temp", "user"):
        (base / name).mkdir()
    (base / "custom_nodes" / "ComfyUI-Tora2").symlink_to(ROOT, target_is_directory=True)
    port, log = free_port(), base / "log.txt"
    command = [str(real_comfyui.python), "main.py", "--cpu", "--port", str(port), "--base-directory", str(base)]
    command += ["--database-url", "sqlite:///:memory:"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=real_comfyui.folder, stdout=out, stderr=subprocess.STDOUT, env=environment
        )
    try:
        running = Server(f"http://127.0.0.1:{port}", base, log, process.pid)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                running.get("/system_stats")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.5)
        yield running
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="session")
def definitions(server) -> dict:
    return server.get("/object_info")
