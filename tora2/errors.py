"""Errors that a user can mend.

Each message is one sentence (or two) that says what is wrong, where, and how to mend it; it is shown as it is by
ComfyUI and by the command line. Anything else that escapes this library is a bug.
"""


class Tora2Error(ValueError):
    """Base class of every error that a user's input can cause."""


class TrajectoryError(Tora2Error):
    """A trajectory document or a coordinate list that cannot be used."""


class PhraseError(Tora2Error):
    """An entity's phrase that cannot be found in the prompt's tokens."""


class CheckpointError(Tora2Error):
    """A file or folder that is not the model it was taken for."""


class EncoderError(Tora2Error):
    """A reference image that an identity encoder cannot read, or an encoder that is not installed."""


class WorkflowError(Tora2Error):
    """A workflow file that the headless runner cannot turn into a run."""


class ConditionError(Tora2Error):
    """Conditions that do not fit together or do not fit the model, such as a video size it cannot make."""


class TrainingError(Tora2Error):
    """A training configuration, data set or run folder that cannot be used."""


class AccelerationError(Tora2Error):
    """A switch for speed that this machine, this model or another switch does not allow."""


class TrackingError(Tora2Error):
    """A video in which nothing can be followed, or a tracker that is not installed."""
