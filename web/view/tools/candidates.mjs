/** What can be taken at a place, in the select tool's terms, and what it is called. */

import { activeTrack, affectedPoints, hasPoint, select } from '../../core/selection.mjs';
import { place } from './drag.mjs';

/** @typedef {import('./surface.mjs').Surface} Surface */
/** @typedef {import('../../core/hit.mjs').Hit} Hit */
/** @typedef {import('../types.mjs').Selection} Selection */

/**
 * What may be taken here: points only of selected tracks, whose points can be seen; other tracks as wholes.
 * @param {Surface} surface
 * @param {{cx: number, cy: number, touch: boolean}} pointer
 * @returns {Hit[]} one of each track, nearest first
 */
export function candidates(surface, pointer) {
  const { store } = surface;
  /** @type {Map<number, Hit>} */
  const byTrack = new Map();
  for (const hit of surface.hits(pointer)) {
    if (byTrack.has(hit.track)) continue;
    const whole = hit.kind === 'point' && !store.selection.tracks.includes(hit.track);
    byTrack.set(hit.track, whole ? { ...hit, kind: 'marker', point: -1 } : hit);
  }
  return [...byTrack.values()];
}

/**
 * Selects the next thing at a place, for Tab. It does not go round: behind the last one Tab goes on to what follows the
 * drawing surface, or those who have no mouse to leave with could not leave.
 * @param {Surface} surface
 * @param {{cx: number, cy: number, touch: boolean}} pointer
 * @param {number} step 1 or -1
 * @returns {boolean} whether there was another one
 */
export function cycle(surface, pointer, step) {
  const { store } = surface;
  const tracks = [...new Set(surface.hits(pointer).map((hit) => hit.track))].filter((track) => track >= 0).sort((a, b) => a - b);
  const at = tracks.indexOf(activeTrack(store.selection));
  const next = at < 0 && step < 0 ? tracks.length - 1 : at + step;
  if (!(next in tracks)) return false;
  store.set({ selection: select({ tracks: [tracks[next]] }) });
  return true;
}

/** @param {Surface} surface */
export function selectedPoints(surface) {
  const { document, selection } = surface.store;
  return affectedPoints(document, selection).filter(([track]) => {
    const { hidden, locked } = document.tracks[track];
    return !hidden && !locked;
  });
}

/**
 * @param {Selection} selection
 * @param {Hit} hit
 */
export function isSelected(selection, hit) {
  if (hit.kind === 'point') return hasPoint(selection, hit.track, hit.point) || selection.tracks.includes(hit.track);
  return selection.tracks.includes(hit.track);
}

/** @param {Hit} hit @returns {Selection} */
export function only(hit) {
  return hit.kind === 'point' ? select({ points: [[hit.track, hit.point]] }) : select({ tracks: [hit.track] });
}

/**
 * @param {Surface} surface
 * @param {Hit} hit
 * @param {Hit[]} hits
 */
export function describe(surface, hit, hits) {
  const track = surface.store.document.tracks[hit.track];
  const frame = hit.kind === 'point' ? track.points[hit.point].frame : null;
  const parts = [track.name];
  if (hit.kind === 'point') parts.push(surface.text('stage.pointOf', { index: hit.point + 1, count: track.points.length }));
  if (hit.kind === 'point') parts.push(place(surface, hit.x, hit.y));
  if (frame !== null) parts.push(surface.text('stage.atFrame', { frame: Math.round(frame * 100) / 100 }));
  if (track.locked) parts.push(surface.text('tracks.isLocked'));
  if (hits.length > 1) parts.push(surface.text('stage.under', { count: hits.length }));
  return parts.join('  ·  ');
}
