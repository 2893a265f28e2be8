import assert from 'node:assert/strict';
import test from 'node:test';

import { parseDocument } from '../../../web/core/document.mjs';
import { movePoints } from '../../../web/core/edits.mjs';
import { select } from '../../../web/core/selection.mjs';
import { Store } from '../../../web/core/store.mjs';
import { laneKeys } from '../../../web/view/panels/timeline-keys.mjs';
import { watchLanes } from '../../../web/view/panels/timeline-input.mjs';
import { TimeScale } from '../../../web/view/panels/timeline-scale.mjs';
import { editing } from '../../../web/view/tools/drag.mjs';
import { drawing, track } from './helpers.mjs';

const PATH = [[0.1, 0.5, 0], [0.4, 0.5], [0.6, 0.5], [0.9, 0.5, 40]];
const PASSED = 15; // frame at which the path passes its second point

/** The lanes of a drawing on a stand-in for their element, and what a pointer does to them. */
function lanes(...points) {
  const store = new Store(drawing(points.map((one) => track(one))));
  const element = Object.assign(new EventTarget(), {
    offsetWidth: 600, clientWidth: 600, scrollTop: 0, style: { cursor: '' }, setPointerCapture() {}, focus() {},
    getBoundingClientRect: () => ({ left: 0, top: 0, width: 600, height: 200 }),
  });
  const scale = new TimeScale();
  scale.width = 600;
  scale.head = 60;
  scale.setClip(48);
  const marks = { track: -1, point: -1, band: null };
  const sought = [];
  watchLanes({ store, host: { text: (key) => key }, playback: { seek: (frame) => sought.push(frame) } }, {
    element, scale, marks, lanes: () => store.document.tracks.map((_, index) => index), redraw() {}, say() {},
  });
  const fire = (type, frame, more = {}) => element.dispatchEvent(Object.assign(new Event(type, { cancelable: true }), {
    clientX: scale.x(frame), clientY: 12, button: 0, pointerId: 1, pointerType: 'mouse', ...more,
  }));
  const drag = (from, to, more = {}) => {
    fire('pointerdown', from, more);
    fire('pointermove', to, more);
  };
  return { store, marks, sought, fire, drag, frames: (index = 0) => store.document.tracks[index].points.map(({ frame }) => frame) };
}

test('a drag that is cancelled, loses the pointer or is escaped from was never made', () => {
  for (const [type, more] of [['pointercancel', {}], ['lostpointercapture', {}], ['keydown', { key: 'Escape' }]]) {
    const { store, fire, drag, frames } = lanes(PATH);
    const before = store.document;
    drag(40, 30);
    assert.deepEqual(frames(), [0, null, null, 30]);
    fire(type, 30, more);
    fire('pointerup', 30);
    assert.equal(store.document, before, type);
    assert.ok(!store.canUndo);
  }
});

test('a point without a key gets one by being dragged, alone or with others', () => {
  const alone = lanes(PATH);
  alone.drag(PASSED, 20);
  alone.fire('pointerup', 20);
  assert.deepEqual(alone.frames(), [0, 20, null, 40]);
  for (const [chosen, wanted] of [[[[0, 1], [0, 2]], [0, 20, 30, 40]], [[[0, 1], [0, 3]], [0, 20, null, 45]]]) {
    const { store, drag, fire, frames } = lanes(PATH);
    store.set({ selection: select({ points: chosen }) });
    drag(PASSED, 20);
    fire('pointerup', 20);
    assert.deepEqual(frames(), wanted);
    store.undo();
    assert.deepEqual(frames(), [0, null, null, 40], 'in one step');
  }
});

test('what cannot move gets no keys, and a thing that stands none at all', () => {
  const { store, drag, fire, frames } = lanes(PATH);
  store.set({ selection: select({ points: [[0, 0], [0, 1]] }) });
  drag(0, -9);
  fire('pointerup', -9);
  assert.deepEqual(frames(), [0, null, null, 40]);
  assert.ok(!store.canUndo);

  const still = lanes(PATH, PATH);
  still.store.load({ ...still.store.document, tracks: [still.store.document.tracks[0], { ...still.store.document.tracks[1], kind: 'static' }] });
  still.store.set({ selection: select({ points: [[0, 3], [1, 1]] }) });
  still.drag(40, 44);
  still.fire('pointerup', 44);
  assert.equal(still.frames(0)[3], 44);
  assert.deepEqual(still.frames(1).slice(1, 3), [null, null]);
});

test('between dense points the lane itself can be pressed', () => {
  const count = 41;
  const { store, drag, fire, frames } = lanes(Array.from({ length: count }, (_, index) => [0.1 + 0.8 * index / (count - 1), 0.5]));
  drag(47 / 40 * 10.5, 20);
  fire('pointerup', 20);
  assert.ok(frames().every((frame) => frame === null) && !store.canUndo);
});

test('the ends of a path without keys do not hold what is dragged with them', () => {
  const { store, drag, fire, frames } = lanes([[0.1, 0.5], [0.4, 0.5, 10], [0.9, 0.5]]);
  store.set({ selection: select({ points: [[0, 0], [0, 1], [0, 2]] }) });
  drag(10, 20);
  fire('pointerup', 20);
  assert.deepEqual(frames(), [null, 20, null]);
});

test('a rectangle that leaves a key lets go of it, and one that is escaped from selects nothing', () => {
  const { store, marks, fire, drag } = lanes([[0.1, 0.5, 3], [0.5, 0.5, 40]], PATH);
  store.set({ selection: select({ points: [[1, 0]] }) });
  drag(10, 2, { shiftKey: true });
  assert.deepEqual(store.selection.points, [[1, 0], [0, 0]]);
  fire('pointermove', 9, { shiftKey: true });
  assert.deepEqual(store.selection.points, [[1, 0]]);
  fire('pointermove', 2);
  fire('keydown', 2, { key: 'Escape' });
  fire('pointerup', 2);
  assert.equal(marks.band, null);
  assert.deepEqual(store.selection.points, [[1, 0]]);
});

test('what changes the drawing during a drag ends it', () => {
  const { store, drag, fire } = lanes(PATH, PATH);
  drag(40, 35);
  store.load(parseDocument(JSON.stringify({ version: 1, width: 720, height: 480, tracks: [] }), {}));
  fire('pointermove', 30);
  fire('pointerup', 30);
  assert.equal(store.document.tracks.length, 0);

  const stage = new Store(drawing([track([[0.1, 0.1], [0.5, 0.5]])]));
  stage.edit('first', (document) => movePoints(document, [[0, 0]], 0.1, 0));
  const at = (x) => ({ x, y: 0, cx: x, cy: 0 });
  const gesture = editing({ store: stage, marks: {}, redraw() {}, commit() {} }, at(0), 'move',
    (pointer, base) => movePoints(base, [[0, 1]], pointer.cx / 720, 0));
  gesture.move(at(20));
  stage.undo();
  stage.undo();
  const undone = stage.document;
  gesture.move(at(21));
  gesture.end(at(21));
  assert.equal(stage.document, undone);
  assert.ok(stage.canRedo);
});

test('a double click near a key goes to the key, near a point keys it', () => {
  const { sought, fire, frames } = lanes(PATH);
  fire('dblclick', 39.6);
  assert.deepEqual(sought, [40]);
  fire('dblclick', PASSED + 0.3);
  assert.deepEqual(frames(), [0, PASSED, null, 40]);
});

test('the keyboard reaches points without a key', () => {
  const store = new Store(drawing([track(PATH)]));
  const menus = [], steps = [];
  const press = (key) => laneKeys({ store, host: { text: (name) => name }, playback: { step: (frames) => steps.push(frames) } },
    () => [0], (hit) => menus.push(hit))({ key, shiftKey: false, repeat: false });
  store.set({ selection: select({ points: [[0, 1]] }) });
  press('ContextMenu');
  assert.deepEqual([menus[0].part, menus[0].point, Math.round(menus[0].time)], ['point', 1, PASSED]);
  press('ArrowRight');
  assert.deepEqual(store.document.tracks[0].points.map(({ frame }) => frame), [0, PASSED + 1, null, 40]);
  store.set({ selection: select({ tracks: [0] }) });
  press('ArrowRight');
  press('ContextMenu');
  assert.deepEqual([steps, menus[1].part], [[1], 'lane']);
});

test('a locked track is not dragged', () => {
  const { store, drag, fire, frames } = lanes(PATH);
  store.load({ ...store.document, tracks: [{ ...store.document.tracks[0], locked: true }] });
  drag(40, 30);
  fire('pointerup', 30);
  assert.deepEqual(frames(), [0, null, null, 40]);
});
