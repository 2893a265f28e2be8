import assert from 'node:assert/strict';
import test from 'node:test';

import { addTrack } from '../../../web/core/edits.mjs';
import { emptyDocument, fitted, parseDocument } from '../../../web/core/document.mjs';
import { Store } from '../../../web/core/store.mjs';
import { keyPoint } from '../../../web/core/timing.mjs';
import { readCanvas, writeCanvas } from '../../../web/host/canvas.mjs';
import { Value } from '../../../web/view/value.mjs';

const later = () => new Promise((done) => setTimeout(done));
const keys = (document) => document.tracks[0].points.map(({ frame }) => frame);
const sizes = ({ width, height, frames }) => [width, height, frames];

/** A node with the four numbers, whose callbacks tell at once, as host/host.mjs does it. */
function world({ linked = [], most = 4096 } = {}) {
  const names = ['width', 'height', 'frames', 'fps'];
  const node = {
    widgets: names.map((name, i) => ({ name, value: [720, 480, 49, 8][i], options: { min: 1, max: most } })),
    inputs: names.map((name) => ({ name, link: linked.includes(name) ? 1 : null })),
    isInputConnected: (slot) => linked.includes(names[slot]),
    getInputLink: () => null,
    graph: { nodes: [] },
  };
  const primitive = { widgets: [{ name: 'value', value: 720, options: {} }] };
  let known = '';
  const listeners = new Set();
  const look = () => {
    const seen = JSON.stringify(host.canvas());
    if (seen === known) return;
    known = seen;
    for (const listener of listeners) listener();
  };
  const host = {
    commits: [],
    canvas: () => ({ ...readCanvas(node), ...(linked.includes('width') ? { width: primitive.widgets[0].value } : {}) }),
    setCanvas: (canvas) => {
      writeCanvas({ app: { canvas: {} } }, node, canvas);
      look();
    },
    commit: (text) => host.commits.push(text),
  };
  known = JSON.stringify(host.canvas());
  for (const widget of node.widgets) widget.callback = look;
  const store = new Store(emptyDocument(host.canvas()));
  const value = new Value(store, host, { busy: () => false, problem() {}, text: (key) => key });
  listeners.add(() => value.canvasChanged());
  /** As a user does it. */
  const turn = (name, number) => {
    if (linked.includes(name)) primitive.widgets[0].value = number;
    else node.widgets.find((widget) => widget.name === name).value = number;
    look();
  };
  return { host, store, value, turn };
}

async function keyed(options) {
  const made = world(options);
  const points = [0, 0.25, 0.5, 0.75].map((x) => ({ x, y: 0.5, frame: null, easing: null }));
  made.store.edit('track', (document) => addTrack(document, points));
  made.store.edit('key', (document) => keyPoint(keyPoint(document, 0, 1, 5), 0, 2, 30));
  await later();
  return made;
}

test('running frames down to one and up again loses no key, and what is shown is what runs', async () => {
  const { store, turn, value } = await keyed();
  const drawn = store.document;
  turn('frames', 20);
  const at20 = keys(store.document);
  for (const frames of [40, 5, 2, 1, 3, 20]) {
    turn('frames', frames);
    assert.deepEqual(keys(store.document), keys(fitted(parseDocument(value.get()), { frames })));
  }
  assert.deepEqual(keys(store.document), at20);
  turn('frames', 1);
  turn('frames', 49);
  assert.equal(store.document, drawn);
  assert.equal(store.undoLabel, 'key', 'there and back is no step');
});

test('a drawing that was opened at one frame still has its keys', async () => {
  const { store, turn, value } = await keyed();
  const text = value.get();
  const expected = keys(store.document);
  const other = world();
  other.turn('frames', 1);
  other.value.set(text);
  assert.deepEqual(keys(other.store.document), [null, null, null, null]);
  other.turn('frames', 49);
  assert.deepEqual(keys(other.store.document), expected);
  assert.deepEqual(other.host.commits, []);
});

test('what undo shows of a clip of one frame has its keys, too', async () => {
  const { store, turn } = await keyed();
  const expected = keys(store.document);
  turn('frames', 1);
  store.endMerge();
  turn('frames', 33);
  store.undo();
  await later();
  assert.equal(store.document.frames, 1);
  turn('frames', 49);
  assert.deepEqual(keys(store.document), expected);
});

test('a size of two numbers is undone and done again as one step', async () => {
  const { host, store, turn } = await keyed();
  turn('width', 512);
  turn('height', 512);
  assert.equal(store.undoLabel, 'step.canvas');
  store.undo();
  await later();
  assert.deepEqual(sizes(store.document), [720, 480, 49]);
  assert.deepEqual(sizes(host.canvas()), [720, 480, 49]);
  assert.deepEqual([store.undoLabel, store.redoLabel], ['key', 'step.canvas']);
  store.redo();
  await later();
  assert.deepEqual(sizes(host.canvas()), [512, 512, 49]);
  assert.equal(store.canRedo, false);
});

test('undo goes on over a size that a linked node computes', async () => {
  const { store, turn, value } = await keyed({ linked: ['width'] });
  turn('width', 512);
  store.undo(); // cannot be: the node says 512
  await later();
  assert.deepEqual(sizes(store.document), [512, 480, 49]);
  assert.deepEqual([store.undoLabel, store.redoLabel], ['key', 'step.canvas']);
  store.undo();
  await later();
  assert.deepEqual(keys(store.document), [null, null, null, null]);
  assert.deepEqual(keys(parseDocument(value.get())), [null, null, null, null], 'what was undone is kept');
  store.redo();
  store.redo();
  await later();
  assert.equal(store.canRedo, false);
  assert.deepEqual(keys(store.document).slice(1, 3), [5, 30]);
  assert.deepEqual(keys(parseDocument(value.get())).slice(1, 3), [5, 30]);
});
