/**
 * What lies under the cursor. Everything, nearest first, so that repeated clicks can go through what lies under another
 * track.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {'handle'|'point'|'marker'|'segment'} HitKind `handle`: a place the view named; `marker`: where the track is
 *   at the current frame
 * @typedef {object} Hit
 * @property {HitKind} kind
 * @property {number} track index in the document, -1 for handles
 * @property {number} point index of the point; of the point before it for a segment; -1 for markers and handles
 * @property {number} length arc length on the path in pixels of the canvas (segments), otherwise 0
 * @property {number} distance from the cursor in pixels of the canvas
 * @property {number} x its place in pixels of the canvas
 * @property {number} y
 * @property {string} [name] the handle's name
 */

import { curveOf } from './geometry.mjs';
import { samplePositions } from './sampling.mjs';

const ORDER = { handle: 0, point: 1, marker: 2, segment: 3 };

/**
 * @typedef {object} HitOptions
 * @property {{width: number, height: number, frames?: number}} [canvas] default: the document's
 * @property {{zoom: number}} [view] with it, `radius` is in screen pixels
 * @property {number} [frame] markers are found at this frame; without it there are none
 * @property {readonly number[]} [preferred] tracks that come first (the selected ones)
 * @property {readonly {name: string, x: number, y: number}[]} [handles] of the transform box, in pixels of the canvas
 * @property {boolean} [hidden] hidden tracks count as well
 */

/**
 * All candidates within the radius: handles, then the points of preferred tracks, points, markers and segments; within
 * each the nearest first, and of equally near ones the one drawn last, which is on top. Locked tracks are found too, as
 * one may want to select them. A track whose point is hit does not show its segment again.
 * @param {Document} document
 * @param {number} x pixels of the canvas
 * @param {number} y
 * @param {number} radius pixels of the canvas, or of the screen if `view` is given
 * @param {HitOptions} [options]
 * @returns {Hit[]}
 */
export function hitTest(document, x, y, radius, options = {}) {
  const canvas = { frames: document.frames, ...(options.canvas ?? document) };
  const reach = radius / (options.view?.zoom ?? 1);
  const preferred = new Set(options.preferred);
  /** @type {Hit[]} */
  const hits = [];
  for (const handle of options.handles ?? []) {
    const distance = Math.hypot(handle.x - x, handle.y - y);
    if (distance <= reach) hits.push({ kind: 'handle', track: -1, point: -1, length: 0, distance, ...handle });
  }
  document.tracks.forEach((track, index) => {
    if (track.hidden && !options.hidden) return;
    const own = [...pointHits(track, index, x, y, reach, canvas)];
    if (options.frame !== undefined) own.push(...markerHits(track, index, x, y, reach, canvas, options.frame));
    hits.push(...own);
    if (!own.some((hit) => hit.kind === 'point')) hits.push(...segmentHits(track, index, x, y, reach, canvas));
  });
  const rank = (/** @type {Hit} */ hit) => 2 * ORDER[hit.kind] + (preferred.has(hit.track) ? 0 : 1);
  return hits.sort((a, b) =>
    rank(a) - rank(b) || a.distance - b.distance || b.track - a.track || b.point - a.point);
}

/**
 * All points inside a rectangle, of tracks that are neither hidden nor locked. Static tracks have one point.
 * @param {Document} document
 * @param {{x0: number, y0: number, x1: number, y1: number}} rect two opposite corners in pixels of the canvas
 * @param {{width: number, height: number}} [canvas] default: the document's
 * @returns {[number, number][]} [track, point]
 */
export function pointsInRect(document, { x0, y0, x1, y1 }, canvas = document) {
  const [left, right] = [Math.min(x0, x1), Math.max(x0, x1)];
  const [top, bottom] = [Math.min(y0, y1), Math.max(y0, y1)];
  return document.tracks.flatMap((track, t) => track.hidden || track.locked ? [] : shown(track).flatMap((point, p) => {
    const [x, y] = [point.x * canvas.width, point.y * canvas.height];
    return x >= left && x <= right && y >= top && y <= bottom ? [/** @type {[number, number]} */ ([t, p])] : [];
  }));
}

/**
 * The points of a track that can be seen.
 * @param {Track} track
 */
function shown(track) {
  return track.kind === 'static' ? track.points.slice(0, 1) : track.points;
}

/**
 * @param {Track} track
 * @param {number} index
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {{width: number, height: number}} canvas
 * @returns {Hit[]}
 */
function pointHits(track, index, x, y, reach, canvas) {
  /** @type {Hit[]} */
  const hits = [];
  const count = track.kind === 'static' ? 1 : track.points.length;
  for (let point = 0; point < count; point++) {
    const px = track.points[point].x * canvas.width;
    const py = track.points[point].y * canvas.height;
    if (Math.abs(px - x) > reach || Math.abs(py - y) > reach) continue;
    const distance = Math.hypot(px - x, py - y);
    if (distance <= reach) hits.push({ kind: 'point', track: index, point, length: 0, distance, x: px, y: py });
  }
  return hits;
}

/**
 * @param {Track} track
 * @param {number} index
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {{width: number, height: number, frames: number}} canvas
 * @param {number} frame
 * @returns {Hit[]}
 */
function markerHits(track, index, x, y, reach, canvas, frame) {
  const place = samplePositions(track, canvas, [frame]);
  const [px, py] = [place[0] * canvas.width, place[1] * canvas.height];
  const distance = Math.hypot(px - x, py - y);
  return distance <= reach ? [{ kind: 'marker', track: index, point: -1, length: 0, distance, x: px, y: py }] : [];
}

/**
 * @param {Track} track
 * @param {number} index
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @param {{width: number, height: number}} canvas
 * @returns {Hit[]}
 */
function segmentHits(track, index, x, y, reach, canvas) {
  if (track.kind === 'static' || track.points.length < 2) return [];
  const curve = curveOf(track, canvas);
  const near = curve.nearest(x, y, reach);
  if (!near) return [];
  const { length, distance, x: px, y: py } = near;
  return [{ kind: 'segment', track: index, point: curve.pointBefore(length), length, distance, x: px, y: py }];
}
