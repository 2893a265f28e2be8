import assert from 'node:assert/strict';
import test from 'node:test';

import { EASINGS, PALETTE, emptyDocument, keyProblem, parseDocument, serialize } from '../../../web/core/document.mjs';
import * as edits from '../../../web/core/edits.mjs';
import { samplePositions } from '../../../web/core/sampling.mjs';
import { Store } from '../../../web/core/store.mjs';
import * as timing from '../../../web/core/timing.mjs';
import * as transform from '../../../web/core/transform.mjs';
import { preset, PRESETS } from '../../../web/core/presets.mjs';
import { dice, drawing, frozen, track } from './helpers.mjs';

const HOSTILE = [NaN, Infinity, -Infinity, -1, 1e308, 1e9, -0, 0.5, 2.5, null, undefined, '', 'x', '3', {}, [], true];

/** One edit chosen by the dice; `number` gives the numbers, sane ones or anything. */
function anyEdit(random, document, number) {
  const t = () => random.whole(-1, document.tracks.length);
  const p = () => random.whole(-1, 9);
  const points = () => Array.from({ length: random.whole(0, 6) }, () => [t(), p()]);
  const place = () => ({ x: number(), y: number(), frame: random.pick([undefined, null, number()]) });
  return random.pick([
    () => edits.addTrack(document, Array.from({ length: random.whole(0, 6) }, () => ({
      x: number(), y: number(), frame: random.pick([null, random.whole(0, 48)]), easing: null })),
    { start: random.pick([null, random.whole(0, 48)]), name: random.pick(['fox', undefined, ' ']), locked: random.next() < 0.1 }),
    () => edits.addTrack(document, preset(random.pick(PRESETS), { canvas: document, turns: random.whole(1, 3) })),
    () => edits.addPoint(document, t(), place(), random.pick([undefined, random.whole(0, 9)])),
    () => edits.insertPointOnSegment(document, t(), 900 * number()),
    () => edits.movePoints(document, points(), number(), number()),
    () => edits.nudge(document, points(), 20 * number(), -9 * number()),
    () => edits.removePoints(document, points()),
    () => edits.removeTracks(document, [t()]),
    () => edits.duplicateTracks(document, [t(), t()], { dx: 0.01, dy: 0.02 }),
    () => edits.reorderTrack(document, t(), t()),
    () => edits.setTrack(document, t(), { start: random.pick([null, 48 * number()]), end: random.pick([null, 48 * number()]),
      easing: random.pick(EASINGS), hidden: random.next() < 0.3, locked: random.next() < 0.1, color: random.pick(['#fff', 'red']) }),
    () => edits.setKind(document, [t()], random.pick(['path', 'static'])),
    () => edits.setInterpolation(document, [t()], random.pick(['smooth', 'linear'])),
    () => edits.renameTrack(document, t(), random.pick(['a', 'b'.repeat(300), '', '狐狸'])),
    () => edits.closeLoop(document, t()),
    () => edits.reverse(document, t()),
    () => edits.appendTracks(document, document.tracks.slice(0, 2)),
    () => (random.next() < 0.05 ? edits.clear(document) : document),
    () => timing.keyPoint(document, t(), p(), random.pick([undefined, 48 * number(), random.whole(-5, 55)])),
    () => timing.unkeyPoint(document, t(), p()),
    () => timing.keyAt(document, t(), random.pick([random.whole(0, 48), 48 * number()])),
    () => timing.moveKeys(document, points(), random.pick([random.whole(-9, 9), 20 * number()])),
    () => timing.retime(document, t(), random.whole(-1, 20), random.whole(10, 50)),
    () => timing.insertPause(document, t(), p(), random.whole(-1, 12)),
    () => timing.setStretchEasing(document, t(), p(), random.pick([...EASINGS, null, 'wrong'])),
    () => transform.scale(document, points(), 3 * number(), number()),
    () => transform.rotate(document, points(), 7 * number()),
    () => transform.mirror(document, points(), random.pick(['horizontal', 'vertical'])),
    () => transform.align(document, points(), random.pick(['left', 'center', 'right', 'top', 'middle', 'bottom'])),
    () => transform.distribute(document, points(), random.pick(['horizontal', 'vertical'])),
  ])();
}

/** What holds for any edit. */
function check(before, after) {
  const text = serialize(after);
  assert.equal(serialize(parseDocument(text)), text); // it parses: keys in order, all within limits
  if (after === before) return;
  const reordered = after.tracks.every((one) => before.tracks.includes(one)); // equal tracks may swap
  if (!reordered) assert.notEqual(text, serialize(before), 'a new document that says the same');
  before.tracks.forEach((old, index) => {
    const kept = after.tracks.includes(old);
    if (old.locked && after.tracks.length >= before.tracks.length && !kept) {
      const { points, kind, interpolation } = after.tracks[index];
      if (after.tracks[index].locked) assert.deepEqual({ points, kind, interpolation },
        { points: old.points, kind: old.kind, interpolation: old.interpolation });
    }
  });
}

for (const [name, sane] of [['sane', true], ['hostile', false]]) {
  test(`any ${name} edits give documents that parse, and undoing all of them is the beginning`, () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = dice(seed);
      const number = () => (sane || random.next() < 0.6 ? random.between(-0.3, 1.3) : random.pick(HOSTILE));
      const start = frozen({ ...emptyDocument(), note: { kept: [null] } });
      const store = new Store(start);
      const states = [store.text];
      for (let step = 0; step < 80; step++) {
        const before = store.document;
        const done = store.edit('edit', (document) => frozen(anyEdit(random, document, number)));
        check(before, store.document);
        assert.equal(done, store.document !== before);
        if (done) states.push(store.text);
        if (random.next() < 0.1) {
          assert.equal(store.undo(), states.length > 1);
          if (states.length > 1 && random.next() < 0.5) store.redo();
          else if (states.length > 1) states.pop();
        }
        const tracks = random.next() < 0.5 ? [random.whole(0, 3)] : [];
        store.set({ selection: { tracks, points: tracks.map((t) => [t, random.whole(0, 3)]) } });
        for (const [t, p] of store.selection.points) assert.ok(store.document.tracks[t].points[p]);
      }
      for (let index = states.length - 1; index > 0; index--) {
        assert.equal(store.text, states[index], `seed ${seed}`);
        assert.ok(store.undo());
      }
      assert.equal(store.document, start);
      assert.equal(store.canUndo, false);
      for (let index = 1; index < states.length; index++) assert.ok(store.redo());
      assert.equal(store.text, states.at(-1));
    }
  });
}

test('what an edit does not touch stays the same object', () => {
  const document = frozen(drawing([track([[0, 0], [1, 1]]), track([[0, 1], [0.5, 0.5], [1, 0]])]));
  const moved = edits.movePoints(document, [[1, 1]], 0.1, 0);
  assert.equal(moved.tracks[0], document.tracks[0]);
  assert.equal(moved.tracks[1].points[0], document.tracks[1].points[0]);
  assert.equal(moved.tracks[1].points[2], document.tracks[1].points[2]);
  assert.equal(moved.tracks[1].points[1].x, 0.6);
  assert.equal(edits.movePoints(document, [[1, 1]], 0, 0), document);
});

test('a group stops at the limit without changing its shape', () => {
  const moved = edits.movePoints(drawing([track([[0, 0], [1.9, 1]])]), [[0, 0], [0, 1]], 0.5, 0);
  assert.deepEqual(moved.tracks[0].points.map((point) => point.x), [0.1, 2]);
});

test('points of locked tracks are never changed, their names are', () => {
  const document = frozen(drawing([track([[0, 0], [1, 1]], { locked: true })]));
  for (const edit of [
    () => edits.movePoints(document, [[0, 0]], 0.1, 0.1), () => edits.removePoints(document, [[0, 0]]),
    () => edits.addPoint(document, 0, { x: 0, y: 0 }), () => edits.setKind(document, [0], 'static'),
    () => edits.closeLoop(document, 0), () => edits.reverse(document, 0), () => timing.keyPoint(document, 0, 0, 3),
    () => timing.keyAt(document, 0, 3), () => transform.rotate(document, [[0, 0], [0, 1]], 1), () => edits.clear(document),
    () => edits.setTrack(document, 0, { start: 3 }),
  ]) assert.equal(edit(), document);
  assert.equal(edits.renameTrack(document, 0, 'fox').tracks[0].name, 'fox');
  assert.equal(edits.setTrack(document, 0, { locked: false, kind: 'static' }).tracks[0].kind, 'static');
});

test('a point behind a key at the last frame takes over the end', () => {
  const document = edits.addPoint(drawing([track([[0, 0, 0], [0.5, 0.5, 48]])]), 0, { x: 1, y: 0.5 });
  assert.deepEqual(document.tracks[0].points.map((point) => point.frame), [0, null, null]);
  const before = edits.addPoint(drawing([track([[0, 0, 0], [0.5, 0.5, 48]])]), 0, { x: 1, y: 0.5 }, 0);
  assert.deepEqual(before.tracks[0].points.map((point) => point.frame), [null, null, 48]);
});

test('a point inserted on a straight path leaves its movement as it was', () => {
  const document = drawing([track([[0, 0], [0.5, 1], [1, 0]], { interpolation: 'linear' })]);
  const inserted = edits.insertPointOnSegment(document, 0, 200);
  assert.equal(inserted.tracks[0].points.length, 4);
  const times = [0, 3, 20, 24, 25, 48];
  const [was, is] = [document, inserted].map((one) => samplePositions(one.tracks[0], one, times));
  was.forEach((value, i) => assert.ok(Math.abs(value - is[i]) < 1e-5));
});

test('reversed is backwards in time, easing and keys included', () => {
  const random = dice(5);
  for (let round = 0; round < 40; round++) {
    const points = Array.from({ length: random.whole(2, 6) }, (_, i) =>
      ({ x: random.next(), y: random.next(), frame: random.next() < 0.5 ? 8 * i + 4 : null, easing: null }));
    for (const point of points) if (point.frame !== null || point === points[0]) point.easing = random.pick([...EASINGS, null]);
    const document = drawing([{ ...track([[0, 0]]), points, easing: random.pick(EASINGS) }]);
    assert.equal(keyProblem(points, 49), null);
    const back = edits.reverse(document, 0);
    const times = [0, 1.5, 4, 10, 13, 24, 30.25, 47, 48];
    const [a, b] = [samplePositions(document.tracks[0], document, times),
      samplePositions(back.tracks[0], back, times.map((t) => 48 - t))];
    a.forEach((value, i) => assert.ok(Math.abs(value - b[i]) < 1e-9));
  }
});

test('there and back again is the same backwards', () => {
  const document = frozen(drawing([track([[0.2, 0.5], [0.8, 0.5], [0.2, 0.5]])]));
  assert.equal(edits.reverse(document, 0), document);
});

test('a closed loop ends exactly where it begins', () => {
  const document = drawing([track([[0.1234567891, 0.2], [0.5, 0.5], [0.9, 0.1]])]);
  const closed = edits.closeLoop(document, 0);
  assert.ok(edits.isClosed(closed.tracks[0]));
  assert.equal(edits.closeLoop(closed, 0), closed);
});

test('lists are full at 64 tracks and 4096 points', () => {
  let document = drawing([track([[0, 0], [1, 1]])]);
  for (let i = 0; i < 70; i++) document = edits.duplicateTracks(document, [0]);
  assert.equal(document.tracks.length, 64);
  assert.equal(edits.addTrack(document, [{ x: 0, y: 0, frame: null, easing: null }]), document);
  const full = drawing([track(Array.from({ length: 4096 }, (_, i) => [i / 4096, 0]))]);
  assert.equal(edits.addPoint(full, 0, { x: 0, y: 0 }), full);
  assert.equal(timing.keyAt(full, 0, 0.25).tracks[0].points.length, 4096);
});

test('the copies are what is selected, as many as there is room for', () => {
  const document = frozen(drawing(Array.from({ length: 63 }, (_, i) => track([[i / 64, 0.5]], { name: `t${i}` }))));
  const { document: next, selection } = edits.duplicateAndSelect(document, [2, 0], { dx: 0.01 });
  assert.deepEqual([next.tracks.length, ...selection.tracks.map((index) => next.tracks[index].name)], [64, 't0']);
  assert.notEqual(next.tracks[selection.tracks[0]].points[0].x, next.tracks[0].points[0].x);
  assert.equal(edits.duplicateAndSelect(next, [0]), next, 'no room');
  assert.deepEqual(edits.duplicateAndSelect(drawing([track([[0, 0]]), track([[1, 1]])]), [1, 0]).selection.tracks, [1, 3]);
});

test('locked tracks are not removed', () => {
  const document = drawing([track([[0, 0]], { locked: true }), track([[1, 1]])]);
  assert.deepEqual(edits.removeTracks(document, [0, 1]).tracks, [document.tracks[0]]);
});

test('tracks that would cover others are put beside them, each time further', () => {
  const own = drawing([track([[0.2, 0.2], [0.4, 0.4]])]);
  const places = (document) => document.tracks.map((one) => one.points[0].x);
  let document = own;
  for (let i = 0; i < 3; i++) document = edits.appendTracks(document, own.tracks, { dx: 0.1, dy: 0.1 });
  assert.deepEqual(places(document), [0.2, 0.3, 0.4, 0.5]);
  assert.deepEqual(places(edits.appendTracks(own, [track([[0.6, 0.2]])], { dx: 0.1, dy: 0.1 })), [0.2, 0.6]);
  assert.deepEqual(places(edits.appendTracks(own, own.tracks)), [0.2, 0.2]);
  const edge = drawing([track([[2, 2]]), track([[0.1, 0.1], [0.5, 0.5]])]);
  const both = edits.appendTracks(edge, edge.tracks, { dx: 0.1, dy: 0.1 });
  assert.deepEqual(both.tracks.slice(2).map(({ points }) => points), edge.tracks.map(({ points }) => points), 'no place is left');
});

test('new tracks do not take a name or a colour that is there', () => {
  let document = emptyDocument();
  const point = { x: 0, y: 0, frame: null, easing: null };
  for (let i = 0; i < 3; i++) document = edits.addTrack(document, [point]);
  document = edits.addTrack(edits.removeTracks(document, [1]), [point]);
  assert.deepEqual(document.tracks.map((one) => one.name), ['track 1', 'track 3', 'track 4']);
});

test('a track without points is gone', () => {
  const document = drawing([track([[0, 0], [1, 1]]), track([[0, 0]])]);
  assert.deepEqual(edits.removePoints(document, [[0, 0], [0, 1]]).tracks, [document.tracks[1]]);
});

test('a new track gets a colour that no other has, as long as there is one', () => {
  let document = emptyDocument({ width: 100, height: 100, frames: 9, fps: 8 });
  const point = [{ x: 0.5, y: 0.5, frame: null, easing: null }];
  document = edits.addTrack(document, point, { color: PALETTE[2] });
  for (let i = 1; i < PALETTE.length; i++) document = edits.addTrack(document, point);
  assert.equal(new Set(document.tracks.map(({ color }) => color)).size, PALETTE.length);
  document = edits.addTrack(document, point);
  assert.equal(document.tracks.at(-1).color, PALETTE[0]);
});
