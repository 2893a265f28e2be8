/**
 * A drawing of trajectories in memory: points, tracks, canvas and clip. `document.mjs` reads and writes its JSON form.
 *
 * Everything here is a plain object that nobody changes after it was made: an edit returns a new document that shares
 * whatever it did not touch, so that `===` tells whether something changed.
 */

/**
 * One control point. `x` and `y` are parts of the canvas (-1..2); `frame` is its key or null; `easing` is that of the
 * stretch which starts at this key or null for the track's. Unknown fields are kept.
 * @typedef {{x: number, y: number, frame: number|null, easing: string|null} & Record<string, unknown>} Point
 */

/**
 * One trajectory. `start` and `end` are its first and last visible frame or null. Unknown fields are kept.
 * @typedef {{name: string, color: string, kind: 'path'|'static', interpolation: 'smooth'|'linear', easing: string,
 *   points: readonly Point[], start: number|null, end: number|null, hidden: boolean, locked: boolean}
 *   & Record<string, unknown>} Track
 */

/** @typedef {{width: number, height: number, frames: number, fps: number}} Canvas canvas in pixels, clip in frames */

/** @typedef {{version: 1, tracks: readonly Track[]} & Canvas & Record<string, unknown>} Document */

export const VERSION = 1;
export const MAX_TRACKS = 64;
export const MAX_POINTS = 4096;
export const MAX_FRAMES = 100_000;
export const MAX_SIZE = 65_536;
export const MAX_NAME = 200;
export const MIN_COORDINATE = -1;
export const MAX_COORDINATE = 2;
/** @type {Readonly<Canvas>} */
export const DEFAULT_CANVAS = Object.freeze({ width: 720, height: 480, frames: 49, fps: 8 });

export const KINDS = Object.freeze(/** @type {const} */ (['path', 'static']));
export const INTERPOLATIONS = Object.freeze(/** @type {const} */ (['smooth', 'linear']));
export const EASINGS = Object.freeze(/** @type {const} */ (['linear', 'ease-in', 'ease-out', 'ease-in-out']));
export const PALETTE = Object.freeze([
  '#e6194b', '#3cb44b', '#4363d8', '#f58231', '#911eb4', '#42d4f4', '#f032e6', '#bfef45',
]);

/**
 * A drawing without tracks.
 * @param {Partial<Canvas>} [canvas] what it leaves out is 720 x 480, 49 frames, 8 frames a second
 * @returns {Document}
 */
export function emptyDocument(canvas = {}) {
  const { width, height, frames, fps } = { ...DEFAULT_CANVAS, ...canvas };
  return { version: VERSION, width, height, frames, fps, tracks: [] };
}

/**
 * A point with every field.
 * @param {number} x part of the canvas's width
 * @param {number} y part of the canvas's height
 * @param {number|null} [frame]
 * @returns {Point}
 */
export function createPoint(x, y, frame = null) {
  return { x, y, frame, easing: null };
}

/**
 * A track with every field; named and coloured by its place in the list unless `fields` says otherwise.
 * @param {readonly Point[]} points at least one
 * @param {Partial<Track>} [fields]
 * @param {number} [index] its place in the list, from 0
 * @returns {Track}
 */
export function createTrack(points, fields = {}, index = 0) {
  return {
    name: `track ${index + 1}`,
    color: PALETTE[index % PALETTE.length],
    kind: 'path',
    interpolation: 'smooth',
    easing: 'linear',
    start: null,
    end: null,
    hidden: false,
    locked: false,
    ...fields,
    points,
  };
}

/**
 * The same drawing on another canvas or clip: points keep their part of the canvas, keys their part of the clip. The
 * same document where nothing changes. Equals Python's `TrajectoryDocument.fitted`.
 * @param {Document} document
 * @param {Partial<Canvas>} canvas
 * @returns {Document}
 */
export function fitted(document, canvas) {
  const width = canvas.width ?? document.width;
  const height = canvas.height ?? document.height;
  const frames = canvas.frames ?? document.frames;
  const fps = canvas.fps ?? document.fps;
  const sameClip = frames === document.frames;
  if (sameClip && width === document.width && height === document.height && fps === document.fps) return document;
  if (sameClip) return { ...document, width, height, fps };
  // A single frame has no parts to keep.
  const steps = frames === 1 || document.frames === 1 ? null : document.frames - 1;
  /** @param {number|null} time */
  const move = (time) => (time === null || steps === null ? null : Math.min(time * (frames - 1) / steps, frames - 1));
  const tracks = document.tracks.map((track) => {
    const keyed = track.points.some((point) => point.frame !== null);
    if (!keyed && track.start === null && track.end === null) return track;
    const points = keyed
      ? track.points.map((point) => (point.frame === null ? point : { ...point, frame: move(point.frame) }))
      : track.points;
    return { ...track, points, start: move(track.start), end: move(track.end) };
  });
  return { ...document, width, height, frames, fps, tracks };
}
