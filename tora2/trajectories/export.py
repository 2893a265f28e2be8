"""A drawing as the text that some other node reads; `formats` has the formats themselves."""

from __future__ import annotations

from dataclasses import replace

from ..errors import TrajectoryError
from .drawing import TrajectoryDocument
from .formats import to_coordinates, to_tora_txt
from .plain import show

ATI_POINTS = 121
MOST_WRAPPER_TRACKS = 9

NESTED = "nested: [[{x, y}, ...], ...]"
FLAT = "flat: [{x, y}, ...], one track"
KJNODES = "KJNodes: flat for one track, nested for several"
ATI = f"ATI: nested, {ATI_POINTS} points a track"
WRAPPER = "CogVideoXWrapper: a flat text per track"
TORA = "Tora .txt: one track"
DOCUMENT = "Tora2 drawing"
FORMATS = (NESTED, FLAT, KJNODES, ATI, WRAPPER, TORA, DOCUMENT)


def export_trajectories(document: TrajectoryDocument, form: str, *, track: str = "") -> str | list[str]:
    """The drawing in one of `FORMATS`; hidden tracks are left out, except of `DOCUMENT`.

    Args:
        track: name of the tracks to write; empty for all.

    Returns:
        Text; for `WRAPPER` a list of at most nine texts, which is how ComfyUI-CogVideoXWrapper's ToraEncodeTrajectory
        tells several tracks (and ten letters or more tell it that there is one). It cannot read places off the canvas,
        so they are moved to its border.

    Raises:
        TrajectoryError: no such track, or more tracks than the format holds.
    """
    if track.strip():
        document = _only(document, track.strip())
    if form == DOCUMENT:
        return document.to_json()
    shown = [track for track in document.tracks if not track.hidden]
    if form == WRAPPER:
        if not 1 <= len(shown) <= MOST_WRAPPER_TRACKS:
            raise TrajectoryError(
                f"CogVideoXWrapper takes 1 to {MOST_WRAPPER_TRACKS} tracks, but the drawing shows {len(shown)}; "
                "hide some or name one."
            )
        return [to_coordinates(replace(document, tracks=[one]), flat=True, inside=True) for one in shown]
    if form == TORA:
        if len(shown) != 1:
            raise TrajectoryError(
                f"A Tora .txt holds one track, but the drawing shows {len(shown)}; name the one to write."
            )
        return to_tora_txt(document)[0]
    if form == ATI:
        return to_coordinates(document, count=ATI_POINTS, cut=True)
    return to_coordinates(document, flat=form == FLAT or (form == KJNODES and len(shown) == 1))


def _only(document: TrajectoryDocument, name: str) -> TrajectoryDocument:
    tracks = [track for track in document.tracks if track.name == name]
    if not tracks:
        names = ", ".join(dict.fromkeys(show(track.name) for track in document.tracks)) or "none"
        raise TrajectoryError(f"The drawing has no track {show(name)}; its tracks are: {names}.")
    return replace(document, tracks=tracks)
