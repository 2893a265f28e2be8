import assert from 'node:assert/strict';
import test from 'node:test';

import { keyProblem } from '../../../web/core/document.mjs';
import { PRESETS, PRESET_DEFAULTS, preset } from '../../../web/core/presets.mjs';

const canvas = { width: 720, height: 480, frames: 49 };
const pixels = (points) => points.map((point) => [point.x * 720, point.y * 480]);

for (const name of PRESETS) {
  test(`${name} lies in its box, around its centre`, () => {
    const places = pixels(preset(name, { canvas, center: { x: 300, y: 200 }, size: { width: 100, height: 60 } }));
    assert.ok(places.length >= 2);
    for (const [x, y] of places) assert.ok(Math.abs(x - 300) <= 50.001 && Math.abs(y - 200) <= 30.001, `${x}, ${y}`);
    assert.ok(PRESET_DEFAULTS[name].turns > 0);
  });

  test(`${name} keeps the order of keys in clips of any length, and takes hostile numbers`, () => {
    for (const frames of [1, 2, 3, 4, 49]) {
      for (const value of [undefined, 0, -1, NaN, 0.3, 1e9]) {
        const points = preset(name, { canvas: { ...canvas, frames }, turns: value, points: value, size: value, rotation: value ?? 0 });
        assert.equal(keyProblem(points, frames), null);
        assert.ok(points.length >= 1 && points.length <= 4096);
      }
    }
  });
}

test('a circle is round in pixels and closed', () => {
  const points = preset('circle', { canvas, size: 200 });
  for (const [x, y] of pixels(points)) assert.ok(Math.abs(Math.hypot(x - 360, y - 240) - 100) < 0.01);
  assert.deepEqual([points[0].x, points[0].y], [points.at(-1).x, points.at(-1).y]);
  assert.equal(preset('circle', { canvas, turns: 2, points: 6 }).length, 13);
});

test('a turned line', () => {
  const places = pixels(preset('line', { canvas, size: 200, rotation: Math.PI / 2 })).map((place) => place.map(Math.round));
  assert.deepEqual(places, [[360, 140], [360, 340]]);
});

test('a zigzag has corners only', () => {
  assert.equal(preset('zigzag', { canvas, turns: 3 }).length, 8);
});

test('a shake is the same for the same seed', () => {
  assert.deepEqual(preset('shake', { canvas, seed: 3 }), preset('shake', { canvas, seed: 3 }));
  assert.notDeepEqual(preset('shake', { canvas, seed: 3 }), preset('shake', { canvas, seed: 4 }));
});

test('a pause stands still in the middle third', () => {
  assert.deepEqual(preset('pause', { canvas }).map((point) => point.frame), [null, 16, 32, null]);
});
