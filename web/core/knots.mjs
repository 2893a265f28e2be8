/**
 * From control points to the cubics between them: 8 coefficients a segment, c0x, c0y, ..., c3y. Step by step as in
 * Python's `tora2/trajectories/geometry.py`.
 */

export const COINCIDENT = 1e-9;

/**
 * The places that a path really goes through: neighbours that coincide are one.
 * @param {Float64Array|readonly number[]} points x0, y0, ... in pixels
 * @returns {{knots: Float64Array, knotOf: Uint32Array}}
 */
export function findKnots(points) {
  const count = points.length / 2;
  const knots = new Float64Array(points.length);
  const knotOf = new Uint32Array(count);
  let kept = 0;
  for (let index = 0; index < count; index++) {
    const x = points[2 * index];
    const y = points[2 * index + 1];
    const apart = kept === 0 || distance(knots[2 * kept - 2], knots[2 * kept - 1], x, y) >= COINCIDENT;
    if (apart) {
      knots[2 * kept] = x;
      knots[2 * kept + 1] = y;
      kept += 1;
    }
    knotOf[index] = kept - 1;
  }
  return { knots: knots.subarray(0, 2 * kept), knotOf };
}

/** @param {Float64Array} knots */
export function still(knots) {
  return Float64Array.of(knots[0], knots[1], 0, 0, 0, 0, 0, 0);
}

/** @param {Float64Array} knots */
export function polyline(knots) {
  const segments = knots.length / 2 - 1;
  const coefficients = new Float64Array(8 * segments);
  for (let segment = 0; segment < segments; segment++) {
    for (let axis = 0; axis < 2; axis++) {
      const from = knots[2 * segment + axis];
      coefficients[8 * segment + axis] = from;
      coefficients[8 * segment + 2 + axis] = knots[2 * segment + 2 + axis] - from;
    }
  }
  return coefficients;
}

/** @param {Float64Array} knots */
export function catmullRom(knots) {
  const count = knots.length / 2;
  const around = new Float64Array(knots.length + 4);
  around.set(knots, 2);
  for (let axis = 0; axis < 2; axis++) {
    around[axis] = 2 * knots[axis] - knots[2 + axis];
    around[2 * count + 2 + axis] = 2 * knots[2 * count - 2 + axis] - knots[2 * count - 4 + axis];
  }
  const coefficients = new Float64Array(8 * (count - 1));
  for (let segment = 0; segment < count - 1; segment++) {
    const i = 2 * segment;
    const a = Math.sqrt(distance(around[i], around[i + 1], around[i + 2], around[i + 3]));
    const b = Math.sqrt(distance(around[i + 2], around[i + 3], around[i + 4], around[i + 5]));
    const c = Math.sqrt(distance(around[i + 4], around[i + 5], around[i + 6], around[i + 7]));
    for (let axis = 0; axis < 2; axis++) {
      const p = around[i + axis];
      const q = around[i + 2 + axis];
      const r = around[i + 4 + axis];
      const s = around[i + 6 + axis];
      const m = b * ((q - p) / a - (r - p) / (a + b) + (r - q) / b);
      const n = b * ((r - q) / b - (s - q) / (b + c) + (s - r) / c);
      coefficients[8 * segment + axis] = q;
      coefficients[8 * segment + 2 + axis] = m;
      coefficients[8 * segment + 4 + axis] = 3 * (r - q) - 2 * m - n;
      coefficients[8 * segment + 6 + axis] = 2 * (q - r) + m + n;
    }
  }
  return coefficients;
}

/**
 * @param {number} ax
 * @param {number} ay
 * @param {number} bx
 * @param {number} by
 */
function distance(ax, ay, bx, by) {
  return Math.sqrt((bx - ax) * (bx - ax) + (by - ay) * (by - ay));
}
