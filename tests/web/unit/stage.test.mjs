import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import test from 'node:test';

import { parseDocument, serialize } from '../../../web/core/document.mjs';
import { backgroundOf, canvasLike, withBackground } from '../../../web/view/background.mjs';
import { keyName } from '../../../web/view/keyboard.mjs';
import { Camera } from '../../../web/view/stage/camera.mjs';
import { needsDarkText, withAlpha } from '../../../web/view/stage/palette.mjs';
import { snapped } from '../../../web/view/stage/snapping.mjs';
import { TEXTS } from '../../../web/view/texts.en.mjs';
import { handleAt, handleTransform, transformBox } from '../../../web/view/tools/box.mjs';
import { atAngle } from '../../../web/view/tools/draw.mjs';

const document = parseDocument({
  version: 1, width: 200, height: 100, frames: 10, fps: 8,
  tracks: [{ name: 'a', points: [{ x: 0.25, y: 0.2 }, { x: 0.75, y: 0.8 }] }, { name: 'b', points: [{ x: 0.5, y: 0.41 }] }],
});
const points = [[0, 0], [0, 1]];
const bounds = { left: 50, top: 20, right: 150, bottom: 80 };
const pixels = (changed) => changed.tracks[0].points.map(({ x, y }) => [x * 200, y * 100]);
const near = (actual, expected) => actual.flat().forEach((value, i) => assert.ok(Math.abs(value - expected.flat()[i]) < 1e-3, `${actual}`));
const plain = { uniform: false, centre: false, steps: false };

test('a corner handle scales from the opposite corner', () => {
  const { apply, scaleX, scaleY } = handleTransform('se', bounds, { cx: 150, cy: 80 }, { cx: 250, cy: 110 }, plain);
  assert.deepEqual([scaleX, scaleY], [2, 1.5]);
  near(pixels(apply(document, points)), [[50, 20], [250, 110]]);
});

test('an edge handle changes one direction; Alt works around the centre; proportions are kept with Shift', () => {
  near(pixels(handleTransform('w', bounds, { cx: 50, cy: 0 }, { cx: 100, cy: 70 }, plain).apply(document, points)), [[100, 20], [150, 80]]);
  const centred = handleTransform('e', bounds, { cx: 150, cy: 0 }, { cx: 175, cy: 0 }, { ...plain, centre: true });
  near(pixels(centred.apply(document, points)), [[25, 20], [175, 80]]);
  const uniform = handleTransform('se', bounds, { cx: 150, cy: 80 }, { cx: 200, cy: 80 }, { ...plain, uniform: true });
  assert.deepEqual([uniform.scaleX, uniform.scaleY], [1.5, 1.5]);
});

test('the turning handle turns around the centre, with Shift in steps of 15 degrees', () => {
  const quarter = handleTransform('rotate', bounds, { cx: 100, cy: 0 }, { cx: 200, cy: 50 }, plain);
  assert.equal(quarter.angle, 90);
  near(pixels(quarter.apply(document, points)), [[130, 0], [70, 100]]);
  const almost = handleTransform('rotate', bounds, { cx: 100, cy: 0 }, { cx: 199, cy: 58 }, { ...plain, steps: true });
  assert.equal(almost.angle, 90);
});

test('the box stands around the points and is found by its handles; one place has none', () => {
  const camera = new Camera();
  camera.setCanvas(document);
  camera.resize(432, 232, 1);
  const box = transformBox(document, points, camera);
  const corner = box.handles.find(({ name }) => name === 'se');
  const [x, y] = camera.toScreen(150, 80);
  assert.deepEqual([corner.x, corner.y], [x + 12, y + 12]);
  assert.equal(handleAt(box, corner.x + 3, corner.y, 9), 'se');
  assert.equal(handleAt(box, corner.x + 30, corner.y, 9), null);
  assert.equal(transformBox(document, [[1, 0]], camera), null);
});

test('zooming out ends where the whole area of points can be seen', () => {
  const camera = new Camera();
  camera.setCanvas(document);
  camera.resize(400, 300, 1);
  for (let i = 0; i < 50; i++) camera.zoomAt(200, 150, 0.8);
  assert.ok(3 * 200 * camera.view.zoom <= 400 && 3 * 200 * camera.view.zoom > 250, String(camera.view.zoom));
  const { zoom } = camera.view;
  camera.zoomAt(200, 150, 2);
  assert.ok(camera.view.zoom > 1.9 * zoom);
});

test('points snap to lines of the canvas and other points first, then to the grid', () => {
  const all = { zoom: 1, grid: 16, except: new Set() };
  assert.deepEqual(snapped(document, 98, 33, all), { place: [100, 32], lines: { x: 100, y: null } });
  assert.deepEqual(snapped(document, 20, 39, all).place, [16, 41]);
  assert.deepEqual(snapped(document, 20, 39, { ...all, except: new Set([1]) }).place, [16, 32]);
  assert.deepEqual(snapped(document, 97, 30, { ...all, zoom: 4 }).place, [96, 32]);
});

test("a stranger's background is read safely and written only where it differs", () => {
  for (const editor of [5, null, [], 'x', { background: 3 }, { background: { image: 7, opacity: 'NaN', fit: 'url(x)', frame: -1 } }]) {
    assert.deepEqual(backgroundOf({ ...document, editor }), { image: null, opacity: 0.6, fit: 'contain', frame: null, hidden: false });
  }
  const chosen = withBackground({ ...document, editor: { other: 1 } }, { image: 'a.png [input]', opacity: 0.5 });
  assert.deepEqual(chosen.editor, { other: 1, background: { image: 'a.png [input]', opacity: 0.5 } });
  assert.deepEqual(backgroundOf(parseDocument(serialize(chosen))).image, 'a.png [input]');
  const removed = withBackground(withBackground(document, { image: 'a.png' }), { image: null });
  assert.equal(serialize(removed), serialize(document));
});

test('a canvas as large as a picture is one that can be made, and keeps its shape', () => {
  assert.deepEqual(canvasLike({ width: 1000, height: 600 }), { width: 1008, height: 608 });
  assert.deepEqual(canvasLike({ width: 6000, height: 3000 }), { width: 4096, height: 2048 });
  assert.deepEqual(canvasLike({ width: 3, height: 3 }), { width: 16, height: 16 });
});

test('drawing with Shift keeps to eight directions', () => {
  near([atAngle(0, 0, 10, 1)], [[10, 0]]);
  near([atAngle(0, 0, 10, 9)], [[9.5, 9.5]]);
  near([atAngle(5, 5, 5.5, -20)], [[5, -20]]);
});

test('keys have the names that commands use', () => {
  const key = (name, held = {}) => keyName({ key: name, ctrlKey: false, metaKey: false, altKey: false, shiftKey: false, ...held });
  assert.equal(key('z', { ctrlKey: true, shiftKey: true }), 'Mod+Shift+Z');
  assert.equal(key('z', { metaKey: true }), 'Mod+Z');
  assert.equal(key(' '), 'Space');
  assert.equal(key('ArrowLeft', { shiftKey: true }), 'Shift+ArrowLeft');
});

test('colours get an opacity, and letters on them a contrast', () => {
  assert.equal(withAlpha('#fff', 0.5), '#ffffff80');
  assert.equal(needsDarkText('#bfef45'), true);
  assert.equal(needsDarkText('#4363d8'), false);
});

test('every text that the stage and the commands use exists', () => {
  const folder = new URL('../../../web/view/', import.meta.url);
  const sources = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.mjs') && !name.includes('panels'));
  const keys = new Set();
  for (const name of sources) {
    const source = readFileSync(new URL(name.replaceAll('\\', '/'), folder), 'utf8');
    for (const [, key] of source.matchAll(/\btext\('([a-zA-Z]+\.[\w-]+)'/g)) keys.add(key);
    for (const [, , key] of source.matchAll(/\bedits\('(\w+)', \[[^\]]*\], '(step\.\w+)'/g)) keys.add(key);
    for (const [, key] of source.matchAll(/\b(?:define|edits)\('(\w+)'/g)) keys.add(`command.${key}`);
  }
  assert.ok(keys.size > 100, String(keys.size));
  assert.deepEqual([...keys].filter((key) => !(key in TEXTS)), []);
});
