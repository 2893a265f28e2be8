/**
 * Curves through control points and the arc length along them, in pixels of the canvas. The recipe is that of Python's
 * `tora2/trajectories/geometry.py`, step by step, so that both agree to 1e-6.
 *
 * @typedef {import('./drawing.mjs').Track} Track
 */

import { catmullRom, findKnots, polyline, still } from './knots.mjs';

export const SUBDIVISIONS = 32;

/** A path with its table of arc length. */
export class Curve {
  /** @type {Float64Array|readonly number[]} The control points. */ points;
  /** @type {number} Pieces of a segment in the table. */ cuts;
  /** @type {Uint32Array} The knot that control point p became: coincident neighbours are one knot. */ knotOf;
  /** @type {Float64Array} 8 a segment: the cubic's x and y coefficients c0x, c0y, ..., c3y. */ coefficients;
  /** @type {Float64Array} Arc length at the cuts, from 0. */ table;
  /** @type {Float64Array} Arc length at every control point. */ lengths;
  /** @type {Curve} The curve that this one is, moved; or else itself. What is drawn of a path is kept for it. */ base = this;
  /** How far it was moved from there, in pixels. */
  dx = 0;
  dy = 0;
  /** @type {Float64Array|null} */ #places = null;
  /** @type {Float64Array|null} */ #boxes = null;

  /**
   * @param {Float64Array|readonly number[]} points x0, y0, x1, y1, ... in pixels, at least one point
   * @param {boolean} smooth centripetal Catmull-Rom, otherwise straight between the points
   * @param {Curve|null} [like] a curve of the same kind whose points these are, all moved by the same way
   */
  constructor(points, smooth, like = null) {
    this.points = points;
    if (like) {
      // Lengths do not change with the place, and measuring them is nearly all the work.
      this.cuts = like.cuts;
      this.knotOf = like.knotOf;
      this.table = like.table;
      this.lengths = like.lengths;
      this.base = like.base;
      this.dx = points[0] - this.base.points[0];
      this.dy = points[1] - this.base.points[1];
      this.coefficients = shifted(this.base.coefficients, this.dx, this.dy);
      return;
    }
    const { knots, knotOf } = findKnots(points);
    const count = knots.length / 2;
    const bent = smooth && count > 2;
    this.cuts = bent ? SUBDIVISIONS : 1;
    this.knotOf = knotOf;
    this.coefficients = count === 1 ? still(knots) : bent ? catmullRom(knots) : polyline(knots);
    const segments = this.coefficients.length / 8;
    this.table = new Float64Array(segments * this.cuts + 1);
    this.#measure(segments);
    this.lengths = new Float64Array(knotOf.length);
    for (let p = 0; p < knotOf.length; p++) this.lengths[p] = this.table[knotOf[p] * this.cuts];
  }

  /** Length of the whole path in pixels. */
  get total() {
    return this.table[this.table.length - 1];
  }

  /**
   * Places at the cuts, x0, y0, ... in pixels: what to draw. One knot gives two equal places.
   * @returns {Float64Array}
   */
  get places() {
    if (!this.#places) {
      const { coefficients, cuts, table } = this;
      const places = new Float64Array(2 * table.length);
      for (let row = 0; row < table.length; row++) {
        const c = 8 * Math.min(Math.floor(row / cuts), coefficients.length / 8 - 1);
        const u = row / cuts - c / 8;
        places[2 * row] =
          ((coefficients[c + 6] * u + coefficients[c + 4]) * u + coefficients[c + 2]) * u + coefficients[c];
        places[2 * row + 1] =
          ((coefficients[c + 7] * u + coefficients[c + 5]) * u + coefficients[c + 3]) * u + coefficients[c + 1];
      }
      this.#places = places;
    }
    return this.#places;
  }

  /**
   * Left, top, right and bottom of the drawn path in runs of at most `SUBDIVISIONS` chords, in pixels.
   * @returns {Float64Array} 4 a run
   */
  get boxes() {
    if (!this.#boxes) {
      const chords = this.table.length - 1;
      const boxes = new Float64Array(4 * Math.ceil(chords / SUBDIVISIONS));
      for (let box = 0; box < boxes.length; box += 4) {
        const first = (box / 4) * 2 * SUBDIVISIONS;
        boxes[box] = boxes[box + 2] = this.places[first];
        boxes[box + 1] = boxes[box + 3] = this.places[first + 1];
        const end = Math.min(first + 2 * SUBDIVISIONS, 2 * chords);
        for (let i = first + 2; i <= end; i += 2) {
          boxes[box] = Math.min(boxes[box], this.places[i]);
          boxes[box + 1] = Math.min(boxes[box + 1], this.places[i + 1]);
          boxes[box + 2] = Math.max(boxes[box + 2], this.places[i]);
          boxes[box + 3] = Math.max(boxes[box + 3], this.places[i + 1]);
        }
      }
      this.#boxes = boxes;
    }
    return this.#boxes;
  }

  /**
   * The place at an arc length, which is clamped to the curve.
   * @param {number} length
   * @returns {[number, number]} in pixels
   */
  at(length) {
    const place = new Float64Array(2);
    this.placeInto(length, place, 0);
    return [place[0], place[1]];
  }

  /**
   * As `at`, without making an object.
   * @param {number} length
   * @param {Float64Array} out
   * @param {number} offset where x goes; y goes behind it
   */
  placeInto(length, out, offset) {
    const { table, cuts, coefficients } = this;
    const s = Math.min(Math.max(length, 0), this.total);
    const index = Math.min(upperBound(table, s) - 1, table.length - 2);
    const chord = table[index + 1] - table[index];
    const u = ((index % cuts) + (chord > 0 ? (s - table[index]) / chord : 0)) / cuts;
    const c = 8 * Math.floor(index / cuts);
    out[offset] = ((coefficients[c + 6] * u + coefficients[c + 4]) * u + coefficients[c + 2]) * u + coefficients[c];
    out[offset + 1] =
      ((coefficients[c + 7] * u + coefficients[c + 5]) * u + coefficients[c + 3]) * u + coefficients[c + 1];
  }

  /**
   * The control point at or before an arc length, so that a point inserted there goes behind it.
   * @param {number} length
   * @returns {number} index of a control point, never the last one unless it is the only one
   */
  pointBefore(length) {
    const last = Math.max(this.lengths.length - 2, 0);
    return Math.max(0, Math.min(upperBound(this.lengths, length) - 1, last));
  }

  /**
   * The place on the curve nearest to a place, on the chords of the table.
   * @param {number} x pixels
   * @param {number} y
   * @param {number} [reach] only places nearer than this are looked for, which is much faster
   * @returns {{length: number, distance: number, x: number, y: number}|null} null if none is within reach
   */
  nearest(x, y, reach = Infinity) {
    const { boxes, places, table } = this; // getters: taken once
    let least = reach * reach;
    let chord = -1;
    let along = 0;
    for (let box = 0; box < boxes.length; box += 4) {
      const outX = Math.max(boxes[box] - x, x - boxes[box + 2], 0);
      const outY = Math.max(boxes[box + 1] - y, y - boxes[box + 3], 0);
      if (outX * outX + outY * outY > least) continue;
      const first = (box / 4) * SUBDIVISIONS;
      const end = Math.min(first + SUBDIVISIONS, table.length - 1);
      for (let index = first; index < end; index++) {
        const i = 2 * index;
        const dx = places[i + 2] - places[i];
        const dy = places[i + 3] - places[i + 1];
        const fromX = x - places[i];
        const fromY = y - places[i + 1];
        const square = dx * dx + dy * dy;
        const share = square > 0 ? Math.min(Math.max((fromX * dx + fromY * dy) / square, 0), 1) : 0;
        const awayX = fromX - share * dx;
        const awayY = fromY - share * dy;
        const away = awayX * awayX + awayY * awayY;
        if (away < least || (chord < 0 && away <= least)) {
          least = away;
          chord = index;
          along = share;
        }
      }
    }
    if (chord < 0) return null;
    const i = 2 * chord;
    return {
      length: table[chord] + along * (table[chord + 1] - table[chord]),
      distance: Math.sqrt(least),
      x: places[i] + along * (places[i + 2] - places[i]),
      y: places[i + 1] + along * (places[i + 3] - places[i + 1]),
    };
  }

  /** @param {number} segments */
  #measure(segments) {
    const { coefficients, cuts, table } = this;
    for (let segment = 0, row = 0; segment < segments; segment++) {
      const c = 8 * segment;
      // Chords are measured from this segment's own start, as Python does.
      let x = coefficients[c];
      let y = coefficients[c + 1];
      for (let cut = 1; cut <= cuts; cut++, row++) {
        const u = cut / cuts;
        const nx = ((coefficients[c + 6] * u + coefficients[c + 4]) * u + coefficients[c + 2]) * u + coefficients[c];
        const ny =
          ((coefficients[c + 7] * u + coefficients[c + 5]) * u + coefficients[c + 3]) * u + coefficients[c + 1];
        table[row + 1] = table[row] + Math.sqrt((nx - x) * (nx - x) + (ny - y) * (ny - y));
        x = nx;
        y = ny;
      }
    }
  }
}

/** @typedef {{width: number, height: number, smooth: boolean, curve: Curve}} Cached */
/** @type {WeakMap<readonly unknown[], Cached>} */
const curves = new WeakMap();

/** @type {WeakMap<readonly unknown[], Cached>} Curves of the lists that these lists came from; dropped when used. */
const origins = new WeakMap();

/**
 * Say that a list of points came from another one by moving some: if all went the same way, its curve is known.
 * @param {readonly unknown[]} from
 * @param {readonly unknown[]} to
 */
export function rememberOrigin(from, to) {
  const known = curves.get(from) ?? origins.get(from);
  if (known) origins.set(to, known);
}

/**
 * The curve of a track, remembered as long as its points, its interpolation and the canvas stay the same.
 * @param {Track} track
 * @param {{width: number, height: number}} canvas
 * @returns {Curve}
 */
export function curveOf(track, canvas) {
  const smooth = track.interpolation === 'smooth';
  const { width, height } = canvas;
  const known = curves.get(track.points);
  if (known && known.width === width && known.height === height && known.smooth === smooth) return known.curve;
  const pixels = new Float64Array(2 * track.points.length);
  for (let index = 0; index < track.points.length; index++) {
    pixels[2 * index] = track.points[index].x * width;
    pixels[2 * index + 1] = track.points[index].y * height;
  }
  const origin = origins.get(track.points);
  origins.delete(track.points);
  const like = origin && origin.width === width && origin.height === height && origin.smooth === smooth;
  const curve = new Curve(pixels, smooth, like && isShifted(origin.curve.base.points, pixels) ? origin.curve : null);
  curves.set(track.points, { width, height, smooth, curve });
  return curve;
}

/**
 * Whether all points went the same way; a ten-millionth of a pixel is the noise of their arithmetic.
 * @param {Float64Array|readonly number[]} from
 * @param {Float64Array|readonly number[]} to
 */
function isShifted(from, to) {
  if (from.length !== to.length) return false;
  for (let i = 2; i < to.length; i++) {
    if (!(Math.abs(to[i] - from[i] - (to[i & 1] - from[i & 1])) < 1e-7)) return false;
  }
  return true;
}

/**
 * How many entries of an increasing table are at most `value`.
 * @param {Float64Array|readonly number[]} table
 * @param {number} value
 * @returns {number}
 */
export function upperBound(table, value) {
  let low = 0;
  let high = table.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * @param {Float64Array} coefficients
 * @param {number} dx pixels
 * @param {number} dy
 */
function shifted(coefficients, dx, dy) {
  const result = coefficients.slice();
  for (let c = 0; c < result.length; c += 8) {
    result[c] += dx;
    result[c + 1] += dy;
  }
  return result;
}
