import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

import { parseDocument, serialize } from '../../../web/core/document.mjs';
import { movePoints } from '../../../web/core/edits.mjs';
import { curveOf } from '../../../web/core/geometry.mjs';
import { keysOf, samplePositions } from '../../../web/core/sampling.mjs';
import { select } from '../../../web/core/selection.mjs';
import { keyPoint } from '../../../web/core/timing.mjs';
import { alignObjects, distributeObjects } from '../../../web/view/panels/arrange.mjs';
import { shown } from '../../../web/view/panels/controls.mjs';
import { evaluated } from '../../../web/view/panels/number-field.mjs';
import { evenSpeed, keyEvery, pauseAt, repeatPath } from '../../../web/view/panels/timeline-edits.mjs';
import { sameLane } from '../../../web/view/panels/timeline-draw.mjs';
import { keysWithin, laneHit } from '../../../web/view/panels/timeline-hit.mjs';
import { TimeScale } from '../../../web/view/panels/timeline-scale.mjs';
import { TEXTS, fill } from '../../../web/view/texts.en.mjs';
import { drawing, frozen, track } from './helpers.mjs';

const frames = (document, index = 0) => document.tracks[index].points.map((point) => point.frame);
const parses = (document) => assert.doesNotThrow(() => parseDocument(serialize(document)));

test('numbers as people type them', () => {
  assert.equal(evaluated('12,5', 1), 12.5);
  assert.equal(evaluated('-.5', 1), -0.5);
  assert.equal(evaluated('+=10', 5), 15);
  assert.equal(evaluated('/=4', 10), 2.5);
  for (const nothing of ['', 'abc', '1e5', '/=0', '1;2', 'alert(1)', '--1']) assert.equal(evaluated(nothing, 3), null, nothing);
});

test("a stranger's name is one short line that cannot turn the text around", () => {
  assert.equal(shown('a\n\u202eb\u0000'), 'a b');
  assert.equal([...shown('x'.repeat(500))].length, 60);
  assert.equal([...shown('😀'.repeat(300), 10)].join('').endsWith('…'), true);
  assert.equal(shown(undefined), '');
});

test('every text that is asked for exists, and none holds a sign of the translation library', () => {
  const folder = new URL('../../../web/view/panels/', import.meta.url);
  const source = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
  const asked = [...source.matchAll(/(?:say|text)\((?:host, )?'([a-z]\w*\.[\w.-]+)'/g)].map((match) => match[1]);
  assert.ok(asked.length > 100);
  assert.deepEqual(asked.filter((key) => !(key in TEXTS)), []);
  assert.deepEqual(Object.entries(TEXTS).filter(([, text]) => /[@|]|%\{/.test(text)), []);
  assert.equal(fill('{a} of {b}', { a: 1 }), '1 of {b}');
});

test('frames on the timeline and back, zoomed and moved', () => {
  const scale = new TimeScale();
  scale.width = 532;
  scale.head = 20;
  scale.setClip(48);
  for (const frame of [0, 7, 48]) assert.equal(scale.frame(scale.x(frame)), frame);
  assert.equal(scale.frame(-1000), 0);
  assert.equal(scale.frame(9999), 48);
  const x = scale.x(12);
  scale.zoom(x, 4);
  assert.ok(Math.abs(scale.x(12) - x) < 1e-9, 'the frame under the pointer stays there');
  assert.ok(!scale.whole);
  scale.pan(1e6);
  assert.equal(scale.to, 48);
  assert.ok(scale.reveal(0) && scale.from === 0 && !scale.reveal(1));
  scale.zoom(x, 1e-6);
  assert.ok(scale.whole);
  scale.setClip(0); // a single frame: nothing to divide by
  assert.ok(Number.isFinite(scale.x(0)));
  assert.equal(scale.frame(300), 0);
});

test('what lies under the pointer on the lanes', () => {
  const document = drawing([track([[0.1, 0.5, 0], [0.5, 0.5, 20], [0.9, 0.5]], { end: 30 }), track([[0.5, 0.5]])]);
  const scale = new TimeScale();
  scale.width = 600;
  scale.head = 100;
  scale.setClip(document.frames - 1);
  const at = (frame, lane, dx = 0) => laneHit(document, [0, 1], scale, { x: scale.x(frame) + dx, y: lane * 24 + 12 }, { reach: 7, handles: new Set([0]) });
  assert.deepEqual([at(20, 0).part, at(20, 0).point], ['key', 1]);
  assert.equal(at(48, 0).implied, true);
  assert.deepEqual([at(30, 0, 9).part, at(0, 0, -9).part], ['end', 'start']);
  assert.deepEqual([at(10, 0).part, at(10, 0).point], ['lane', 0], 'the stretch that starts at the key before');
  const loose = drawing([track([[0.1, 0.5, 0], [0.5, 0.5], [0.9, 0.5, 40]])]);
  const dot = laneHit(loose, [0], scale, { x: scale.x(20), y: 12 }, { reach: 7, handles: new Set() });
  assert.deepEqual([dot.part, dot.point, dot.implied], ['point', 1, false]);
  assert.equal(laneHit(loose, [0], scale, { x: scale.x(40), y: 12 }, { reach: 7, handles: new Set() }).part, 'key');
  assert.equal(laneHit(document, [0, 1], scale, { x: 5, y: 30 }, { reach: 7, handles: new Set() }).part, 'name');
  assert.equal(at(20, 2), null);
  assert.deepEqual(keysWithin(document, [0, 1], scale, { left: scale.x(10), right: scale.x(60), top: 0, bottom: 48 }), [[0, 1], [0, 2]]);
});

test('a lane looks the same while its track moves well inside the canvas, and only then', () => {
  const document = frozen(drawing([track([[0.3, 0.3, 0], [0.5, 0.5], [0.6, 0.3, 30]])]));
  const [before] = document.tracks;
  const all = [[0, 0], [0, 1], [0, 2]];
  curveOf(before, document);
  const same = (edited) => sameLane(before, edited.tracks[0], document);
  assert.ok(same(movePoints(document, all, 0.1, 0.1)));
  assert.ok(!same(movePoints(document, all, 0.35, 0)), 'it leaves the canvas');
  assert.ok(!same(movePoints(document, [[0, 1]], 0.1, 0)), 'it goes at another speed');
  assert.ok(!same(keyPoint(document, 0, 1, 9)));
  assert.ok(!same({ ...document, tracks: [{ ...before, hidden: true }] }));
});

test('tracks are aligned and distributed as wholes, points one by one', () => {
  const document = frozen(drawing([track([[0.1, 0.1], [0.2, 0.1]]), track([[0.5, 0.5], [0.9, 0.5]]), track([[0.3, 0.9]])]));
  const whole = select({ tracks: [0, 1, 2] });
  const left = alignObjects(document, whole, 'left', 'canvas');
  assert.deepEqual(left.tracks.map(({ points }) => points.map(({ x }) => Number(x.toFixed(4)))), [[0, 0.1], [0, 0.4], [0]]);
  const single = alignObjects(document, select({ points: [[0, 0], [1, 1]] }), 'right', 'selection');
  assert.equal(single.tracks[0].points[0].x, single.tracks[1].points[1].x);
  const spread = distributeObjects(document, whole, 'x'); // centres 0.15, 0.7, 0.3
  assert.ok(Math.abs(spread.tracks[2].points[0].x - 0.425) < 1e-5);
  assert.equal(distributeObjects(document, select({ tracks: [0, 1] }), 'x'), document);
});

test('waiting at a frame', () => {
  const document = frozen(drawing([track([[0, 0.5], [1, 0.5]], { interpolation: 'linear' })]));
  const paused = pauseAt(document, 0, 24, 10);
  assert.deepEqual(frames(paused), [null, 24, 34, null]);
  const [a, , b] = samplePositions(paused.tracks[0], paused, [24, 34]);
  assert.equal(a, b);
  parses(paused);
});

test('even speed takes all keys and easings away, keys for all points put them on whole frames', () => {
  const document = frozen(drawing([track([[0, 0, 3], [0.2, 0.4], [0.5, 0.1, 30], [1, 1, 40]], { easing: 'ease-in' })]));
  const even = evenSpeed(document, 0);
  assert.deepEqual(frames(even), [null, null, null, null]);
  assert.equal(even.tracks[0].easing, 'linear');
  const keyed = keyEvery(even, 0);
  assert.ok(frames(keyed).every(Number.isInteger));
  parses(keyed);
  const locked = frozen(drawing([{ ...track([[0, 0, 3], [1, 1]]), locked: true }]));
  for (const edit of [evenSpeed, keyEvery, (d, t) => repeatPath(d, t, 2)]) assert.equal(edit(locked, 0), locked);
});

test('going round several times', () => {
  const plain = repeatPath(frozen(drawing([track([[0, 0], [1, 0], [1, 1]])])), 0, 3);
  assert.equal(plain.tracks[0].points.length, 10);
  parses(plain);
  const keyed = repeatPath(frozen(drawing([track([[0, 0, 0], [1, 0, 12], [0, 0]])])), 0, 2);
  assert.deepEqual(frames(keyed), [0, 6, 24, 30, 48]);
  assert.equal(keysOf(keyed.tracks[0], 49).at(-1).frame, 48);
  parses(keyed);
});
