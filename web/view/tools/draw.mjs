/** Drawing tools: point by point, freehand, and still points. */

import { addPoint, addTrack, closeLoop, insertPointOnSegment, isClosed } from '../../core/edits.mjs';
import { MAX_POINTS, MAX_TRACKS, createPoint } from '../../core/drawing.mjs';
import { activeTrack, select } from '../../core/selection.mjs';
import { strokeToPoints } from '../../core/simplify.mjs';
import { gestureKey } from '../panels/controls.mjs';
import { optionsOf } from '../options.mjs';
import { dragPoints, isClick, place } from './drag.mjs';

/** @typedef {import('./surface.mjs').Surface} Surface */
/** @typedef {import('./surface.mjs').Pointer} Pointer */
/** @typedef {import('./surface.mjs').Gesture} Gesture */

/**
 * Point by point: a click adds a point behind the active track's last one, or begins a track; the new point follows the
 * pointer until it is released. A click on the first point closes the loop, points can be dragged, Alt (or Ctrl) click
 * on the path inserts. Shift draws at multiples of 45 degrees.
 */
export const drawTool = {
  /**
   * @param {Surface} surface
   * @param {Pointer} pointer
   * @returns {Gesture|null}
   */
  press(surface, pointer) {
    const { store } = surface;
    const track = openTrack(surface);
    const hit = surface.hits(pointer).find((candidate) => store.selection.tracks.includes(candidate.track));
    if (hit?.kind === 'point') return pressPoint(surface, pointer, hit, track);
    if (hit?.kind === 'segment' && (pointer.alt || pointer.mod)) {
      const key = gestureKey('insert');
      const index = hit.point + 1;
      const done = store.edit(surface.text('step.insert'), (document) => insertPointOnSegment(document, hit.track, hit.length), { merge: key });
      return done ? dragPoints(surface, pointer, [[hit.track, index]], hit, { begun: true, key }) : null;
    }
    return appendPoint(surface, pointer, track);
  },
  /**
   * @param {Surface} surface
   * @param {Pointer} pointer
   */
  hover(surface, pointer) {
    const { marks, store, camera } = surface;
    const track = openTrack(surface);
    const hit = surface.hits(pointer).find((candidate) => store.selection.tracks.includes(candidate.track));
    marks.hovered = -1;
    surface.cursor(hit?.kind === 'point' ? 'move' : 'crosshair');
    const inserts = hit?.kind === 'segment' && (pointer.alt || pointer.mod);
    if (hit?.kind === 'point') {
      marks.promise = null;
      marks.readout = hit.track === track && closes(surface, hit.point, track) ? surface.text('stage.closes') : place(surface, hit.x, hit.y);
    } else if (inserts) {
      const [x, y] = camera.toScreen(hit.x, hit.y);
      marks.promise = { x, y, color: store.document.tracks[hit.track].color, from: null, kind: 'insert' };
      marks.readout = surface.text('stage.inserts');
    } else {
      const [cx, cy] = target(surface, pointer, track);
      const last = track < 0 ? null : store.document.tracks[track].points.at(-1);
      const [x, y] = camera.toScreen(cx, cy);
      marks.promise = pointer.touch ? null : {
        x, y, kind: 'point', color: store.document.tracks[track]?.color ?? '#8ab4f8',
        from: last ? camera.toScreen(last.x * store.document.width, last.y * store.document.height) : null,
      };
      marks.readout = place(surface, cx, cy);
    }
    surface.redraw();
  },
};

/** A stroke of the pointer becomes a track of few points; with the option, keyed by the stroke's own time. */
export const freehandTool = {
  /**
   * @param {Surface} surface
   * @param {Pointer} pointer
   * @returns {Gesture|null}
   */
  press(surface, pointer) {
    const { store, marks, camera } = surface;
    if (full(surface)) return null;
    /** @type {{x: number, y: number, t: number}[]} */
    const samples = [{ x: pointer.cx, y: pointer.cy, t: pointer.time }];
    const stroke = { places: [pointer.cx, pointer.cy], color: '#8ab4f8' };
    marks.stroke = stroke;
    const stop = () => {
      marks.stroke = null;
      marks.readout = '';
      surface.redraw();
    };
    return {
      sample(to) {
        if (to.shift) { // a straight line, horizontal, vertical or diagonal
          const [x, y] = atAngle(pointer.cx, pointer.cy, to.cx, to.cy);
          samples.splice(1, samples.length, { x, y, t: to.time });
        } else samples.push({ x: to.cx, y: to.cy, t: to.time });
      },
      move() {
        stroke.places = samples.flatMap((sample) => [sample.x, sample.y]);
        surface.redraw();
      },
      end(to) {
        stop();
        if (isClick(pointer, to) && samples.every((sample) => Math.hypot(sample.x - pointer.cx, sample.y - pointer.cy) < 2)) return;
        const { smoothing, strokeTime } = optionsOf(store);
        const points = strokeToPoints(samples, {
          canvas: store.document, tolerance: smoothing / camera.view.zoom, timed: strokeTime,
        });
        beginTrack(surface, points, {}, surface.text('step.draw'));
        surface.say(surface.text('stage.drew', { points: points.length }));
        surface.commit();
      },
      cancel: stop,
    };
  },
  hover: crosshair,
};

/** A click sets a point that stays where it is; it can be dragged until the pointer is released. */
export const staticTool = {
  /**
   * @param {Surface} surface
   * @param {Pointer} pointer
   * @returns {Gesture|null}
   */
  press(surface, pointer) {
    const { store } = surface;
    const hit = surface.hits(pointer).find(({ kind, track }) => kind === 'point' && store.document.tracks[track].kind === 'static');
    if (hit) {
      store.set({ selection: select({ tracks: [hit.track] }) });
      return dragPoints(surface, pointer, [[hit.track, 0]], hit);
    }
    if (full(surface)) return null;
    const [x, y] = surface.snap(pointer.cx, pointer.cy);
    const key = gestureKey('static');
    const { width, height } = store.document;
    beginTrack(surface, [createPoint(x / width, y / height)], { kind: 'static' }, surface.text('step.static'), key);
    const track = activeTrack(store.selection);
    return dragPoints(surface, pointer, [[track, 0]], { x, y }, { begun: true, key });
  },
  hover: crosshair,
};

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 */
function crosshair(surface, pointer) {
  surface.marks.hovered = -1;
  surface.marks.readout = place(surface, pointer.cx, pointer.cy);
  surface.cursor('crosshair');
  surface.redraw();
}

/**
 * The track that drawing goes on with: the active one if it is an open, editable path; -1 begins a new one.
 * @param {Surface} surface
 */
function openTrack(surface) {
  const { document, selection } = surface.store;
  const index = activeTrack(selection);
  const track = document.tracks[index];
  if (!track || track.kind !== 'path' || track.locked || track.hidden || isClosed(track)) return -1;
  return track.points.length < MAX_POINTS ? index : -1;
}

/**
 * @param {Surface} surface
 * @param {number} point
 * @param {number} track
 */
function closes(surface, point, track) {
  return track >= 0 && point === 0 && surface.store.document.tracks[track].points.length > 2;
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {import('../../core/hit.mjs').Hit} hit
 * @param {number} track
 * @returns {Gesture}
 */
function pressPoint(surface, pointer, hit, track) {
  const { store } = surface;
  const drag = dragPoints(surface, pointer, [[hit.track, hit.point]], hit);
  return {
    ...drag,
    end(to) {
      drag.end(to);
      if (drag.moved() || hit.track !== track || !closes(surface, hit.point, track)) return;
      if (store.edit(surface.text('step.close'), (document) => closeLoop(document, track))) surface.commit();
      surface.say(surface.text('stage.closed'));
    },
  };
}

/**
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {number} track
 * @returns {Gesture|null}
 */
function appendPoint(surface, pointer, track) {
  const { store } = surface;
  if (track < 0 && full(surface)) return null;
  const [x, y] = target(surface, pointer, track);
  const key = gestureKey('draw');
  const { width, height } = store.document;
  if (track < 0) beginTrack(surface, [createPoint(x / width, y / height)], {}, surface.text('step.newTrack'), key);
  else {
    store.edit(surface.text('step.addPoint'), (document) => ({
      document: addPoint(document, track, { x: x / width, y: y / height }),
      selection: select({ tracks: [track] }),
    }), { merge: key });
  }
  const index = activeTrack(store.selection);
  const last = store.document.tracks[index].points.length - 1;
  surface.say(surface.text('stage.added', { name: store.document.tracks[index].name, index: last + 1 }));
  surface.marks.promise = null;
  const anchored = { ...pointer, cx: x, cy: y };
  return dragPoints(surface, anchored, [[index, last]], { x, y }, { begun: true, key });
}

/**
 * Where a point would go.
 * @param {Surface} surface
 * @param {Pointer} pointer
 * @param {number} track
 * @returns {[number, number]} canvas pixels
 */
function target(surface, pointer, track) {
  const { document } = surface.store;
  const last = track < 0 ? null : document.tracks[track].points.at(-1);
  if (!pointer.shift || !last) return surface.snap(pointer.cx, pointer.cy);
  return atAngle(last.x * document.width, last.y * document.height, pointer.cx, pointer.cy);
}

/**
 * The nearest place in one of eight directions.
 * @param {number} fromX
 * @param {number} fromY
 * @param {number} x
 * @param {number} y
 * @returns {[number, number]}
 */
export function atAngle(fromX, fromY, x, y) {
  const angle = Math.round(Math.atan2(y - fromY, x - fromX) / (Math.PI / 4)) * (Math.PI / 4);
  const [c, s] = [Math.cos(angle), Math.sin(angle)];
  const length = (x - fromX) * c + (y - fromY) * s;
  return [fromX + length * c, fromY + length * s];
}

/**
 * @param {Surface} surface
 * @param {import('../types.mjs').Point[]} points
 * @param {Partial<import('../types.mjs').Track>} fields
 * @param {string} label
 * @param {string} [merge]
 */
function beginTrack(surface, points, fields, label, merge) {
  surface.store.edit(label, (document) => {
    const next = addTrack(document, points, { ...surface.nextTrack(), ...fields });
    const selection = next === document ? surface.store.selection : select({ tracks: [next.tracks.length - 1] });
    return { document: next, selection };
  }, { merge });
}

/** @param {Surface} surface */
function full(surface) {
  if (surface.store.document.tracks.length < MAX_TRACKS) return false;
  surface.say(surface.text('stage.full', { limit: MAX_TRACKS }), 'warn');
  return true;
}
