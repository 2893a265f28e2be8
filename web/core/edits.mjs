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

import { byTrack, changed, editable, inserted, tidy, withPoints, withTrack, withTracks } from './change.mjs';
import { isColor } from './document.mjs';
import {
  EASINGS, INTERPOLATIONS, KINDS, MAX_COORDINATE, MAX_NAME, MAX_POINTS, MAX_TRACKS, MIN_COORDINATE, createPoint,
  createTrack,
} from './drawing.mjs';
import { curveOf } from './geometry.mjs';
import { isBlank } from './plain.mjs';
import { keysOf } from './sampling.mjs';
import { keyPoint, mendKeys } from './timing.mjs';

/** Fields of a track that a lock protects. */
const MOTION = ['points', 'kind', 'interpolation', 'easing', 'start', 'end'];

/**
 * One more track.
 * @param {Document} document
 * @param {readonly Point[]} points at least one
 * @param {Partial<Track>} [fields] its name and colour are by its place unless said here
 * @param {number} [index] default: last
 * @returns {Document}
 */
export function addTrack(document, points, fields = {}, index = document.tracks.length) {
  if (document.tracks.length >= MAX_TRACKS || points.length === 0 || points.length > MAX_POINTS) return document;
  if (!points.every((point) => Number.isFinite(point.x) && Number.isFinite(point.y))) return document;
  const tidied = points.map((point) => ({ ...point, x: tidy(point.x), y: tidy(point.y) }));
  const track = createTrack(mendKeys(tidied, document.frames), allowed(document, null, fields), nextNumber(document));
  return withTracks(document, inserted(document.tracks, within(index, 0, document.tracks.length), track));
}

/**
 * Other documents' tracks behind the own ones, as many as fit.
 * @param {Document} document
 * @param {readonly Track[]} tracks
 * @returns {Document}
 */
export function appendTracks(document, tracks) {
  return replaceTracks(document, [...document.tracks, ...tracks.map((track) => ({ ...track }))]);
}

/**
 * Other tracks, as many as are allowed.
 * @param {Document} document
 * @param {readonly Track[]} tracks as `parseDocument` makes them
 * @returns {Document}
 */
export function replaceTracks(document, tracks) {
  const last = document.frames - 1;
  const fitting = tracks.slice(0, MAX_TRACKS).map((track) => {
    const points = mendKeys(track.points, document.frames);
    const start = track.start === null ? null : Math.min(track.start, last);
    const end = track.end === null ? null : Math.min(track.end, last);
    return changed(track, { points, start, end });
  });
  return withTracks(document, fitting);
}

/**
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @returns {Document}
 */
export function removeTracks(document, tracks) {
  return withTracks(document, document.tracks.filter((_, index) => !tracks.includes(index)));
}

/**
 * A copy behind each of these, of the same name: one entity held at several points. Copies are not locked.
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {{dx?: number, dy?: number}} [shift] parts of the canvas, so that copies can be seen
 * @returns {Document}
 */
export function duplicateTracks(document, tracks, { dx = 0, dy = 0 } = {}) {
  let room = MAX_TRACKS - document.tracks.length;
  return withTracks(document, document.tracks.flatMap((track, index) => {
    if (!tracks.includes(index) || room-- <= 0) return [track];
    const points = track.points.map((point) => ({ ...point, x: tidy(point.x + dx), y: tidy(point.y + dy) }));
    return [track, { ...track, points, locked: false }];
  }));
}

/**
 * @param {Document} document
 * @param {number} from
 * @param {number} to its index afterwards
 * @returns {Document}
 */
export function reorderTrack(document, from, to) {
  if (!document.tracks[from] || !document.tracks[to]) return document;
  const others = document.tracks.filter((_, index) => index !== from);
  return withTracks(document, inserted(others, to, document.tracks[from]));
}

/**
 * Several tracks may share a name. A blank name changes nothing; a long one is cut.
 * @param {Document} document
 * @param {number} track
 * @param {string} name
 * @returns {Document}
 */
export function renameTrack(document, track, name) {
  return setTrack(document, track, { name });
}

/**
 * Change a track's fields; impossible values are passed over, times are moved into the clip.
 * @param {Document} document
 * @param {number} track
 * @param {Partial<Track>} fields
 * @returns {Document}
 */
export function setTrack(document, track, fields) {
  const old = document.tracks[track];
  return old ? withTrack(document, track, changed(old, allowed(document, old, fields))) : document;
}

/**
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {'path'|'static'} kind
 * @returns {Document}
 */
export function setKind(document, tracks, kind) {
  return tracks.reduce((result, track) => setTrack(result, track, { kind }), document);
}

/**
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {'smooth'|'linear'} interpolation
 * @returns {Document}
 */
export function setInterpolation(document, tracks, interpolation) {
  return tracks.reduce((result, track) => setTrack(result, track, { interpolation }), document);
}

/**
 * Remove all tracks but the locked ones.
 * @param {Document} document
 * @returns {Document}
 */
export function clear(document) {
  return withTracks(document, document.tracks.filter((track) => track.locked));
}

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
  if (!old || old.points.length >= MAX_POINTS || !Number.isFinite(point.x) || !Number.isFinite(point.y)) return document;
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
  const groups = byTrack(document, points);
  const moving = [...groups].flatMap(([track, group]) => group.map((point) => document.tracks[track].points[point]));
  const shiftX = limited(dx, moving.map((point) => point.x));
  const shiftY = limited(dy, moving.map((point) => point.y));
  if (shiftX === 0 && shiftY === 0) return document;
  return mapPoints(document, points, (point) => [
    shiftX === 0 ? point.x : point.x + shiftX, shiftY === 0 ? point.y : point.y + shiftY,
  ]);
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
  let result = document;
  for (const [track, group] of byTrack(document, points)) {
    const old = document.tracks[track];
    const next = [...old.points];
    for (const index of group) {
      const point = old.points[index];
      const [x, y] = place(point, track, index);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      next[index] = changed(point, { x: x === point.x ? x : tidy(x), y: y === point.y ? y : tidy(y) });
    }
    result = withTrack(result, track, withPoints(old, next));
  }
  return result;
}

/**
 * Numeric entry: fields of one point. A frame that its neighbours do not allow is moved, as by `keyPoint`.
 * @param {Document} document
 * @param {number} track
 * @param {number} point
 * @param {Partial<Point>} fields
 * @returns {Document}
 */
export function setPoint(document, track, point, fields) {
  const old = editable(document, track);
  if (!old?.points[point]) return document;
  const { frame, easing, ...rest } = fields;
  /** @type {Partial<Point>} */
  const next = { ...rest };
  for (const axis of /** @type {const} */ (['x', 'y'])) {
    if (!(axis in next)) continue;
    if (Number.isFinite(next[axis])) next[axis] = tidy(/** @type {number} */ (next[axis]));
    else delete next[axis];
  }
  if (easing === null || EASINGS.some((item) => item === easing)) next.easing = easing;
  if (frame === null) next.frame = null;
  const points = old.points.map((item, index) => (index === point ? changed(item, next) : item));
  const result = withTrack(document, track, withPoints(old, points));
  return typeof frame === 'number' ? keyPoint(result, track, point, frame) : result;
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
  }));
  const easing = mirrored(old.easing) ?? old.easing;
  return withTrack(document, track, changed(old, { points: points.reverse(), easing }));
}

/** @param {string|null} easing */
function mirrored(easing) {
  if (easing === 'ease-in') return 'ease-out';
  return easing === 'ease-out' ? 'ease-in' : easing;
}

/**
 * The fields that may be set, in the form that documents have.
 * @param {Document} document
 * @param {Track|null} track null for a new one
 * @param {Partial<Track>} fields
 * @returns {Partial<Track>}
 */
function allowed(document, track, fields) {
  /** @type {Partial<Track>} */
  const result = { ...fields };
  const refuse = (/** @type {string} */ key, /** @type {boolean} */ fine) => {
    if (key in result && !fine) delete result[key];
  };
  delete result.points;
  refuse('name', typeof result.name === 'string' && !isBlank(result.name));
  if (result.name !== undefined && result.name.length > MAX_NAME) result.name = [...result.name].slice(0, MAX_NAME).join('');
  refuse('color', isColor(result.color));
  refuse('kind', KINDS.some((item) => item === result.kind));
  refuse('interpolation', INTERPOLATIONS.some((item) => item === result.interpolation));
  refuse('easing', EASINGS.some((item) => item === result.easing));
  refuse('hidden', typeof result.hidden === 'boolean');
  refuse('locked', typeof result.locked === 'boolean');
  for (const key of /** @type {const} */ (['start', 'end'])) {
    refuse(key, result[key] === null || Number.isFinite(result[key]));
    if (typeof result[key] === 'number') result[key] = within(result[key], 0, document.frames - 1);
  }
  const start = result.start === undefined ? track?.start ?? null : result.start;
  const end = result.end === undefined ? track?.end ?? null : result.end;
  if (start !== null && end !== null && start > end) {
    if (typeof result.end === 'number') result.end = start;
    else result.start = end;
  }
  if (track?.locked && result.locked !== false) for (const key of MOTION) delete result[key];
  return result;
}

/**
 * A number for the next track's name and colour that no track has: deleting one must not give two the same name.
 * @param {Document} document
 * @returns {number} from 0
 */
function nextNumber(document) {
  const names = new Set(document.tracks.map((track) => track.name));
  let number = document.tracks.length;
  while (names.has(`track ${number + 1}`)) number += 1;
  return number;
}

/**
 * The part of a movement that leaves all coordinates within -1..2.
 * @param {number} shift
 * @param {readonly number[]} values
 */
function limited(shift, values) {
  const room = values.reduce((least, value) =>
    Math.min(least, shift > 0 ? MAX_COORDINATE - value : value - MIN_COORDINATE), Math.abs(shift));
  return Math.sign(shift) * Math.max(room, 0);
}

/**
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
function within(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
