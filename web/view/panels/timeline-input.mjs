/** The pointer on the lanes: choosing and dragging keys, the visible range, a rectangle around keys; zoom by the wheel. */

import { setTrack } from '../../core/edits.mjs';
import { hasPoint, select, toggle } from '../../core/selection.mjs';
import { keyAt, keyPoint, moveKeys, retime } from '../../core/timing.mjs';
import { gestureKey, text } from './controls.mjs';
import { openMenu } from './popover.mjs';
import { laneFacts } from './timeline-draw.mjs';
import { keysWithin, laneHit } from './timeline-hit.mjs';
import { laneItems } from './timeline-menu.mjs';

/** @typedef {import('../types.mjs').Document} Document */
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
 * @typedef {object} Drag
 * @property {number} pointer
 * @property {{x: number, y: number}} from
 * @property {LaneHit|null} hit
 * @property {string} merge
 * @property {Document} base as it was when the drag began
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
  /** @type {Drag|null} */
  let drag = null;
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
    if (event.button !== 0 || at.x > element.clientWidth || drag) return;
    event.stopPropagation();
    const hit = hitAt(at, event.pointerType);
    const added = event.shiftKey || event.ctrlKey || event.metaKey;
    drag = { pointer: event.pointerId, from: at, hit, merge: gestureKey('timeline'), base: store.document, moved: false, added };
    element.setPointerCapture(event.pointerId);
    element.focus({ preventScroll: true });
    if (hit) choose(hit, added);
  }, { signal });

  /** @param {LaneHit} hit @param {boolean} added */
  function choose(hit, added) {
    const { selection } = store;
    if (hit.part === 'key') {
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
    if (!drag) return hover(hitAt(at, event.pointerType));
    if (event.pointerId !== drag.pointer) return;
    if (!drag.moved && Math.hypot(at.x - drag.from.x, at.y - drag.from.y) < STILL) return;
    drag.moved = true;
    const { hit } = drag;
    if (hit?.part === 'key') dragKey(drag, hit, at.x, event.altKey);
    else if (hit?.part === 'start' || hit?.part === 'end') dragEdge(drag, hit.track, hit.part, at.x);
    else if (hit?.part !== 'name') dragBand(drag, at);
  }, { signal });

  /** @param {LaneHit|null} hit */
  function hover(hit) {
    const key = hit?.part === 'key' ? hit : null;
    const cursor = hit?.part === 'start' || hit?.part === 'end' ? 'ew-resize' : key ? 'grab' : 'default';
    if (element.style.cursor !== cursor) element.style.cursor = cursor;
    if (marks.track === (key?.track ?? -1) && marks.point === (key?.point ?? -1)) return;
    marks.track = key?.track ?? -1;
    marks.point = key?.point ?? -1;
    surface.redraw();
  }

  /** @param {Drag} gesture @param {LaneHit} hit @param {number} x @param {boolean} stretch */
  function dragKey({ base, from, merge }, hit, x, stretch) {
    const track = base.tracks[hit.track];
    const { keys } = laneFacts(track, base);
    const grabbed = keys.find((key) => key.index === hit.point);
    if (!grabbed) return;
    const delta = Math.round((x - from.x) / scale.perFrame);
    const frame = Math.min(Math.max(Math.round(grabbed.frame + delta), 0), scale.last);
    const [first, last] = [keys[0], keys[keys.length - 1]];
    store.edit(text(host, stretch ? 'step.retime' : 'step.key'), () => {
      if (stretch && grabbed === last && frame > first.frame) return retime(base, hit.track, first.frame, frame);
      if (stretch && grabbed === first && frame < last.frame) return retime(base, hit.track, frame, last.frame);
      const chosen = store.selection.points;
      const alone = !hasPoint(store.selection, hit.track, hit.point) || chosen.length < 2;
      if (alone) return delta === 0 ? base : keyPoint(base, hit.track, hit.point, frame);
      return moveKeys(base, chosen, delta);
    }, { merge });
    surface.say(text(host, 'timeline.atFrame', { frame: store.document.tracks[hit.track].points[hit.point]?.frame ?? frame }));
  }

  /** @param {Drag} gesture @param {number} track @param {'start'|'end'} edge @param {number} x */
  function dragEdge({ base, from, merge }, track, edge, x) {
    const before = base.tracks[track][edge] ?? (edge === 'start' ? 0 : scale.last);
    const frame = Math.min(Math.max(Math.round(before + (x - from.x) / scale.perFrame), 0), scale.last);
    const open = frame === (edge === 'start' ? 0 : scale.last);
    const other = edge === 'start' ? base.tracks[track].end : base.tracks[track].start;
    const allowed = other === null ? frame : edge === 'start' ? Math.min(frame, other) : Math.max(frame, other);
    store.edit(text(host, 'step.visibility'), () => setTrack(base, track, { [edge]: open ? null : allowed }), { merge });
    surface.say(text(host, 'timeline.atFrame', { frame: allowed }));
  }

  /** @param {Drag} gesture @param {{x: number, y: number}} at */
  function dragBand({ from, added }, at) {
    marks.band = {
      left: Math.min(from.x, at.x), right: Math.max(from.x, at.x), top: Math.min(from.y, at.y), bottom: Math.max(from.y, at.y),
    };
    const points = keysWithin(store.document, surface.lanes(), scale, marks.band);
    const kept = added ? store.selection.points : [];
    if (points.length) store.set({ selection: select({ points: [...kept, ...points] }) });
    surface.redraw();
  }

  /** @param {PointerEvent} event */
  function end(event) {
    if (!drag || event.pointerId !== drag.pointer) return;
    const { hit, moved, added, merge } = drag;
    drag = null;
    if (moved) store.endMerge();
    if (event.type === 'pointercancel' && moved) store.cancel(merge);
    if (!moved && !added && hit?.part === 'key' && store.selection.points.length > 1) {
      store.set({ selection: select({ points: [[hit.track, hit.point]] }) });
    }
    if (marks.band) {
      marks.band = null;
      surface.redraw();
    }
  }
  element.addEventListener('pointerup', end, { signal });
  element.addEventListener('pointercancel', end, { signal });
  element.addEventListener('pointerleave', () => drag || hover(null), { signal });
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !drag) return;
    store.cancel(drag.merge);
    drag = null;
    event.preventDefault();
    event.stopPropagation();
  }, { signal });

  element.addEventListener('dblclick', (event) => {
    const hit = hitAt(placeOf(event));
    if (!hit) return;
    event.stopPropagation();
    if (hit.part === 'key') context.playback.seek(hit.time);
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
