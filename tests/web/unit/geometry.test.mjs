import assert from 'node:assert/strict';
import test from 'node:test';

import { tidy } from '../../../web/core/change.mjs';
import { movePoints } from '../../../web/core/edits.mjs';
import { Curve, curveOf, upperBound } from '../../../web/core/geometry.mjs';
import { findKnots } from '../../../web/core/knots.mjs';
import { partsOf } from '../../../web/view/stage/shapes.mjs';
import { dice, drawing, track } from './helpers.mjs';

test('a smooth curve goes through its points, at their lengths', () => {
  const random = dice(1);
  for (let round = 0; round < 50; round++) {
    const points = Array.from({ length: 2 * random.whole(2, 9) }, () => random.between(-200, 900));
    const curve = new Curve(points, true);
    for (let p = 0; p < points.length / 2; p++) {
      const [x, y] = curve.at(curve.lengths[p]);
      assert.ok(Math.hypot(x - points[2 * p], y - points[2 * p + 1]) < 1e-6);
    }
    assert.equal(curve.total, curve.lengths.at(-1));
  }
});

test('a straight line has its length, and lengths beyond it are its ends', () => {
  const curve = new Curve([0, 0, 30, 40], false);
  assert.equal(curve.total, 50);
  assert.deepEqual([curve.at(25), curve.at(-1), curve.at(99)], [[15, 20], [0, 0], [30, 40]]);
});

test('coincident points are one knot', () => {
  const curve = new Curve([5, 5, 5, 5, 9, 5], true);
  assert.deepEqual([...curve.knotOf], [0, 0, 1]);
  assert.deepEqual([...curve.lengths], [0, 0, 4]);
  assert.deepEqual(new Curve([5, 5, 5, 5], true).at(3), [5, 5]);
});

test('curves are remembered by points, interpolation and canvas', () => {
  const document = drawing([track([[0, 0], [0.5, 1], [1, 0]])]);
  const [one] = document.tracks;
  const curve = curveOf(one, document);
  assert.equal(curveOf({ ...one, name: 'renamed' }, document), curve);
  assert.notEqual(curveOf(one, { width: 10, height: 10 }), curve);
  assert.notEqual(curveOf({ ...one, interpolation: 'linear' }, document).total, curve.total);
});

test('the nearest place on a path', () => {
  const curve = new Curve([0, 0, 100, 0, 100, 100], false);
  const near = curve.nearest(110, 40);
  assert.deepEqual([near.length, near.distance, near.x, near.y], [140, 10, 100, 40]);
  assert.equal(curve.pointBefore(near.length), 1);
  assert.equal(curve.pointBefore(1e9), 1);
  assert.equal(curve.pointBefore(-5), 0);
  assert.equal(curve.nearest(110, 40, 9.9), null);
  assert.equal(curve.nearest(110, 40, 10)?.length, 140);
});

test('the nearest place is the nearest of all, with and without a reach', () => {
  const random = dice(9);
  for (let round = 0; round < 60; round++) {
    const curve = new Curve(Array.from({ length: 2 * random.whole(2, 12) }, () => random.between(0, 500)), round % 2 === 0);
    const [x, y] = [random.between(-50, 550), random.between(-50, 550)];
    const near = curve.nearest(x, y);
    let least = Infinity;
    for (let s = 0; s <= 1; s += 1 / 4000) {
      const [px, py] = curve.at(s * curve.total);
      least = Math.min(least, Math.hypot(px - x, py - y));
    }
    assert.ok(near && Math.abs(near.distance - least) < 1, `${near?.distance} is not ${least}`);
    assert.deepEqual(curve.nearest(x, y, near.distance + 1), near);
    assert.equal(curve.nearest(x, y, near.distance - 1e-3), null);
    const [px, py] = curve.at(near.length);
    assert.ok(Math.hypot(px - near.x, py - near.y) < 1);
  }
});

test('a path that was moved as a whole is what its points make anew, after any number of moves', () => {
  const random = dice(12);
  for (const interpolation of ['smooth', 'linear']) {
    const places = Array.from({ length: 12 }, () => [random.between(0.2, 0.8), random.between(0.2, 0.8)]);
    places.push(places.at(-1)); // a run of one knot
    let document = drawing([track(places, { interpolation })], { width: 640, height: 360 });
    const every = places.map((_, point) => [0, point]);
    for (let move = 0; move < 200; move++) {
      curveOf(document.tracks[0], document);
      const some = move % 20 === 19 ? [[0, random.whole(0, 11)]] : every;
      document = movePoints(document, some, random.between(-0.02, 0.02), random.between(-0.02, 0.02));
      const curve = curveOf(document.tracks[0], document);
      const anew = new Curve(document.tracks[0].points.flatMap(({ x, y }) => [x * 640, y * 360]), interpolation === 'smooth');
      assert.ok(Math.abs(curve.total - anew.total) < 1e-6);
      for (const share of [0, 0.13, 0.5, 0.77, 1]) {
        const [a, b] = [curve.at(share * curve.total), anew.at(share * anew.total)];
        assert.ok(Math.hypot(a[0] - b[0], a[1] - b[1]) < 1e-6);
      }
      assert.deepEqual(curve.places.length, anew.places.length);
      assert.ok(curve.places.every((value, i) => Math.abs(value - anew.places[i]) < 1e-6));
    }
  }
});

test('lengths of a path that was moved as a whole are not measured again', () => {
  const before = drawing([track([[0.1, 0.1], [0.5, 0.3], [0.2, 0.7]])]);
  const table = curveOf(before.tracks[0], before).table;
  const moved = movePoints(before, [[0, 0], [0, 1], [0, 2]], 0.1, 0.05);
  assert.equal(curveOf(moved.tracks[0], moved).table, table);
  const bent = movePoints(before, [[0, 0], [0, 1]], 0.1, 0.05);
  assert.notEqual(curveOf(bent.tracks[0], bent).table, table);
});

test('an imported path that is dragged keeps its lengths, its shape and what is drawn of it', () => {
  globalThis.Path2D ??= class {
    moveTo() {}
    lineTo() {}
    bezierCurveTo() {}
  };
  const random = dice(3); // coordinates of all digits, as files and videos give them
  const places = Array.from({ length: 40 }, () => [random.between(0.2, 0.8), random.between(0.2, 0.8)]);
  const before = drawing([track(places), track([[0.25, 0.5], [0.5, 0.125]])], { width: 1280, height: 720 });
  const every = before.tracks.flatMap(({ points }, t) => points.map((_, p) => [t, p]));
  const first = curveOf(before.tracks[0], before);
  const { seen } = partsOf(before.tracks[0], before);
  let document = before;
  for (let step = 1; step <= 100; step++) {
    // Now as a drag, from where it began, now as arrow keys, one after another.
    document = movePoints(step % 2 ? before : document, every, step * 0.00037, -step * 0.00021);
    const [moved] = document.tracks;
    const curve = curveOf(moved, document);
    assert.equal(curve.table, first.table);
    const anew = new Curve(moved.points.flatMap(({ x, y }) => [x * 1280, y * 720]), true);
    for (const key of ['table', 'coefficients']) {
      assert.ok(curve[key].every((value, i) => Math.abs(value - anew[key][i]) < 1e-7), `${key} of step ${step}`);
    }
    const shown = partsOf(moved, document);
    assert.equal(shown.seen, seen);
    assert.ok(Math.abs(first.points[0] + shown.dx - curve.points[0]) < 1e-9);
    assert.ok(document.tracks[1].points.every(({ x, y }) => tidy(x) === x && tidy(y) === y), 'what was tidy stays so');
  }
});

test('coincident neighbours are one knot', () => {
  const { knots, knotOf } = findKnots([0, 0, 0, 1e-10, 5, 5, 5, 5]);
  assert.deepEqual([[...knots], [...knotOf]], [[0, 0, 5, 5], [0, 0, 1, 1]]);
});

test('upperBound counts the entries that are at most the value', () => {
  assert.deepEqual([-1, 0, 1, 2, 3].map((v) => upperBound([0, 1, 1, 2], v)), [0, 1, 3, 4, 4]);
});
