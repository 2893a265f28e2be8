import assert from 'node:assert/strict';
import test from 'node:test';

import { keyProblem } from '../../../web/core/document.mjs';
import { simplified, strokeToPoints } from '../../../web/core/simplify.mjs';
import { dice } from './helpers.mjs';

const canvas = { width: 720, height: 480, frames: 49 };

test('points on a line are not needed, corners are', () => {
  const stroke = [...Array(50).keys()].map((i) => ({ x: 10 * Math.min(i, 25), y: 10 * Math.max(i - 25, 0) }));
  assert.deepEqual(simplified(stroke, 1), [{ x: 0, y: 0 }, { x: 250, y: 0 }, { x: 250, y: 240 }]);
});

test('no sample is further away than the tolerance', () => {
  const random = dice(4);
  let [x, y] = [300, 200];
  const stroke = Array.from({ length: 2000 }, () => ({ x: (x += random.between(-3, 3)), y: (y += random.between(-3, 3)) }));
  for (const tolerance of [0.5, 2, 20]) {
    const kept = simplified(stroke, tolerance);
    assert.ok(kept.length < stroke.length && kept[0] === stroke[0] && kept.at(-1) === stroke.at(-1));
    let at = 0;
    for (const sample of stroke) {
      if (sample === kept[at + 1]) at += 1;
      const [a, b] = [kept[at], kept[Math.min(at + 1, kept.length - 1)]];
      const [dx, dy] = [b.x - a.x, b.y - a.y];
      const s = dx || dy ? Math.min(Math.max(((sample.x - a.x) * dx + (sample.y - a.y) * dy) / (dx * dx + dy * dy), 0), 1) : 0;
      assert.ok(Math.hypot(sample.x - a.x - s * dx, sample.y - a.y - s * dy) <= tolerance + 1e-9);
    }
  }
});

test('a closed stroke keeps its far side', () => {
  const circle = [...Array(101).keys()].map((i) => ({ x: 100 * Math.cos(i / 50 * Math.PI), y: 100 * Math.sin(i / 50 * Math.PI) }));
  assert.ok(simplified(circle, 2).length > 8);
});

test('a stroke becomes points of the canvas, timed by the hand if wanted', () => {
  const stroke = [{ x: 0, y: 0, t: 1000 }, { x: 72, y: 0, t: 1750 }, { x: 72, y: 48, t: 2000 }];
  assert.deepEqual(strokeToPoints(stroke, { canvas }).map(({ x, y, frame }) => [x, y, frame]), [[0, 0, null], [0.1, 0, null], [0.1, 0.1, null]]);
  assert.deepEqual(strokeToPoints(stroke, { canvas, timed: true }).map((point) => point.frame), [0, 36, 48]);
});

test('any hand gives keys that increase', () => {
  const random = dice(6);
  for (let round = 0; round < 200; round++) {
    let t = 0;
    const stroke = Array.from({ length: random.whole(1, 80) }, () =>
      ({ x: random.pick([0, random.between(0, 720), NaN]), y: random.between(0, 480), t: (t += random.pick([0, 1, 8, 900])) }));
    const points = strokeToPoints(stroke, { canvas, timed: true, tolerance: random.pick([0, 1, 50, NaN]) });
    assert.equal(keyProblem(points, 49), null, JSON.stringify(points));
  }
});

test('few points if few are wanted; one for a click; none for nothing', () => {
  const random = dice(7);
  const stroke = Array.from({ length: 500 }, () => ({ x: random.between(0, 720), y: random.between(0, 480) }));
  assert.ok(strokeToPoints(stroke, { canvas, maximum: 20 }).length <= 20);
  assert.equal(strokeToPoints(Array(9).fill({ x: 5, y: 5, t: 3 }), { canvas, timed: true }).length, 1);
  assert.deepEqual(strokeToPoints([], { canvas }), []);
});
