"""The paper's suite: Text-S, Vid-S, Subj-S, Face-S and TrajError of videos that any model made of given scenes.

Scenes are in the open data format of ``training/samples.py``, videos are files. One video at a time is read, looked at
by the networks that are there, and measured by the functions of ``metrics.py``; what a network that is missing would
measure is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch

from ..conditions import Entity, VideoSize
from ..errors import Tora2Error
from ..personalization.preparation import square_reference
from ..tracking.points import follow_points, import_opencv
from ..training.media import BROKEN
from ..training.samples import Sample, parse_sample, sample_files
from . import metrics
from .encoders import ClipEncoder, Detector, DinoEncoder, GroundingDetector
from .metrics import NOTHING, PAPER_SIZE, Encoder
from .statistics import Estimate, bootstrap

EXTENSIONS = (".mp4", ".webm", ".gif")


@dataclass(frozen=True)
class Figure:
    """What is measured. ``needs`` names the networks it takes; ``share`` is one of 0..1, shown in per cent."""

    name: str
    title: str
    needs: tuple[str, ...] = ()
    share: bool = False
    decimals: int = 3


FIGURES = (
    Figure("text", "Text-S", ("clip",)),
    Figure("video", "Vid-S", ("clip",)),
    Figure("subject", "Subj-S", ("dino", "detector")),
    Figure("segments", "segments found", ("detector",), share=True),
    Figure("face", "Face-S", ("faces",)),
    Figure("faces_found", "faces found", ("faces",), share=True),
    Figure("traj_error", "TrajError, px of the video", decimals=1),
    Figure("traj_error_480x720", "TrajError, px of 480x720", decimals=1),
    Figure("followed", "places followed", share=True),
)


@dataclass(frozen=True)
class Networks:
    """What looks at the videos; None is not there.

    Attributes:
        folders: network -> where it is from.
        faces: picture [H, W, 3] in 0..1 -> vector [D] of its main face, or None.
    """

    folders: dict[str, str] = field(default_factory=dict)
    clip: ClipEncoder | None = None
    dino: Encoder | None = None
    detector: Detector | None = None
    faces: Callable[[torch.Tensor], torch.Tensor | None] | None = None

    def measured(self) -> list[Figure]:
        return [figure for figure in FIGURES if not self.missing(figure)]

    def missing(self, figure: Figure) -> list[str]:
        return [name for name in figure.needs if getattr(self, name) is None]


@dataclass(frozen=True)
class Measured:
    """One video.

    Attributes:
        figures: a value of each measured figure, NaN where there was nothing to measure.
        segments, faces: for each entity the frames in which it, or its face, was found; None for an entity that is not
            looked for.
    """

    name: str
    file: str
    frames: int
    height: int
    width: int
    figures: dict[str, float]
    segments: list[list[int] | None]
    faces: list[list[int] | None]


@dataclass(frozen=True)
class Result:
    samples: str
    videos: str
    folders: dict[str, str]
    figures: tuple[Figure, ...]
    left_out: dict[str, list[str]]
    """Title of what was not measured -> the networks that it lacks."""
    measured: tuple[Measured, ...]
    estimates: dict[str, Estimate]


def open_networks(folders: Mapping[str, Path | None], device: torch.device | str = "cpu") -> Networks:
    """Networks of those folders that are given, by the names of :class:`Networks`; faces stay on the CPU.

    Raises:
        EncoderError: a folder does not hold what it should.
    """
    from ..personalization.face import FaceEncoder

    loaders = {
        "clip": lambda folder: ClipEncoder(folder, device),
        "dino": lambda folder: DinoEncoder(folder, device),
        "detector": lambda folder: GroundingDetector(folder, device),
        "faces": lambda folder: FaceEncoder(folder).embed,
    }
    given = {name: Path(folder) for name, folder in folders.items() if folder is not None}
    parts = {name: loaders[name](folder) for name, folder in given.items()}
    return Networks({name: str(folder) for name, folder in given.items()}, **parts)


def run(
    samples: Path, videos: Path, networks: Networks, *, progress: Callable[[str], None] = lambda text: None
) -> Result:
    """Every sample's video.

    Raises:
        Tora2Error: a sample has no video, or one of them cannot be used; OpenCV is missing.
    """
    import_opencv()  # said before hours of looking, not after
    files = find_videos(samples, videos)
    measured = []
    for number, (name, content) in enumerate(sample_files(samples)):
        path = files[name]
        progress(f"video {number + 1}/{len(files)}: {path}")
        video = read_video(path)
        sample = fitted(name, content, video, need_clip=networks.clip is not None)
        measured.append(measure(path, sample, video, networks))
    figures = tuple(networks.measured())
    return Result(
        str(samples),
        str(videos),
        networks.folders,
        figures,
        {figure.title: missing for figure in FIGURES if (missing := networks.missing(figure))},
        tuple(measured),
        {figure.name: bootstrap([one.figures[figure.name] for one in measured]) for figure in figures},
    )


def find_videos(samples: Path, videos: Path) -> dict[str, Path]:
    """Sample -> its video, which is named after it; of an archive's sample the archive's name does not count.

    Raises:
        Tora2Error: there is none, or more than one, or two samples share one.
    """
    if not Path(videos).is_dir():
        raise Tora2Error(f"There is no folder {videos}: give --videos the folder of the generated videos.")
    files: dict[str, Path] = {}
    lacking = []
    for name, _ in sample_files(samples):
        archive, colon, inner = name.partition(".tar:")
        stem = inner if colon else name
        found = [path for extension in EXTENSIONS if (path := Path(videos) / (stem + extension)).is_file()]
        if len(found) > 1:
            raise Tora2Error(f"Sample {name} has two videos, {found[0]} and {found[1].name}: keep one of them.")
        if not found:
            lacking.append(stem)
        elif found[0] in files.values():
            raise Tora2Error(f"Two samples of {samples} are named {stem}, so they share a video: rename one of them.")
        else:
            files[name] = found[0]
    if lacking:
        raise Tora2Error(
            f"{videos} holds no video for {len(lacking)} of {len(lacking) + len(files)} samples, the first "
            f"{lacking[0]}: put {lacking[0]}.mp4 (or .webm, .gif) there."
        )
    return files


def read_video(path: Path) -> torch.Tensor:
    """All frames as [T, 3, H, W] in 0..1.

    Raises:
        Tora2Error: it cannot be read, or holds a single frame.
    """
    try:
        import av
    except ImportError as error:
        raise Tora2Error("Reading videos needs PyAV, which is not installed: run `pip install av`.") from error
    try:
        with av.open(str(path)) as container:
            frames = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        video = torch.stack(frames)
    except BROKEN as error:
        raise Tora2Error(f"{path} cannot be read as a video ({error}): make it anew.") from error
    if len(video) < 2:
        raise Tora2Error(f"{path} holds a single frame, in which nothing moves: give a video of at least two.")
    return video.permute(0, 3, 1, 2).float() / 255


def fitted(name: str, files: Mapping[str, bytes], video: torch.Tensor, *, need_clip: bool) -> Sample:
    """A scene cut to the video's picture, and its paths stretched over the video's frames [T, 3, H, W]; the clip, if
    there is one, keeps its own frames."""
    try:
        length = int(json.loads(files["entities.json"])["frames"])
        if length < 1:
            raise ValueError(f"{length} frames")
    except (KeyError, ValueError, TypeError) as error:
        raise Tora2Error(f"Sample {name} cannot be used: entities.json lacks a number of frames ({error}).") from error
    count, _, height, width = video.shape
    sample = parse_sample(name, files, VideoSize(length, height, width), 0, need_clip=need_clip and "mp4" in files)
    times = torch.linspace(0, length - 1, count, dtype=torch.float64)
    before, after = times.floor().long(), times.ceil().long()
    part = (times - before).float()[:, None]
    points = tuple(torch.lerp(path[:, before], path[:, after], part) for path in sample.points)
    visible = tuple(seen[:, before] & seen[:, after] for seen in sample.visible)
    return Sample(name, sample.caption, sample.entities, sample.identities, points, visible, sample.clip)


def measure(path: Path, sample: Sample, video: torch.Tensor, networks: Networks) -> Measured:
    """All figures of one video [T, 3, H, W] that the networks allow."""
    figures = trajectories(sample, video)
    segments: list[list[int] | None] = [None] * len(sample.entities)
    faces: list[list[int] | None] = [None] * len(sample.entities)
    if networks.clip is not None:
        clip = networks.clip
        figures["text"] = metrics.text_similarity(video, sample.caption, clip.images, clip.text)
        truth = sample.clip
        figures["video"] = NOTHING if truth is None else metrics.video_similarity(video, (truth + 1) / 2, clip.images)
    pieces = None
    if networks.detector is not None:
        pieces = [_segments(video, entity, networks.detector) for entity in sample.entities]
        segments = [None if found is None else sorted(found) for found in pieces]
        known = [(entity, found) for entity, found in zip(sample.entities, pieces, strict=True) if found is not None]
        pictures = [[square_reference(piece.movedim(0, -1)) for piece in found.values()] for _, found in known]
        figures["segments"] = metrics.found(pictures, len(video)) if known else NOTHING
        if networks.dino is not None:
            references = [square_reference(entity.image, entity.mask, margin=0.0) for entity, _ in known]
            figures["subject"] = metrics.gallery_similarity(references, pictures, networks.dino, len(video))
    if networks.faces is not None:
        faces = _measure_faces(sample, video, pieces, networks.faces, figures)
    _, _, height, width = video.shape
    figures = {figure.name: figures[figure.name] for figure in networks.measured()}
    return Measured(sample.name, str(path), len(video), height, width, figures, segments, faces)


def trajectories(sample: Sample, video: torch.Tensor) -> dict[str, float]:
    """TrajError by OpenCV's point tracker from each track's first visible place; the place of the start counts for
    nothing, since the tracker was put there, nor do those that it lost, whose share is told beside the error."""
    count, _, height, width = video.shape
    points = torch.cat([path.double() for path in sample.points]) if sample.points else torch.zeros(0, count, 2)
    wanted = torch.cat(sample.visible) if sample.visible else torch.zeros(0, count, dtype=torch.bool)
    shown = wanted.any(1)
    asked, wanted = points[shown].double() * torch.tensor([width, height]), wanted[shown]
    if not len(asked):
        return {"traj_error": NOTHING, "traj_error_480x720": NOTHING, "followed": NOTHING}
    begin = wanted.int().argmax(1)
    starts = torch.cat([begin[:, None].double(), asked[torch.arange(len(asked)), begin]], 1)
    found, seen = follow_points(video.movedim(1, -1), starts)
    wanted = wanted & (wanted.cumsum(1) > 1)
    counted, scale = wanted & seen, (PAPER_SIZE[0] / width, PAPER_SIZE[1] / height)
    return {
        "traj_error": metrics.trajectory_error(found, asked, counted),
        "traj_error_480x720": metrics.trajectory_error(found, asked, counted, scale),
        "followed": float(counted.sum() / wanted.sum()) if bool(wanted.any()) else NOTHING,
    }


def _segments(video: torch.Tensor, entity: Entity, detector: Detector) -> dict[int, torch.Tensor] | None:
    """Frame -> what the detector cut out of it; None for an entity without a phrase or a reference to compare with."""
    phrase = entity.phrase.partition("#")[0].strip()
    if not phrase or entity.image is None:
        return None
    found = {}
    for number, frame in enumerate(video):
        box = detector(frame, phrase)
        if box is not None:
            left, top = (int(value) for value in box[:2].floor())
            right, bottom = (int(value) for value in box[2:].ceil())
            piece = frame[:, max(0, top) : bottom, max(0, left) : right]
            if piece.numel():
                found[number] = piece
    return found


def _measure_faces(
    sample: Sample,
    video: torch.Tensor,
    pieces: list[dict[int, torch.Tensor] | None] | None,
    embed: Callable[[torch.Tensor], torch.Tensor | None],
    figures: dict[str, float],
) -> list[list[int] | None]:
    """Adds Face-S and its share to the figures, and returns the frames with a face of each person."""
    people = {}
    for index, entity in enumerate(sample.entities):
        if entity.kind != "object" and entity.image is not None:
            face = embed(entity.image[..., :3])
            if face is not None:
                people[index] = face
    frames: list[list[int] | None] = [None] * len(sample.entities)
    figures["face"] = figures["faces_found"] = NOTHING
    # Without segments a frame's main face is taken, and nobody knows which of two people that is.
    if not people or (pieces is None and len(people) > 1):
        return frames
    vectors = []
    for index in people:
        looked = pieces[index] if pieces is not None and pieces[index] is not None else dict(enumerate(video))
        faces = {number: embed(piece.movedim(0, -1)) for number, piece in looked.items()}
        faces = {number: face for number, face in faces.items() if face is not None}
        frames[index] = sorted(faces)
        vectors.append(list(faces.values()))
    # They are vectors already: of a picture without a face there is none, which an encoder could not say.
    figures["face"] = metrics.gallery_similarity(list(people.values()), vectors, lambda vector: vector, len(video))
    figures["faces_found"] = metrics.found(vectors, len(video))
    return frames
