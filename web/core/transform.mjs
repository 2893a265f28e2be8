/**
 * Many points at once, in pixels of the canvas, so that a circle stays one whatever the canvas's aspect. Points that
 * would go further than -1..2 stop there; locked tracks do not move.
 *
 * @typedef {import('./drawing.mjs').Document} Document
 * @typedef {readonly (readonly [number, number])[]} Points [track, point]
 * @typedef {{left: number, top: number, right: number, bottom: number, centerX: number, centerY: number}} Box pixels
 */

import { mapPoints, movePoints } from './edits.mjs';

/**
 * The rectangle around points.
 * @param {Document} document
 * @param {Points} points
 * @returns {Box|null} null if there are none
 */
export function boundingBox(document, points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [track, index] of points) {
    const point = document.tracks[track]?.points[index];
    if (!point) continue;
    left = Math.min(left, point.x * document.width);
    right = Math.max(right, point.x * document.width);
    top = Math.min(top, point.y * document.height);
    bottom = Math.max(bottom, point.y * document.height);
  }
  return left > right ? null : { left, top, right, bottom, centerX: (left + right) / 2, centerY: (top + bottom) / 2 };
}

/**
 * Move points together; the movement ends where the first of them reaches -1 or 2.
 * @param {Document} document
 * @param {Points} points
 * @param {number} dx pixels
 * @param {number} dy
 * @returns {Document}
 */
export function translate(document, points, dx, dy) {
  return movePoints(document, points, dx / document.width, dy / document.height);
}

/**
 * @param {Document} document
 * @param {Points} points
 * @param {number} factorX
 * @param {number} factorY
 * @param {{x: number, y: number}} [pivot] pixels; default the middle of the points
 * @returns {Document}
 */
export function scale(document, points, factorX, factorY, pivot) {
  return around(document, points, pivot, (dx, dy) => [dx * factorX, dy * factorY]);
}

/**
 * @param {Document} document
 * @param {Points} points
 * @param {number} angle radians, clockwise as seen on the screen
 * @param {{x: number, y: number}} [pivot] pixels; default the middle of the points
 * @returns {Document}
 */
export function rotate(document, points, angle, pivot) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return around(document, points, pivot, (dx, dy) => [dx * cos - dy * sin, dx * sin + dy * cos]);
}

/**
 * @param {Document} document
 * @param {Points} points
 * @param {'horizontal'|'vertical'} direction `horizontal` swaps left and right
 * @param {{x: number, y: number}} [pivot] pixels; default the middle of the points
 * @returns {Document}
 */
export function mirror(document, points, direction, pivot) {
  return around(document, points, pivot, (dx, dy) => (direction === 'horizontal' ? [-dx, dy] : [dx, -dy]));
}

/**
 * Put points on one line.
 * @param {Document} document
 * @param {Points} points
 * @param {'left'|'center'|'right'|'top'|'middle'|'bottom'} edge of the points' box
 * @returns {Document}
 */
export function align(document, points, edge) {
  const box = boundingBox(document, points);
  if (!box) return document;
  const { left, centerX: center, right, top, centerY: middle, bottom } = box;
  if (edge === 'left' || edge === 'center' || edge === 'right') {
    const x = { left, center, right }[edge] / document.width;
    return mapPoints(document, points, (point) => [x, point.y]);
  }
  const y = { top, middle, bottom }[edge] / document.height;
  return mapPoints(document, points, (point) => [point.x, y]);
}

/**
 * Equal gaps between neighbouring points along one axis; the outermost ones stay.
 * @param {Document} document
 * @param {Points} points at least three
 * @param {'horizontal'|'vertical'} direction
 * @returns {Document}
 */
export function distribute(document, points, direction) {
  const axis = direction === 'horizontal' ? 'x' : 'y';
  const known = points.filter(([track, point]) => document.tracks[track]?.points[point]);
  if (known.length < 3) return document;
  const at = (/** @type {readonly [number, number]} */ [track, point]) => document.tracks[track].points[point][axis];
  const sorted = [...known].sort((a, b) => at(a) - at(b));
  const [first, last] = [at(sorted[0]), at(sorted[sorted.length - 1])];
  const target = new Map(sorted.map(([track, point], rank) =>
    [`${track},${point}`, first + ((last - first) * rank) / (sorted.length - 1)]));
  return mapPoints(document, known, (point, track, index) => {
    const value = target.get(`${track},${index}`) ?? point[axis];
    return axis === 'x' ? [value, point.y] : [point.x, value];
  });
}

/**
 * @param {Document} document
 * @param {Points} points
 * @param {{x: number, y: number}|undefined} pivot
 * @param {(dx: number, dy: number) => readonly [number, number]} turn
 * @returns {Document}
 */
function around(document, points, pivot, turn) {
  const box = boundingBox(document, points);
  if (!box) return document;
  const { x, y } = pivot ?? { x: box.centerX, y: box.centerY };
  return mapPoints(document, points, (point) => {
    const [dx, dy] = turn(point.x * document.width - x, point.y * document.height - y);
    return [(x + dx) / document.width, (y + dy) / document.height];
  });
}
