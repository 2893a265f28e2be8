/**
 * What can be done to tracks as a whole; see `edits.mjs`, which exports this too.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {import('./drawing.mjs').Track} Track
 * @typedef {import('./drawing.mjs').Point} Point
 */

import { changed, inserted, tidy, within, withTrack, withTracks } from './change.mjs';
import { isColor } from './document.mjs';
import { EASINGS, INTERPOLATIONS, KINDS, MAX_COORDINATE, MAX_NAME, MAX_POINTS, MAX_TRACKS, PALETTE, createTrack } from './drawing.mjs';
import { isBlank } from './plain.mjs';
import { select } from './selection.mjs';
import { mendKeys } from './timing.mjs';

/** Pixels that a copy lies beside what it is a copy of. */
const ASIDE = 20;

/** Fields of a track that a lock protects. */
const MOTION = ['points', 'kind', 'interpolation', 'easing', 'start', 'end'];

/**
 * One more track.
 * @param {Document} document
 * @param {readonly Point[]} points at least one
 * @param {Partial<Track>} [fields] its name is by its place and its colour one that is free, unless said here
 * @param {number} [index] default: last
 * @returns {Document}
 */
export function addTrack(document, points, fields = {}, index = document.tracks.length) {
  if (document.tracks.length >= MAX_TRACKS || points.length === 0 || points.length > MAX_POINTS) return document;
  if (!points.every((point) => Number.isFinite(point.x) && Number.isFinite(point.y))) return document;
  const tidied = points.map((point) => ({ ...point, x: tidy(point.x), y: tidy(point.y) }));
  const look = { color: freeColor(document), ...allowed(document, null, fields) };
  const track = createTrack(mendKeys(tidied, document.frames), look, nextNumber(document));
  return withTracks(document, inserted(document.tracks, within(index, 0, document.tracks.length), track));
}

/**
 * Other documents' tracks behind the own ones, as many as fit.
 * @param {Document} document
 * @param {readonly Track[]} tracks
 * @param {{dx?: number, dy?: number}} [shift] parts of the canvas by which all are moved as long as one covers a track,
 *   and all have room
 * @returns {Document}
 */
export function appendTracks(document, tracks, { dx = 0, dy = 0 } = {}) {
  let added = tracks.map((track) => ({ ...track }));
  const covers = () => added.some((track) => document.tracks.some((other) => samePlaces(track, other)));
  // Where the area ends, points would pile up.
  const room = () => added.every(({ points }) => points.every(({ x, y }) => Math.max(x + dx, y + dy) <= MAX_COORDINATE));
  for (let turn = 0; turn < MAX_TRACKS && (dx || dy) && covers() && room(); turn++) {
    added = added.map((track) => ({ ...track, points: shifted(track.points, dx, dy) }));
  }
  return replaceTracks(document, [...document.tracks, ...added]);
}

/**
 * The way from a track to its copy, in parts of the canvas.
 * @param {Document} document
 * @returns {{dx: number, dy: number}}
 */
export function copyShift(document) {
  return { dx: ASIDE / document.width, dy: ASIDE / document.height };
}

/** @param {readonly Point[]} points @param {number} dx @param {number} dy @returns {Point[]} */
function shifted(points, dx, dy) {
  return points.map((point) => ({ ...point, x: dx ? tidy(point.x + dx) : point.x, y: dy ? tidy(point.y + dy) : point.y }));
}

/** @param {Track} one @param {Track} other */
function samePlaces(one, other) {
  return one.points.length === other.points.length &&
    one.points.every(({ x, y }, index) => tidy(x) === tidy(other.points[index].x) && tidy(y) === tidy(other.points[index].y));
}

/**
 * Other tracks, as many as are allowed.
 * @param {Document} document
 * @param {readonly Track[]} tracks as `parseDocument` makes them
 * @returns {Document}
 */
export function replaceTracks(document, tracks) {
  const last = document.frames - 1;
  const fitting = tracks.slice(0, MAX_TRACKS).map((track) => {
    const points = mendKeys(track.points, document.frames);
    const start = track.start === null ? null : Math.min(track.start, last);
    const end = track.end === null ? null : Math.min(track.end, last);
    return changed(track, { points, start, end });
  });
  return withTracks(document, fitting);
}

/**
 * Remove these tracks but the locked ones.
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @returns {Document}
 */
export function removeTracks(document, tracks) {
  return withTracks(document, document.tracks.filter((track, index) => track.locked || !tracks.includes(index)));
}

/**
 * A copy behind each of these, of the same name: one entity held at several points. Copies are not locked.
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {{dx?: number, dy?: number}} [shift] parts of the canvas, so that copies can be seen
 * @returns {Document}
 */
export function duplicateTracks(document, tracks, { dx = 0, dy = 0 } = {}) {
  let room = MAX_TRACKS - document.tracks.length;
  return withTracks(document, document.tracks.flatMap((track, index) => {
    if (!tracks.includes(index) || room-- <= 0) return [track];
    return [track, { ...track, points: shifted(track.points, dx, dy), locked: false }];
  }));
}

/**
 * The same with the copies selected afterwards; nothing changes where there is no room.
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {{dx?: number, dy?: number}} [shift]
 * @returns {Document | {document: Document, selection: import('./selection.mjs').Selection}}
 */
export function duplicateAndSelect(document, tracks, shift) {
  const room = MAX_TRACKS - document.tracks.length;
  if (room <= 0 || !tracks.length) return document;
  // Every copy lies behind its original, which shifts all later ones by one.
  const copies = [...tracks].sort((one, other) => one - other).slice(0, room).map((track, i) => track + i + 1);
  return { document: duplicateTracks(document, tracks, shift), selection: select({ tracks: copies }) };
}

/**
 * @param {Document} document
 * @param {number} from
 * @param {number} to its index afterwards
 * @returns {Document}
 */
export function reorderTrack(document, from, to) {
  if (!document.tracks[from] || !document.tracks[to]) return document;
  const others = document.tracks.filter((_, index) => index !== from);
  return withTracks(document, inserted(others, to, document.tracks[from]));
}

/**
 * Several tracks may share a name. A blank name changes nothing; a long one is cut.
 * @param {Document} document
 * @param {number} track
 * @param {string} name
 * @returns {Document}
 */
export function renameTrack(document, track, name) {
  return setTrack(document, track, { name });
}

/**
 * Change a track's fields; impossible values are passed over, times are moved into the clip.
 * @param {Document} document
 * @param {number} track
 * @param {Partial<Track>} fields
 * @returns {Document}
 */
export function setTrack(document, track, fields) {
  const old = document.tracks[track];
  return old ? withTrack(document, track, changed(old, allowed(document, old, fields))) : document;
}

/**
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {'path'|'static'} kind
 * @returns {Document}
 */
export function setKind(document, tracks, kind) {
  return tracks.reduce((result, track) => setTrack(result, track, { kind }), document);
}

/**
 * @param {Document} document
 * @param {readonly number[]} tracks
 * @param {'smooth'|'linear'} interpolation
 * @returns {Document}
 */
export function setInterpolation(document, tracks, interpolation) {
  return tracks.reduce((result, track) => setTrack(result, track, { interpolation }), document);
}

/**
 * Remove all tracks but the locked ones.
 * @param {Document} document
 * @returns {Document}
 */
export function clear(document) {
  return withTracks(document, document.tracks.filter((track) => track.locked));
}

/**
 * The fields that may be set, in the form that documents have.
 * @param {Document} document
 * @param {Track|null} track null for a new one
 * @param {Partial<Track>} fields
 * @returns {Partial<Track>}
 */
function allowed(document, track, fields) {
  /** @type {Partial<Track>} */
  const result = { ...fields };
  const refuse = (/** @type {string} */ key, /** @type {boolean} */ fine) => {
    if (key in result && !fine) delete result[key];
  };
  delete result.points;
  refuse('name', typeof result.name === 'string' && !isBlank(result.name));
  if (result.name && result.name.length > MAX_NAME) result.name = [...result.name].slice(0, MAX_NAME).join('');
  refuse('color', isColor(result.color));
  refuse('kind', KINDS.some((item) => item === result.kind));
  refuse('interpolation', INTERPOLATIONS.some((item) => item === result.interpolation));
  refuse('easing', EASINGS.some((item) => item === result.easing));
  refuse('hidden', typeof result.hidden === 'boolean');
  refuse('locked', typeof result.locked === 'boolean');
  for (const key of /** @type {const} */ (['start', 'end'])) {
    refuse(key, result[key] === null || Number.isFinite(result[key]));
    if (typeof result[key] === 'number') result[key] = within(result[key], 0, document.frames - 1);
  }
  const start = result.start === undefined ? track?.start ?? null : result.start;
  const end = result.end === undefined ? track?.end ?? null : result.end;
  if (start !== null && end !== null && start > end) {
    if (typeof result.end === 'number') result.end = start;
    else result.start = end;
  }
  if (track?.locked && result.locked !== false) for (const key of MOTION) delete result[key];
  return result;
}

/**
 * A number for the next track's name that no track has: deleting one must not give two the same name.
 * @param {Document} document
 * @returns {number} from 0
 */
function nextNumber(document) {
  const names = new Set(document.tracks.map((track) => track.name));
  let number = document.tracks.length;
  while (names.has(`track ${number + 1}`)) number += 1;
  return number;
}

/**
 * The first colour of the palette that fewest tracks have.
 * @param {Document} document
 * @returns {string}
 */
function freeColor(document) {
  const uses = PALETTE.map((color) => document.tracks.filter((track) => track.color === color).length);
  return PALETTE[uses.indexOf(Math.min(...uses))];
}
