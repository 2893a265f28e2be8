import assert from 'node:assert/strict';
import test from 'node:test';

import * as viewport from '../../../web/core/viewport.mjs';

const canvas = { width: 720, height: 480 };
const close = (actual, expected) => actual.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-9, `${actual}`));

test('the canvas fits into the stage', () => {
  const view = viewport.fit(canvas, { width: 384, height: 1000 });
  assert.deepEqual(view, { zoom: 0.5, x: 12, y: 380 });
  assert.ok(viewport.fit(canvas, { width: 0, height: 0 }).zoom > 0);
});

test('there and back', () => {
  const view = { zoom: 1.7, x: -30, y: 12 };
  close(viewport.toCanvas(view, ...viewport.toScreen(view, 123, 45)), [123, 45]);
});

test('zooming leaves what is under the cursor there', () => {
  const view = { zoom: 1, x: 5, y: 6 };
  const zoomed = viewport.zoomAt(view, 100, 50, 2.5);
  close(viewport.toCanvas(zoomed, 100, 50), viewport.toCanvas(view, 100, 50));
  assert.equal(viewport.zoomAt(view, 0, 0, 1e9).zoom, viewport.MAX_ZOOM);
  assert.equal(viewport.zoomAt(view, 0, 0, 1e-9).zoom, viewport.MIN_ZOOM);
  assert.ok(Number.isFinite(viewport.zoomAt(view, 0, 0, NaN).x));
});

test('two fingers', () => {
  const view = { zoom: 1, x: 0, y: 0 };
  const pinched = viewport.pinch(view, [100, 100, 200, 100], [90, 120, 290, 120]);
  assert.equal(pinched.zoom, 2);
  close(viewport.toScreen(pinched, 150, 100), [190, 120]);
  assert.equal(viewport.pinch(view, [5, 5, 5, 5], [6, 5, 6, 5]).zoom, 1);
});

test('the canvas stays in sight, and in place when the stage is resized', () => {
  const stage = { width: 400, height: 300 };
  const lost = viewport.pan(viewport.fit(canvas, stage), 9999, -9999);
  const kept = viewport.keptInSight(lost, canvas, stage);
  assert.equal(kept.x, 368);
  close([kept.y + canvas.height * kept.zoom], [32]);
  assert.equal(viewport.keptInSight(kept, canvas, stage), kept);
  const resized = viewport.resized({ zoom: 1, x: 10, y: 20 }, stage, { width: 800, height: 600 });
  close(viewport.toCanvas(resized, 400, 300), viewport.toCanvas({ zoom: 1, x: 10, y: 20 }, 200, 150));
  assert.equal(resized.zoom, 2);
});
