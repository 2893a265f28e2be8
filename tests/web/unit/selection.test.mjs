import assert from 'node:assert/strict';
import test from 'node:test';

import { movePoints, removePoints, addPoint, appendTracks } from '../../../web/core/edits.mjs';
import {
  NOTHING, activeTrack, add, affectedPoints, afterEdit, clear, hasPoint, select, toggle, valid,
} from '../../../web/core/selection.mjs';
import { drawing, frozen, track } from './helpers.mjs';

const document = frozen(drawing([track([[0, 0], [0.5, 0.5], [1, 1]]), track([[0, 1], [1, 0]])]));

test('the last track named is the active one', () => {
  assert.equal(activeTrack(NOTHING), -1);
  assert.deepEqual(select({ tracks: [2, 0, 1, 0] }).tracks, [2, 1, 0]);
  assert.deepEqual(add(select({ tracks: [0, 1] }), { tracks: [0] }).tracks, [1, 0]);
  assert.equal(activeTrack(add(select({ tracks: [0, 1] }), { points: [[0, 2]] })), 0);
  assert.equal(clear(), NOTHING);
});

test('points come with their tracks, each once', () => {
  const selection = add(select({ points: [[0, 1], [0, 1]] }), { points: [[1, 0], [0, 1]] });
  assert.deepEqual(selection, { tracks: [1, 0], points: [[0, 1], [1, 0]] });
  assert.ok(hasPoint(selection, 1, 0) && !hasPoint(selection, 1, 1));
});

test('toggling', () => {
  let selection = toggle(NOTHING, { points: [[0, 1], [1, 1]] });
  selection = toggle(selection, { points: [[0, 1]] });
  assert.deepEqual(selection, { tracks: [0, 1], points: [[1, 1]] });
  assert.deepEqual(toggle(selection, { tracks: [1] }), { tracks: [0], points: [] });
});

test('what an edit is about', () => {
  assert.deepEqual(affectedPoints(document, select({ tracks: [1] })), [[1, 0], [1, 1]]);
  assert.deepEqual(affectedPoints(document, select({ points: [[0, 2]] })), [[0, 2]]);
  assert.deepEqual(affectedPoints(document, select({ tracks: [9] })), []);
});

test('after removing, inserting and moving', () => {
  const selection = select({ points: [[0, 0], [0, 2], [1, 1]] });
  const removed = removePoints(document, [[0, 0]]);
  assert.deepEqual(afterEdit(selection, document, removed).points, [[0, 1], [1, 1]]);
  const added = addPoint(document, 0, { x: 0.1, y: 0.1 }, 0);
  assert.deepEqual(afterEdit(selection, document, added).points, [[0, 1], [0, 3], [1, 1]]);
  const moved = movePoints(document, [[0, 0], [0, 2]], 0.1, 0);
  assert.equal(afterEdit(selection, document, moved), selection);
  assert.equal(afterEdit(selection, document, appendTracks(document, document.tracks)), selection);
});

test('objects made by hand keep their place', () => {
  const tracks = [document.tracks[0], { ...document.tracks[1], points: document.tracks[1].points.map((p) => ({ ...p })) }];
  const selection = select({ points: [[1, 1]] });
  assert.equal(afterEdit(selection, document, { ...document, tracks }), selection);
});

test('what the document does not have is not selected', () => {
  const fine = select({ points: [[1, 1]] });
  assert.equal(valid(fine, document), fine);
  assert.deepEqual(valid(select({ tracks: [7], points: [[1, 9], [0, 0]] }), document), { tracks: [1, 0], points: [[0, 0]] });
  assert.deepEqual(valid({ tracks: [7, 1], points: [[0, 2]] }, document), { tracks: [0, 1], points: [[0, 2]] });
});
