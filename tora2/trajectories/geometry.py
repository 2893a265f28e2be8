"""Curves through control points and the arc length along them, in pixels of the canvas.

A JavaScript editor must reproduce this to 1e-6, so every step is a fixed recipe in double precision:

1. Runs of neighbouring points less than `COINCIDENT` (1e-9) pixels from the run's first point become that first point.
   What remains are the knots P_0..P_m, all neighbours apart.
2. Segment i runs from P_i to P_i+1. ``linear``: C(u) = (1-u) P_i + u P_i+1. ``smooth``: centripetal Catmull-Rom in
   Hermite form. Before the first knot stands 2 P_0 - P_1, after the last 2 P_m - P_m-1. With d = sqrt(distance) between
   neighbours (a before, b of, c after the segment), and P, Q, R, S the four knots around it::

       start tangent  M = b ((Q - P) / a - (R - P) / (a + b) + (R - Q) / b)
       end tangent    N = b ((R - Q) / b - (S - Q) / (b + c) + (S - R) / c)
       C(u) = (2u^3 - 3u^2 + 1) Q + (u^3 - 2u^2 + u) M + (-2u^3 + 3u^2) R + (u^3 - u^2) N

3. Length: a smooth segment is cut at u = j/32 (`SUBDIVISIONS`), a linear one is not cut; the chords' lengths, added up
   along the whole path, are the table L.
   (Two knots make a straight line either way; the formula is exact for it, so it need not be cut.)
4. The place at length s: clamp s to the table; take the last entry L_k <= s (but not the table's last entry);
   fraction = (s - L_k) / (L_k+1 - L_k), or 0 for an empty chord; u is linear in that fraction between the two cuts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

COINCIDENT = 1e-9
SUBDIVISIONS = 32


@dataclass(frozen=True)
class Curve:
    """A path with its table of arc length.

    Attributes:
        coefficients: [S, 4, 2] float64; segment i is the cubic sum_k coefficients[i, k] u^k in pixels. A path of one
            knot has one segment that stands still.
        cuts: pieces of a segment in the table.
        table: [S * cuts + 1] float64, arc length at the cuts, from 0.
        knot_of: [P] int64, the knot that control point p became.
    """

    coefficients: torch.Tensor
    cuts: int
    table: torch.Tensor
    knot_of: torch.Tensor

    @property
    def lengths(self) -> torch.Tensor:
        """[P] arc length at every control point."""
        return self.table[self.knot_of * self.cuts]

    def at(self, length: torch.Tensor) -> torch.Tensor:
        """Positions [..., 2] in pixels at the arc lengths ``length`` [...], which are clamped to the curve."""
        length = length.clamp(self.table[0], self.table[-1])
        last = len(self.table) - 2
        index = (torch.searchsorted(self.table, length.contiguous(), right=True) - 1).clamp(0, last)
        chord = self.table[index + 1] - self.table[index]
        fraction = torch.where(chord > 0, (length - self.table[index]) / torch.where(chord > 0, chord, 1.0), 0.0)
        u = ((index % self.cuts) + fraction) / self.cuts
        return _evaluate(self.coefficients[index // self.cuts], u)


def curve(points: torch.Tensor, smooth: bool) -> Curve:
    """The curve through ``points`` [P, 2] (float64 pixels, P >= 1)."""
    knots, knot_of = _knots(points)
    if len(knots) == 1:
        still = torch.zeros(1, 4, 2, dtype=torch.float64)
        still[0, 0] = knots[0]
        return Curve(still, 1, torch.zeros(2, dtype=torch.float64), knot_of)
    coefficients = _catmull_rom(knots) if smooth and len(knots) > 2 else _polyline(knots)
    cuts = SUBDIVISIONS if smooth and len(knots) > 2 else 1
    u = torch.arange(cuts + 1, dtype=torch.float64) / cuts
    places = _evaluate(coefficients[:, None], u)  # [S, cuts + 1, 2]
    chords = torch.linalg.vector_norm(places[:, 1:] - places[:, :-1], dim=-1)
    table = torch.cat([torch.zeros(1, dtype=torch.float64), chords.flatten().cumsum(0)])
    return Curve(coefficients, cuts, table, knot_of)


def _evaluate(coefficients: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Cubics [..., 4, 2] at u [...]."""
    u = u[..., None]
    c0, c1, c2, c3 = coefficients.unbind(-2)
    return ((c3 * u + c2) * u + c1) * u + c0


def _knots(points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    apart = torch.linalg.vector_norm(points[1:] - points[:-1], dim=-1)
    if bool((apart >= COINCIDENT).all()):
        return points, torch.arange(len(points))
    keep, knot_of = [0], [0]  # rare: a run is measured from its first point, so it is walked in order
    for index in range(1, len(points)):
        if torch.linalg.vector_norm(points[index] - points[keep[-1]]) >= COINCIDENT:
            keep.append(index)
        knot_of.append(len(keep) - 1)
    return points[keep], torch.tensor(knot_of)


def _polyline(knots: torch.Tensor) -> torch.Tensor:
    coefficients = torch.zeros(len(knots) - 1, 4, 2, dtype=torch.float64)
    coefficients[:, 0] = knots[:-1]
    coefficients[:, 1] = knots[1:] - knots[:-1]
    return coefficients


def _catmull_rom(knots: torch.Tensor) -> torch.Tensor:
    around = torch.cat([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    p, q, r, s = around[:-3], around[1:-2], around[2:-1], around[3:]
    spacing = torch.linalg.vector_norm(around[1:] - around[:-1], dim=-1, keepdim=True).sqrt()
    a, b, c = spacing[:-2], spacing[1:-1], spacing[2:]
    m = b * ((q - p) / a - (r - p) / (a + b) + (r - q) / b)
    n = b * ((r - q) / b - (s - q) / (b + c) + (s - r) / c)
    return torch.stack([q, m, 3 * (r - q) - 2 * m - n, 2 * (q - r) + m + n], dim=1)
