/**
 * Where every track is at a given time: the recipe of Python's `tora2/trajectories/sampling.py`, bound to it by
 * `tests/trajectories/vectors.json` to 1e-6. What playback shows is what the model is given.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Canvas} Canvas
 * @typedef {{width: number, height: number, frames: number}} Clip
 */

import { curveOf, upperBound } from './geometry.mjs';

const EDGE = 1e-9;

/** @typedef {{index: number, frame: number, implied: boolean}} Key `implied`: an unkeyed end, at the clip's own end */

/**
 * The keys of a path, the implied ones at the clip's ends included.
 * @param {Track} track
 * @param {number} frames
 * @returns {Key[]}
 */
export function keysOf(track, frames) {
  /** @type {Key[]} */
  const keys = [];
  for (let index = 0; index < track.points.length; index++) {
    const frame = track.points[index].frame;
    if (frame !== null) keys.push({ index, frame, implied: false });
  }
  if (frames === 1) return keys.length ? keys.slice(0, 1) : [{ index: 0, frame: 0, implied: true }];
  if (!keys.length || keys[0].index !== 0) keys.unshift({ index: 0, frame: 0, implied: true });
  const last = track.points.length - 1;
  if (keys[keys.length - 1].index !== last) keys.push({ index: last, frame: frames - 1, implied: true });
  return keys;
}

/**
 * Arc length along the track's curve at every time, in pixels of the canvas. Constant where a track stands still.
 * @param {Track} track
 * @param {Clip} canvas
 * @param {ArrayLike<number>} times frame numbers, fractions allowed
 * @returns {Float64Array}
 */
export function sampleLengths(track, canvas, times) {
  const result = new Float64Array(times.length);
  if (track.kind === 'static' || track.points.length === 1) return result;
  const keys = keysOf(track, canvas.frames);
  const { lengths } = curveOf(track, canvas);
  if (keys.length === 1) return result.fill(lengths[keys[0].index]);
  const frames = keys.map((key) => key.frame);
  for (let i = 0; i < times.length; i++) {
    const stretch = Math.min(Math.max(upperBound(frames, times[i]) - 1, 0), keys.length - 2);
    const progress = (times[i] - frames[stretch]) / (frames[stretch + 1] - frames[stretch]);
    const from = keys[stretch].index;
    const first = lengths[from];
    const eased = ease(Math.min(Math.max(progress, 0), 1), track.points[from].easing ?? track.easing);
    result[i] = first + eased * (lengths[keys[stretch + 1].index] - first);
  }
  return result;
}

/**
 * Positions of one track.
 * @param {Track} track
 * @param {Clip} canvas
 * @param {ArrayLike<number>} times frame numbers, fractions allowed
 * @returns {Float64Array} x0, y0, x1, y1, ... parts of the canvas
 */
export function samplePositions(track, canvas, times) {
  const result = new Float64Array(2 * times.length);
  const still = track.kind === 'static' || track.points.length === 1;
  const keys = still ? null : keysOf(track, canvas.frames);
  if (!keys || keys.length === 1) {
    const { x, y } = track.points[keys ? keys[0].index : 0];
    for (let i = 0; i < times.length; i++) {
      result[2 * i] = x;
      result[2 * i + 1] = y;
    }
    return result;
  }
  const curve = curveOf(track, canvas);
  const lengths = sampleLengths(track, canvas, times);
  for (let i = 0; i < times.length; i++) {
    curve.placeInto(lengths[i], result, 2 * i);
    result[2 * i] /= canvas.width;
    result[2 * i + 1] /= canvas.height;
  }
  return result;
}

/**
 * Whether a track that is at (x, y) at time `t` can be seen there: inside start..end and on the canvas. `hidden` is
 * not looked at.
 * @param {Track} track
 * @param {number} x part of the canvas
 * @param {number} y
 * @param {number} t
 * @returns {boolean}
 */
export function visibleAt(track, x, y, t) {
  return x >= -EDGE && x <= 1 + EDGE && y >= -EDGE && y <= 1 + EDGE &&
    (track.start === null || t >= track.start) && (track.end === null || t <= track.end);
}

/** @typedef {{width: number, height: number, frames: number, positions: Float64Array}} CachedFrames */
/** @type {WeakMap<Track, CachedFrames>} */
const wholeFrames = new WeakMap();

/**
 * Positions of one track at every whole frame, remembered while track and canvas stay the same. Do not change them.
 * @param {Track} track
 * @param {Clip} canvas
 * @returns {Float64Array} x0, y0, ... parts of the canvas, `frames` places
 */
export function framePositions(track, canvas) {
  const { width, height, frames } = canvas;
  const known = wholeFrames.get(track);
  if (known && known.width === width && known.height === height && known.frames === frames) return known.positions;
  const positions = samplePositions(track, canvas, frameTimes(frames));
  wholeFrames.set(track, { width, height, frames, positions });
  return positions;
}

/**
 * @typedef {object} SampledTrack
 * @property {number} index place in `document.tracks`
 * @property {string} name
 * @property {string} color
 * @property {Float64Array} points x0, y0, x1, y1, ... parts of the canvas
 * @property {Uint8Array} visible 1 or 0 a time
 */

/**
 * Sample all tracks that are not hidden.
 * @param {Document} document
 * @param {ArrayLike<number>} [times] frame numbers; default 0..frames-1
 * @returns {{times: ArrayLike<number>, tracks: SampledTrack[]}}
 */
export function sampleDocument(document, times) {
  const at = times ?? frameTimes(document.frames);
  /** @type {SampledTrack[]} */
  const tracks = [];
  for (let index = 0; index < document.tracks.length; index++) {
    const track = document.tracks[index];
    if (track.hidden) continue;
    const points = times ? samplePositions(track, document, times) : framePositions(track, document);
    const visible = new Uint8Array(at.length);
    for (let i = 0; i < at.length; i++) visible[i] = visibleAt(track, points[2 * i], points[2 * i + 1], at[i]) ? 1 : 0;
    tracks.push({ index, name: track.name, color: track.color, points, visible });
  }
  return { times: at, tracks };
}

/**
 * Eased progress.
 * @param {number} p 0..1
 * @param {string} easing one of EASINGS
 * @returns {number}
 */
export function ease(p, easing) {
  if (easing === 'ease-in') return p * p;
  if (easing === 'ease-out') return p * (2 - p);
  if (easing === 'ease-in-out') return p <= 0.5 ? 2 * p * p : 1 - 2 * (1 - p) * (1 - p);
  return p;
}

/** @type {Map<number, Float64Array>} */
const timesOf = new Map();

/**
 * 0, 1, ..., frames - 1. Do not change it.
 * @param {number} frames
 * @returns {Float64Array}
 */
export function frameTimes(frames) {
  let times = timesOf.get(frames);
  if (!times) {
    if (timesOf.size > 16) timesOf.clear();
    times = Float64Array.from({ length: frames }, (_, index) => index);
    timesOf.set(frames, times);
  }
  return times;
}
