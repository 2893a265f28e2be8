/** Commands that change the drawing. Each is one undo step; several nudges in a row are one. */

import {
  appendTracks, clear, closeLoop, copyShift, duplicateAndSelect, insertPointOnSegment, isClosed, nudge, removePoints, removeTracks, reverse,
  setInterpolation, setKind, setTrack,
} from '../core/edits.mjs';
import { MAX_TRACKS, createPoint, createTrack } from '../core/drawing.mjs';
import { curveOf } from '../core/geometry.mjs';
import { NOTHING, activeTrack, select } from '../core/selection.mjs';
import { keyAt, keyPoint, findKey, unkeyPoint } from '../core/timing.mjs';
import { mirror, rotate, scale } from '../core/transform.mjs';
import { alignObjects, distributeObjects } from './panels/arrange.mjs';
import { selectedPoints } from './tools/candidates.mjs';

/** @typedef {import('./types.mjs').Document} Document */
/** @typedef {import('./types.mjs').Selection} Selection */
/** @typedef {import('./commands.mjs').Desk} Desk */
/** @typedef {import('./commands.mjs').Define} Define */

/** Arrow keys that follow one another within this time are one undo step. */
const NUDGE_MS = 900;
const FAR = 10;
const ANCHORS = 12;

/** @param {Desk} desk @param {Define} define */
export function editCommands(desk, define) {
  const { store } = desk;
  const some = () => store.selection.tracks.length > 0;
  // Asked by every button at every change, so nothing is counted here that need not be.
  const editable = () => store.selection.tracks.some((index) => {
    const track = store.document.tracks[index];
    return !track.locked && !track.hidden;
  });
  /**
   * @param {string} name
   * @param {string[]} keys
   * @param {string} step
   * @param {(document: Document, selection: Selection) => Document | {document: Document, selection: Selection}} change
   * @param {() => boolean} [enabled]
   */
  const edits = (name, keys, step, change, enabled = editable) => {
    define(name, keys, () => void store.edit(desk.text(step), (document) => change(document, store.selection)), { enabled });
  };
  const points = () => selectedPoints(desk.stage.surface);

  selectionCommands(desk, define);
  edits('delete', ['Delete', 'Backspace'], 'step.delete', (document, { tracks, points: chosen }) => (chosen.length
    ? removePoints(document, chosen)
    : removeTracks(document, tracks)), some);
  edits('duplicate', ['Mod+D'], 'step.duplicate', (document, { tracks }) => duplicateAndSelect(document, tracks, copyShift(document)), () => some() && store.document.tracks.length < MAX_TRACKS);
  edits('clear', [], 'step.clear', (document) => clear(document), () => store.document.tracks.some((track) => !track.locked));

  edits('smooth', [], 'step.interpolation', (document, { tracks }) => setInterpolation(document, tracks, 'smooth'));
  edits('linear', [], 'step.interpolation', (document, { tracks }) => setInterpolation(document, tracks, 'linear'));
  edits('toggleSmooth', ['C'], 'step.interpolation', (document, { tracks }) => {
    const smooth = document.tracks[tracks[tracks.length - 1]].interpolation === 'smooth';
    return setInterpolation(document, tracks, smooth ? 'linear' : 'smooth');
  });
  edits('makeStatic', [], 'step.kind', (document, { tracks }) => setKind(document, tracks, 'static'));
  edits('makePath', [], 'step.kind', (document, { tracks }) => setKind(document, tracks, 'path'));
  const active = () => store.document.tracks[activeTrack(store.selection)];
  edits('closeLoop', ['L'], 'step.close', (document, { tracks }) => tracks.reduce((result, track) => closeLoop(result, track), document),
    () => editable() && Boolean(active()) && !isClosed(active()) && active().points.length > 1);
  edits('reverse', ['R'], 'step.reverse', (document, { tracks }) => tracks.reduce((result, track) => reverse(result, track), document));
  edits('subdivide', ['J'], 'step.insert', subdivided, () => editable() && active()?.points.length > 1);

  edits('mirrorX', ['X'], 'step.mirror', (document) => mirror(document, points(), 'horizontal'));
  edits('mirrorY', ['Y'], 'step.mirror', (document) => mirror(document, points(), 'vertical'));
  edits('rotate', ['Shift+R'], 'step.rotate', (document) => rotate(document, points(), Math.PI / 2));
  edits('scaleUp', ['Mod+Shift+ArrowUp'], 'step.scale', (document) => scale(document, points(), 1.1, 1.1));
  edits('scaleDown', ['Mod+Shift+ArrowDown'], 'step.scale', (document) => scale(document, points(), 1 / 1.1, 1 / 1.1));
  edits('rotateLeft', ['Mod+Shift+ArrowLeft'], 'step.rotate', (document) => rotate(document, points(), -Math.PI / 36));
  edits('rotateRight', ['Mod+Shift+ArrowRight'], 'step.rotate', (document) => rotate(document, points(), Math.PI / 36));
  /** @param {number} least how many objects: points, or whole tracks where no points are selected */
  const atLeast = (least) => {
    const { tracks, points: chosen } = store.selection;
    return editable() && (chosen.length || tracks.length) >= least;
  };
  for (const edge of /** @type {const} */ (['left', 'center', 'right', 'top', 'middle', 'bottom'])) {
    const name = `align${edge[0].toUpperCase()}${edge.slice(1)}`;
    edits(name, [], 'step.align', (document, selection) => alignObjects(document, selection, edge, 'selection'), () => atLeast(2));
  }
  for (const axis of /** @type {const} */ (['x', 'y'])) {
    const name = `distribute${axis.toUpperCase()}`;
    edits(name, [], 'step.distribute', (document, selection) => distributeObjects(document, selection, axis), () => atLeast(3));
  }

  edits('key', ['K'], 'step.addKey', (document, { tracks, points: chosen }) => (chosen.length === 1
    ? keyPoint(document, chosen[0][0], chosen[0][1], store.frame)
    : tracks.reduce((result, track) => keyAt(result, track, store.frame), document)));
  edits('unkey', ['Shift+K'], 'step.removeKey', (document, { tracks, points: chosen }) => {
    const keyed = chosen.length ? chosen : tracks.map((track) => /** @type {const} */ ([track, findKey(document.tracks[track], store.frame)]));
    return keyed.reduce((result, [track, point]) => (point < 0 ? result : unkeyPoint(result, track, point)), document);
  });
  edits('startHere', [], 'step.visibility', (document, { tracks }) => tracks.reduce((result, track) => setTrack(result, track, { start: store.frame }), document));
  edits('endHere', [], 'step.visibility', (document, { tracks }) => tracks.reduce((result, track) => setTrack(result, track, { end: store.frame }), document));
  edits('always', [], 'step.visibility', (document, { tracks }) => tracks.reduce((result, track) => setTrack(result, track, { start: null, end: null }), document));

  edits('hide', ['Shift+H'], 'step.hide', (document, { tracks }) => {
    const hidden = tracks.some((track) => !document.tracks[track].hidden);
    return tracks.reduce((result, track) => setTrack(result, track, { hidden }), document);
  }, some);
  edits('lock', ['Mod+L'], 'step.lock', (document, { tracks }) => {
    const locked = tracks.some((track) => !document.tracks[track].locked);
    return tracks.reduce((result, track) => setTrack(result, track, { locked }), document);
  }, some);
  edits('showAll', [], 'step.hide', (document) => document.tracks.reduce((result, _, track) => setTrack(result, track, { hidden: false }), document),
    () => store.document.tracks.some((track) => track.hidden));
  edits('anchorBorder', [], 'step.anchors', withBorderAnchors, () => store.document.tracks.length < MAX_TRACKS);
  // The browser's own copy, cut and paste events come to `clipboard.mjs`; these are for buttons and menus.
  define('copy', ['Mod+C'], () => desk.clipboard.copy(), { enabled: some });
  define('cut', ['Mod+X'], () => desk.clipboard.cut(), { enabled: some });
  define('paste', ['Mod+V'], () => void desk.clipboard.paste());
  nudgeCommands(desk, define);
}

/** @param {Desk} desk @param {Define} define */
function selectionCommands({ store, stage, text, say }, define) {
  const tell = () => say(text('stage.selected', { points: store.selection.points.length, tracks: store.selection.tracks.length }));
  define('selectAll', ['Mod+A'], () => {
    store.set({ selection: select({ tracks: store.document.tracks.flatMap((track, index) => (track.hidden ? [] : [index])) }) });
    tell();
  });
  define('selectPoints', ['Mod+Shift+A'], () => {
    const { tracks } = store.selection;
    store.set({ selection: select({ points: tracks.flatMap((track) => store.document.tracks[track].points.map((_, point) => /** @type {[number, number]} */ ([track, point]))) }) });
    tell();
  }, { enabled: () => store.selection.tracks.length > 0 });
  define('deselect', ['Escape', 'Enter'], () => {
    if (stage.input.cancel()) return;
    if (store.selection.points.length) store.set({ selection: select({ tracks: store.selection.tracks }) });
    else if (store.selection.tracks.length) store.set({ selection: NOTHING });
    else store.set({ tool: 'select' });
  }, { enabled: () => Boolean(stage.input.gesture) || store.selection.tracks.length > 0 || store.tool !== 'select' });
  /** @param {number} step */
  const track = (step) => {
    const count = store.document.tracks.length;
    const at = activeTrack(store.selection);
    const next = at < 0 ? (step > 0 ? 0 : count - 1) : (at + step + count) % count;
    store.set({ selection: select({ tracks: [next] }) });
    say(store.document.tracks[next].name);
  };
  define('nextTrack', [']'], () => track(1), { enabled: () => store.document.tracks.length > 0 });
  define('previousTrack', ['['], () => track(-1), { enabled: () => store.document.tracks.length > 0 });
  /** @param {number} step */
  const point = (step) => {
    const index = activeTrack(store.selection);
    const { points, name } = store.document.tracks[index];
    const at = store.selection.points.find(([other]) => other === index)?.[1] ?? (step > 0 ? -1 : 0);
    const next = (at + step + points.length) % points.length;
    store.set({ selection: select({ points: [[index, next]] }) });
    const { x, y } = points[next];
    const { width, height } = store.document;
    say(`${name}, ${text('stage.pointOf', { index: next + 1, count: points.length })}, ${Math.round(x * width)}, ${Math.round(y * height)}`);
  };
  define('nextPoint', ['PageDown'], () => point(1), { enabled: () => activeTrack(store.selection) >= 0 });
  define('previousPoint', ['PageUp'], () => point(-1), { enabled: () => activeTrack(store.selection) >= 0 });
}

/** @param {Desk} desk @param {Define} define */
function nudgeCommands({ store, stage, text, playback }, define) {
  let [count, last] = [0, -Infinity];
  /** @type {[string, string, number, number][]} */
  const directions = [['Left', 'ArrowLeft', -1, 0], ['Right', 'ArrowRight', 1, 0], ['Up', 'ArrowUp', 0, -1], ['Down', 'ArrowDown', 0, 1]];
  for (const [name, key, dx, dy] of directions) {
    for (const far of [false, true]) {
      define(`nudge${name}${far ? 'Far' : ''}`, [far ? `Shift+${key}` : key], () => {
        const points = selectedPoints(stage.surface);
        const by = far ? FAR : 1;
        if (!points.length) return playback.step((dx + dy) * by);
        const now = performance.now();
        if (now - last > NUDGE_MS || !store.canUndo) count += 1;
        last = now;
        store.edit(text('step.move'), (document) => nudge(document, points, dx * by, dy * by), { merge: `nudge#${count}` });
      });
    }
  }
}

/**
 * A point in the middle of every stretch between selected neighbours (or of the whole active track).
 * @param {Document} document
 * @param {Selection} selection
 * @returns {Document}
 */
function subdivided(document, selection) {
  const index = activeTrack(selection);
  const track = document.tracks[index];
  const chosen = new Set(selection.points.filter(([other]) => other === index).map(([, point]) => point));
  const { lengths } = curveOf(track, document);
  const wanted = [];
  for (let i = 0; i + 1 < lengths.length; i++) {
    if (chosen.size && !(chosen.has(i) && (chosen.has(i + 1) || chosen.size === 1))) continue;
    wanted.push((lengths[i] + lengths[i + 1]) / 2);
  }
  // From the end, as inserting a point changes a smooth path only around it.
  return wanted.reverse().reduce((result, length) => insertPointOnSegment(result, index, length), document);
}

/**
 * Still points along the border of the canvas, which keep the background where it is.
 * @param {Document} document
 * @returns {Document}
 */
function withBorderAnchors(document) {
  const count = Math.min(ANCHORS, MAX_TRACKS - document.tracks.length);
  const inset = 0.02;
  const round = 2 * (document.width + document.height);
  const tracks = Array.from({ length: count }, (_, i) => {
    let at = (i / count) * round;
    /** @type {[number, number]} */
    let place = [0, 0];
    if (at < document.width) place = [at / document.width, 0];
    else if ((at -= document.width) < document.height) place = [1, at / document.height];
    else if ((at -= document.height) < document.width) place = [1 - at / document.width, 1];
    else place = [0, 1 - (at - document.width) / document.height];
    const [x, y] = place.map((share) => inset + share * (1 - 2 * inset));
    return createTrack([createPoint(x, y)], { name: 'background', kind: 'static', color: '#9aa3b2' });
  });
  return appendTracks(document, tracks);
}
