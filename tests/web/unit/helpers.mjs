/** What the unit tests share: a small deterministic random generator, sample documents, deep freezing. */

import { tidy } from '../../../web/core/change.mjs';
import { createPoint, createTrack, emptyDocument } from '../../../web/core/drawing.mjs';

/**
 * mulberry32: the same numbers for the same seed.
 * @param {number} seed
 */
export function dice(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    next,
    /** @param {number} low @param {number} high */
    between: (low, high) => low + (high - low) * next(),
    /** A whole number low..high. @param {number} low @param {number} high */
    whole: (low, high) => low + Math.floor(next() * (high - low + 1)),
    /** @template T @param {readonly T[]} items @returns {T} */
    pick: (items) => items[Math.floor(next() * items.length)],
  };
}

/** @param {readonly (readonly number[])[]} places [x, y] or [x, y, frame] */
export function track(places, fields = {}, index = 0) {
  return createTrack(places.map(([x, y, frame]) => createPoint(x, y, frame ?? null)), fields, index);
}

/** @param {readonly any[]} tracks */
export function drawing(tracks, canvas = {}) {
  return { ...emptyDocument(canvas), tracks };
}

/** Everything in it frozen, so that an edit that changes what it got throws. @template T @param {T} value @returns {T} */
export function frozen(value) {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(frozen);
  }
  return value;
}

/** `count` tracks of `points` points in a wave. */
export function big(count = 64, points = 100) {
  return drawing(Array.from({ length: count }, (_, t) => track(Array.from({ length: points }, (_, p) =>
    [tidy(p / (points - 1)), tidy(0.5 + 0.4 * Math.sin(p / 5 + t))]), {}, t)));
}
