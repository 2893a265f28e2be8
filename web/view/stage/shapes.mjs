/** Path2D objects of tracks in canvas pixels, built once per curve and kept as long as the curve lives. */

import { curveOf } from '../../core/geometry.mjs';
import { framePositions, sampleLengths } from '../../core/sampling.mjs';

/** @typedef {import('../types.mjs').Track} Track */
/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../../core/geometry.mjs').Curve} Curve */

/** @type {WeakMap<Curve, Path2D>} */
const whole = new WeakMap();

/**
 * The whole path.
 * @param {Curve} curve
 * @returns {Path2D}
 */
export function pathOf(curve) {
  const known = whole.get(curve);
  if (known) return known;
  const path = new Path2D();
  const c = curve.coefficients;
  path.moveTo(c[0], c[1]);
  for (let i = 0; i < c.length; i += 8) {
    const [x1, y1] = [c[i] + c[i + 2] / 3, c[i + 1] + c[i + 3] / 3];
    const [x3, y3] = [c[i] + c[i + 2] + c[i + 4] + c[i + 6], c[i + 1] + c[i + 3] + c[i + 5] + c[i + 7]];
    if (curve.cuts === 1) path.lineTo(x3, y3);
    else path.bezierCurveTo(x1, y1, x1 + (c[i + 2] + c[i + 4]) / 3, y1 + (c[i + 3] + c[i + 5]) / 3, x3, y3);
  }
  whole.set(curve, path);
  return path;
}

/** @typedef {{seen: Path2D|null, unseen: Path2D|null, dx: number, dy: number}} Shown to be drawn `dx`, `dy` further */
/** @typedef {{width: number, height: number, frames: number} & Shown} Parts */
/** @type {WeakMap<Track, Parts>} */
const parts = new WeakMap();

/**
 * The part of a path that is travelled inside `start`..`end`, and the rest (null where there is none).
 * @param {Track} track
 * @param {Document} document
 * @returns {Shown}
 */
export function partsOf(track, document) {
  const curve = curveOf(track, document);
  if (track.start === null && track.end === null) return { seen: pathOf(curve.base), unseen: null, dx: curve.dx, dy: curve.dy };
  const { width, height, frames } = document;
  const known = parts.get(track);
  if (known && known.width === width && known.height === height && known.frames === frames) return known;
  const times = [track.start ?? 0, track.end ?? frames - 1];
  const [from, to] = sampleLengths(track, document, times);
  const seen = new Path2D();
  const unseen = new Path2D();
  stretch(seen, curve, Math.min(from, to), Math.max(from, to));
  stretch(unseen, curve, 0, Math.min(from, to));
  stretch(unseen, curve, Math.max(from, to), curve.total);
  const result = { width, height, frames, seen, unseen, dx: 0, dy: 0 };
  parts.set(track, result);
  return result;
}

/**
 * @param {Path2D} path
 * @param {Curve} curve
 * @param {number} from arc length
 * @param {number} to
 */
function stretch(path, curve, from, to) {
  if (to - from < 1e-6) return;
  path.moveTo(...curve.at(from));
  for (let i = 0; i < curve.table.length; i++) {
    if (curve.table[i] > from && curve.table[i] < to) path.lineTo(curve.places[2 * i], curve.places[2 * i + 1]);
  }
  path.lineTo(...curve.at(to));
}

/** @typedef {{width: number, height: number, frames: number, size: number, path: Path2D}} Ticks */
/** @type {WeakMap<Track, Ticks>} */
const ticks = new WeakMap();

/**
 * A stroke across the path at every whole frame: close together where the track is slow.
 * @param {Track} track
 * @param {Document} document
 * @param {number} size half the stroke's length in canvas pixels
 * @returns {Path2D}
 */
export function ticksOf(track, document, size) {
  const { width, height, frames } = document;
  const known = ticks.get(track);
  const same = known && known.width === width && known.height === height && known.frames === frames;
  if (known && same && Math.abs(known.size / size - 1) < 0.15) return known.path;
  const places = framePositions(track, document);
  const path = new Path2D();
  const count = Math.min(frames, MOST_TICKS);
  for (let i = 0; i < count; i++) {
    const [x, y] = [places[2 * i] * width, places[2 * i + 1] * height];
    const [before, after] = [Math.max(i - 1, 0), Math.min(i + 1, frames - 1)];
    const dx = (places[2 * after] - places[2 * before]) * width;
    const dy = (places[2 * after + 1] - places[2 * before + 1]) * height;
    const length = Math.hypot(dx, dy);
    if (length < 1e-6) continue; // it stands still here
    const reach = (i % 10 === 0 ? 1.9 : 1) * size;
    path.moveTo(x - (dy / length) * reach, y + (dx / length) * reach);
    path.lineTo(x + (dy / length) * reach, y - (dx / length) * reach);
  }
  ticks.set(track, { width, height, frames, size, path });
  return path;
}

/** More marks than this along one path cannot be told apart. */
const MOST_TICKS = 2000;
