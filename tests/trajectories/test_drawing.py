import pytest

from tora2.errors import TrajectoryError
from tora2.trajectories import import_trajectories, parse_document


@pytest.mark.parametrize("wrong", [{"width": 0}, {"height": -8}, {"frames": 0}, {"frames": -3}, {"width": 10**6}])
def test_no_canvas_or_clip(wrong):
    """ComfyUI checks what is typed into an input, not what comes over a link."""
    (name, value), size = *wrong.items(), {"width": 96, "height": 64, "frames": 9}
    document = parse_document({"version": 1, **size, "tracks": [{"points": [{"x": 0.5, "y": 0.5}]}]})
    for make in (
        lambda: document.fitted(**wrong),
        lambda: import_trajectories("[{\"x\": 1, \"y\": 2}]", **(size | wrong)),
        lambda: import_trajectories(document.to_json(), **(size | wrong)),
    ):
        with pytest.raises(TrajectoryError, match=f"{name} = {value} must be within 1"):
            make()
