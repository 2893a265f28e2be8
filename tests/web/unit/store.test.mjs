import assert from 'node:assert/strict';
import test from 'node:test';

import { emptyDocument, fitted, parseDocument, serialize } from '../../../web/core/document.mjs';
import * as edits from '../../../web/core/edits.mjs';
import { MAX_STEPS } from '../../../web/core/history.mjs';
import { select } from '../../../web/core/selection.mjs';
import { Store } from '../../../web/core/store.mjs';
import { drawing, frozen, track } from './helpers.mjs';

const twoTracks = () => frozen(drawing([track([[0, 0], [0.5, 0.5], [1, 1]]), track([[0, 1], [1, 0]])]));
const move = (dx) => (document) => edits.movePoints(document, [[0, 1]], dx, 0);

function listen(store) {
  const heard = [];
  const stop = store.subscribe((changed) => heard.push([...changed].sort().join(' ')));
  return { heard, stop };
}

test('a gesture is one step', () => {
  const store = new Store(twoTracks());
  const start = store.document;
  for (let i = 0; i < 30; i++) store.edit('Move', move(0.01), { merge: 'drag 1' });
  assert.equal(store.document.tracks[0].points[1].x.toFixed(6), '0.800000');
  assert.equal(store.undoLabel, 'Move');
  store.undo();
  assert.equal(store.document, start);
  assert.equal(store.canUndo, false);
  assert.equal(store.redoLabel, 'Move');
  store.redo();
  assert.equal(store.document.tracks[0].points[1].x.toFixed(6), '0.800000');
});

test('another gesture, an ended one and one after undo are steps of their own', () => {
  const store = new Store(twoTracks());
  store.edit('a', move(0.1), { merge: '1' });
  store.edit('b', move(0.1), { merge: '2' });
  store.edit('c', move(0.1), { merge: '2' });
  store.endMerge();
  store.edit('d', move(0.1), { merge: '2' });
  store.undo();
  store.redo();
  store.edit('e', move(-0.1), { merge: '2' });
  const labels = [];
  while (store.canUndo) { labels.push(store.undoLabel); store.undo(); }
  assert.deepEqual(labels, ['e', 'd', 'b', 'a']);
});

test('a gesture that is taken back leaves nothing', () => {
  const store = new Store(twoTracks());
  const start = store.document;
  store.set({ selection: select({ points: [[0, 1]] }) });
  store.edit('Move', move(0.1), { merge: 'drag' });
  assert.equal(store.cancel('other'), false);
  assert.equal(store.cancel('drag'), true);
  assert.deepEqual([store.document === start, store.canUndo, store.canRedo], [true, false, false]);
  store.edit('Move', move(0.1), { merge: 'drag' });
  store.edit('Move', () => start, { merge: 'drag' });
  assert.equal(store.canUndo, false);
  assert.deepEqual(store.selection.points, [[0, 1]]);
});

test('two hundred steps are kept', () => {
  const store = new Store(twoTracks());
  for (let i = 0; i < MAX_STEPS + 50; i++) store.edit(`step ${i}`, move(i % 2 ? 0.1 : -0.1));
  let steps = 0;
  while (store.undo()) steps += 1;
  assert.equal(steps, 200);
});

test('an edit that changes nothing is no step', () => {
  const store = new Store(twoTracks());
  const { heard } = listen(store);
  assert.equal(store.edit('nothing', (document) => document), false);
  assert.equal(store.edit('nothing', move(0)), false);
  assert.deepEqual([store.canUndo, heard], [false, []]);
});

test('the selection follows what it selects, and comes back with undo', () => {
  const store = new Store(twoTracks());
  store.set({ selection: select({ points: [[0, 2], [1, 0]] }) });
  store.edit('insert', (document) => edits.insertPointOnSegment(document, 0, 100));
  assert.deepEqual(store.selection.points, [[0, 3], [1, 0]]);
  store.edit('reorder', (document) => edits.reorderTrack(document, 0, 1));
  assert.deepEqual(store.selection, { tracks: [1, 0], points: [[1, 3], [0, 0]] });
  store.edit('reverse', (document) => edits.reverse(document, 1));
  assert.deepEqual(store.selection.points, [[1, 0], [0, 0]]);
  store.edit('remove', (document) => edits.removeTracks(document, [1]));
  assert.deepEqual(store.selection, { tracks: [0], points: [[0, 0]] });
  for (let i = 0; i < 4; i++) store.undo();
  assert.deepEqual(store.selection.points, [[0, 2], [1, 0]]);
  for (let i = 0; i < 4; i++) store.redo();
  assert.deepEqual(store.selection, { tracks: [0], points: [[0, 0]] });
});

test('an edit may say what is selected', () => {
  const store = new Store(twoTracks());
  store.edit('add', (document) => ({
    document: edits.addPoint(document, 1, { x: 0.2, y: 0.2 }), selection: select({ points: [[1, 2], [7, 7]] }) }));
  assert.deepEqual(store.selection.points, [[1, 2]]);
  store.undo();
  assert.deepEqual(store.selection.points, []);
});

test('subscribers hear what changed, once, until they stop', () => {
  const store = new Store(twoTracks());
  const { heard, stop } = listen(store);
  store.edit('Move', move(0.1));
  store.set({ frame: 7, tool: 'draw', options: { grid: 8 } });
  store.set({ frame: 7, tool: 'draw', options: { grid: 8 }, playing: false });
  store.set({ frame: 1000 });
  store.undo();
  stop();
  store.redo();
  assert.deepEqual(heard, ['document history', 'frame options tool', 'frame', 'document history']);
  assert.deepEqual([store.frame, store.options.grid, store.options.labels], [48, 8, true]);
});

test('impossible values are passed over', () => {
  const store = new Store(twoTracks());
  store.set({ frame: NaN });
  assert.equal(store.frame, 0);
  store.set({ selection: { tracks: [5], points: [[0, 9], [0, 1]] } });
  assert.deepEqual(store.selection, { tracks: [0], points: [[0, 1]] });
});

test('a shorter clip moves the current frame into it', () => {
  const store = new Store(twoTracks());
  store.set({ frame: 40 });
  const { heard } = listen(store);
  store.edit('clip', (document) => fitted(document, { frames: 17 }));
  assert.equal(store.frame, 16);
  assert.deepEqual(heard, ['document frame history']);
});

test('a document of the history is gone to, any other starts anew', () => {
  const store = new Store(twoTracks());
  store.set({ selection: select({ points: [[0, 1]] }) });
  store.edit('a', move(0.1));
  const afterA = store.text;
  store.edit('b', move(0.1));
  store.load(parseDocument(afterA)); // the graph's undo hands an equal document, not the same one
  assert.equal(store.undoLabel, 'a');
  assert.deepEqual([store.canRedo, store.redoLabel, store.selection.points], [true, 'b', [[0, 1]]]);
  const present = store.document;
  const { heard } = listen(store);
  store.load(parseDocument(store.text));
  assert.deepEqual([store.document === present, heard], [true, []]);
  store.load(emptyDocument());
  assert.deepEqual([store.canUndo, store.canRedo, store.selection.tracks, heard], [false, false, [], ['document history selection']]);
  assert.equal(store.text, serialize(emptyDocument()));
});

test('a gesture that is taken back leaves what could be done again', () => {
  for (const takeBack of [
    (store, before) => store.edit('drag', () => before, { merge: 'drag' }),
    (store) => store.cancel('drag'),
  ]) {
    const store = new Store(twoTracks());
    store.edit('a', move(0.1));
    store.edit('b', move(0.2));
    const last = store.document;
    store.undo();
    const before = store.document;
    store.edit('drag', move(-0.1), { merge: 'drag' });
    assert.ok(!store.canRedo, 'while it goes on, it is the last step');
    takeBack(store, before);
    assert.equal(store.document, before);
    store.redo();
    assert.equal(store.document, last);
  }
});
