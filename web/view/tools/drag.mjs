/** Gestures that change points while the pointer moves. Each is one undo step and can be taken back by Escape. */

import { movePoints } from '../../core/edits.mjs';
import { gestureKey } from '../panels/controls.mjs';
import { RepeatedEdit } from '../repeated-edit.mjs';
import { handleTransform } from './box.mjs';

/** @typedef {import('./surface.mjs').Surface} Surface */
/** @typedef {import('./surface.mjs').Pointer} Pointer */
/** @typedef {import('./surface.mjs').Gesture} Gesture */
/** @typedef {import('../types.mjs').Document} Document */
/** @typedef {import('../types.mjs').Selection} Selection */
/** @typedef {readonly (readonly [number, number])[]} Points [track, point] */

/** A pointer that moved less than this, in screen pixels, clicked. */
const CLICK = 3;
const CLICK_TOUCH = 9;

/**
 * @param {Pointer} from
 * @param {Pointer} to
 */
export function isClick(from, to) {
  return Math.hypot(to.x - from.x, to.y - from.y) < (from.touch ? CLICK_TOUCH : CLICK);
}

/**
 * An edit that is repeated from the same beginning while the pointer moves.
 * @param {Surface} surface
 * @param {Pointer} start
 * @param {string} label
 * @param {(pointer: Pointer, base: Document) => Document | {document: Document, selection: Selection}} change
 * @param {{begun?: boolean, key?: string}} [how] `begun`: there is no threshold; `key`: goes on with an edit that was made
 * @returns {Gesture & {moved: () => boolean}}
 */
export function editing(surface, start, label, change, how = {}) {
  const { store, marks } = surface;
  const edit = new RepeatedEdit(store, how.key ?? gestureKey('stage'));
  let begun = how.begun ?? false;
  const finish = () => {
    marks.snapped = null;
    marks.hideBox = false;
    marks.readout = '';
    surface.redraw();
  };
  return {
    moved: () => begun,
    move(pointer) {
      if (!begun && isClick(start, pointer)) return;
      begun = true;
      edit.make(label, (base) => {
        const result = change(pointer, base);
        return 'tracks' in result ? { document: result, selection: store.selection } : result;
      });
    },
    end(pointer) {
      if (begun || !isClick(start, pointer)) this.move(pointer);
      finish();
      edit.end();
      if (begun) surface.commit();
    },
    cancel() {
      finish();
      edit.cancel();
    },
  };
}

/**
 * Moves points with the pointer. Shift keeps to one axis; snapping is that of the point which was grabbed.
 * @param {Surface} surface
 * @param {Pointer} start
 * @param {Points} points
 * @param {{x: number, y: number}} anchor the grabbed place in canvas pixels
 * @param {{begun?: boolean, key?: string}} [how]
 */
export function dragPoints(surface, start, points, anchor, how) {
  const tracks = new Set(points.map(([track]) => track));
  const label = surface.text('step.move');
  return editing(surface, start, label, (pointer, base) => {
    let [dx, dy] = [pointer.cx - start.cx, pointer.cy - start.cy];
    if (pointer.shift) [dx, dy] = Math.abs(dx) > Math.abs(dy) ? [dx, 0] : [0, dy];
    const [x, y] = surface.snap(anchor.x + dx, anchor.y + dy, tracks);
    const [toX, toY] = [pointer.shift && dx === 0 ? anchor.x : x, pointer.shift && dy === 0 ? anchor.y : y];
    surface.marks.readout = points.length === 1
      ? place(surface, toX, toY)
      : surface.text('stage.movedBy', { dx: signed(toX - anchor.x), dy: signed(toY - anchor.y) });
    surface.marks.hideBox = true;
    return movePoints(base, points, (toX - anchor.x) / base.width, (toY - anchor.y) / base.height);
  }, how);
}

/**
 * Scales or rotates by a handle of the transform box. Shift keeps the proportions (or turns by 15 degrees), Alt works
 * around the centre.
 * @param {Surface} surface
 * @param {Pointer} start
 * @param {Points} points
 * @param {Exclude<import('./box.mjs').HandleName, 'move'>} handle
 * @param {import('./box.mjs').Rect} bounds
 */
export function dragHandle(surface, start, points, handle, bounds) {
  const label = surface.text(handle === 'rotate' ? 'step.rotate' : 'step.scale');
  return editing(surface, start, label, (pointer, base) => {
    const how = { uniform: pointer.shift, centre: pointer.alt, steps: pointer.shift };
    const { apply, angle, scaleX, scaleY } = handleTransform(handle, bounds, start, pointer, how);
    surface.marks.readout = handle === 'rotate'
      ? `${angle}°`
      : `${Math.round(scaleX * 100)} % × ${Math.round(scaleY * 100)} %`;
    return apply(base, points);
  });
}

/**
 * @param {Surface} surface
 * @param {number} x canvas pixels
 * @param {number} y
 */
export function place(surface, x, y) {
  const { width, height } = surface.store.document;
  return surface.text('stage.place', {
    x: Math.round(x), y: Math.round(y), u: (x / width).toFixed(3), v: (y / height).toFixed(3),
  });
}

/** @param {number} value */
function signed(value) {
  const rounded = Math.round(value);
  return `${rounded > 0 ? '+' : ''}${rounded}`;
}
