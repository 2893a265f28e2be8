"""Pictures shown one after another beside a long computation."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

logger = logging.getLogger(__name__)

Pictures = Callable[[], list[Any]]


class LivePreview:
    """Shows the latest pictures in a loop, from a thread of its own, until it is closed.

    ComfyUI's previews are stills; sent at a steady pace they move, in every frontend and both renderers.

    Args:
        send: shows one picture; called in the thread.
        pace: pictures a second.
    """

    def __init__(self, send: Callable[[Any], None], pace: float):
        self._send, self._pause = send, 1.0 / pace
        self._make: Pictures | None = None
        self._changed, self._closed = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._loop, name="Tora2 preview", daemon=True)
        self._thread.start()

    def show(self, make: Pictures) -> None:
        """From now on show what ``make`` gives; it runs once, in the thread."""
        with self._changed:
            self._make = make

    def close(self) -> None:
        """End the loop; no picture is sent afterwards."""
        self._closed.set()
        self._thread.join()

    def _loop(self) -> None:
        pictures: list[Any] = []
        place = 0
        try:
            while not self._closed.wait(self._pause):
                with self._changed:
                    make, self._make = self._make, None
                if make is not None:
                    pictures = make()
                if pictures and not self._closed.is_set():
                    self._send(pictures[place % len(pictures)])
                    place += 1
        except Exception:
            # A video is worth more than its preview.
            logger.exception("The preview stopped; the video is not affected.")
