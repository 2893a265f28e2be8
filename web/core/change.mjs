/**
 * How edits make new objects. A changed point or track remembers which one it was, so that a selection can follow it
 * through any edit (`selection.mjs`), and everything that an edit does not touch stays the same object.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Point} Point
 */

import { MAX_COORDINATE, MIN_COORDINATE } from './drawing.mjs';
import { rememberOrigin } from './geometry.mjs';

/** @type {WeakMap<object, number>} */
const identities = new WeakMap();
let lastIdentity = 0;

/**
 * A number that stays with a point or track while edits replace its object; copies get their own.
 * @param {object} item
 * @returns {number}
 */
export function identityOf(item) {
  let identity = identities.get(item);
  if (identity === undefined) identities.set(item, identity = ++lastIdentity);
  return identity;
}

/**
 * `item` with other fields, known as the same point or track; `item` itself if nothing differs.
 * @template {Point|Track} T
 * @param {T} item
 * @param {Partial<T>} fields
 * @returns {T}
 */
export function changed(item, fields) {
  if (Object.keys(fields).every((key) => Object.is(item[key], fields[key]))) return item;
  const next = { ...item, ...fields };
  identities.set(next, identityOf(item));
  return next;
}

/**
 * The track with points moved in place: point i is still point i. The lists are known as the same one, which spares
 * the selection looking at every point.
 * @param {Track} track
 * @param {readonly Point[]} points as many as the track has
 * @returns {Track}
 */
export function withMovedPoints(track, points) {
  if (points.every((point, i) => point === track.points[i])) return track;
  identities.set(points, identityOf(track.points));
  rememberOrigin(track.points, points);
  return changed(track, { points });
}

/**
 * The document with one track replaced; the same document if it is the same track.
 * @param {Document} document
 * @param {number} index
 * @param {Track} track
 * @returns {Document}
 */
export function withTrack(document, index, track) {
  return withTracks(document, document.tracks.map((old, i) => (i === index ? track : old)));
}

/**
 * The document with other tracks; the same document if they are the same, one by one.
 * @param {Document} document
 * @param {readonly Track[]} tracks
 * @returns {Document}
 */
export function withTracks(document, tracks) {
  const same = tracks.length === document.tracks.length && tracks.every((track, i) => track === document.tracks[i]);
  return same ? document : { ...document, tracks };
}

/**
 * The track with other points; the same track if they are the same, one by one.
 * @param {Track} track
 * @param {readonly Point[]} points at least one
 * @returns {Track}
 */
export function withPoints(track, points) {
  const same = points.length === track.points.length && points.every((point, i) => point === track.points[i]);
  return same ? track : changed(track, { points });
}

/**
 * The track at `index` if its points may be edited: it exists and is not locked.
 * @param {Document} document
 * @param {number} index
 * @returns {Track|null}
 */
export function editable(document, index) {
  const track = document.tracks[index];
  return track && !track.locked ? track : null;
}

/**
 * A coordinate as documents keep it: within -1..2, to a millionth of the canvas, which keeps workflows small. A value
 * that is already like that comes back unchanged.
 * @param {number} value
 * @returns {number}
 */
export function tidy(value) {
  return Math.round(Math.min(Math.max(value, MIN_COORDINATE), MAX_COORDINATE) * 1e6) / 1e6 + 0;
}

/**
 * A coordinate that moves by a tidy way. One that is as documents keep it stays like that; any other (imported, or from a
 * video) goes exactly as far as its neighbours, or else a path that only moves would be another path at each step, to
 * be measured anew, and would not keep its shape.
 * @param {number} value
 * @param {number} way
 * @returns {number}
 */
export function moved(value, way) {
  const there = value + way;
  if (tidy(value) === value) return tidy(there);
  return Math.round(within(there, MIN_COORDINATE, MAX_COORDINATE) * 1e12) / 1e12 + 0;
}

/**
 * Points grouped by track: track index -> its point indices, in order, each once; what does not exist or may not be
 * edited is left out.
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points [track, point]
 * @returns {Map<number, number[]>}
 */
export function byTrack(document, points) {
  /** @type {Map<number, Uint8Array>} */
  const marks = new Map();
  for (const [track, point] of points) {
    const old = editable(document, track);
    if (!old?.points[point]) continue;
    let mark = marks.get(track);
    if (!mark) marks.set(track, mark = new Uint8Array(old.points.length));
    mark[point] = 1;
  }
  /** @type {Map<number, number[]>} */
  const groups = new Map();
  for (const [track, mark] of marks) {
    /** @type {number[]} */
    const group = [];
    for (let point = 0; point < mark.length; point++) if (mark[point]) group.push(point);
    groups.set(track, group);
  }
  return groups;
}

/**
 * A list with one more item.
 * @template T
 * @param {readonly T[]} list
 * @param {number} index
 * @param {T} item
 * @returns {T[]}
 */
export function inserted(list, index, item) {
  return [...list.slice(0, index), item, ...list.slice(index)];
}

/**
 * A number moved into low..high.
 * @param {number} value
 * @param {number} low
 * @param {number} high
 */
export function within(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
