/**
 * When a track is where: keys, the times of points between them, speed, and the edits of these. Keys increase along the
 * path and leave time for unkeyed ends (`keyProblem` in document.mjs); every edit here keeps to that.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Point} Point
 * @typedef {import('./sampling.mjs').Clip} Clip
 */

import { byTrack, changed, editable, inserted, tidy, withPoints, withTrack } from './change.mjs';
import { EASINGS, MAX_POINTS, createPoint } from './drawing.mjs';
import { curveOf, upperBound } from './geometry.mjs';
import { frameTimes, keysOf, sampleLengths } from './sampling.mjs';

/** A control point this near to the path's place at a frame is keyed itself, in pixels of the canvas. */
const NEAR = 0.5;

/**
 * Speed between whole frames.
 * @param {Track} track
 * @param {Clip} canvas
 * @returns {Float64Array} frames - 1 entries, pixels of the path from frame t to t + 1
 */
export function frameSpeeds(track, canvas) {
  const lengths = sampleLengths(track, canvas, frameTimes(canvas.frames));
  return Float64Array.from({ length: canvas.frames - 1 }, (_, t) => Math.abs(lengths[t + 1] - lengths[t]));
}

/**
 * When the track passes each of its points. Points of a static track, and a lone point, are at 0.
 * @param {Track} track
 * @param {Clip} canvas
 * @returns {Float64Array} a frame number a point
 */
export function pointTimes(track, canvas) {
  const times = new Float64Array(track.points.length);
  if (track.kind === 'static' || times.length === 1) return times;
  const keys = keysOf(track, canvas.frames);
  if (keys.length === 1) return times.fill(keys[0].frame);
  const { lengths } = curveOf(track, canvas);
  for (let k = 0; k < keys.length - 1; k++) {
    const [from, to] = [keys[k], keys[k + 1]];
    const easing = track.points[from.index].easing ?? track.easing;
    const span = lengths[to.index] - lengths[from.index];
    for (let index = from.index; index < to.index; index++) {
      const share = span > 0 ? (lengths[index] - lengths[from.index]) / span : 0;
      times[index] = from.frame + uneased(share, easing) * (to.frame - from.frame);
    }
    times[to.index] = to.frame;
  }
  return times;
}

/**
 * The whole frames at which a point may be keyed.
 * @param {Track} track
 * @param {number} frames
 * @param {number} index the point
 * @returns {{min: number, max: number}|null} null if its neighbours leave no whole frame
 */
export function keyRange(track, frames, index) {
  const { low, high, lowIn, highIn } = bounds(track.points, frames, (i) => i === index, index);
  const min = lowIn ? Math.ceil(low) : Math.floor(low) + 1;
  const max = highIn ? Math.floor(high) : Math.ceil(high) - 1;
  return min <= max ? { min, max } : null;
}

/**
 * Key a point to a frame; a frame that its neighbours do not allow is moved into `keyRange`.
 * @param {Document} document
 * @param {number} track
 * @param {number} point
 * @param {number} [frame] default: the whole frame nearest to when the track passes it now
 * @returns {Document} the same one if the track is locked or there is no room
 */
export function keyPoint(document, track, point, frame) {
  const old = editable(document, track);
  if (!old?.points[point]) return document;
  const wanted = frame ?? Math.round(pointTimes(old, document)[point]);
  if (!Number.isFinite(wanted)) return document;
  const { low, high, lowIn, highIn } = bounds(old.points, document.frames, (i) => i === point, point);
  let allowed = wanted;
  if (!((wanted > low || (lowIn && wanted === low)) && (wanted < high || (highIn && wanted === high)))) {
    const range = keyRange(old, document.frames, point);
    if (!range) return document;
    allowed = Math.min(Math.max(wanted, range.min), range.max);
  }
  return withPoint(document, track, point, { frame: allowed });
}

/**
 * Points are timed by arc length again.
 * @param {Document} document
 * @param {number} track
 * @param {number} point
 * @returns {Document}
 */
export function unkeyPoint(document, track, point) {
  const old = editable(document, track);
  if (!old?.points[point] || old.points[point].frame === null) return document;
  const inside = point > 0 && point < old.points.length - 1; // an end stays a key, implied, and keeps its easing
  return withPoint(document, track, point, inside ? { frame: null, easing: null } : { frame: null });
}

/**
 * The point that is keyed to a frame.
 * @param {Track} track
 * @param {number} frame
 * @returns {number} its index or -1
 */
export function findKey(track, frame) {
  return track.points.findIndex((point) => point.frame !== null && Math.abs(point.frame - frame) < 1e-9);
}

/**
 * Key the track to where it is at a frame: a point that lies there, or a new one on the path (`findKey` finds it).
 * @param {Document} document
 * @param {number} track
 * @param {number} frame
 * @returns {Document} the same one if there is a key already, or the track is static, locked or full
 */
export function keyAt(document, track, frame) {
  const old = editable(document, track);
  if (!old || old.kind === 'static' || document.frames === 1 || !(frame >= 0 && frame <= document.frames - 1)) {
    return document;
  }
  if (findKey(old, frame) >= 0) return document;
  const keys = keysOf(old, document.frames);
  const same = keys.find((key) => key.frame === frame);
  if (same) return withPoint(document, track, same.index, { frame });
  const curve = curveOf(old, document);
  const [length] = sampleLengths(old, document, [frame]);
  const next = upperBound(keys.map((key) => key.frame), frame); // the first key after the frame
  const from = next > 0 ? keys[next - 1].index : -1;
  const to = next < keys.length ? keys[next].index : old.points.length;
  let place = from + 1;
  for (let index = from + 1; index < to; index++) {
    if (next > 0 && next < keys.length && Math.abs(curve.lengths[index] - length) < NEAR) {
      return withPoint(document, track, index, { frame });
    }
    if (curve.lengths[index] <= length) place = index + 1;
  }
  if (old.points.length >= MAX_POINTS) return document;
  const still = old.points[next === 0 ? 0 : old.points.length - 1];
  const [x, y] = curve.at(length);
  const created = next === 0 || next === keys.length
    ? createPoint(still.x, still.y, frame) // it waits here
    : createPoint(tidy(x / document.width), tidy(y / document.height), frame);
  return withTrack(document, track, withPoints(old, mendKeys(inserted(old.points, place, created), document.frames)));
}

/**
 * Move keys in time together, as far as the other keys let them.
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} keys [track, point]; those without a frame are passed over
 * @param {number} delta frames
 * @returns {Document}
 */
export function moveKeys(document, keys, delta) {
  if (!Number.isFinite(delta)) return document;
  const groups = byTrack(document, keys);
  let [low, high] = [-Infinity, Infinity];
  for (const [track, points] of groups) {
    const all = document.tracks[track].points;
    const moving = new Set(points.filter((point) => all[point].frame !== null));
    for (const point of moving) {
      const frame = /** @type {number} */ (all[point].frame);
      const room = bounds(all, document.frames, (i) => moving.has(i), point);
      low = Math.max(low, Math.min((room.lowIn ? room.low : Math.floor(room.low) + 1) - frame, 0));
      high = Math.min(high, Math.max((room.highIn ? room.high : Math.ceil(room.high) - 1) - frame, 0));
    }
  }
  const shift = Math.min(Math.max(delta, low), high);
  if (shift === 0) return document;
  let result = document;
  for (const [track, points] of groups) {
    for (const point of points) {
      const { frame } = document.tracks[track].points[point];
      if (frame !== null) result = withPoint(result, track, point, { frame: frame + shift });
    }
  }
  return result;
}

/**
 * Spread the whole movement of a track over other frames: its first key goes to `first`, its last to `last`.
 * @param {Document} document
 * @param {number} track
 * @param {number} first
 * @param {number} last after `first`
 * @returns {Document}
 */
export function retime(document, track, first, last) {
  const old = editable(document, track);
  if (!old || old.points.length < 2 || document.frames === 1) return document;
  if (!(first >= 0 && first < last && last <= document.frames - 1)) return document;
  const keys = keysOf(old, document.frames);
  const [begin, end] = [keys[0].frame, keys[keys.length - 1].frame];
  const points = [...old.points];
  for (const key of keys) {
    const frame = Math.min(first + ((key.frame - begin) / (end - begin)) * (last - first), last);
    if (!key.implied || frame !== key.frame) points[key.index] = changed(points[key.index], { frame });
  }
  return withTrack(document, track, withPoints(old, mendKeys(points, document.frames)));
}

/**
 * Stay at a point for some frames: the point is keyed, and a copy of it follows `duration` frames later.
 * @param {Document} document
 * @param {number} track
 * @param {number} point
 * @param {number} duration frames
 * @returns {Document} the same one if there is no time for it
 */
export function insertPause(document, track, point, duration) {
  const old = editable(document, track);
  const last = document.frames - 1;
  if (!old?.points[point] || old.kind === 'static' || old.points.length >= MAX_POINTS) return document;
  if (!(duration > 0)) return document;
  const isEnd = point === old.points.length - 1;
  const begin = old.points[point].frame ?? Math.round(pointTimes(old, document)[point]);
  const keyed = keyPoint(document, track, point, isEnd ? Math.min(begin, last - duration) : begin);
  const { points } = keyed.tracks[track];
  const { frame, easing } = points[point];
  if (frame === null) return document;
  const room = bounds(points, document.frames, (i) => i === point, point);
  const until = Math.min(frame + duration, room.highIn ? room.high : Math.ceil(room.high) - 1);
  if (until <= frame) return document;
  const copy = { ...points[point], frame: until, easing };
  return withTrack(document, track, withPoints(old, mendKeys(inserted(points, point + 1, copy), document.frames)));
}

/**
 * Easing of the stretch that starts at a key; null for the track's own.
 * @param {Document} document
 * @param {number} track
 * @param {number} point
 * @param {string|null} easing
 * @returns {Document}
 */
export function setStretchEasing(document, track, point, easing) {
  const known = easing === null || EASINGS.some((item) => item === easing);
  return known && editable(document, track)?.points[point] ? withPoint(document, track, point, { easing }) : document;
}

/**
 * The points without the keys that a list must not have (see `keyProblem`), after points came, went or moved.
 * @param {readonly Point[]} points
 * @param {number} frames
 * @returns {readonly Point[]} the same list if it is in order
 */
export function mendKeys(points, frames) {
  /** @type {Point[]|null} */
  let mended = null;
  const drop = (/** @type {number} */ index) => {
    mended ??= [...points];
    mended[index] = changed(points[index], { frame: null });
  };
  let previous = -1;
  let before = -1;
  for (let index = 0; index < points.length; index++) {
    const { frame } = points[index];
    if (frame === null) continue;
    const lowest = before < 0 && (index === 0 || frames === 1) ? 0 : Math.max(previous, 0);
    const fits = before < 0 && lowest === 0 && (index === 0 || frames === 1) ? frame >= 0 : frame > lowest;
    if (fits && frame <= frames - 1) [previous, before] = [frame, index];
    else drop(index);
  }
  if (before >= 0 && before < points.length - 1 && previous === frames - 1 && frames > 1) drop(before);
  return mended ?? points;
}

/**
 * Between which times a key may lie; `moving` points do not count. `lowIn`, `highIn`: the bound itself is allowed.
 * @param {readonly Point[]} points
 * @param {number} frames
 * @param {(index: number) => boolean} moving
 * @param {number} index
 */
function bounds(points, frames, moving, index) {
  let [low, lowIn] = [0, index === 0 || frames === 1];
  for (let i = index - 1; i >= 0; i--) {
    const { frame } = points[i];
    if (frame === null || moving(i)) continue;
    [low, lowIn] = [frame, false];
    break;
  }
  let [high, highIn] = [frames - 1, index === points.length - 1 || frames === 1];
  for (let i = index + 1; i < points.length; i++) {
    const { frame } = points[i];
    if (frame === null || moving(i)) continue;
    [high, highIn] = [frame, false];
    break;
  }
  return { low, high, lowIn, highIn };
}

/**
 * @param {Document} document
 * @param {number} track
 * @param {number} point
 * @param {Partial<Point>} fields
 * @returns {Document}
 */
function withPoint(document, track, point, fields) {
  const old = document.tracks[track];
  const points = old.points.map((item, index) => (index === point ? changed(item, fields) : item));
  return withTrack(document, track, withPoints(old, points));
}

/**
 * The progress whose eased progress is `share`.
 * @param {number} share 0..1
 * @param {string} easing
 */
function uneased(share, easing) {
  if (easing === 'ease-in') return Math.sqrt(share);
  if (easing === 'ease-out') return 1 - Math.sqrt(1 - share);
  if (easing === 'ease-in-out') return share <= 0.5 ? Math.sqrt(share / 2) : 1 - Math.sqrt((1 - share) / 2);
  return share;
}
