/** The transform box around a selection, in screen pixels: where its handles are and what dragging one does. */

import { boundingBox, rotate, scale } from '../../core/transform.mjs';

/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../stage/camera.mjs').Camera} Camera */

/** @typedef {'nw'|'n'|'ne'|'e'|'se'|'s'|'sw'|'w'|'rotate'|'move'} HandleName */
/** @typedef {{left: number, top: number, right: number, bottom: number}} Rect */
/**
 * @typedef {object} TransformBox
 * @property {Rect} rect on the screen, around the points with a margin
 * @property {Rect} bounds of the points, in canvas pixels
 * @property {{name: HandleName, x: number, y: number}[]} handles on the screen
 */

const MARGIN = 12;
const ARM = 22;
/** A flat selection cannot be scaled across; below this many canvas pixels it counts as flat. */
export const FLAT = 0.5;

/** @type {Record<string, string>} */
export const CURSORS = {
  nw: 'nwse-resize', se: 'nwse-resize', ne: 'nesw-resize', sw: 'nesw-resize', n: 'ns-resize', s: 'ns-resize',
  e: 'ew-resize', w: 'ew-resize', rotate: 'grab', move: 'move',
};

/**
 * The box, or null where there are not two different places to transform, or all of them are locked.
 * @param {Document} document
 * @param {readonly (readonly [number, number])[]} points [track, point] that may be edited
 * @param {Camera} camera
 * @returns {TransformBox|null}
 */
export function transformBox(document, points, camera) {
  if (points.length < 2) return null;
  const bounds = boundingBox(document, points);
  if (!bounds) return null;
  if (!(bounds.right - bounds.left > FLAT || bounds.bottom - bounds.top > FLAT)) return null;
  const [x1, y1] = camera.toScreen(bounds.left, bounds.top);
  const [x2, y2] = camera.toScreen(bounds.right, bounds.bottom);
  const rect = { left: x1 - MARGIN, top: y1 - MARGIN, right: x2 + MARGIN, bottom: y2 + MARGIN };
  const [cx, cy] = [(rect.left + rect.right) / 2, (rect.top + rect.bottom) / 2];
  /** @type {TransformBox['handles']} */
  const handles = [
    { name: 'nw', x: rect.left, y: rect.top }, { name: 'ne', x: rect.right, y: rect.top },
    { name: 'se', x: rect.right, y: rect.bottom }, { name: 'sw', x: rect.left, y: rect.bottom },
  ];
  if (rect.right - rect.left > 44) handles.push({ name: 'n', x: cx, y: rect.top }, { name: 's', x: cx, y: rect.bottom });
  if (rect.bottom - rect.top > 44) handles.push({ name: 'e', x: rect.right, y: cy }, { name: 'w', x: rect.left, y: cy });
  const above = rect.top - ARM > 6;
  handles.push({ name: 'rotate', x: cx, y: above ? rect.top - ARM : rect.bottom + ARM });
  if (Math.min(rect.right - rect.left, rect.bottom - rect.top) > 70) handles.push({ name: 'move', x: cx, y: cy });
  return { rect, bounds, handles };
}

/**
 * @param {TransformBox|null} box
 * @param {number} x screen
 * @param {number} y
 * @param {number} reach screen pixels
 * @returns {HandleName|null}
 */
export function handleAt(box, x, y, reach) {
  if (!box) return null;
  let best = null;
  let nearest = reach;
  for (const handle of box.handles) {
    const distance = Math.hypot(handle.x - x, handle.y - y);
    if (distance <= nearest) [best, nearest] = [handle.name, distance];
  }
  return best;
}

/**
 * What dragging a handle does. All in canvas pixels.
 * @param {Exclude<HandleName, 'move'>} handle
 * @param {Rect} bounds of the points at the beginning
 * @param {{cx: number, cy: number}} from where the pointer went down
 * @param {{cx: number, cy: number}} to where it is
 * @param {{uniform: boolean, centre: boolean, steps: boolean}} how keep proportions, around the centre, rotate by 15 degrees
 * @returns {{apply: (document: Document, points: readonly (readonly [number, number])[]) => Document, angle: number,
 *   scaleX: number, scaleY: number}} `angle` in degrees
 */
export function handleTransform(handle, bounds, from, to, how) {
  const [cx, cy] = [(bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2];
  if (handle === 'rotate') {
    let angle = Math.atan2(to.cy - cy, to.cx - cx) - Math.atan2(from.cy - cy, from.cx - cx);
    if (how.steps) angle = Math.round(angle / (Math.PI / 12)) * (Math.PI / 12);
    const degrees = Math.round(((((angle * 180) / Math.PI) % 360) + 540) % 360) - 180;
    return {
      apply: (document, points) => rotate(document, points, angle, { x: cx, y: cy }),
      angle: degrees, scaleX: 1, scaleY: 1,
    };
  }
  const [west, east] = [handle.includes('w'), handle.includes('e')];
  const [north, south] = [handle.startsWith('n'), handle.startsWith('s')];
  const pivotX = how.centre ? cx : west ? bounds.right : bounds.left;
  const pivotY = how.centre ? cy : north ? bounds.bottom : bounds.top;
  const edgeX = west ? bounds.left : bounds.right;
  const edgeY = north ? bounds.top : bounds.bottom;
  let scaleX = west || east ? share(edgeX + to.cx - from.cx - pivotX, edgeX - pivotX) : 1;
  let scaleY = north || south ? share(edgeY + to.cy - from.cy - pivotY, edgeY - pivotY) : 1;
  if (how.uniform && (west || east) && (north || south)) {
    const largest = Math.max(Math.abs(scaleX), Math.abs(scaleY));
    scaleX = largest * (Math.sign(scaleX) || 1);
    scaleY = largest * (Math.sign(scaleY) || 1);
  }
  return {
    apply: (document, points) => scale(document, points, scaleX, scaleY, { x: pivotX, y: pivotY }),
    angle: 0, scaleX, scaleY,
  };
}

/**
 * @param {number} part
 * @param {number} whole
 */
function share(part, whole) {
  return Math.abs(whole) < FLAT ? 1 : part / whole;
}
