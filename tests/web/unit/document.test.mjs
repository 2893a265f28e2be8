import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import {
  DocumentError, EASINGS, MAX_POINTS, PALETTE, emptyDocument, fitted, parseDocument, serialize,
} from '../../../web/core/document.mjs';
import { depthExceeds, equal, show } from '../../../web/core/plain.mjs';
import { dice, frozen } from './helpers.mjs';

const vectors = JSON.parse(readFileSync(new URL('../vectors/documents.json', import.meta.url), 'utf8'));

/** @param {() => unknown} work */
function refusal(work) {
  try {
    work();
  } catch (error) {
    assert.ok(error instanceof DocumentError, `${error.stack}`);
    return error;
  }
  return assert.fail('it was not refused');
}

function isOneSentence({ message }) {
  assert.ok(message.length < 400 && /[.]$/.test(message) && !/[\r\n]/.test(message), message);
}

for (const { name, text, fallback, document, canvases, fitted: expected, refused } of vectors) {
  test(`as Python ${refused ? 'refuses' : 'reads'}: ${name}`, () => {
    if (refused) return isOneSentence(refusal(() => parseDocument(text, fallback)));
    const parsed = frozen(parseDocument(text, fallback));
    assert.deepEqual(JSON.parse(serialize(parsed)), document);
    assert.deepEqual(parseDocument(serialize(parsed), {}), parsed);
    canvases.forEach((canvas, i) => assert.deepEqual(JSON.parse(serialize(fitted(parsed, canvas))), expected[i]));
  });
}

test('there are vectors', () => assert.ok(vectors.length >= 80));

test('fields come in the order in which Python writes them', () => {
  const { text } = vectors.find((one) => one.name === 'every field');
  assert.match(serialize(parseDocument(text)),
    /^\{"version":1,"width":1,"height":65536,"frames":49,"fps":23.976,"tracks":\[\{"name":"狐狸 🦊","color":"#FFF","kind":"static","interpolation":"linear","easing":"ease-in-out","points":\[\{"x":0,"y":1,"frame":0,"easing":"ease-in"\},/);
});

test('after parsing every field is there', () => {
  const parsed = parseDocument({ version: 1, tracks: [{ points: [{ x: 0, y: 1 }], note: 1 }] }, { frames: 9 });
  assert.deepEqual(parsed, {
    version: 1, width: 720, height: 480, frames: 9, fps: 8,
    tracks: [{
      note: 1, name: 'track 1', color: PALETTE[0], kind: 'path', interpolation: 'smooth', easing: 'linear', start: null,
      end: null, hidden: false, locked: false, points: [{ x: 0, y: 1, frame: null, easing: null }],
    }],
  });
});

test('a newer version is told from a broken document', () => {
  assert.equal(refusal(() => parseDocument('{"version": 2}')).code, 'newer');
  assert.match(refusal(() => parseDocument('{"version": 7}')).message, /version 7, .* update the pack\.$/);
  assert.equal(refusal(() => parseDocument('{"version": "2"}')).code, 'invalid');
});

test('limits', () => {
  const points = (/** @type {number} */ count) => ({ version: 1, tracks: [{ points: Array(count).fill({ x: 0, y: 0 }) }] });
  assert.equal(parseDocument(points(MAX_POINTS)).tracks[0].points.length, MAX_POINTS);
  assert.match(refusal(() => parseDocument(points(MAX_POINTS + 1))).message, /4097 points; at most 4096/);
  assert.match(refusal(() => parseDocument(' '.repeat(32e6) + '1')).message, /32000001 characters/);
});

test('objects are copied, and what JSON cannot hold is refused', () => {
  const source = { version: 1, tracks: [], note: { a: 1 } };
  const parsed = parseDocument(source);
  source.note.a = 2;
  assert.deepEqual(parsed.note, { a: 1 });
  const cycle = { version: 1 };
  cycle.self = cycle;
  const nested = { version: 1, a: null };
  let inner = nested;
  for (let i = 0; i < 50_000; i++) inner = inner.a = { a: null };
  const trap = { version: 1, get tracks() { throw new RangeError('no'); } };
  for (const value of [cycle, nested, trap, { version: 1, a: NaN }, { version: 1, a: 10n }, null, undefined, 3, true, Symbol('x'),
    () => 1, new Proxy({}, { ownKeys() { throw new Error('no'); } }), [], new Map()]) isOneSentence(refusal(() => parseDocument(value)));
});

test('fields named like parts of the prototype stay data', () => {
  const parsed = parseDocument('{"version": 1, "__proto__": {"polluted": true}, "tracks": []}');
  assert.equal({}.polluted, undefined);
  assert.equal(parsed.polluted, undefined);
  assert.match(serialize(parsed), /^\{"__proto__":\{"polluted":true\},/);
  assert.match(serialize(fitted(parsed, { frames: 9 })), /"__proto__"/);
});

test('fitting keeps what it can', () => {
  const document = parseDocument(vectors.find((one) => one.name === 'keys in order').text);
  assert.equal(fitted(document, {}), document);
  assert.equal(fitted(document, { width: 720, frames: 49 }), document);
  assert.equal(fitted(document, { width: 64 }).tracks, document.tracks);
  assert.equal(fitted(document, { frames: 97 }).tracks[0].points[0], document.tracks[0].points[0]);
});

test('anything at all: a document or one sentence', () => {
  const texts = vectors.filter((one) => one.text.length < 2000).map((one) => one.text);
  const bits = ['{', '}', '[', ']', ',', ':', '"', '-', '1e999', 'NaN', 'null', 'true', '0', '48', '-1', '2.5', '"x"', '"frame"',
    '"version"', '"points"', '"easing"', '\\', '\u0000', '\u2028', '\ud800', '"__proto__"', ...EASINGS.map((one) => `"${one}"`)];
  let read = 0;
  for (let seed = 0; seed < 4000; seed++) {
    const random = dice(seed);
    let text = random.pick(texts);
    for (let count = random.whole(0, 3); count > 0; count--) {
      const at = random.whole(0, text.length);
      text = text.slice(0, at) + random.pick(bits) + text.slice(at + random.pick([0, 1, 2, 5]));
    }
    try {
      const parsed = parseDocument(text);
      assert.equal(serialize(parseDocument(serialize(parsed))), serialize(parsed));
      read += 1;
    } catch (error) {
      assert.ok(error instanceof DocumentError, `${text}\n${error.stack}`);
      isOneSentence(error);
    }
  }
  assert.ok(read > 200, `${read} were read`);
});

test('values in sentences are short and on one line', () => {
  assert.equal(show('a\nb'), "'a b'");
  assert.ok(show('x'.repeat(1000)).length < 70);
  assert.deepEqual([[], {}, [1, 2], { a: 1 }, null, true].map(show),
    ['an empty list', 'an empty object', 'a list of 2', 'an object of 1', 'nothing', 'true']);
  assert.ok(!depthExceeds([[1]], 2) && depthExceeds([[1]], 1));
});

test('plain values that say the same', () => {
  assert.ok(equal({ a: [1, { b: null }], c: 'x' }, { c: 'x', a: [1, { b: null }] }));
  for (const [a, b] of [[[], {}], [[1], [1, 2]], [{ a: 1 }, { b: 1 }], [null, {}], [1, '1'], [{ a: 1 }, { a: 1, b: 2 }], [{}, JSON.parse('{"__proto__": 1}')]]) {
    assert.ok(!equal(a, b) && !equal(b, a), JSON.stringify([a, b]));
  }
});

test('an empty drawing', () => {
  assert.deepEqual(emptyDocument({ frames: 9 }), { version: 1, width: 720, height: 480, frames: 9, fps: 8, tracks: [] });
});
