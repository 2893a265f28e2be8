import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { DocumentError, parseDocument, serialize } from '../../../web/core/document.mjs';
import { EXPORT_FORMATS, exportTrajectories, importTrajectories, toCoordinates, toToraTxt } from '../../../web/core/formats.mjs';
import { dice, drawing, track } from './helpers.mjs';

const vectors = JSON.parse(readFileSync(new URL('../vectors/formats.json', import.meta.url), 'utf8'));
const CLIP = { width: 720, height: 480, frames: 49, fps: 8 };

/** Equal, numbers to `tolerance`. */
function near(actual, expected, tolerance, where = '') {
  if (typeof expected === 'number' && typeof actual === 'number') {
    assert.ok(Math.abs(actual - expected) <= tolerance, `${where}: ${actual} is not ${expected}`);
  } else if (typeof expected === 'object' && expected !== null) {
    assert.deepEqual(Object.keys(actual), Object.keys(expected), where);
    for (const key of Object.keys(expected)) near(actual[key], expected[key], tolerance, `${where}.${key}`);
  } else assert.equal(actual, expected, where);
}

for (const { name, text, canvas, refused, document, nested, ati, integers, tora } of vectors) {
  test(`as Python ${refused ? 'refuses' : 'reads and writes'}: ${name}`, () => {
    if (refused) {
      return void assert.throws(() => importTrajectories(text, canvas), (error) =>
        error instanceof DocumentError && /^[^\r\n]{1,400}[.]$/.test(error.message) || assert.fail(String(error.stack)));
    }
    const made = importTrajectories(text, canvas);
    near(JSON.parse(serialize(made)), document, 1e-12, 'document');
    assert.equal(serialize(parseDocument(serialize(made))), serialize(made));
    if (!nested) return;
    near(JSON.parse(toCoordinates(made)), nested, 1.1e-4, 'nested');
    near(JSON.parse(toCoordinates(made, { count: 121 })), ati, 1.1e-4, 'ati');
    near(JSON.parse(toCoordinates(made, { count: 7, integers: true })), integers, 0, 'integers');
    assert.deepEqual(toToraTxt(made), tora);
  });
}

test('there are vectors', () => assert.ok(vectors.length >= 45));

test('a name for what a file holds', () => {
  const document = importTrajectories('1,2\n3,4', CLIP, { name: 'fox' });
  assert.equal(document.tracks[0].name, 'fox');
});

test('the forms of other tools', () => {
  const document = drawing([track([[0, 0], [1, 1]], { name: 'a' }), track([[0.5, 0.5]], { name: 'b' }, 1),
    track([[0, 0]], { hidden: true }, 2)]);
  const texts = (format, options) => exportTrajectories(document, format, options).map((one) => JSON.parse(one.text));
  assert.deepEqual(texts('nested')[0].map((one) => one.length), [49, 49]);
  assert.deepEqual(texts('ati')[0].map((one) => one.length), [121, 121]);
  assert.deepEqual(texts('wrapper').map((one) => one.length), [49, 49]);
  assert.deepEqual(texts('flat', { tracks: [1] })[0][0], { x: 360, y: 240 });
  assert.deepEqual(texts('kjnodes', { tracks: [1] })[0].length, 49);
  assert.deepEqual(texts('kjnodes')[0].length, 2);
  assert.deepEqual(exportTrajectories(document, 'tora').map((one) => one.name), ['a', 'b']);
  assert.equal(exportTrajectories(document, 'document')[0].text, serialize(document));
  assert.throws(() => texts('flat'), /one track, but the drawing shows 2/);
  assert.throws(() => toCoordinates(document, { count: 0 }), DocumentError);
});

test('what is written is read again', () => {
  const random = dice(8);
  const document = drawing([track(Array.from({ length: 5 }, () => [random.next(), random.next()]))]);
  const tolerance = { tora: 2, ati: 2 }; // whole numbers of 256; other moments of the path
  for (const format of EXPORT_FORMATS) {
    const [{ text }] = exportTrajectories(document, format);
    const again = importTrajectories(text, CLIP);
    near(JSON.parse(toCoordinates(again)), JSON.parse(toCoordinates(document)), tolerance[format] ?? 2e-4, format);
  }
});

test('plain values and hostile ones', () => {
  assert.equal(importTrajectories([[[1, 2], [3, 4]]], CLIP).tracks.length, 1);
  for (const value of [null, undefined, 7, NaN, {}, { track_path: [] }, [NaN], [[1n, 2]], () => 1, [{ x: 1, y: { valueOf() { return 1; } } }]]) {
    assert.throws(() => importTrajectories(value, CLIP), DocumentError);
  }
});

test('anything at all: tracks or one sentence', () => {
  const texts = vectors.filter((one) => one.text.length < 1000).map((one) => one.text);
  const bits = [...'[]{}(),:\'"\\-.e0', 'NaN', '1e999', '\n', '\ud800', 'None', ' ', '{"points":', 'np.float64(', '\u2028'];
  let read = 0;
  for (let seed = 0; seed < 4000; seed++) {
    const random = dice(seed);
    let text = random.pick(texts);
    for (let count = random.whole(0, 3); count > 0; count--) {
      const at = random.whole(0, text.length);
      text = text.slice(0, at) + random.pick(bits) + text.slice(at + random.pick([0, 1, 2, 9]));
    }
    try {
      parseDocument(serialize(importTrajectories(text, CLIP)));
      read += 1;
    } catch (error) {
      assert.ok(error instanceof DocumentError, `${text}\n${error.stack}`);
    }
  }
  assert.ok(read > 400, `${read} were read`);
});

test('no text takes long', () => {
  const begin = performance.now();
  for (const text of [`['${'\\'.repeat(100_000)}`, `[${"'".repeat(100_001)}`, `[${',  '.repeat(100_000)}`, `(${'np.float64('.repeat(20_000)}`,
    `[${'"\\'.repeat(50_000)}`]) assert.throws(() => importTrajectories(text, CLIP), DocumentError);
  assert.ok(performance.now() - begin < 5000);
});

test('a track that ends early has fewer points for ATI, and none off the canvas for the wrapper', () => {
  const points = [{ x: -0.3, y: 0.5 }, { x: 1.2, y: 1.5 }];
  const made = parseDocument({
    version: 1, width: 720, height: 480, frames: 49,
    tracks: [{ name: 'gone', end: 24, points: [{ x: 0.5, y: 0.5 }] }, { name: 'stays', points: [{ x: 0.5, y: 0.5 }] }],
  });
  const [early, whole] = JSON.parse(exportTrajectories(made, 'ati')[0].text);
  assert.deepEqual([early.length, whole.length], [61, 121]);
  const away = { version: 1, width: 720, height: 480, frames: 49, tracks: [{ interpolation: 'linear', points }] };
  const off = parseDocument(away);
  const places = JSON.parse(exportTrajectories(off, 'wrapper')[0].text);
  assert.equal(Math.min(...places.map((/** @type {any} */ place) => place.x)), 0);
  assert.equal(Math.max(...places.map((/** @type {any} */ place) => place.x)), 719);
  assert.equal(Math.max(...places.map((/** @type {any} */ place) => place.y)), 479);
});

test('a workflow is named as what it is', () => {
  const api = { 1: { class_type: 'Tora2LoadModel', inputs: {} }, 2: { class_type: 'Tora2Sampler', inputs: {} } };
  for (const workflow of [{ version: 0.4, nodes: [], links: [] }, api]) {
    assert.throws(() => importTrajectories(JSON.stringify(workflow), CLIP), /This is a ComfyUI workflow, not a drawing; drop it/);
  }
  assert.throws(() => importTrajectories({ points: 3 }, CLIP), (error) => !/workflow/.test(error.message));
});
