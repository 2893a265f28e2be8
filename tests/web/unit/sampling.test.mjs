import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { parseDocument } from '../../../web/core/document.mjs';
import { framePositions, keysOf, sampleDocument, sampleLengths } from '../../../web/core/sampling.mjs';
import { big, drawing, track } from './helpers.mjs';

const vectors = JSON.parse(readFileSync(new URL('../../trajectories/vectors.json', import.meta.url), 'utf8'));

for (const { name, document, times, names, points, visible } of vectors) {
  test(`as Python samples: ${name}`, () => {
    const sampled = sampleDocument(parseDocument(document), times);
    assert.deepEqual(sampled.tracks.map((one) => one.name), names);
    sampled.tracks.forEach((one, n) => points[n].forEach(([x, y], t) => {
      assert.ok(Math.abs(one.points[2 * t] - x) <= 1e-6 && Math.abs(one.points[2 * t + 1] - y) <= 1e-6,
        `track ${n}, time ${times[t]}: ${one.points[2 * t]}, ${one.points[2 * t + 1]} is not ${x}, ${y}`);
      assert.equal(one.visible[t] === 1, visible[n][t], `track ${n}, time ${times[t]}`);
    }));
  });
}

test('there are vectors', () => assert.ok(vectors.length >= 20));

test('whole frames are the default and are remembered a track', () => {
  const document = big(3, 5);
  const sampled = sampleDocument(document);
  assert.equal(sampled.times.length, 49);
  assert.equal(framePositions(document.tracks[1], document), sampled.tracks[1].points);
  assert.notEqual(framePositions(document.tracks[1], { ...document, frames: 17 }), sampled.tracks[1].points);
  assert.equal(framePositions(document.tracks[1], { ...document, frames: 17 }).length, 34);
});

test('renaming a track does not change its positions', () => {
  const document = big(1, 5);
  const renamed = { ...document.tracks[0], name: 'other' };
  assert.deepEqual(framePositions(renamed, document), framePositions(document.tracks[0], document));
});

test('implied keys are told from real ones', () => {
  const one = track([[0, 0], [0.5, 0.5, 10], [1, 1]]);
  assert.deepEqual(keysOf(one, 49), [
    { index: 0, frame: 0, implied: true }, { index: 1, frame: 10, implied: false }, { index: 2, frame: 48, implied: true },
  ]);
});
