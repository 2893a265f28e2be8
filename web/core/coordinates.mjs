/**
 * Coordinate lists as other tools write them, read into plain lists of points; `formats.mjs` gives them a canvas and a
 * clip. Mirrors Python's `coordinates.py`: objects {x, y} and pairs in any nesting, texts of such lists, Python's way
 * of printing them, KJNodes' points_store, and Tora's .txt. Nothing is evaluated.
 */

import { MAX_NAME, MAX_TRACKS } from './drawing.mjs';
import { DocumentError, MAX_TEXT, isBlank, isObject, loadJson, show } from './plain.mjs';

/** Side of the grid that Tora's .txt files count in. */
export const TORA_GRID = 256;
const MAX_NESTING = 16;
const MAX_TOTAL_POINTS = 2_000_000;
const MAX_PYTHON_TEXT = 4_000_000;
// Strings in either quotes (an unclosed one runs to the end, so that no input is scanned twice), numpy's way of
// printing a number, tuples' brackets, Python's constants, and a comma before a closing bracket.
const PYTHON = new RegExp(
  String.raw`(?<single>'[^'\\]*(?:\\.?[^'\\]*)*(?:'|$))|(?<double>"[^"\\]*(?:\\.?[^"\\]*)*(?:"|$))` +
    String.raw`|\b(?:np|numpy)\.float(?:16|32|64)\((?<number>[-+0-9.eE]{1,40})\)` +
    String.raw`|(?<open>\()|(?<close>\))|(?<constant>\b(?:True|False|None)\b)|(?<trailing>,(?=\s{0,8}[\])]))`,
  'gs');
const CONSTANTS = new Map([['True', 'true'], ['False', 'false'], ['None', 'null']]);
const LINE_BREAK = /\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** One track before it has a canvas. */
export class RawTrack {
  /**
   * @param {[number, number][]} points x and y, finite, in pixels, or in the 256 grid
   * @param {{timed?: boolean, grid?: boolean, name?: string, color?: string}} [fields] `timed`: equally spaced samples
   *   in time, otherwise control points of a spline; `grid`: in Tora's grid
   */
  constructor(points, { timed = true, grid = false, name = '', color = '' } = {}) {
    this.points = points;
    this.timed = timed;
    this.grid = grid;
    this.name = name;
    this.color = color;
  }
}

/**
 * All tracks in a value, a text or what it holds; empty ones are passed over.
 * @param {unknown} value
 * @returns {RawTrack[]}
 * @throws {DocumentError} what is not a coordinate list, no points at all, more than 64 tracks
 */
export function readTracks(value) {
  /** @type {RawTrack[]} */
  const tracks = [];
  collect(value, tracks, 0);
  if (tracks.length === 0) {
    throw new DocumentError('There are no points in these coordinates; draw at least one trajectory.');
  }
  return tracks;
}

/**
 * JSON, or Python's way of printing the same, as plain values; Tora's lines as `RawTrack` objects.
 * @param {string} source
 * @returns {unknown}
 * @throws {DocumentError}
 */
export function readText(source) {
  if (source.length > MAX_TEXT) {
    throw new DocumentError(`The coordinates have ${source.length} characters; at most ${MAX_TEXT} are read.`);
  }
  const text = source.replace(/^\ufeff+/, '').trim();
  if (isBlank(text)) return [];
  if (!'[({"\''.includes(text[0])) return readLines(text);
  try {
    return loadJson(text, 'The coordinate list');
  } catch (error) {
    const translated = text.length > MAX_PYTHON_TEXT ? text : fromPython(text);
    if (translated === text) throw error;
    return loadJson(translated, 'The coordinate list');
  }
}

/** @param {string} text */
function fromPython(text) {
  return text.replace(PYTHON, (...match) => {
    /** @type {Record<string, string|undefined>} */
    const { single, double, number, open, close, constant } = match[match.length - 1];
    if (single !== undefined) {
      const inner = single.length > 1 && single.endsWith("'") ? single.slice(1, -1) : single;
      return JSON.stringify(inner.replace(/\\(['\\"])/g, '$1'));
    }
    if (open) return '[';
    if (close) return ']';
    return double ?? number ?? CONSTANTS.get(constant ?? '') ?? '';
  });
}

/**
 * @param {string} text
 * @returns {RawTrack[]}
 */
function readLines(text) {
  /** @type {RawTrack[]} */
  const tracks = [];
  /** @type {RawTrack|null} */
  let current = null;
  text.split(LINE_BREAK).forEach((line, index) => {
    if (isBlank(line)) {
      current = null;
      return;
    }
    const parts = line.replaceAll(',', ' ').trim().split(/\s+/);
    const [x, y] = parts.map((part) => (NUMBER.test(part) ? Number(part) : NaN));
    if (parts.length !== 2 || !Number.isFinite(x) || !Number.isFinite(y)) {
      throw new DocumentError(
        `Line ${index + 1} of the coordinates is ${show(line.trim())}; it must be JSON or a line like 120,194.`);
    }
    if (current === null) tracks.push(current = new RawTrack([], { grid: true }));
    current.points.push([x, y]);
  });
  return tracks;
}

/**
 * @param {unknown} value
 * @param {RawTrack[]} tracks
 * @param {number} depth
 */
function collect(value, tracks, depth) {
  if (depth > MAX_NESTING) {
    throw new DocumentError(`The coordinates are nested more than ${MAX_NESTING} levels deep; pass a list of tracks.`);
  }
  const item = typeof value === 'string' ? readText(value) : value;
  if (isPoint(item)) add(tracks, new RawTrack(readPoints([item], tracks)));
  else if (item instanceof RawTrack) add(tracks, item);
  else if (isObject(item) && Array.isArray(item.points)) {
    if (item.points.length === 0) return;
    const name = typeof item.name === 'string' && !isBlank(item.name) && [...item.name].length <= MAX_NAME
      ? item.name : '';
    const color = typeof item.color === 'string' ? item.color : '';
    add(tracks, new RawTrack(readPoints(item.points, tracks), { timed: false, name, color }));
  } else if (Array.isArray(item)) {
    if (item.some(isPoint)) add(tracks, new RawTrack(readPoints(item, tracks)));
    else for (const child of item) collect(child, tracks, depth + 1);
  } else {
    throw new DocumentError(
      `Track ${tracks.length + 1} of the coordinates is ${show(item)}; ` +
      'it must be a list of points like {"x": 12, "y": 34} or [12, 34].');
  }
}

/**
 * @param {RawTrack[]} tracks
 * @param {RawTrack} track
 */
function add(tracks, track) {
  if (tracks.length === MAX_TRACKS) {
    throw new DocumentError(`The coordinates hold more than ${MAX_TRACKS} tracks; pass fewer.`);
  }
  tracks.push(track);
}

/**
 * @param {unknown[]} items
 * @param {RawTrack[]} tracks
 * @returns {[number, number][]}
 */
function readPoints(items, tracks) {
  if (items.length > MAX_TOTAL_POINTS) {
    throw new DocumentError(
      `Track ${tracks.length + 1} has ${items.length} points; at most ${MAX_TOTAL_POINTS} are read.`);
  }
  return items.map((item, index) => readPoint(item, `Track ${tracks.length + 1}, point ${index + 1}`));
}

/**
 * @param {unknown} item
 * @param {string} where
 * @returns {[number, number]}
 */
function readPoint(item, where) {
  if (!isPoint(item)) {
    throw new DocumentError(`${where} is ${show(item)}; it must be like {"x": 12, "y": 34} or [12, 34].`);
  }
  const values = isObject(item) ? [item.x, item.y] : /** @type {unknown[]} */ (item);
  const [x, y] = values.map((value, axis) => {
    if (typeof value !== 'number') {
      throw new DocumentError(`${where}: ${'xy'[axis]} must be a number, not ${show(value)}.`);
    }
    if (!(Math.abs(value) < 1e9)) {
      throw new DocumentError(`${where}: ${'xy'[axis]} = ${show(value)} cannot be a pixel position; correct it.`);
    }
    return value;
  });
  return [x, y];
}

/** @param {unknown} value */
function isPoint(value) {
  if (isObject(value)) return Object.hasOwn(value, 'x') && Object.hasOwn(value, 'y');
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === 'number');
}
