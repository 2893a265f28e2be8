/**
 * Edits of a track's timing that are made of several simple ones. All return the same document where nothing can be done.
 *
 * @typedef {import('../types.mjs').Document} Document
 */

import { changed, editable, withPoints, withTrack } from '../../core/change.mjs';
import { MAX_POINTS } from '../../core/document.mjs';
import { closeLoop, setTrack } from '../../core/edits.mjs';
import { insertPause, keyAt, keyPoint, mendKeys, setStretchEasing, unkeyPoint } from '../../core/timing.mjs';

/**
 * Keys the track where it is at a frame, and lets it wait there.
 *
 * @param {Document} document
 * @param {number} track
 * @param {number} frame
 * @param {number} duration frames
 * @returns {Document}
 */
export function pauseAt(document, track, frame, duration) {
  const keyed = keyAt(document, track, frame);
  const point = keyed.tracks[track].points.findIndex((item) => item.frame === frame);
  return point < 0 ? document : insertPause(keyed, track, point, duration);
}

/**
 * Without keys and easings: one speed from the clip's beginning to its end.
 *
 * @param {Document} document
 * @param {number} track
 * @returns {Document}
 */
export function evenSpeed(document, track) {
  const old = editable(document, track);
  if (!old) return document;
  const plain = old.points.reduce(
    (result, _, point) => setStretchEasing(unkeyPoint(result, track, point), track, point, null), document);
  return setTrack(plain, track, { easing: 'linear' });
}

/**
 * Every point is tied to the whole frame nearest to when the track passes it, as far as there is room for all.
 *
 * @param {Document} document
 * @param {number} track
 * @returns {Document}
 */
export function keyEvery(document, track) {
  const old = editable(document, track);
  if (!old || old.kind === 'static' || old.points.length < 2) return document;
  const last = old.points.length - 1;
  const ends = [0, last].reduce((result, point) => keyPoint(result, track, point), document);
  return old.points.reduce((result, _, point) => (point === 0 || point === last ? result : keyPoint(result, track, point)), ends);
}

/**
 * The same way several times within the clip, back to the start each time.
 *
 * @param {Document} document
 * @param {number} track
 * @param {number} times 2 or more
 * @returns {Document}
 */
export function repeatPath(document, track, times) {
  if (!editable(document, track)) return document;
  const closed = closeLoop(document, track);
  const { points } = closed.tracks[track];
  const count = points.length - 1;
  const last = document.frames - 1;
  if (count < 1 || times < 2 || count * times + 1 > MAX_POINTS || last < times) return document;
  const keyed = points.some((point) => point.frame !== null);
  const all = [points[0]];
  for (let round = 0; round < times; round++) {
    for (let index = 1; index <= count; index++) {
      const point = points[index];
      const end = index === count;
      const frame = end && keyed ? last : point.frame;
      const next = { ...point, frame: frame === null ? null : (frame + round * last) / times };
      all.push(end && round < times - 1 ? { ...next, easing: points[0].easing } : next);
    }
  }
  const first = points[0].frame;
  if (first !== null) all[0] = changed(points[0], { frame: first / times });
  const old = closed.tracks[track];
  return withTrack(closed, track, withPoints(old, mendKeys(all, document.frames)));
}
