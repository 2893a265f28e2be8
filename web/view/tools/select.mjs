/**
 * Selecting, moving and reshaping.
 *
 * A press on a point of a selected track takes that point, a press on a path takes the whole track; a drag moves what is
 * selected. Clicking again at the same place takes the next thing that lies there. Shift adds to the selection. Alt
 * (or Ctrl) click and double click on a path insert a point; dragging a path with Alt drags a copy. Dragging from an
 * empty place selects what the rectangle touches. Shift click on an empty place lengthens the active track.
 */

import { MAX_TRACKS } from '../../core/drawing.mjs';
import { addPoint, duplicateAndSelect, insertPointOnSegment } from '../../core/edits.mjs';
import { pointsInRect } from '../../core/hit.mjs';
import { NOTHING, activeTrack, add, hasPoint, select, toggle } from '../../core/selection.mjs';
import { gestureKey } from '../panels/controls.mjs';
import { CURSORS, handleAt } from './box.mjs';
import { candidates, describe, isSelected, only, selectedPoints } from './candidates.mjs';
import { dragHandle, dragPoints, isClick } from './drag.mjs';

/** @typedef {import('./surface.mjs').Surface} Surface */
/** @typedef {import('./surface.mjs').Pointer} Pointer */
/** @typedef {import('./surface.mjs').Gesture} Gesture */
/** @typedef {import('../../core/hit.mjs').Hit} Hit */
/** @typedef {import('../types.mjs').Selection} Selection */

/** Clicks this near to each other, in screen pixels, are at the same place. */
const SAME_PLACE = 6;

/** @type {WeakMap<import('../types.mjs').Store, {x: number, y: number}>} where the last click was */
const lastClick = new WeakMap();

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @returns {Gesture|null}
 */
export function press(surface, pointer) {
  const { store } = surface;
  const box = surface.box();
  const handle = handleAt(box, pointer.x, pointer.y, pointer.touch ? 16 : 9);
  if (box && handle && handle !== 'move') {
    return dragHandle(surface, pointer, selectedPoints(surface), handle, box.bounds);
  }
  const hits = candidates(surface, pointer);
  if (handle === 'move' && !hits.length) return dragSelection(surface, pointer, null);
  if (!hits.length) return pressEmpty(surface, pointer);
  const hit = hits.find((candidate) => isSelected(store.selection, candidate)) ?? hits[0];
  if (hit.kind === 'segment' && (pointer.double || (pointer.mod && !pointer.shift))) return insert(surface, pointer, hit);
  if (pointer.alt && hit.kind === 'segment') return pressWithAlt(surface, pointer, hit);
  if (pointer.shift || pointer.mod) return pressToToggle(surface, pointer, hit);
  return pressAndDrag(surface, pointer, hit, hits);
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 */
export function hover(surface, pointer) {
  const { marks, store } = surface;
  const handle = handleAt(surface.box(), pointer.x, pointer.y, 9);
  const hits = handle && handle !== 'move' ? [] : candidates(surface, pointer);
  const hit = hits.find((candidate) => isSelected(store.selection, candidate)) ?? hits[0];
  marks.hovered = hit ? hit.track : -1;
  const inserts = hit?.kind === 'segment' && (pointer.alt || pointer.mod) && !store.document.tracks[hit.track].locked;
  marks.promise = inserts ? promiseAt(surface, hit) : null;
  if (handle && (handle !== 'move' || !hit)) surface.cursor(CURSORS[handle]);
  else surface.cursor(!hit ? 'default' : inserts ? 'copy' : 'move');
  marks.readout = hit ? describe(surface, hit, hits) : '';
  surface.redraw();
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {Hit} hit
 * @param {Hit[]} hits
 * @returns {Gesture}
 */
function pressAndDrag(surface, pointer, hit, hits) {
  const { store } = surface;
  const before = store.selection;
  const single = before.tracks.length === 1 && !before.points.length;
  const keeps = hit.kind === 'point'
    ? hasPoint(before, hit.track, hit.point) || (!single && !before.points.length && before.tracks.includes(hit.track))
    : before.tracks.includes(hit.track) && (!before.points.length || before.points.some(([track]) => track === hit.track));
  if (!keeps) store.set({ selection: only(hit) });
  else if (hit.kind !== 'point' && before.points.length) store.set({ selection: select({ tracks: before.tracks }) });
  const drag = dragSelection(surface, pointer, hit);
  return {
    ...drag,
    end(last) {
      drag.end(last);
      if (!isClick(pointer, last)) return;
      const again = isAgain(surface, pointer) && keeps && hits.length > 1;
      if (again) takeNext(surface, hits);
      else if (keeps && hit.kind === 'point') store.set({ selection: only(hit) });
      else if (keeps) store.set({ selection: only(hit) });
    },
  };
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 */
function isAgain(surface, pointer) {
  const last = lastClick.get(surface.store);
  lastClick.set(surface.store, { x: pointer.x, y: pointer.y });
  return last !== undefined && Math.hypot(last.x - pointer.x, last.y - pointer.y) < SAME_PLACE;
}

/**
 * @param {Surface} surface
 * @param {Hit[]} hits
 */
function takeNext(surface, hits) {
  const { store } = surface;
  const tracks = hits.map((hit) => hit.track).sort((a, b) => a - b);
  const next = tracks[(tracks.indexOf(activeTrack(store.selection)) + 1) % tracks.length];
  store.set({ selection: select({ tracks: [next] }) });
  surface.say(surface.text('stage.cycled', {
    name: store.document.tracks[next].name, index: tracks.indexOf(next) + 1, count: tracks.length,
  }));
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {Hit|null} hit
 */
function dragSelection(surface, pointer, hit) {
  const anchor = hit ? { x: hit.x, y: hit.y } : { x: pointer.cx, y: pointer.cy };
  return dragPoints(surface, pointer, selectedPoints(surface), anchor);
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {Hit} hit
 * @returns {Gesture|null}
 */
function pressToToggle(surface, pointer, hit) {
  const { store } = surface;
  const before = store.selection;
  const what = hit.kind === 'point' ? { points: [/** @type {[number, number]} */ ([hit.track, hit.point])] } : { tracks: [hit.track] };
  const had = hit.kind === 'point' ? hasPoint(before, hit.track, hit.point) : before.tracks.includes(hit.track);
  store.set({ selection: had ? before : add(before, what) });
  const drag = dragSelection(surface, pointer, hit);
  return {
    ...drag,
    end(last) {
      drag.end(last);
      if (had && isClick(pointer, last)) store.set({ selection: toggle(before, what) });
    },
  };
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {Hit} hit
 * @returns {Gesture|null}
 */
function insert(surface, pointer, hit) {
  const { store } = surface;
  const key = gestureKey('insert');
  const index = hit.point + 1;
  const done = store.edit(surface.text('step.insert'), (document) => ({
    document: insertPointOnSegment(document, hit.track, hit.length),
    selection: select({ points: [[hit.track, index]] }),
  }), { merge: key });
  if (!done) return null;
  surface.marks.promise = null;
  return dragPoints(surface, pointer, [[hit.track, index]], { x: hit.x, y: hit.y }, { begun: true, key });
}

/**
 * A click inserts a point, a drag takes a copy along.
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {Hit} hit
 * @returns {Gesture}
 */
function pressWithAlt(surface, pointer, hit) {
  const { store } = surface;
  if (!store.selection.tracks.includes(hit.track)) store.set({ selection: only(hit) });
  /** @type {Gesture|null} */
  let drag = null;
  let full = false;
  return {
    move(to) {
      if (!drag && !full && !isClick(pointer, to)) {
        const key = gestureKey('copy');
        const { tracks } = store.selection;
        full = !store.edit(surface.text('step.duplicate'), (document) => duplicateAndSelect(document, tracks), { merge: key });
        if (full) return surface.say(surface.text('stage.full', { limit: MAX_TRACKS }), 'warn');
        drag = dragPoints(surface, pointer, selectedPoints(surface), { x: hit.x, y: hit.y }, { begun: true, key });
      }
      drag?.move(to);
    },
    end(to) {
      if (drag) return drag.end(to);
      if (!isClick(pointer, to)) return;
      insert(surface, pointer, hit)?.end(pointer);
    },
    cancel: () => drag?.cancel(),
  };
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @returns {Gesture}
 */
function pressEmpty(surface, pointer) {
  const { store, marks } = surface;
  const before = store.selection;
  const adds = pointer.shift || pointer.mod;
  return {
    move(to) {
      if (isClick(pointer, to)) return;
      marks.band = {
        left: Math.min(pointer.x, to.x), top: Math.min(pointer.y, to.y),
        right: Math.max(pointer.x, to.x), bottom: Math.max(pointer.y, to.y),
      };
      const found = inBand(surface, pointer, to);
      store.set({ selection: adds ? add(before, found) : found });
      surface.redraw();
    },
    end(to) {
      marks.band = null;
      surface.redraw();
      if (!isClick(pointer, to)) {
        const { points, tracks } = store.selection;
        surface.say(surface.text('stage.selected', { points: points.length, tracks: tracks.length }));
        return;
      }
      if (pointer.shift) lengthen(surface, pointer);
      else if (!adds) store.set({ selection: NOTHING });
    },
    cancel() {
      marks.band = null;
      store.set({ selection: before });
      surface.redraw();
    },
  };
}

/**
 * Tracks that lie wholly inside are selected as wholes, of others the points inside.
 * @param {Surface} surface
 * @param {Pointer} from
 * @param {Pointer} to
 * @returns {Selection}
 */
function inBand(surface, from, to) {
  const { document } = surface.store;
  const points = pointsInRect(document, { x0: from.cx, y0: from.cy, x1: to.cx, y1: to.cy });
  /** @type {Map<number, number>} */
  const counts = new Map();
  for (const [track] of points) counts.set(track, (counts.get(track) ?? 0) + 1);
  const wholly = [...counts].every(([track, count]) => {
    const { kind, points: all } = document.tracks[track];
    return count === (kind === 'static' ? 1 : all.length);
  });
  const tracks = [...counts.keys()];
  return wholly ? { tracks, points: [] } : { tracks, points };
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 */
function lengthen(surface, pointer) {
  const { store } = surface;
  const track = activeTrack(store.selection);
  if (track < 0) return;
  const [x, y] = surface.snap(pointer.cx, pointer.cy);
  const { width, height } = store.document;
  if (store.edit(surface.text('step.addPoint'), (document) => addPoint(document, track, { x: x / width, y: y / height }))) {
    surface.commit();
  }
}

/**
 * @param {Surface} surface
 * @param {Hit} hit
 */
function promiseAt(surface, hit) {
  const [x, y] = surface.camera.toScreen(hit.x, hit.y);
  return { x, y, color: surface.store.document.tracks[hit.track].color, from: null, kind: /** @type {const} */ ('insert') };
}
