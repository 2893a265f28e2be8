/**
 * From a freehand stroke to few points: Ramer-Douglas-Peucker, or samples of the stroke's own time.
 *
 * @typedef {import('./drawing.mjs').Point} Point
 * @typedef {{x: number, y: number, t?: number}} Sample pixels of the canvas; `t` any clock that grows
 */

import { tidy } from './change.mjs';
import { MAX_POINTS, createPoint } from './drawing.mjs';

/**
 * The samples that are needed so that no sample is further than `tolerance` from the line through them. The first and
 * the last stay. (Ramer 1972; Douglas and Peucker 1973.)
 * @template {Sample} T
 * @param {readonly T[]} samples
 * @param {number} tolerance pixels
 * @returns {T[]}
 */
export function simplified(samples, tolerance) {
  if (samples.length <= 2) return [...samples];
  const keep = new Uint8Array(samples.length);
  keep[0] = keep[samples.length - 1] = 1;
  const stack = [[0, samples.length - 1]];
  for (let range; (range = stack.pop());) {
    const [from, to] = range;
    let [farthest, distance] = [-1, tolerance];
    for (let i = from + 1; i < to; i++) {
      const d = segmentDistance(samples[i], samples[from], samples[to]);
      if (d > distance) [farthest, distance] = [i, d];
    }
    if (farthest < 0) continue;
    keep[farthest] = 1;
    stack.push([from, farthest], [farthest, to]);
  }
  return samples.filter((_, index) => keep[index]);
}

/**
 * The points of a drawn stroke.
 * @param {readonly Sample[]} samples
 * @param {object} options
 * @param {{width: number, height: number, frames: number}} options.canvas
 * @param {number} [options.tolerance] pixels of the canvas
 * @param {boolean} [options.timed] key the points by the stroke's own clock, spread over the clip, so that the track
 *   moves as fast and as slow as the hand did
 * @param {number} [options.maximum] at most so many points; the tolerance grows until they suffice
 * @returns {Point[]} none for no samples; one for a stroke that does not move
 */
export function strokeToPoints(samples, { canvas, tolerance = 2, timed = false, maximum = MAX_POINTS }) {
  const usable = withoutRepeats(samples.filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
  if (usable.length === 0) return [];
  const most = Math.max(2, Math.min(maximum, MAX_POINTS));
  let wanted = Math.max(tolerance, 0.01);
  let kept = simplified(usable, wanted);
  while (kept.length > most) kept = simplified(kept, (wanted *= 1.5));
  const frames = timed && kept.length > 1 && canvas.frames > 1 ? keyFrames(usable, kept, canvas.frames) : null;
  return kept.map((sample, index) =>
    createPoint(tidy(sample.x / canvas.width), tidy(sample.y / canvas.height), frames ? frames[index] : null));
}

/**
 * Whole frames for the kept samples, from the first frame to the last; null where two would get the same one.
 * @param {readonly Sample[]} all
 * @param {readonly Sample[]} kept
 * @param {number} frames
 * @returns {(number|null)[]}
 */
function keyFrames(all, kept, frames) {
  const [begin, end] = [all[0].t ?? 0, all[all.length - 1].t ?? 0];
  if (!(end > begin)) return kept.map(() => null);
  const last = frames - 1;
  let previous = -1;
  return kept.map((sample, index) => {
    const frame = Math.round((((sample.t ?? begin) - begin) / (end - begin)) * last);
    const isLast = index === kept.length - 1;
    if (!(frame > previous) || (frame >= last && !isLast) || frame > last) return null;
    previous = frame;
    return frame;
  });
}

/**
 * @template {Sample} T
 * @param {readonly T[]} samples
 * @returns {T[]} without samples at the place of the one before, but with the last one's time
 */
function withoutRepeats(samples) {
  return samples.filter((sample, i) => i === 0 || sample.x !== samples[i - 1].x || sample.y !== samples[i - 1].y);
}

/**
 * @param {Sample} point
 * @param {Sample} from
 * @param {Sample} to
 */
function segmentDistance(point, from, to) {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const square = dx * dx + dy * dy;
  const share = square > 0 ? Math.min(Math.max(((point.x - from.x) * dx + (point.y - from.y) * dy) / square, 0), 1) : 0;
  return Math.hypot(point.x - from.x - share * dx, point.y - from.y - share * dy);
}
