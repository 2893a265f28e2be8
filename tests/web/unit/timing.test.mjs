import assert from 'node:assert/strict';
import test from 'node:test';

import { EASINGS, keyProblem } from '../../../web/core/document.mjs';
import { samplePositions } from '../../../web/core/sampling.mjs';
import * as timing from '../../../web/core/timing.mjs';
import { dice, drawing, frozen, track } from './helpers.mjs';

const frames = (document, index = 0) => document.tracks[index].points.map((point) => point.frame);
const line = () => frozen(drawing([track([[0, 0.5], [0.25, 0.5], [0.5, 0.5], [1, 0.5]], { interpolation: 'linear' })]));

test('the speed along a straight line', () => {
  const document = line();
  assert.ok(timing.frameSpeeds(document.tracks[0], document).every((speed) => Math.abs(speed - 15) < 1e-9));
});

test('at the time of a point the track is there', () => {
  const random = dice(2);
  for (let round = 0; round < 60; round++) {
    const places = Array.from({ length: random.whole(2, 7) }, (_, i) =>
      [random.next(), random.next(), random.next() < 0.4 ? 7 * i + random.whole(0, 4) + 1 : null]);
    const document = drawing([track(places, { easing: random.pick(EASINGS) })]);
    if (keyProblem(document.tracks[0].points, 49)) continue;
    const at = samplePositions(document.tracks[0], document, timing.pointTimes(document.tracks[0], document));
    places.forEach(([x, y], i) => assert.ok(Math.hypot(at[2 * i] - x, at[2 * i + 1] - y) < 1e-6));
  }
});

test('a key goes where its neighbours let it', () => {
  let document = timing.keyPoint(line(), 0, 1);
  assert.deepEqual(frames(document), [null, 12, null, null]);
  document = timing.keyPoint(document, 0, 2, 5);
  assert.deepEqual(frames(document), [null, 12, 13, null]);
  document = timing.keyPoint(document, 0, 2, 99);
  assert.deepEqual(frames(document), [null, 12, 47, null]);
  document = timing.keyPoint(document, 0, 0, 3);
  document = timing.keyPoint(document, 0, 3, 48);
  assert.deepEqual(frames(document), [3, 12, 47, 48]);
  assert.deepEqual(timing.keyRange(document.tracks[0], 49, 2), { min: 13, max: 47 });
  assert.equal(timing.keyRange(timing.keyPoint(document, 0, 1, 46.5).tracks[0], 49, 2)?.min, 47);
  assert.deepEqual(frames(timing.unkeyPoint(document, 0, 1)), [3, null, 47, 48]);
  assert.equal(timing.unkeyPoint(line(), 0, 1).tracks.length, 1);
});

test('no room for a whole frame, no key', () => {
  const document = frozen(drawing([track([[0, 0, 0], [0.5, 0], [1, 0, 1]])], { frames: 2 }));
  assert.equal(timing.keyRange(document.tracks[0], 2, 1), null);
  assert.equal(timing.keyPoint(document, 0, 1, 7), document);
  assert.deepEqual(frames(timing.keyPoint(document, 0, 1, 0.5)), [0, 0.5, 1]);
});

test('keying the track at a frame', () => {
  const at10 = timing.keyAt(line(), 0, 10);
  assert.deepEqual(frames(at10), [null, 10, null, null, null]);
  assert.equal(timing.findKey(at10.tracks[0], 10), 1);
  assert.deepEqual(frames(timing.keyAt(line(), 0, 12)), [null, 12, null, null], 'the point that lies there');
  assert.deepEqual(frames(timing.keyAt(line(), 0, 0)), [0, null, null, null]);
  assert.deepEqual(frames(timing.keyAt(line(), 0, 48)), [null, null, null, 48]);
  const waits = drawing([track([[0, 0, 10], [1, 1, 20]])]);
  assert.deepEqual(frames(timing.keyAt(waits, 0, 4)), [4, 10, 20]);
  assert.deepEqual(frames(timing.keyAt(waits, 0, 30)), [10, 20, 30]);
  assert.equal(timing.keyAt(at10, 0, 10), at10);
});

test('keying at a frame hardly moves a smooth path', () => {
  const document = drawing([track([[0.1, 0.5], [0.4, 0.1], [0.9, 0.8]])]);
  const keyed = timing.keyAt(document, 0, 17);
  const [was, is] = [document, keyed].map((one) => samplePositions(one.tracks[0], one, [17]));
  assert.ok(Math.hypot(was[0] - is[0], was[1] - is[1]) < 1e-5);
});

test('keys moved together stop at the others', () => {
  const document = drawing([track([[0, 0, 4], [0.3, 0, 10], [0.6, 0, 20], [1, 0, 30]]), track([[0, 0], [1, 1, 40]])]);
  assert.deepEqual(frames(timing.moveKeys(document, [[0, 1], [0, 2]], 3)), [4, 13, 23, 30]);
  assert.deepEqual(frames(timing.moveKeys(document, [[0, 1], [0, 2]], 40)), [4, 19, 29, 30]);
  assert.deepEqual(frames(timing.moveKeys(document, [[0, 1], [0, 2]], -40)), [4, 5, 15, 30]);
  const both = timing.moveKeys(document, [[0, 0], [0, 1], [0, 2], [0, 3], [1, 1], [1, 0]], 40);
  assert.deepEqual([frames(both), frames(both, 1)], [[12, 18, 28, 38], [null, 48]]);
});

test('retiming spreads a movement over other frames', () => {
  assert.deepEqual(frames(timing.retime(line(), 0, 10, 30)), [10, null, null, 30]);
  const keyed = drawing([track([[0, 0, 0], [0.5, 0, 10], [1, 0, 40]])]);
  assert.deepEqual(frames(timing.retime(keyed, 0, 8, 28)), [8, 13, 28]);
  assert.equal(timing.retime(keyed, 0, 30, 20), keyed);
});

test('a pause', () => {
  const document = timing.insertPause(line(), 0, 2, 6);
  assert.deepEqual(frames(document), [null, null, 24, 30, null]);
  const at = samplePositions(document.tracks[0], document, [24, 27, 30]);
  assert.deepEqual([...at], [0.5, 0.5, 0.5, 0.5, 0.5, 0.5]);
  assert.deepEqual(frames(timing.insertPause(line(), 0, 3, 8)), [null, null, null, 40, 48]);
  assert.deepEqual(frames(timing.insertPause(line(), 0, 0, 8)), [0, 8, null, null, null]);
});

test('mended keys obey the rule, and good keys stay as they are', () => {
  const random = dice(3);
  for (let round = 0; round < 2000; round++) {
    const count = random.pick([1, 2, 49]);
    const points = frozen(Array.from({ length: random.whole(1, 6) }, () =>
      ({ x: 0, y: 0, frame: random.next() < 0.6 ? random.whole(0, count - 1) : null, easing: null })));
    const mended = timing.mendKeys(points, count);
    assert.equal(keyProblem(mended, count), null, JSON.stringify([points, count]));
    if (!keyProblem(points, count)) assert.equal(mended, points);
  }
});
