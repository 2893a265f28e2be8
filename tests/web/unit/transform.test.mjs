import assert from 'node:assert/strict';
import test from 'node:test';

import * as transform from '../../../web/core/transform.mjs';
import { drawing, frozen, track } from './helpers.mjs';

const ALL = /** @type {[number, number][]} */ ([[0, 0], [0, 1], [0, 2], [0, 3]]);
// A square of 240 pixels around (360, 240).
const square = frozen(drawing([track([[1 / 3, 0.25], [2 / 3, 0.25], [2 / 3, 0.75], [1 / 3, 0.75]])]));
const pixels = (document) => document.tracks[0].points.map((point) => [Math.round(point.x * 720), Math.round(point.y * 480)]);

test('the box around points', () => {
  const { left, top, right, bottom, centerX, centerY } = transform.boundingBox(square, ALL);
  assert.deepEqual([left, top, right, bottom, centerX, centerY].map(Math.round), [240, 120, 480, 360, 360, 240]);
  assert.equal(transform.boundingBox(square, [[9, 9]]), null);
});

test('a square turned by a quarter is the same square: the aspect counts', () => {
  assert.deepEqual(pixels(transform.rotate(square, ALL, Math.PI / 2)), [[480, 120], [480, 360], [240, 360], [240, 120]]);
  assert.deepEqual(pixels(transform.rotate(square, [[0, 0]], Math.PI, { x: 360, y: 240 }))[0], [480, 360]);
});

test('scaling around the middle and around a corner', () => {
  assert.deepEqual(pixels(transform.scale(square, ALL, 0.5, 1)), [[300, 120], [420, 120], [420, 360], [300, 360]]);
  assert.deepEqual(pixels(transform.scale(square, ALL, 2, 0, { x: 240, y: 120 })), [[240, 120], [720, 120], [720, 120], [240, 120]]);
});

test('mirroring twice is the beginning', () => {
  const once = transform.mirror(square, ALL, 'horizontal');
  assert.deepEqual(pixels(once), [[480, 120], [240, 120], [240, 360], [480, 360]]);
  assert.deepEqual(pixels(transform.mirror(once, ALL, 'horizontal')), pixels(square));
  assert.deepEqual(pixels(transform.mirror(square, ALL, 'vertical'))[0], [240, 360]);
});

test('moving in pixels', () => {
  assert.deepEqual(pixels(transform.translate(square, [[0, 0]], 10, -20))[0], [250, 100]);
});

test('aligning and distributing', () => {
  assert.deepEqual(pixels(transform.align(square, ALL, 'middle')).map(([, y]) => y), [240, 240, 240, 240]);
  assert.deepEqual(pixels(transform.align(square, ALL, 'right')).map(([x]) => x), [480, 480, 480, 480]);
  const uneven = drawing([track([[0, 0], [0.9, 0], [0.1, 0], [0.2, 0]])]);
  assert.deepEqual(transform.distribute(uneven, ALL, 'horizontal').tracks[0].points.map((point) => point.x), [0, 0.9, 0.3, 0.6]);
  assert.equal(transform.distribute(uneven, ALL.slice(0, 2), 'horizontal'), uneven);
});

test('nothing leaves -1..2', () => {
  const large = transform.scale(square, ALL, 100, 100);
  assert.deepEqual(large.tracks[0].points.map((point) => [point.x, point.y]), [[-1, -1], [2, -1], [2, 2], [-1, 2]]);
});
