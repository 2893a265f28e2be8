/**
 * The trajectory document as text: what the editor stores in a workflow and what files hold. Mirrors Python's
 * `tora2/trajectories/document.py`, which is the authority: whatever Python refuses is refused here, and what is
 * written here reads there as an equal document.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Point} Point
 * @typedef {import('./drawing.mjs').Canvas} Canvas
 */

import {
  DEFAULT_CANVAS, EASINGS, INTERPOLATIONS, KINDS, MAX_COORDINATE, MAX_FRAMES, MAX_NAME, MAX_POINTS, MAX_SIZE,
  MAX_TRACKS, MIN_COORDINATE, PALETTE, VERSION, emptyDocument,
} from './drawing.mjs';
import {
  DocumentError, MAX_DEPTH, MAX_TEXT, depthExceeds, isBlank, isObject, loadJson, plainCopy, show,
} from './plain.mjs';

export * from './drawing.mjs';
export { DocumentError } from './plain.mjs';

const DOCUMENT_FIELDS = new Set(['version', 'width', 'height', 'frames', 'fps', 'tracks']);
const TRACK_FIELDS = new Set([
  'name', 'color', 'kind', 'interpolation', 'easing', 'points', 'start', 'end', 'hidden', 'locked',
]);
const POINT_FIELDS = new Set(['x', 'y', 'frame', 'easing']);
const COLOR = /^#(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/;
const WHERE = 'The trajectory document';

/**
 * How to read the versions before the present one: version -> function from its plain object to the next version's.
 * Version 1 is the first.
 * @type {Map<number, (data: Record<string, unknown>) => Record<string, unknown>>}
 */
const UPGRADES = new Map();

/**
 * Read a document from JSON text or from the object that such text holds. Afterwards every field is present.
 * @param {unknown} text
 * @param {Partial<Canvas>} [fallback] stands in for what the document does not say; blank text is an empty drawing
 * @returns {Document}
 * @throws {DocumentError} one sentence that names the track and the point, both counted from 1; nothing else is thrown
 */
export function parseDocument(text, fallback = {}) {
  /** @type {unknown} */
  let data;
  if (typeof text === 'string') {
    if (isBlank(text)) return emptyDocument(fallback);
    if (text.length > MAX_TEXT) {
      throw new DocumentError(`${WHERE} has ${text.length} characters; at most ${MAX_TEXT} are read.`);
    }
    data = loadJson(text, WHERE);
  } else if (typeof text === 'object' && text !== null) {
    data = plainCopy(text, WHERE);
  } else {
    throw new DocumentError(`A trajectory document must be JSON text, but this is ${typeof text}.`);
  }
  if (!isObject(data)) {
    throw new DocumentError(`${WHERE} must be a JSON object with "version": 1; import coordinate lists instead.`);
  }
  const fields = upgraded(data);
  const number = (/** @type {keyof Canvas} */ key, /** @type {number} */ low, /** @type {number} */ high) =>
    readNumber(fields[key] ?? fallback[key], DEFAULT_CANVAS[key], low, high, `${WHERE}: ${key}`);
  const frames = whole(number('frames', 1, MAX_FRAMES), `${WHERE}: frames`);
  const width = whole(number('width', 1, MAX_SIZE), `${WHERE}: width`);
  const height = whole(number('height', 1, MAX_SIZE), `${WHERE}: height`);
  const fps = number('fps', 0.001, 1000);
  const tracks = fields.tracks ?? [];
  if (!Array.isArray(tracks)) {
    throw new DocumentError(`${WHERE}: "tracks" must be a list of tracks, not ${show(tracks)}.`);
  }
  if (tracks.length > MAX_TRACKS) {
    throw new DocumentError(
      `${WHERE} has ${tracks.length} tracks; at most ${MAX_TRACKS} are allowed, so delete some.`);
  }
  return {
    ...extraFields(fields, DOCUMENT_FIELDS, WHERE),
    version: VERSION,
    width,
    height,
    frames,
    fps,
    tracks: tracks.map((track, index) => parseTrack(track, index, frames)),
  };
}

/**
 * The document as JSON text that `parseDocument` and Python read back to an equal document. The same document always
 * gives the same text; unknown fields come first, fields that readers know to be missing are left out.
 * @param {Document} document
 * @returns {string}
 */
export function serialize(document) {
  const { version, width, height, frames, fps, tracks, ...extra } = document;
  return JSON.stringify({ ...extra, version, width, height, frames, fps, tracks: tracks.map(plainTrack) });
}

/**
 * Whether `value` is a colour as documents write it: "#rgb" or "#rrggbb".
 * @param {unknown} value
 * @returns {value is string}
 */
export function isColor(value) {
  return typeof value === 'string' && COLOR.test(value);
}

/**
 * What is wrong with the order of a track's keys, or null: keys increase along the path, and leave time for unkeyed
 * ends, which sit at the clip's first and last frame.
 * @param {readonly Point[]} points
 * @param {number} frames
 * @returns {string|null} the end of a sentence that starts with "Track 1"
 */
export function keyProblem(points, frames) {
  /** @type {number|null} */
  let previous = null;
  let before = 0;
  for (let index = 0; index < points.length; index++) {
    const frame = points[index].frame;
    if (frame === null) continue;
    if (previous !== null && frame <= previous) {
      const problem = frame === previous ? 'has the same frame as' : 'comes before';
      return `, point ${index + 1}: its key at frame ${frame} ${problem} the key of point ${before} ` +
        `(frame ${previous}); keys must increase along the path.`;
    }
    if (previous === null && index > 0 && frame === 0 && frames > 1) {
      return `, point ${index + 1}: a key at frame 0 leaves no time for the points before it; ` +
        'choose a later frame or delete those points.';
    }
    previous = frame;
    before = index + 1;
  }
  if (previous !== null && before < points.length && previous === frames - 1 && frames > 1) {
    return `, point ${before}: a key at the last frame (${frames - 1}) leaves no time for the points after it; ` +
      'choose an earlier frame or delete those points.';
  }
  return null;
}

/**
 * @param {Track} track
 * @returns {Record<string, unknown>}
 */
function plainTrack(track) {
  const { name, color, kind, interpolation, easing, points, start, end, hidden, locked, ...extra } = track;
  /** @type {Record<string, unknown>} */
  const data = { ...extra, name, color, kind, interpolation, easing, points: points.map(plainPoint) };
  if (start !== null) data.start = start;
  if (end !== null) data.end = end;
  if (hidden) data.hidden = true;
  if (locked) data.locked = true;
  return data;
}

/**
 * @param {Point} point
 * @returns {Record<string, unknown>}
 */
function plainPoint(point) {
  const { x, y, frame, easing, ...extra } = point;
  /** @type {Record<string, unknown>} */
  const data = { ...extra, x, y };
  if (frame !== null) data.frame = frame;
  if (easing !== null) data.easing = easing;
  return data;
}

/**
 * @param {Record<string, unknown>} data
 * @returns {Record<string, unknown>}
 */
function upgraded(data) {
  let fields = data;
  let version = fields.version;
  if (version === undefined || version === null) {
    throw new DocumentError(`${WHERE} has no "version"; it must say "version": 1.`);
  }
  for (let upgrade; typeof version === 'number' && (upgrade = UPGRADES.get(version)); version = fields.version) {
    fields = upgrade(fields);
  }
  if (version === VERSION) return fields;
  const newer = typeof version === 'number' && version > VERSION;
  throw new DocumentError(
    `${WHERE} has version ${show(version)}, but this pack reads version ${VERSION}; update the pack.`,
    newer ? 'newer' : 'invalid',
  );
}

/**
 * @param {unknown} data
 * @param {number} index
 * @param {number} frames
 * @returns {Track}
 */
function parseTrack(data, index, frames) {
  let where = `Track ${index + 1}`;
  if (!isObject(data)) throw new DocumentError(`${where} must be an object with "points", not ${show(data)}.`);
  let name = data.name ?? '';
  if (typeof name !== 'string') throw new DocumentError(`${where}: its name must be text, not ${show(name)}.`);
  // Python counts characters, not UTF-16 units.
  const length = name.length > MAX_NAME ? [...name].length : name.length;
  if (length > MAX_NAME) {
    throw new DocumentError(`${where}: its name has ${length} characters; shorten it to ${MAX_NAME}.`);
  }
  if (isBlank(name)) name = `track ${index + 1}`;
  where = `Track ${index + 1} (${show(name)})`;
  const color = data.color ?? PALETTE[index % PALETTE.length];
  if (!isColor(color)) throw new DocumentError(`${where}: its color must look like "#e6194b", not ${show(color)}.`);
  const points = data.points ?? [];
  if (!Array.isArray(points)) throw new DocumentError(`${where}: its points must be a list, not ${show(points)}.`);
  if (points.length === 0) throw new DocumentError(`${where} has no points; draw at least one or delete the track.`);
  if (points.length > MAX_POINTS) {
    throw new DocumentError(
      `${where} has ${points.length} points; at most ${MAX_POINTS} are allowed, so thin them out.`);
  }
  const last = frames - 1;
  /** @type {Track} */
  const track = {
    ...extraFields(data, TRACK_FIELDS, where),
    name: /** @type {string} */ (name),
    color,
    kind: choice(data.kind ?? 'path', KINDS, `${where}: its kind`),
    interpolation: choice(data.interpolation ?? 'smooth', INTERPOLATIONS, `${where}: its interpolation`),
    easing: choice(data.easing ?? 'linear', EASINGS, `${where}: its easing`),
    points: points.map((point, i) => parsePoint(point, `${where}, point ${i + 1}`, last)),
    start: time(data.start, last, `${where}: its start`),
    end: time(data.end, last, `${where}: its end`),
    hidden: flag(data.hidden, `${where}: "hidden"`),
    locked: flag(data.locked, `${where}: "locked"`),
  };
  if (track.start !== null && track.end !== null && track.start > track.end) {
    throw new DocumentError(
      `${where} starts at frame ${track.start} but ends before, at ${track.end}; swap or move them.`);
  }
  const problem = keyProblem(track.points, frames);
  if (problem) throw new DocumentError(where + problem);
  return track;
}

/**
 * @param {unknown} data
 * @param {string} where
 * @param {number} last
 * @returns {Point}
 */
function parsePoint(data, where, last) {
  if (!isObject(data)) throw new DocumentError(`${where} must be an object with "x" and "y", not ${show(data)}.`);
  return {
    ...extraFields(data, POINT_FIELDS, where),
    x: coordinate(data.x, 'x', where),
    y: coordinate(data.y, 'y', where),
    frame: time(data.frame, last, `${where}: its frame`),
    easing: data.easing === undefined || data.easing === null
      ? null : choice(data.easing, EASINGS, `${where}: its easing`),
  };
}

/**
 * @param {unknown} value
 * @param {string} axis
 * @param {string} where
 * @returns {number}
 */
function coordinate(value, axis, where) {
  if (typeof value !== 'number') throw new DocumentError(`${where}: ${axis} must be a number, not ${show(value)}.`);
  if (!(value >= MIN_COORDINATE && value <= MAX_COORDINATE)) {
    throw new DocumentError(
      `${where}: ${axis} = ${value} is too far outside the canvas; ` +
      `it must be within ${MIN_COORDINATE}..${MAX_COORDINATE} (0..1 is inside).`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @param {number} standard
 * @param {number} low
 * @param {number} high
 * @param {string} where
 * @returns {number}
 */
function readNumber(value, standard, low, high, where) {
  if (value === undefined || value === null) return standard;
  if (typeof value !== 'number') throw new DocumentError(`${where} must be a number, not ${show(value)}.`);
  if (!(value >= low && value <= high)) {
    throw new DocumentError(`${where} = ${value} must be within ${low}..${high}.`);
  }
  return value;
}

/**
 * @param {number} value
 * @param {string} where
 * @returns {number}
 */
function whole(value, where) {
  if (!Number.isInteger(value)) throw new DocumentError(`${where} = ${value} must be a whole number.`);
  return value;
}

/**
 * @param {unknown} value
 * @param {number} last
 * @param {string} where
 * @returns {number|null}
 */
function time(value, last, where) {
  if (value === undefined || value === null) return null;
  if (typeof value !== 'number') throw new DocumentError(`${where} must be a frame number, not ${show(value)}.`);
  if (!(value >= 0 && value <= last)) {
    throw new DocumentError(`${where} ${value} is not in the clip; choose one within 0..${last}.`);
  }
  return value;
}

/**
 * @template {string} T
 * @param {unknown} value
 * @param {readonly T[]} allowed
 * @param {string} where
 * @returns {T}
 */
function choice(value, allowed, where) {
  const found = allowed.find((item) => item === value);
  if (found === undefined) {
    throw new DocumentError(`${where} is ${show(value)}; choose one of ${allowed.join(', ')}.`);
  }
  return found;
}

/**
 * @param {unknown} value
 * @param {string} where
 * @returns {boolean}
 */
function flag(value, where) {
  if (value === undefined || value === null) return false;
  if (typeof value !== 'boolean') throw new DocumentError(`${where} must be true or false, not ${show(value)}.`);
  return value;
}

/**
 * The fields that this version does not know, kept as they are.
 * @param {Record<string, unknown>} data
 * @param {ReadonlySet<string>} known
 * @param {string} where
 * @returns {Record<string, unknown>}
 */
function extraFields(data, known, where) {
  // fromEntries defines fields, so that one named "__proto__" stays a field.
  const entries = Object.entries(data).filter(([key]) => !known.has(key));
  for (const [key, value] of entries) {
    if (depthExceeds(value, MAX_DEPTH)) {
      throw new DocumentError(
        `${where}: the field ${show(key)} is nested more than ${MAX_DEPTH} levels deep; remove it.`);
    }
  }
  return Object.fromEntries(entries);
}
