/**
 * Trajectories in and out. Mirrors Python's `formats.py` and `export.py`, bound by `tests/web/vectors/formats.json`.
 * Lists of points are equally spaced samples of the whole clip; between samples tracks are straight.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Point} Point
 * @typedef {import('./drawing.mjs').Canvas} Canvas
 */

import { TORA_GRID, readText, readTracks } from './coordinates.mjs';
import { isColor, parseDocument, serialize } from './document.mjs';
import {
  DEFAULT_CANVAS, MAX_COORDINATE, MAX_POINTS, MIN_COORDINATE, PALETTE, createPoint, createTrack, fitted,
} from './drawing.mjs';
import { DocumentError, isObject, plainCopy } from './plain.mjs';
import { sampleDocument } from './sampling.mjs';

/** Points a track that ATI's nodes need. */
export const ATI_POINTS = 121;

/**
 * `wrapper` is ComfyUI-CogVideoXWrapper: a flat list per track. `tora`: a .txt per track.
 * @typedef {'document'|'nested'|'flat'|'kjnodes'|'ati'|'wrapper'|'tora'} ExportFormat
 */
/** @type {readonly ExportFormat[]} */
export const EXPORT_FORMATS = Object.freeze(
  /** @type {ExportFormat[]} */ (['document', 'nested', 'flat', 'kjnodes', 'ati', 'wrapper', 'tora']));

/**
 * A document of the given canvas and clip from text that somebody pastes or drops: our document (fitted to the canvas),
 * coordinates in any nesting, Python's lists, KJNodes' points_store, Tora's .txt.
 * @param {unknown} value text, or what it holds
 * @param {Partial<Canvas>} canvas pixel coordinates refer to it
 * @param {{name?: string}} [options] `name`: of all tracks (a Tora file's), instead of "track 1", ...
 * @returns {Document}
 * @throws {DocumentError} one sentence; nothing else is thrown
 */
export function importTrajectories(value, canvas, { name = '' } = {}) {
  const { width, height, frames, fps } = { ...DEFAULT_CANVAS, ...canvas };
  const data = typeof value === 'string' ? readText(value) : plainCopy(value ?? null, 'The coordinate list');
  if (isObject(data)) {
    if (isWorkflow(data)) {
      throw new DocumentError('This is a ComfyUI workflow, not a drawing; drop it on an empty place of the graph.');
    }
    if ('version' in data || 'tracks' in data) {
      return fitted(parseDocument(data, { width, height, frames, fps }), { width, height, frames, fps });
    }
    if ('track_path' in data) {
      throw new DocumentError('This is a TRACKS object; connect it to the node "Tora2 Import Trajectories" instead.');
    }
  }
  const tracks = readTracks(data).map((raw, index) => {
    const scale = raw.grid ? [TORA_GRID, TORA_GRID] : [width, height];
    const places = normalised(raw.points, scale, index);
    const look = {
      name: name || raw.name || `track ${index + 1}`,
      color: isColor(raw.color) ? raw.color : PALETTE[index % PALETTE.length],
    };
    return raw.timed ? timedTrack(places, look, frames) : spline(places, look, index);
  });
  return { version: 1, width, height, frames, fps, tracks };
}

/**
 * Whether it is a workflow as ComfyUI saves or exports it.
 * @param {Record<string, unknown>} data
 */
function isWorkflow(data) {
  if (Array.isArray(data.nodes) && Array.isArray(data.links)) return true;
  const values = Object.values(data);
  return values.length > 0 && values.every((value) => isObject(value) && 'class_type' in value);
}

/**
 * The drawing in another tool's form. Hidden tracks are left out, except of `document`.
 * @param {Document} document
 * @param {ExportFormat} format
 * @param {{tracks?: readonly number[]}} [options] `tracks`: only these
 * @returns {{name: string, text: string}[]} one text, or one a track for `wrapper` and `tora`; `name` suits a file
 * @throws {DocumentError} the format holds one track and there are others
 */
export function exportTrajectories(document, format, { tracks } = {}) {
  const chosen = tracks ? { ...document, tracks: document.tracks.filter((_, i) => tracks.includes(i)) } : document;
  if (format === 'document') return [{ name: 'trajectories', text: serialize(chosen) }];
  const shown = chosen.tracks.filter((track) => !track.hidden);
  if (format === 'tora') return toToraTxt(chosen).map((text, i) => ({ name: shown[i].name, text }));
  if (format === 'wrapper') {
    return shown.map((track) => {
      const text = toCoordinates({ ...chosen, tracks: [track] }, { flat: true, inside: true });
      return { name: track.name, text };
    });
  }
  const flat = format === 'flat' || (format === 'kjnodes' && shown.length === 1);
  const text = toCoordinates(chosen, format === 'ati' ? { count: ATI_POINTS, cut: true } : { flat });
  return [{ name: flat ? shown[0].name : 'coordinates', text }];
}

/**
 * Coordinate JSON [[{x, y}, ...], ...] in pixels of the canvas.
 * @param {Document} document
 * @param {object} [options]
 * @param {number} [options.count] points a track, equally spaced in time over the clip; default one a frame
 * @param {boolean} [options.integers] whole pixels; otherwise rounded to 1/10,000 pixel
 * @param {boolean} [options.flat] a single list without the outer one; needs exactly one visible track
 * @param {boolean} [options.inside] places off the canvas are moved to its border
 * @param {boolean} [options.cut] a list ends with its track's last visible point; otherwise all are equally long
 * @returns {string}
 * @throws {DocumentError}
 */
export function toCoordinates(document, { count, integers = false, flat = false, inside = false, cut = false } = {}) {
  if (count !== undefined && !(count >= 1)) {
    throw new DocumentError(`${count} points a track cannot be written; choose at least 1.`);
  }
  const times = count === undefined ? undefined : linspace(0, document.frames - 1, Math.floor(count));
  const rounded = integers ? roundToEven : (/** @type {number} */ value) => Number(value.toFixed(4)) + 0;
  const kept = (/** @type {number} */ pixel, /** @type {number} */ size) =>
    rounded(inside ? Math.min(Math.max(pixel, 0), size - 1) : pixel);
  const tracks = sampleDocument(document, times).tracks.map(({ points, visible }) =>
    Array.from({ length: cut ? Math.max(visible.lastIndexOf(1), 0) + 1 : points.length / 2 }, (_, i) => ({
      x: kept(points[2 * i] * document.width, document.width),
      y: kept(points[2 * i + 1] * document.height, document.height),
    })));
  if (flat && tracks.length !== 1) {
    throw new DocumentError(
      `A flat list holds one track, but the drawing shows ${tracks.length}; hide the others or choose one.`);
  }
  return JSON.stringify(flat ? tracks[0] : tracks);
}

/**
 * The text of one Tora .txt per track that is not hidden: a line "x,y" a frame, whole numbers of a 256 x 256 grid.
 * Places off the grid are moved to its border.
 * @param {Document} document
 * @returns {string[]}
 */
export function toToraTxt(document) {
  const onGrid = (/** @type {number} */ part) =>
    Math.min(Math.max(roundToEven(part * TORA_GRID), 0), TORA_GRID - 1);
  return sampleDocument(document).tracks.map(({ points }) => {
    let text = '';
    for (let i = 0; i < points.length; i += 2) text += `${onGrid(points[i])},${onGrid(points[i + 1])}\n`;
    return text;
  });
}

/**
 * A track of equally spaced samples of the clip: keyed as they are, or one key a frame if they are more than frames.
 * @param {[number, number][]} places parts of the canvas
 * @param {Partial<Track>} look
 * @param {number} frames
 * @returns {Track}
 */
function timedTrack(places, look, frames) {
  const fields = { ...look, interpolation: /** @type {const} */ ('linear') };
  const total = places.length;
  /** @type {Point[]} */
  let points;
  if (total === 1 || frames === 1) {
    points = [createPoint(...places[0], 0)];
  } else if (total <= frames && total <= MAX_POINTS) {
    points = places.map(([x, y], index) => createPoint(x, y, (index * (frames - 1)) / (total - 1)));
  } else {
    points = [...linspace(0, frames - 1, Math.min(frames, MAX_POINTS))].map((time) => {
      const source = (time * (total - 1)) / (frames - 1);
      const low = Math.min(Math.max(Math.floor(source), 0), total - 1);
      const share = source - low;
      const [a, b] = [places[low], places[Math.min(low + 1, total - 1)]];
      return createPoint((1 - share) * a[0] + share * b[0], (1 - share) * a[1] + share * b[1], time);
    });
  }
  const rests = points.every((point) => point.x === points[0].x && point.y === points[0].y);
  return rests
    ? createTrack([createPoint(points[0].x, points[0].y)], { ...fields, kind: 'static' })
    : createTrack(points, fields);
}

/**
 * @param {[number, number][]} places
 * @param {Partial<Track>} look
 * @param {number} index
 * @returns {Track}
 */
function spline(places, look, index) {
  if (places.length > MAX_POINTS) {
    throw new DocumentError(
      `Track ${index + 1} has ${places.length} control points; at most ${MAX_POINTS} are allowed.`);
  }
  const kind = places.length > 1 ? 'path' : 'static';
  return createTrack(places.map(([x, y]) => createPoint(x, y)), { ...look, kind });
}

/**
 * @param {[number, number][]} points
 * @param {number[]} scale
 * @param {number} track
 * @returns {[number, number][]} parts of the canvas
 */
function normalised(points, scale, track) {
  return points.map(([px, py], index) => {
    const [x, y] = [px / scale[0], py / scale[1]];
    if (Math.min(x, y) >= MIN_COORDINATE && Math.max(x, y) <= MAX_COORDINATE) return [x, y];
    throw new DocumentError(
      `Track ${track + 1}, point ${index + 1}: (${Number(px.toFixed(3))}, ${Number(py.toFixed(3))}) is too far ` +
      `outside the ${scale[0]}x${scale[1]} canvas; it may lie at most one canvas size outside, ` +
      'so check width and height.');
  });
}

/**
 * @param {number} from
 * @param {number} to
 * @param {number} count
 * @returns {Float64Array}
 */
function linspace(from, to, count) {
  return Float64Array.from({ length: count }, (_, i) => (count > 1 ? from + ((to - from) * i) / (count - 1) : from));
}

/**
 * To the nearest whole number, halves to the even one, as Python does.
 * @param {number} value
 */
function roundToEven(value) {
  const floor = Math.floor(value);
  const up = value - floor > 0.5 || (value - floor === 0.5 && floor % 2 !== 0);
  return (up ? floor + 1 : floor) + 0;
}
