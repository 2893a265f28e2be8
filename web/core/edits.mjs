/**
 * What can be done to a document: functions (document, ...) -> document. They return the very same document when there
 * is nothing to do: an index that does not exist, a number that is none, a full list, a locked track (whose points,
 * kind and timing are never changed). What they return always parses. `timing.mjs` has the edits of keys,
 * `transform.mjs` those of many points at once.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Point} Point
 */

import {
  byTrack, changed, editable, inserted, moved, tidy, within, withMovedPoints, withPoints, withTrack, withTracks,
} from './change.mjs';
import { MAX_COORDINATE, MAX_POINTS, MIN_COORDINATE, createPoint } from './drawing.mjs';
import { curveOf } from './geometry.mjs';
import { keysOf } from './sampling.mjs';
import { keyPoint, mendKeys } from './timing.mjs';

export * from './edit-tracks.mjs';

/**
 * One more point. Behind a last point that is keyed at the clip's end (or before a first one at 0) it takes over that
 * end, and the old key is dropped.
 * @param {Document} document
 * @param {number} track
 * @param {Pick<Point, 'x'|'y'> & Partial<Point>} point parts of the canvas
 * @param {number} [index] default: last
 * @returns {Document}
 */
export function addPoint(document, track, point, index) {
  const old = editable(document, track);
  if (!old || old.points.length >= MAX_POINTS) return document;
  if (!Number.isFinite(point.x) || !Number.isFinite(point.y)) return document;
  const place = within(index ?? old.points.length, 0, old.points.length);
  const created = { ...createPoint(0, 0), ...point, x: tidy(point.x), y: tidy(point.y), frame: null };
  const points = mendKeys(inserted(old.points, place, created), document.frames);
  const result = withTrack(document, track, withPoints(old, points));
  return typeof point.frame === 'number' ? keyPoint(result, track, place, point.frame) : result;
}

/**
 * One more point on the path, which hardly changes.
 * @param {Document} document
 * @param {number} track
 * @param {number} length arc length along the path, in pixels of the canvas
 * @returns {Document}
 */
export function insertPointOnSegment(document, track, length) {
  const old = editable(document, track);
  if (!old || old.points.length < 2 || !Number.isFinite(length)) return document;
  const curve = curveOf(old, document);
  const [x, y] = curve.at(length);
  return addPoint(document, track, { x: x / document.width, y: y / document.height }, curve.pointBefore(length) + 1);
}

/**
 * Move points together; the movement ends where the first of them reaches -1 or 2.
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points [track, point]
 * @param {number} dx parts of the canvas
 * @param {number} dy
 * @returns {Document}
 */
export function movePoints(document, points, dx, dy) {
  if (!Number.isFinite(dx) || !Number.isFinite(dy)) return document;
  let [shiftX, shiftY] = [dx, dy];
  for (const [track, group] of byTrack(document, points)) {
    for (const index of group) {
      shiftX = limited(shiftX, document.tracks[track].points[index].x);
      shiftY = limited(shiftY, document.tracks[track].points[index].y);
    }
  }
  [shiftX, shiftY] = [tidy(shiftX), tidy(shiftY)];
  if (shiftX === 0 && shiftY === 0) return document;
  return replacePoints(document, points, ({ x, y }) => [shiftX === 0 ? x : moved(x, shiftX), shiftY === 0 ? y : moved(y, shiftY)]);
}

/**
 * As `movePoints`, by pixels of the canvas (arrow keys).
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points
 * @param {number} dx pixels
 * @param {number} dy
 * @returns {Document}
 */
export function nudge(document, points, dx, dy) {
  return movePoints(document, points, dx / document.width, dy / document.height);
}

/**
 * Move each of these points to a place of its own; each is kept within -1..2.
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points [track, point]
 * @param {(point: Point, track: number, index: number) => readonly [number, number]} place parts of the canvas
 * @returns {Document}
 */
export function mapPoints(document, points, place) {
  return replacePoints(document, points, (point, track, index) => {
    const [x, y] = place(point, track, index);
    return [x === point.x ? x : tidy(x), y === point.y ? y : tidy(y)];
  });
}

/**
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points [track, point]
 * @param {(point: Point, track: number, index: number) => readonly [number, number]} place as it is to be kept
 * @returns {Document}
 */
function replacePoints(document, points, place) {
  const tracks = [...document.tracks];
  for (const [track, group] of byTrack(document, points)) {
    const old = document.tracks[track];
    const next = [...old.points];
    for (const index of group) {
      const point = old.points[index];
      const [x, y] = place(point, track, index);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      if (x !== point.x || y !== point.y) next[index] = { ...point, x, y };
    }
    tracks[track] = withMovedPoints(old, next);
  }
  return withTracks(document, tracks);
}

/**
 * A track that loses all its points goes as well.
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points [track, point]
 * @returns {Document}
 */
export function removePoints(document, points) {
  const groups = byTrack(document, points);
  return withTracks(document, document.tracks.flatMap((track, index) => {
    const gone = new Set(groups.get(index));
    if (gone.size === 0) return [track];
    const kept = track.points.filter((_, point) => !gone.has(point));
    return kept.length ? [withPoints(track, mendKeys(kept, document.frames))] : [];
  }));
}

/**
 * Whether a path ends where it begins.
 * @param {Track} track
 * @returns {boolean}
 */
export function isClosed(track) {
  const [first, last] = [track.points[0], track.points[track.points.length - 1]];
  return track.points.length > 2 && first.x === last.x && first.y === last.y;
}

/**
 * Lead the path back to its first point, at the clip's end.
 * @param {Document} document
 * @param {number} track
 * @returns {Document} the same one if it is closed already or has a single point
 */
export function closeLoop(document, track) {
  const old = editable(document, track);
  if (!old || old.points.length < 2 || isClosed(old) || old.kind === 'static') return document;
  // Exactly the same place, not a tidied one, or the loop would not be closed.
  const points = inserted(old.points, old.points.length, createPoint(old.points[0].x, old.points[0].y));
  return points.length > MAX_POINTS
    ? document : withTrack(document, track, withPoints(old, mendKeys(points, document.frames)));
}

/**
 * The same path and timing backwards: at frame t it is where it was at the last frame - t.
 * @param {Document} document
 * @param {number} track
 * @returns {Document}
 */
export function reverse(document, track) {
  const old = editable(document, track);
  if (!old || old.points.length < 2) return document;
  const last = document.frames - 1;
  const keys = document.frames > 1 ? keysOf(old, document.frames) : [];
  /** @type {Map<number, string|null>} easing of the stretches by the point that they start at afterwards */
  const easings = new Map();
  for (let k = 0; k < keys.length - 1; k++) easings.set(keys[k + 1].index, mirrored(old.points[keys[k].index].easing));
  const points = old.points.map((point, index) => changed(point, {
    frame: point.frame === null ? null : last - point.frame,
    easing: easings.get(index) ?? null,
  })).reverse();
  const easing = mirrored(old.easing) ?? old.easing;
  // There and back again is the same backwards: no step to undo.
  if (easing === old.easing && JSON.stringify(points) === JSON.stringify(old.points)) return document;
  return withTrack(document, track, changed(old, { points, easing }));
}

/** @param {string|null} easing */
function mirrored(easing) {
  if (easing === 'ease-in') return 'ease-out';
  return easing === 'ease-out' ? 'ease-in' : easing;
}

/**
 * The part of a movement that leaves a coordinate within -1..2.
 * @param {number} shift
 * @param {number} value
 */
function limited(shift, value) {
  if (shift > 0) return Math.min(shift, Math.max(MAX_COORDINATE - value, 0));
  return Math.max(shift, Math.min(MIN_COORDINATE - value, 0));
}
