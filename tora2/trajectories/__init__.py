"""Trajectories: documents, their sampling in time, import and export, and the motion map that guides the model."""

from .document import parse_document
from .drawing import (
    DEFAULT_FPS,
    DEFAULT_FRAMES,
    DEFAULT_HEIGHT,
    DEFAULT_WIDTH,
    EASINGS,
    INTERPOLATIONS,
    KINDS,
    MAX_POINTS,
    MAX_TRACKS,
    Point,
    Track,
    TrajectoryDocument,
)
from .flow import flow_to_color, motion_flow
from .formats import (
    from_tora_files,
    from_tracks,
    import_trajectories,
    to_coordinates,
    to_tora_txt,
    to_tracks,
)
from .sampling import SampledTracks, sample

__all__ = [
    "DEFAULT_FPS",
    "DEFAULT_FRAMES",
    "DEFAULT_HEIGHT",
    "DEFAULT_WIDTH",
    "EASINGS",
    "INTERPOLATIONS",
    "KINDS",
    "MAX_POINTS",
    "MAX_TRACKS",
    "Point",
    "SampledTracks",
    "Track",
    "TrajectoryDocument",
    "flow_to_color",
    "from_tora_files",
    "from_tracks",
    "import_trajectories",
    "motion_flow",
    "parse_document",
    "sample",
    "to_coordinates",
    "to_tora_txt",
    "to_tracks",
]
