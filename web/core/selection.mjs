/**
 * What is selected, as indices into the document. Selections are never changed in place.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {{readonly tracks: readonly number[], readonly points: readonly (readonly [number, number])[]}} Selection
 *   `tracks`: the last one is the active one. `points`: [track, point]; their tracks are among `tracks`.
 */

import { identityOf } from './change.mjs';

/** @type {Selection} */
export const NOTHING = Object.freeze({ tracks: Object.freeze([]), points: Object.freeze([]) });

/** @returns {Selection} */
export function clear() {
  return NOTHING;
}

/**
 * A selection of just these. Tracks of the points are selected with them.
 * @param {Partial<Selection>} what
 * @returns {Selection}
 */
export function select(what) {
  return add(NOTHING, what);
}

/**
 * These too; the last track (or the last point's track) becomes the active one.
 * @param {Selection} selection
 * @param {Partial<Selection>} what
 * @returns {Selection}
 */
export function add(selection, { tracks = [], points = [] }) {
  const named = [...tracks, ...points.map(([track]) => track)];
  const others = selection.tracks.filter((track) => !named.includes(track));
  const ordered = [...others, ...named.filter((track, i) => named.lastIndexOf(track) === i)];
  return { tracks: ordered, points: unique([...selection.points, ...points]) };
}

/**
 * What is selected of these is not any more, and the other way round. A track that goes takes its points with it.
 * @param {Selection} selection
 * @param {Partial<Selection>} what
 * @returns {Selection}
 */
export function toggle(selection, { tracks = [], points = [] }) {
  let result = selection;
  for (const track of tracks) {
    result = result.tracks.includes(track)
      ? {
          tracks: result.tracks.filter((other) => other !== track),
          points: result.points.filter(([other]) => other !== track),
        }
      : add(result, { tracks: [track] });
  }
  for (const point of points) {
    result = hasPoint(result, point[0], point[1])
      ? { ...result, points: result.points.filter(([t, p]) => t !== point[0] || p !== point[1]) }
      : add(result, { points: [point] });
  }
  return result;
}

/**
 * The active track's index, or -1.
 * @param {Selection} selection
 * @returns {number}
 */
export function activeTrack(selection) {
  return selection.tracks.at(-1) ?? -1;
}

/**
 * @param {Selection} selection
 * @param {number} track
 * @param {number} point
 * @returns {boolean}
 */
export function hasPoint(selection, track, point) {
  return selection.points.some(([t, p]) => t === track && p === point);
}

/**
 * The points that an edit of the selection is about: the selected points, or all points of the selected tracks where
 * no point is selected.
 * @param {Document} document
 * @param {Selection} selection
 * @returns {(readonly [number, number])[]}
 */
export function affectedPoints(document, selection) {
  if (selection.points.length) return [...selection.points];
  return selection.tracks.flatMap((track) =>
    (document.tracks[track]?.points ?? []).map((_, point) => /** @type {const} */ ([track, point])));
}

/**
 * Without what the document does not have, and with the tracks of all points.
 * @param {Selection} selection
 * @param {Document} document
 * @returns {Selection} the same one if all is there
 */
export function valid(selection, document) {
  const points = selection.points.filter(([track, point]) => document.tracks[track]?.points[point]);
  const owners = points.map(([track]) => track).filter((track) => !selection.tracks.includes(track));
  const tracks = [...new Set(owners), ...selection.tracks.filter((track) => document.tracks[track])];
  const same = points.length === selection.points.length && tracks.length === selection.tracks.length &&
    owners.length === 0;
  return same ? selection : { tracks, points };
}

/**
 * The same things selected in the edited document, wherever they went; what is gone is not selected any more.
 * @param {Selection} selection
 * @param {Document} before
 * @param {Document} after
 * @returns {Selection}
 */
export function afterEdit(selection, before, after) {
  if (before.tracks === after.tracks) return valid(selection, after);
  const trackTo = follow(before.tracks, after.tracks);
  /** @type {Map<number, (index: number) => number>} */
  const pointTo = new Map();
  const tracks = [...new Set(selection.tracks.map(trackTo))].filter((track) => track >= 0);
  const points = selection.points.flatMap(([track, point]) => {
    const newTrack = trackTo(track);
    if (newTrack < 0) return [];
    const [old, now] = [before.tracks[track].points, after.tracks[newTrack].points];
    const to = pointTo.get(track) ?? follow(old, now);
    pointTo.set(track, to);
    const newPoint = old === now ? point : to(point);
    return newPoint < 0 ? [] : [/** @type {const} */ ([newTrack, newPoint])];
  });
  const same = tracks.length === selection.tracks.length && tracks.every((track, i) => track === selection.tracks[i]) &&
    points.length === selection.points.length &&
    points.every(([track, point], i) => track === selection.points[i][0] && point === selection.points[i][1]);
  return same ? selection : { tracks, points: unique(points) };
}

/**
 * Where the items of one list are in another: by identity, or else at their old index if neither list knows the other's
 * item there and both are equally long (somebody made a new object by hand).
 * @param {readonly object[]} before
 * @param {readonly object[]} after
 * @returns {(index: number) => number} -1 for what is gone
 */
function follow(before, after) {
  if (before === after || identityOf(before) === identityOf(after)) {
    return (index) => (index < after.length ? index : -1);
  }
  const placeOf = new Map(after.map((item, index) => [identityOf(item), index]));
  const known = before.length === after.length ? new Set(before.map(identityOf)) : null;
  return (index) => {
    if (!before[index]) return -1;
    const place = placeOf.get(identityOf(before[index]));
    if (place !== undefined) return place;
    return known && !known.has(identityOf(after[index])) ? index : -1;
  };
}

/**
 * @param {readonly (readonly [number, number])[]} points
 * @returns {(readonly [number, number])[]}
 */
function unique(points) {
  const seen = new Set();
  return points.filter(([track, point]) => {
    const key = `${track},${point}`;
    return !seen.has(key) && seen.add(key);
  });
}
