import assert from 'node:assert/strict';
import test from 'node:test';

import { hitTest, pointsInRect } from '../../../web/core/hit.mjs';
import { drawing, frozen, track } from './helpers.mjs';

// In pixels: a line from (0, 240) to (720, 240) by way of the middle, one across it, and a still point in the middle.
const document = frozen(drawing([
  track([[0, 0.5], [0.5, 0.5], [1, 0.5]], { interpolation: 'linear' }),
  track([[0.5, 0], [0.5, 1]], { interpolation: 'linear' }, 1),
  track([[0.5, 0.5], [0.1, 0.1]], { kind: 'static' }, 2),
  track([[0.5, 0.5]], { hidden: true }, 3),
]));
const names = (hits) => hits.map((hit) => `${hit.kind} ${hit.track}.${hit.point}`);

test('everything under the cursor: points on top first, then paths; hidden tracks are not there', () => {
  assert.deepEqual(names(hitTest(document, 361, 241, 8)), ['point 2.0', 'point 0.1', 'segment 1.0']);
  assert.deepEqual(names(hitTest(document, 361, 241, 8, { hidden: true }))[0], 'point 3.0');
  assert.deepEqual(hitTest(document, 200, 300, 8), []);
});

test('the nearest first', () => {
  const near = drawing([track([[0.1, 0.5]]), track([[0.105, 0.5]])]);
  assert.deepEqual(names(hitTest(near, 71, 240, 20)), ['point 0.0', 'point 1.0']);
  assert.deepEqual(names(hitTest(near, 76, 240, 20)), ['point 1.0', 'point 0.0']);
});

test('a segment knows its place on the path', () => {
  const [hit] = hitTest(document, 500, 243, 5);
  assert.deepEqual([hit.kind, hit.track, hit.point, hit.length, hit.distance, hit.x, hit.y], ['segment', 0, 1, 500, 3, 500, 240]);
});

test('selected tracks come first', () => {
  assert.deepEqual(names(hitTest(document, 361, 241, 8, { preferred: [0] })), ['point 0.1', 'point 2.0', 'segment 1.0']);
});

test('the radius is of the screen where the view is known', () => {
  assert.equal(hitTest(document, 500, 243, 8, { view: { zoom: 4 } }).length, 0);
  assert.equal(hitTest(document, 500, 260, 8, { view: { zoom: 0.25 } }).length, 1);
});

test('markers and handles', () => {
  const hits = hitTest(document, 180, 240, 6, { frame: 12, handles: [{ name: 'rotate', x: 182, y: 240 }] });
  assert.deepEqual(names(hits), ['handle -1.-1', 'marker 0.-1', 'segment 0.0']);
  assert.equal(hits[0].name, 'rotate');
});

test('points in a rectangle, drawn in any direction', () => {
  assert.deepEqual(pointsInRect(document, { x0: 400, y0: 250, x1: 300, y1: 200 }), [[0, 1], [2, 0]]);
  assert.deepEqual(pointsInRect({ ...document, tracks: [{ ...document.tracks[0], locked: true }] },
    { x0: 0, y0: 0, x1: 720, y1: 480 }), []);
});
