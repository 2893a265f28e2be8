"""Where the entities of a tiny clip are, found without knowing where they were asked to be.

The watcher's votes are gathered, frame by frame, into a map of likely centres for each entity; its looks say whose vote
a place casts; and the smoothest likely path through the maps is taken (Viterbi). The only prior is that things move by
a few pixels a frame.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from .cutting import cut_outs, gallery_pictures
from .networks import STRIDE, Recognizer, Sight, Watcher, still_of

MARGIN = 0.25  # of the canvas on every side: centres may lie outside
CELL = 2.0  # pixels of the maps' cells
SPREAD = 2.0  # pixels, blur of the vote maps
STEP = 5.0  # pixels a frame, standard deviation of the motion prior
FARTHEST = 16.0  # pixels a frame
DOUBT = 1.0  # votes that every cell gets for nothing, so that an unseen entity coasts
TEMPERATURE = 0.1
REFINE = 10.0  # pixels around the path whose votes are averaged
THING = 14.0  # pixels around a peak of votes that are one thing's
CUT_OUTS = 5  # frames that say what an entity looks like
MOST_THINGS = 5  # a frame
LEAST = 4.0  # votes that make a thing
QUIET = 0.04  # of the grey scale: changes that are nothing


@dataclass
class Tracks:
    """Places [E, T, 2] in pixels, ``weight`` [E, T] votes near them (0: unseen), ``area`` [E, T] solid pixels of the
    entity and ``share`` [E, T, h, w] which of the watcher's places are its own."""

    places: torch.Tensor
    weight: torch.Tensor
    area: torch.Tensor
    share: torch.Tensor


@torch.no_grad()
def look(watcher: Watcher, video: torch.Tensor) -> Sight:
    """Sight of a video [T, 3, H, W] in 0..1. What moves is solid, also where the watcher takes it for background."""
    frames = video * 2 - 1
    still = still_of(frames)
    sight = watcher(frames, still)
    change = F.avg_pool2d((frames - still).abs().amax(1, keepdim=True) / 2, STRIDE)[:, 0]
    # Generated backgrounds flicker: only what changes clearly more than most of the video does has moved.
    moved = ((change - QUIET - 1.5 * change.median()) * 12).clamp(1e-4, 0.9)
    sight.solid = torch.maximum(sight.solid, torch.logit(moved))
    return sight


@torch.no_grad()
def track(
    watcher: Watcher, recognizer: Recognizer, sight: Sight, video: torch.Tensor, references: torch.Tensor
) -> Tracks:
    """Tracks of the entities with ``references`` [E, 3, S, S] in 0..1 on neutral grey in a video [T, 3, H, W].

    Every solid place belongs to the reference that it looks most like, in the watcher's eyes and, as a part of the
    thing that it votes for, in the recognizer's. So the entities compete for places; with one reference all places are
    its own.
    """
    solid = torch.sigmoid(sight.solid)
    likeness = torch.einsum("thwd,ed->ethw", sight.looks, watcher.look_at(references)) / TEMPERATURE
    if len(references) > 1:
        likeness = likeness + _recognised(recognizer, solid, sight.votes, video, references) / TEMPERATURE
    return _follow(solid * likeness.softmax(0), sight, video.shape[-1])


def _recognised(
    recognizer: Recognizer, solid: torch.Tensor, votes: torch.Tensor, video: torch.Tensor, references: torch.Tensor
) -> torch.Tensor:
    """[E, T, h, w]: cosine between a reference and the thing that a place votes for; 0 where that is no thing."""
    size = video.shape[-1]
    frames, places = peaks(vote_maps(solid, votes, size), size)
    cosines = solid.new_zeros(len(references), *solid.shape)
    if not len(frames):
        return cosines
    distance = (votes[frames] - places[:, None, None]).norm(dim=-1)
    shares = solid[frames] * (distance < THING)
    areas = shares.sum((1, 2)) * (size / solid.shape[-1]) ** 2
    things = recognizer(cut_outs(video[frames], places, areas, shares))
    alike = things @ recognizer(gallery_pictures(references)).T  # [P, E]
    nearest = solid.new_full(solid.shape, THING)
    for number, t in enumerate(frames.tolist()):
        closer = distance[number] < nearest[t]
        nearest[t][closer] = distance[number][closer]
        cosines[:, t, closer] = alike[number][:, None]
    return cosines


def peaks(maps: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest few local maxima of vote maps [T, G, G]: frame numbers [P] and places [P, 2] in pixels."""
    reach = 2 * int(THING / CELL / 2) + 1
    top = F.max_pool2d(maps[:, None], reach, 1, reach // 2)[:, 0]
    found = torch.where((maps == top) & (maps > LEAST), maps, 0).flatten(1)
    values, cells = found.topk(MOST_THINGS)
    frames, ranks = (values > 0).nonzero(as_tuple=True)
    cells = cells[frames, ranks]
    at = torch.stack([cells % maps.shape[-1], cells // maps.shape[-1]], 1)
    return frames, (at + 0.5) * CELL - size * MARGIN


def _follow(share: torch.Tensor, sight: Sight, size: int) -> Tracks:
    areas = share.sum((2, 3)) * (size / sight.solid.shape[-1]) ** 2
    places, weights = [], []
    for own, area in zip(share, areas, strict=True):
        path = smoothest(vote_maps(own, sight.votes, size), size)
        place, weight = refine(path, own, sight.votes)
        mass = centre_of_mass(place, own, size, float(area.quantile(0.75).sqrt()))
        # Votes see through what covers a part, and lean towards the middle of large parts; the mass does the opposite.
        places.append((place + mass) / 2)
        weights.append(weight)
    return Tracks(torch.stack(places), torch.stack(weights), areas, share)


@torch.no_grad()
def places_of_things(sight: Sight, count: int, size: int = 128) -> torch.Tensor:
    """[count, T, 2] places of the ``count`` most solid things whatever they look like, in no meaningful order: the best
    path first, then the best through the votes that it leaves over."""
    left, found = torch.sigmoid(sight.solid), []
    for _ in range(count):
        path = smoothest(vote_maps(left, sight.votes, size), size)
        path, _ = refine(path, left, sight.votes)
        found.append(path)
        near = (sight.votes - path[:, None, None]).norm(dim=-1) < 1.5 * REFINE
        left = left * ~near
    return torch.stack(found)


def one_to_one(found: torch.Tensor, asked: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """``found`` [N, T, 2] with the things of each frame in the order that fits ``asked`` best, one thing a path.

    It says whether there is something on every path, never whether it is the right thing; nor does it see that two
    things change places where their paths meet.
    """
    out = found.clone()
    orders = [list(order) for order in itertools.permutations(range(len(found)))]
    for t in range(found.shape[1]):
        seen = visible[:, t]
        costs = [(found[order, t] - asked[:, t]).abs().sum(-1)[seen].sum() for order in orders]
        out[:, t] = found[orders[int(torch.stack(costs).argmin())], t]
    return out


def vote_maps(share: torch.Tensor, votes: torch.Tensor, size: int) -> torch.Tensor:
    """Votes [T, h, w, 2] with weights [T, h, w] -> density [T, G, G] over the canvas and its margin."""
    frames = len(share)
    cells = round(size * (1 + 2 * MARGIN) / CELL)
    at = ((votes + size * MARGIN) / CELL).long().clamp(0, cells - 1)
    index = (at[..., 1] * cells + at[..., 0]).flatten(1)
    maps = torch.zeros(frames, cells * cells).scatter_add_(1, index, share.flatten(1)).view(frames, 1, cells, cells)
    sigma = SPREAD / CELL
    reach = math.ceil(3 * sigma)
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = kernel / kernel.max()
    maps = F.conv2d(maps, kernel[None, None, :, None], padding=(reach, 0))
    return F.conv2d(maps, kernel[None, None, None, :], padding=(0, reach))[:, 0]


def smoothest(maps: torch.Tensor, size: int) -> torch.Tensor:
    """The path [T, 2] in pixels with the largest sum of log votes and motion prior, by Viterbi on the maps' cells."""
    frames, cells, _ = maps.shape
    scores = torch.log(maps + DOUBT)
    reach = int(FARTHEST / CELL)
    offsets = [
        (dy, dx)
        for dy in range(-reach, reach + 1)
        for dx in range(-reach, reach + 1)
        if math.hypot(dx, dy) * CELL <= FARTHEST
    ]
    prior = torch.tensor([-0.5 * (math.hypot(dx, dy) * CELL / STEP) ** 2 for dy, dx in offsets])
    best, back = scores[0], []
    for t in range(1, frames):
        padded = F.pad(best, (reach,) * 4, value=-torch.inf)
        moved = torch.stack(
            [padded[reach + dy : reach + dy + cells, reach + dx : reach + dx + cells] for dy, dx in offsets]
        )
        value, which = (moved + prior[:, None, None]).max(0)
        best = value + scores[t]
        back.append(which)
    place = divmod(int(best.argmax()), cells)
    path = [place]
    for which in reversed(back):
        dy, dx = offsets[int(which[place])]
        place = (place[0] + dy, place[1] + dx)
        path.append(place)
    rows_columns = torch.tensor(path[::-1], dtype=torch.float32)
    return (rows_columns.flip(-1) + 0.5) * CELL - size * MARGIN


def centre_of_mass(path: torch.Tensor, share: torch.Tensor, size: int, radius: float) -> torch.Tensor:
    """The path [T, 2] moved to the middle of the places [T, h, w] around it that belong to the entity."""
    step = size / share.shape[-1]
    ramp = (torch.arange(share.shape[-1]) + 0.5) * step
    grid = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"), -1)
    place = path
    for _ in range(4):
        near = (share - 0.15).clamp_min(0) * ((grid - place[:, None, None]).norm(dim=-1) < radius)
        weight = near.sum((1, 2))
        mean = (grid * near[..., None]).sum((1, 2)) / weight.clamp_min(1e-6)[:, None]
        place = torch.where((weight > 1)[:, None], mean, place)
    return place


def refine(path: torch.Tensor, share: torch.Tensor, votes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The path moved to the mean of the votes around it (mean shift), and how many votes those are [T].

    A frame without votes takes its place from its neighbours.
    """
    place, weight = path.clone(), torch.zeros(len(path))
    for radius in (REFINE, REFINE, 0.6 * REFINE):
        distance = (votes - place[:, None, None]).norm(dim=-1)
        near = share * (1 - (distance / radius) ** 2).clamp_min(0)
        weight = near.sum((1, 2))
        mean = (votes * near[..., None]).sum((1, 2)) / weight.clamp_min(1e-6)[:, None]
        place = torch.where((weight > 0.5)[:, None], mean, place)
    seen = (weight > 0.5).nonzero().flatten()
    if len(seen):
        for t in (weight <= 0.5).nonzero().flatten().tolist():
            before, after = seen[seen < t], seen[seen > t]
            if len(before) and len(after):
                a, b = int(before[-1]), int(after[0])
                place[t] = torch.lerp(place[a], place[b], (t - a) / (b - a))
            else:
                place[t] = place[int(before[-1] if len(before) else after[0])]
    return place, weight


def identity_vector(recognizer: Recognizer, video: torch.Tensor, tracks: Tracks, index: int) -> torch.Tensor:
    """[D] of an entity: mean over the frames in which most of it is seen."""
    frames = tracks.weight[index].argsort(descending=True)[:CUT_OUTS]
    # One size for all frames: where a part is covered the rest must not grow.
    area = tracks.area[index].quantile(0.75).expand(len(frames))
    return recognizer(cut_outs(video[frames], tracks.places[index, frames], area, tracks.share[index, frames])).mean(0)
