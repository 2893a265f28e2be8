"""The face encoder: insightface's own detection, 5-point alignment and ArcFace embedding, from a local folder.

Any folder that insightface's ``FaceAnalysis`` recognises will do: antelopev2 (scrfd_10g_bnkps + glintr100, the ArcFace
R100 of the paper), buffalo_l (det_10g + w600k_r50), or a small pair of one's own. Only detection and recognition are
kept of it. Nothing is ever downloaded: insightface fetches a pack only when it is given a name that is no folder.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import EncoderError
from .onnx_session import PROVIDERS, first_line, import_onnxruntime

MODULES = ("detection", "recognition")
WHERE = (
    "antelopev2 or buffalo_l of insightface (a detector such as scrfd_10g_bnkps.onnx or det_10g.onnx and an "
    "ArcFace such as glintr100.onnx or w600k_r50.onnx)"
)


@dataclass(frozen=True)
class Face:
    """One detected face in pixels of the picture.

    Attributes:
        box: [4] left, top, right, bottom.
        points: [5, 2] x, y of the eye at the picture's left, the other eye, the nose, the mouth corners.
        score: the detector's confidence, 0..1.
    """

    box: torch.Tensor
    points: torch.Tensor
    score: float


class FaceEncoder:
    """Finds the main face of a picture and tells who it is.

    Args:
        pack_folder: folder of .onnx files.
        threshold: least confidence of a detection.

    Attributes:
        dimension: length of the embedding, 512 for ArcFace.

    Raises:
        EncoderError: insightface is not installed, or the folder holds no face pack.
    """

    def __init__(self, pack_folder: Path | str, threshold: float = 0.5) -> None:
        self.folder = _pack_folder(Path(pack_folder))
        import_onnxruntime()
        analysis_class = _import_face_analysis()
        try:
            # An absolute path of an existing folder never reaches the branch of insightface that downloads.
            self._analysis = analysis_class(
                name=str(self.folder),
                allowed_modules=list(MODULES),
                providers=PROVIDERS,
            )
            # ctx_id 0 leaves the providers as they are. A detector with a fixed input size ignores det_size.
            self._analysis.prepare(ctx_id=0, det_thresh=threshold, det_size=(640, 640))
        except AssertionError as error:  # insightface's way of saying that it recognised no detector
            raise EncoderError(f"No file in {self.folder} is a face detector: put {WHERE} there.") from error
        except Exception as error:  # onnx, protobuf and onnxruntime each raise their own for a broken file
            raise EncoderError(
                f"A file in {self.folder} cannot be read ({first_line(error)}): replace the folder's .onnx files with "
                f"those of {WHERE}."
            ) from error
        recognition = self._analysis.models.get("recognition")
        if recognition is None:
            raise EncoderError(f"No file in {self.folder} is an ArcFace recogniser: put {WHERE} there.")
        if not getattr(self._analysis.det_model, "use_kps", False):
            raise EncoderError(
                f"The face detector in {self.folder} gives no facial points, which alignment needs: put {WHERE} there."
            )
        self.dimension = int(recognition.output_shape[-1])

    def detect(self, image: torch.Tensor) -> Face | None:
        """The main face (large and near the middle, by insightface's measure) of [H, W, 3] RGB in 0..1, or None."""
        for picture, offset in _views(_to_bgr(image)):
            boxes, points = self._analysis.det_model.detect(picture, max_num=1)
            if len(boxes):
                move = torch.tensor(offset, dtype=torch.float32)
                box = torch.from_numpy(np.array(boxes[0], dtype=np.float32))
                return Face(box[:4] - move.repeat(2), torch.from_numpy(np.float32(points[0])) - move, float(box[4]))
        return None

    def embed(self, image: torch.Tensor) -> torch.Tensor | None:
        """Unit vector [D] float32 of the main face of [H, W, 3] RGB in 0..1; None if no face is found."""
        for picture, _ in _views(_to_bgr(image)):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # insightface calls a renamed function of scikit-image
                faces = self._analysis.get(picture, max_num=1)
            if faces:
                vector = torch.from_numpy(np.array(faces[0].embedding, dtype=np.float32))
                return torch.nn.functional.normalize(vector, dim=0)
        return None


def _views(picture: np.ndarray) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """The picture, then the picture on a grey canvas of twice its size, each with the picture's offset (x, y) in it.

    The detectors know faces of at most about half the frame; a close-up that fills it is found only on the canvas.
    """
    yield picture, (0, 0)
    height, width = picture.shape[:2]
    top, left = height // 2, width // 2
    canvas = np.full((height * 2, width * 2, 3), 128, dtype=np.uint8)
    canvas[top : top + height, left : left + width] = picture
    yield canvas, (left, top)


def _to_bgr(image: torch.Tensor) -> np.ndarray:
    if image.ndim != 3 or image.shape[-1] != 3 or 0 in image.shape:
        raise EncoderError(f"The face encoder takes a picture [H, W, 3], not {list(image.shape)}.")
    pixels = image.detach().float().clamp(0, 1).mul(255).round().to(torch.uint8).cpu()
    return np.ascontiguousarray(pixels.flip(-1).numpy())


def _pack_folder(folder: Path) -> Path:
    """The absolute folder that holds the .onnx files; antelopev2.zip unpacks into a folder inside a folder."""
    folder = folder.expanduser().resolve()
    if not folder.is_dir():
        raise EncoderError(f"There is no face encoder at {folder}: make that folder and put {WHERE} into it.")
    if any(folder.glob("*.onnx")):
        return folder
    inner = [child for child in sorted(folder.iterdir()) if child.is_dir() and any(child.glob("*.onnx"))]
    if len(inner) == 1:
        return inner[0]
    raise EncoderError(f"The folder {folder} holds no .onnx file: put {WHERE} into it.")


def _import_face_analysis() -> Any:
    try:
        from insightface.app import FaceAnalysis
    except Exception as error:  # a broken insightface fails in many ways (missing cv2, wrong numpy)
        raise EncoderError(
            "Faces need insightface, which is not installed or does not start "
            f"({first_line(error)}): run `pip install insightface onnxruntime` in ComfyUI's Python, or set the "
            "entity's kind to object."
        ) from error
    return FaceAnalysis
