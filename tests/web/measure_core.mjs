/**
 * How long the pure parts of the editor take with 64 tracks of 100 points and 49 frames, in milliseconds:
 *
 *     node tests/web/measure_core.mjs
 */

import { parseDocument, serialize } from '../../web/core/document.mjs';
import { movePoints } from '../../web/core/edits.mjs';
import { hitTest } from '../../web/core/hit.mjs';
import { framePositions, sampleDocument } from '../../web/core/sampling.mjs';
import { select } from '../../web/core/selection.mjs';
import { Store } from '../../web/core/store.mjs';
import { big } from './unit/helpers.mjs';

/** @param {string} name @param {number} rounds @param {(round: number) => unknown} work */
function measure(name, rounds, work) {
  for (let i = 0; i < rounds / 5; i++) work(i);
  const times = [];
  const used = process.cpuUsage();
  for (let i = 0; i < rounds; i++) {
    const begin = performance.now();
    work(i);
    times.push(performance.now() - begin);
  }
  const { user, system } = process.cpuUsage(used);
  times.sort((a, b) => a - b);
  const mean = times.reduce((sum, time) => sum + time, 0) / rounds;
  const at = (/** @type {number} */ share) => times[Math.floor(share * (rounds - 1))].toFixed(3);
  const cpu = (user + system) / 1000 / rounds; // what is left when other programs share the processor
  console.log(`${name.padEnd(58)} CPU ${cpu.toFixed(3)}  mean ${mean.toFixed(3)}  median ${at(0.5)}  99 % ${at(0.99)}`);
}

const document = big();
const fresh = () => parseDocument(serialize(document));
const text = serialize(document);
console.log(`${document.tracks.length} tracks, ${text.length} characters, Node ${process.version}`);

let moved = document;
measure('move one point and resample its track', 2000, (i) => {
  moved = movePoints(moved, [[5, 50]], i % 2 ? 0.01 : -0.01, 0);
  framePositions(moved.tracks[5], moved);
});
const store = new Store(document);
store.set({ selection: select({ points: [[5, 50]] }) });
measure('the same through the store, within a gesture', 2000, (i) => {
  store.edit('Move', (now) => movePoints(now, [[5, 50]], i % 2 ? 0.01 : -0.01, 0), { merge: 'drag' });
  framePositions(store.document.tracks[5], store.document);
});
const all = document.tracks.flatMap((track, t) => track.points.map((_, p) => /** @type {const} */ ([t, p])));
for (const track of document.tracks) framePositions(track, document); // what is moved has been drawn
measure('move all 6400 points and resample all tracks', 50, (i) => {
  const next = movePoints(document, all, i % 2 ? 0.001 : 0.002, 0);
  for (const track of next.tracks) framePositions(track, next);
});
sampleDocument(document);
measure('positions of all tracks at all frames, nothing changed', 500, () => sampleDocument(document));
measure('positions of all tracks at one time (playback)', 500, (i) => sampleDocument(document, [i % 48 + 0.5]));
measure('what lies under the cursor', 500, (i) => hitTest(document, i % 720, 240, 8, { frame: 3 }));
measure('parse', 50, fresh);
measure('serialize', 50, () => serialize({ ...document }));
measure('sample a new document', 50, () => sampleDocument(big()));
const history = new Store(document);
for (let i = 0; i < 200; i++) history.edit('Move', (now) => movePoints(now, [[5, 50]], i % 2 ? 0.01 : -0.02, 0));
const first = fresh();
measure('find a document among 200 steps', 20, () => history.load(first));
