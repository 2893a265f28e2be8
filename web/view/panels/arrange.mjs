/**
 * Aligning and distributing what is selected: single points where points are selected, otherwise whole tracks by the
 * boxes around them.
 *
 * @typedef {import('../types.mjs').Document} Document
 * @typedef {import('../types.mjs').Selection} Selection
 * @typedef {'left'|'center'|'right'|'top'|'middle'|'bottom'} Edge
 * @typedef {readonly (readonly [number, number])[]} Points [track, point]
 */

import { affectedPoints } from '../../core/selection.mjs';
import { boundingBox, translate } from '../../core/transform.mjs';

/** @type {Readonly<Record<Edge, {axis: 'x'|'y', side: 'left'|'right'|'top'|'bottom'|'centerX'|'centerY'}>>} */
const EDGES = {
  left: { axis: 'x', side: 'left' },
  center: { axis: 'x', side: 'centerX' },
  right: { axis: 'x', side: 'right' },
  top: { axis: 'y', side: 'top' },
  middle: { axis: 'y', side: 'centerY' },
  bottom: { axis: 'y', side: 'bottom' },
};

/**
 * @param {Document} document
 * @param {Selection} selection
 * @returns {Points[]}
 */
export function objectsOf(document, selection) {
  if (selection.points.length) return selection.points.map((point) => [point]);
  return selection.tracks.map((track) => affectedPoints(document, { tracks: [track], points: [] }));
}

/**
 * @param {Document} document
 * @param {Selection} selection
 * @param {Edge} edge
 * @param {'selection'|'canvas'} to what the objects are aligned to
 * @returns {Document}
 */
export function alignObjects(document, selection, edge, to) {
  const { axis, side } = EDGES[edge];
  const { width, height } = document;
  const whole = to === 'canvas'
    ? { left: 0, top: 0, right: width, bottom: height, centerX: width / 2, centerY: height / 2 }
    : boundingBox(document, affectedPoints(document, selection));
  if (!whole) return document;
  return objectsOf(document, selection).reduce((result, points) => {
    const box = boundingBox(document, points);
    return box ? shifted(result, points, axis, whole[side] - box[side]) : result;
  }, document);
}

/**
 * Centres at equal distances; the outermost two stay.
 *
 * @param {Document} document
 * @param {Selection} selection at least three objects
 * @param {'x'|'y'} axis
 * @returns {Document}
 */
export function distributeObjects(document, selection, axis) {
  const center = axis === 'x' ? 'centerX' : 'centerY';
  const objects = objectsOf(document, selection)
    .map((points) => ({ points, at: boundingBox(document, points)?.[center] ?? 0 }))
    .sort((a, b) => a.at - b.at);
  if (objects.length < 3) return document;
  const [first, last] = [objects[0].at, objects[objects.length - 1].at];
  return objects.reduce((result, { points, at }, index) =>
    shifted(result, points, axis, first + ((last - first) * index) / (objects.length - 1) - at), document);
}

/**
 * @param {Document} document
 * @param {Points} points
 * @param {'x'|'y'} axis
 * @param {number} distance pixels
 */
function shifted(document, points, axis, distance) {
  if (distance === 0) return document;
  return translate(document, points, axis === 'x' ? distance : 0, axis === 'y' ? distance : 0);
}
