import assert from 'node:assert/strict';
import test from 'node:test';

import { RawTrack, readText, readTracks } from '../../../web/core/coordinates.mjs';
import { DocumentError } from '../../../web/core/plain.mjs';

test('what Python prints', () => {
  assert.deepEqual(readText("[{'x': 1, 'y': 2, 'n': None, 't': (True, False,), 's': 'it\\'s (not) None'},]"),
    [{ x: 1, y: 2, n: null, t: [true, false], s: "it's (not) None" }]);
  assert.deepEqual(readText('[(np.float64(1.5), numpy.float32(-2e3))]'), [[1.5, -2000]]);
});

test('valid JSON is never translated', () => {
  assert.deepEqual(readText('["None, (1)", "True"]'), ['None, (1)', 'True']);
});

test("Tora's lines", () => {
  assert.deepEqual(readTracks('1,2\r\n3 4\n\n\n.5, 6.'), [
    new RawTrack([[1, 2], [3, 4]], { grid: true }), new RawTrack([[0.5, 6]], { grid: true })]);
  for (const text of ['1', '1,2,3', '1,0x2', '1,1e999', '1,inf', '1,_2', 'a,b']) assert.throws(() => readTracks(text), DocumentError);
});

test('sentences name the place', () => {
  assert.throws(() => readTracks('[[{"x": 1, "y": 2}], [{"x": 1, "y": 2}, {"x": 1, "y": "2"}]]'),
    { message: "Track 2, point 2: y must be a number, not '2'." });
  assert.throws(() => readTracks('1,2\n3'), { message: "Line 2 of the coordinates is '3'; it must be JSON or a line like 120,194." });
});
