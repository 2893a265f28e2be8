/** What of the timeline lies under the pointer. */

import { HANDLE, LANE, laneFacts } from './timeline-draw.mjs';

/** @typedef {import('../types.mjs').Document} Document */

/**
 * @typedef {object} LaneHit
 * @property {number} track index of the lane's track
 * @property {'name'|'key'|'point'|'start'|'end'|'lane'} part `point`: one without a key
 * @property {number} point of the key, the point, or the key that the stretch under the pointer starts at; -1 where there
 *   is none
 * @property {boolean} implied the key is an unkeyed end of the path
 * @property {number} time the key's or point's own, else that under the pointer: frame with its fraction
 */

/**
 * @param {LaneHit|null} hit
 * @returns {hit is LaneHit & {part: 'key'|'point'}} whether it is a point of the path, with a key or without
 */
export function isPoint(hit) {
  return hit?.part === 'key' || hit?.part === 'point';
}

/**
 * @param {Document} document
 * @param {readonly number[]} lanes tracks in the order shown
 * @param {import('./timeline-scale.mjs').TimeScale} scale
 * @param {{x: number, y: number}} at CSS pixels from the top left of all lanes, scrolled ones included
 * @param {{reach: number, handles: ReadonlySet<number>}} options `handles`: tracks whose visible range has handles
 * @returns {LaneHit|null}
 */
export function laneHit(document, lanes, scale, at, { reach, handles }) {
  const index = Math.floor(at.y / LANE);
  const track = lanes[index];
  if (track === undefined || at.y < 0) return null;
  const time = scale.time(at.x);
  /** @type {LaneHit} */
  const hit = { track, part: 'lane', point: -1, implied: false, time };
  if (at.x < scale.head) return { ...hit, part: 'name' };
  const found = document.tracks[track];
  if (!found) return null; // gone since the lanes were last shown
  const { keys, times } = laneFacts(found, document);
  let best = reach;
  for (const key of keys) {
    const distance = Math.abs(scale.x(key.frame) - at.x);
    if (distance < best) {
      best = distance;
      Object.assign(hit, { part: 'key', point: key.index, implied: key.implied, time: key.frame });
    }
  }
  times.forEach((frame, point) => {
    const distance = Math.abs(scale.x(frame) - at.x);
    // However dense the points are, half of the lane between them stays free to be pressed itself.
    const gaps = [times[point - 1], times[point + 1]].map((next) => Math.abs(scale.x(next ?? Infinity) - scale.x(frame)));
    if (distance >= Math.min(best, ...gaps.map((gap) => gap / 4)) || keys.some((key) => key.index === point)) return;
    best = distance;
    Object.assign(hit, { part: 'point', point, implied: false, time: frame });
  });
  if (handles.has(track) && !found.locked) {
    for (const [part, frame, side] of /** @type {const} */ ([['start', found.start ?? 0, -1], ['end', found.end ?? scale.last, 1]])) {
      const distance = Math.abs(scale.x(frame) + side * HANDLE - at.x);
      if (distance < Math.min(best, reach)) {
        best = distance;
        Object.assign(hit, { part, point: -1, implied: false, time });
      }
    }
  }
  if (hit.part === 'lane') {
    // The last key at or before the pointer: its stretch lies here, unless it is the last of all.
    const stretch = keys.findLastIndex((key) => key.frame <= time);
    if (stretch >= 0 && stretch < keys.length - 1) hit.point = keys[stretch].index;
  }
  return hit;
}

/**
 * The keys within a rectangle.
 *
 * @param {Document} document
 * @param {readonly number[]} lanes
 * @param {import('./timeline-scale.mjs').TimeScale} scale
 * @param {{left: number, top: number, right: number, bottom: number}} box as `at` of `laneHit`
 * @returns {[number, number][]} [track, point]
 */
export function keysWithin(document, lanes, scale, box) {
  /** @type {[number, number][]} */
  const found = [];
  lanes.forEach((track, lane) => {
    const middle = (lane + 0.5) * LANE;
    if (middle < box.top || middle > box.bottom || !document.tracks[track]) return;
    for (const key of laneFacts(document.tracks[track], document).keys) {
      const x = scale.x(key.frame);
      if (x >= box.left && x <= box.right) found.push([track, key.index]);
    }
  });
  return found;
}
