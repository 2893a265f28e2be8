"""Trajectories: documents, their sampling in time, import and export, and the motion map that guides the model."""

from .document import (
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
    parse_document,
)
from .flow import flow_to_color, motion_flow
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
    "motion_flow",
    "parse_document",
    "sample",
]
