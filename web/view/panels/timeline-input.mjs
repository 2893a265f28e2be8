/** The pointer on the lanes: choosing and dragging keys, the visible range, a rectangle around keys; zoom by the wheel. */

import { hasPoint, select, toggle } from '../../core/selection.mjs';
import { keyAt, keyPoint } from '../../core/timing.mjs';
import { text } from './controls.mjs';
import { openMenu } from './popover.mjs';
import { pressLane } from './timeline-gestures.mjs';
import { isPoint, laneHit } from './timeline-hit.mjs';
import { laneItems } from './timeline-menu.mjs';

/** @typedef {import('./timeline-hit.mjs').LaneHit} LaneHit */

/** CSS pixels that a press may move and still be a click. */
const STILL = 3;
const REACH = 7;
const REACH_TOUCH = 14;

/**
 * @typedef {object} Surface what the pointer needs of the timeline
 * @property {HTMLElement} element the scrolling box of the lanes
 * @property {import('./timeline-scale.mjs').TimeScale} scale
 * @property {() => readonly number[]} lanes tracks in the order shown
 * @property {{track: number, point: number, band: {left: number, top: number, right: number, bottom: number}|null}} marks
 * @property {() => void} redraw
 * @property {(said: string) => void} say
 */

/**
 * @typedef {object} Press
 * @property {number} pointer
 * @property {{x: number, y: number}} from
 * @property {LaneHit|null} hit
 * @property {import('./timeline-gestures.mjs').Gesture|null} gesture
 * @property {boolean} moved
 * @property {boolean} added other things stay selected
 */

/**
 * @param {import('../types.mjs').Context} context
 * @param {Surface} surface
 * @returns {() => void} ends it
 */
export function watchLanes(context, surface) {
  const { store, host } = context;
  const { element, scale, marks } = surface;
  /** @type {Press|null} */
  let press = null;
  const listeners = new AbortController();
  const { signal } = listeners;

  /** @param {MouseEvent} event @returns {{x: number, y: number}} CSS pixels from the first lane's top left */
  function placeOf(event) {
    const box = element.getBoundingClientRect();
    const zoom = box.width / (element.offsetWidth || 1) || 1;
    return { x: (event.clientX - box.left) / zoom, y: (event.clientY - box.top) / zoom + element.scrollTop };
  }

  /** @param {{x: number, y: number}} at @param {string} [pointerType] */
  function hitAt(at, pointerType) {
    return laneHit(store.document, surface.lanes(), scale, at, {
      reach: pointerType === 'touch' ? REACH_TOUCH : REACH, handles: new Set(store.selection.tracks),
    });
  }

  element.addEventListener('pointerdown', (event) => {
    const at = placeOf(event);
    if (event.button !== 0 || at.x > element.clientWidth || press) return;
    event.stopPropagation();
    const hit = hitAt(at, event.pointerType);
    const added = event.shiftKey || event.ctrlKey || event.metaKey;
    element.setPointerCapture(event.pointerId);
    element.focus({ preventScroll: true });
    if (hit) choose(hit, added);
    press = { pointer: event.pointerId, from: at, hit, gesture: pressLane(context, surface, hit, at, added), moved: false, added };
  }, { signal });

  /** @param {LaneHit} hit @param {boolean} added */
  function choose(hit, added) {
    const { selection } = store;
    if (isPoint(hit)) {
      /** @type {[number, number]} */
      const point = [hit.track, hit.point];
      if (added) store.set({ selection: toggle(selection, { points: [point] }) });
      else if (!hasPoint(selection, hit.track, hit.point)) store.set({ selection: select({ points: [point] }) });
    } else if (hit.part === 'name' && added) store.set({ selection: toggle(selection, { tracks: [hit.track] }) });
    else if (!added && (hit.part === 'name' || !selection.tracks.includes(hit.track))) {
      store.set({ selection: select({ tracks: [hit.track] }) });
    }
  }

  element.addEventListener('pointermove', (event) => {
    const at = placeOf(event);
    if (!press) return hover(hitAt(at, event.pointerType));
    if (event.pointerId !== press.pointer) return;
    if (!press.moved && Math.hypot(at.x - press.from.x, at.y - press.from.y) < STILL) return;
    press.moved = true;
    press.gesture?.move(at, event.altKey);
  }, { signal });

  /** @param {LaneHit|null} hit */
  function hover(hit) {
    const key = isPoint(hit) ? hit : null;
    const cursor = hit?.part === 'start' || hit?.part === 'end' ? 'ew-resize' : key ? 'grab' : 'default';
    if (element.style.cursor !== cursor) element.style.cursor = cursor;
    if (marks.track === (key?.track ?? -1) && marks.point === (key?.point ?? -1)) return;
    marks.track = key?.track ?? -1;
    marks.point = key?.point ?? -1;
    surface.redraw();
  }

  element.addEventListener('pointerup', (event) => {
    if (!press || event.pointerId !== press.pointer) return;
    const { hit, moved, added, gesture } = press;
    press = null;
    if (moved) gesture?.end();
    else if (!added && isPoint(hit) && store.selection.points.length > 1) {
      store.set({ selection: select({ points: [[hit.track, hit.point]] }) });
    }
  }, { signal });

  /** @returns {boolean} whether there was a press to take back */
  function cancel() {
    if (!press) return false;
    if (press.moved) press.gesture?.cancel();
    press = null;
    return true;
  }
  for (const type of /** @type {const} */ (['pointercancel', 'lostpointercapture'])) {
    element.addEventListener(type, (event) => {
      if (event.pointerId === press?.pointer) cancel();
    }, { signal });
  }
  element.addEventListener('pointerleave', () => press || hover(null), { signal });
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !cancel()) return;
    event.preventDefault();
    event.stopPropagation();
  }, { signal });

  element.addEventListener('dblclick', (event) => {
    const hit = hitAt(placeOf(event));
    if (!hit) return;
    event.stopPropagation();
    if (hit.part === 'key') context.playback.seek(hit.time);
    if (hit.part === 'point') store.edit(text(host, 'step.addKey'), (document) => keyPoint(document, hit.track, hit.point));
    if (hit.part !== 'lane') return;
    const frame = Math.round(hit.time);
    if (store.edit(text(host, 'step.addKey'), (document) => keyAt(document, hit.track, frame))) selectKey(hit.track, frame);
  }, { signal });

  /** @param {number} track @param {number} frame */
  function selectKey(track, frame) {
    const point = store.document.tracks[track].points.findIndex((item) => item.frame === frame);
    if (point >= 0) store.set({ selection: select({ points: [[track, point]] }) });
  }

  element.addEventListener('contextmenu', (event) => {
    event.preventDefault();
    event.stopPropagation();
    const hit = hitAt(placeOf(event));
    if (!hit) return;
    choose(hit, false);
    openMenu(element, laneItems(context, hit), { label: text(host, 'timeline.lanes'), at: { x: event.clientX, y: event.clientY } });
  }, { signal });

  return () => listeners.abort();
}

/**
 * Zooms and pans by the wheel: with Ctrl around the pointer, sideways with Shift or a sideways wheel.
 *
 * @param {HTMLElement} element
 * @param {import('./timeline-scale.mjs').TimeScale} scale
 * @param {() => void} changed
 */
export function watchWheel(element, scale, changed) {
  element.addEventListener('wheel', (event) => {
    const box = element.getBoundingClientRect();
    const zoom = box.width / (element.offsetWidth || 1) || 1;
    const sideways = event.deltaX || (event.shiftKey ? event.deltaY : 0);
    event.stopPropagation();
    if (event.ctrlKey || event.metaKey) scale.zoom((event.clientX - box.left) / zoom, Math.exp(-event.deltaY / 300));
    else if (sideways) scale.pan(sideways);
    else return;
    event.preventDefault();
    changed();
  }, { passive: false });
}
